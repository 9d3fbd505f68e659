package store

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"gatepost/mailbox"
)

// Rights are copied to what is made beneath a folder (RFC 4314 §4), and not looked for above with each
// command. Whether a folder has rights of its own is noted nowhere: it has where they differ from those of the
// folder above.

// inherit gives a new folder what the one above it has: grants, and what was said to
// them. The folder above is there. What was said to all of a box holds for its new folders,
// too: it stands at its inbox.
func inherit(tx *Tx, f mailbox.Folder) error {
	above := mailbox.Parents(f.Name)
	if len(above) == 0 {
		_, err := tx.Exec(`INSERT INTO mailbox_answer (folder, reader, answer) SELECT CAST(? AS BIGINT), a.reader, a.answer
			FROM mailbox_folder i JOIN mailbox_answer a ON a.folder = i.id
			WHERE i.box = ? AND i.name = ? AND i.id <> ? AND EXISTS (SELECT 1 FROM mailbox_grant g WHERE g.box = i.box AND g.folder = 0)
			ON CONFLICT (folder, reader) DO NOTHING`,
			f.ID, f.Box, mailbox.Inbox, f.ID)
		if err != nil {
			return fmt.Errorf("answers to folder %q: %w", f.Name, err)
		}
		return nil
	}
	parent, err := folderAbove(tx, f.Box, f.Name)
	if err != nil || parent == 0 {
		return err
	}
	for _, text := range [...]string{
		`INSERT INTO mailbox_grant (box, folder, who, rights) SELECT box, CAST(? AS BIGINT), who, rights FROM mailbox_grant WHERE folder = ?`,
		`INSERT INTO mailbox_answer (folder, reader, answer) SELECT CAST(? AS BIGINT), reader, answer FROM mailbox_answer WHERE folder = ? ON CONFLICT (folder, reader) DO NOTHING`,
	} {
		if _, err := tx.Exec(text, f.ID, parent); err != nil {
			return fmt.Errorf("rights of folder %q: %w", f.Name, err)
		}
	}
	return nil
}

// folderAbove is the number of the folder above one of that name, 0 where there is none.
func folderAbove(tx *Tx, box int64, name string) (id int64, err error) {
	above := mailbox.Parents(name)
	if len(above) == 0 {
		return 0, nil
	}
	err = tx.Row(`SELECT id FROM mailbox_folder WHERE box = ? AND name = ?`, []any{box, above[len(above)-1]}, &id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// reached are the folders beneath one in which a change of its rights counts as well. A grant for all of a box
// reaches all by itself.
func reached(tx *Tx, g mailbox.Giving) (list []int64, err error) {
	if g.Folder == 0 || g.Reach == mailbox.Alone {
		return nil, nil
	}
	top, err := folderByID(tx, g.Folder)
	if err != nil {
		return nil, err
	}
	all, err := beneath(tx, top)
	if err != nil {
		return nil, err
	}
	if g.Reach == mailbox.Same {
		if all, err = followers(tx, top, all); err != nil {
			return nil, err
		}
	}
	for _, f := range all {
		list = append(list, f.ID)
	}
	return list, nil
}

// beneath are the folders under one that can be shared, what is above before what is below.
func beneath(tx *Tx, top mailbox.Folder) (all []mailbox.Folder, err error) {
	prefix := top.Name + mailbox.Separator
	rows, err := tx.Query(`SELECT id, name FROM mailbox_folder WHERE box = ? AND SUBSTR(name, 1, LENGTH(CAST(? AS TEXT))) = ? AND special_use <> '\Quarantine'`, top.Box, prefix, prefix)
	err = each(rows, err, func(rows *sql.Rows) error {
		f := mailbox.Folder{Box: top.Box}
		err := rows.Scan(&f.ID, &f.Name)
		all = append(all, f)
		return err
	})
	slices.SortFunc(all, func(a, b mailbox.Folder) int { return cmp.Compare(a.Name, b.Name) })
	return all, err
}

// followers are those of the folders beneath one that have no rights of their own, nor has what is between.
func followers(tx *Tx, top mailbox.Folder, all []mailbox.Folder) (list []mailbox.Folder, err error) {
	if len(all) == 0 {
		return nil, nil
	}
	prefix := top.Name + mailbox.Separator
	rights, err := rightsOf(tx, `f.box = ? AND (f.id = ? OR SUBSTR(f.name, 1, LENGTH(CAST(? AS TEXT))) = ?)`, top.Box, top.ID, prefix, prefix)
	follows := map[string]bool{top.Name: true}
	for _, f := range all {
		above := mailbox.Parents(f.Name)
		if follows[above[len(above)-1]] && rights[f.ID] == rights[top.ID] {
			follows[f.Name], list = true, append(list, f)
		}
	}
	return list, err
}

// rightsOf are the grants of folders as texts, to be compared.
func rightsOf(tx *Tx, where string, args ...any) (map[int64]string, error) {
	texts := map[int64]string{}
	rows, err := tx.Query(`SELECT g.folder, g.who, g.rights FROM mailbox_grant g JOIN mailbox_folder f ON f.id = g.folder WHERE `+where+` ORDER BY g.folder, g.who`, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var id, r int64
		var who string
		err := rows.Scan(&id, &who, &r)
		texts[id] += fmt.Sprintf("%s %d\n", who, r)
		return err
	})
	return texts, err
}

// A resettling is a folder that comes to another place, with those beneath it that have the rights of the
// folder above: they leave those behind, and have what the new place has.
type resettling struct {
	above   int64   // the folder above, before; 0: none
	folders []int64 // what comes with it, itself first; none where it has rights of its own
}

// unsettle looks at a folder before its name changes.
func unsettle(tx *Tx, f mailbox.Folder) (r resettling, err error) {
	if r.above, err = folderAbove(tx, f.Box, f.Name); err != nil {
		return r, err
	}
	rights, err := rightsOf(tx, `f.id IN (?, ?)`, f.ID, r.above)
	if err != nil || rights[f.ID] != rights[r.above] {
		return r, err
	}
	all, err := beneath(tx, f)
	if err == nil {
		all, err = followers(tx, f, all)
	}
	r.folders = []int64{f.ID}
	for _, b := range all {
		r.folders = append(r.folders, b.ID)
	}
	return r, err
}

// settle gives what was moved the rights of its new place. What was said to the folder above before is taken back
// with its rights; what was said to a moved folder alone stays.
func (r resettling) settle(tx *Tx) error {
	for _, id := range r.folders {
		if _, err := tx.Exec(`DELETE FROM mailbox_grant WHERE folder = ?`, id); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM mailbox_answer WHERE folder = ? AND EXISTS (SELECT 1 FROM mailbox_answer p
			WHERE p.folder = ? AND p.reader = mailbox_answer.reader AND p.answer = mailbox_answer.answer)`, id, r.above)
		if err != nil {
			return err
		}
		f, err := folderByID(tx, id)
		if err == nil {
			err = inherit(tx, f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
