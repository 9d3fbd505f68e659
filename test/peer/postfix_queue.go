package peer

import (
	"io/fs"
	"path/filepath"
)

// Waiting counts what it has taken and not delivered yet, without what comes in at
// the moment.
func (p *Postfix) Waiting() (n int, err error) {
	for _, queue := range []string{"maildrop", "incoming", "active", "deferred"} {
		err = filepath.WalkDir(filepath.Join(p.Dir, "queue", queue), func(_ string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				n++
			}
			return nil // it may be gone already
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
