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
	const in = ` = ?`
	if len(mailbox.Parents(f.Name)) == 0 {
		return answersToAll(tx, f.Box, in, []any{f.ID})
	}
	parent, err := folderAbove(tx, f.Box, f.Name)
	if err != nil || parent == 0 {
		return err
	}
	return copyRights(tx, parent, in, []any{f.ID})
}

// answersToAll gives folders, for which in and ids stand, what was said to all of a box.
func answersToAll(tx *Tx, box int64, in string, ids []any) error {
	_, err := tx.Exec(`INSERT INTO mailbox_answer (folder, reader, answer) SELECT f.id, a.reader, a.answer
		FROM mailbox_folder f JOIN mailbox_folder i ON i.box = f.box AND i.name = ? AND i.id <> f.id JOIN mailbox_answer a ON a.folder = i.id
		WHERE f.id`+in+` AND EXISTS (SELECT 1 FROM mailbox_grant g WHERE g.box = ? AND g.folder = 0)
		ON CONFLICT (folder, reader) DO NOTHING`, slices.Concat([]any{mailbox.Inbox}, ids, []any{box})...)
	if err != nil {
		return fmt.Errorf("answers to all of box %d: %w", box, err)
	}
	return nil
}

// copyRights gives folders, for which in and ids stand, what the one above has.
func copyRights(tx *Tx, above int64, in string, ids []any) error {
	for _, text := range [...]string{
		`INSERT INTO mailbox_grant (box, folder, who, rights) SELECT f.box, f.id, g.who, g.rights
			FROM mailbox_grant g JOIN mailbox_folder f ON f.box = g.box WHERE g.folder = ? AND f.id` + in,
		`INSERT INTO mailbox_answer (folder, reader, answer) SELECT f.id, a.reader, a.answer
			FROM mailbox_answer a CROSS JOIN mailbox_folder f WHERE a.folder = ? AND f.id` + in + ` ON CONFLICT (folder, reader) DO NOTHING`,
	} {
		if _, err := tx.Exec(text, append([]any{above}, ids...)...); err != nil {
			return fmt.Errorf("rights of folder %d: %w", above, err)
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

// settleSome is of how many folders one statement changes the rights.
const settleSome = 100

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
// with its rights; what was said to a moved folder alone stays. A mailbox may have thousands of folders, and waits
// meanwhile: some statements do for many of them.
func (r resettling) settle(tx *Tx, box int64, name string) error {
	above, err := folderAbove(tx, box, name)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(r.folders, settleSome) {
		in, ids := ` IN (`+marks(len(some))+`)`, anys(some)
		if err := r.leave(tx, in, ids); err != nil {
			return err
		}
		if above == 0 {
			err = answersToAll(tx, box, in, ids)
		} else {
			err = copyRights(tx, above, in, ids)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leave takes from folders what they had of the one above.
func (r resettling) leave(tx *Tx, in string, ids []any) error {
	if _, err := tx.Exec(`DELETE FROM mailbox_grant WHERE folder`+in, ids...); err != nil {
		return fmt.Errorf("rights of the former place: %w", err)
	}
	_, err := tx.Exec(`DELETE FROM mailbox_answer WHERE folder`+in+` AND EXISTS (SELECT 1 FROM mailbox_answer p
		WHERE p.folder = ? AND p.reader = mailbox_answer.reader AND p.answer = mailbox_answer.answer)`, append(slices.Clone(ids), r.above)...)
	if err != nil {
		return fmt.Errorf("answers of the former place: %w", err)
	}
	return nil
}
