package store

import "fmt"

// refBlob counts one more row that names the content, in the commit that makes it.
func refBlob(tx *Tx, id string, size int64) error {
	_, err := tx.Exec(`INSERT INTO blob (id, size, refs) VALUES (?, ?, 1) ON CONFLICT (id) DO UPDATE SET refs = blob.refs + 1`, id, size)
	if err != nil {
		return fmt.Errorf("reference blob %s: %w", id, err)
	}
	return nil
}

// unrefBlob counts one row less. A content with no references is left for
// compaction to find.
func unrefBlob(tx *Tx, id string) error {
	if _, err := tx.Exec(`UPDATE blob SET refs = refs - 1 WHERE id = ?`, id); err != nil {
		return fmt.Errorf("release blob %s: %w", id, err)
	}
	return nil
}
