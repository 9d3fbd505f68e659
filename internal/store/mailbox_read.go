package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/mailbox"
)

// Index calls add for every message of the folder.
func (m Mailboxes) Index(ctx context.Context, folder int64, add func(mailbox.Entry)) (f mailbox.Folder, err error) {
	err = m.db.View(ctx, func(tx *Tx) (err error) {
		if f, err = folderByID(tx, folder); err != nil {
			return err
		}
		if f.Use == mailbox.Quarantine {
			return eachHeldEntry(tx, f.Box, 0, add)
		}
		if err := settled(tx, folder); err != nil {
			return err
		}
		return eachEntry(tx, add, `SELECT uid, modseq, flags, keywords FROM mailbox_message WHERE folder = ? ORDER BY uid`, folder)
	})
	if err != nil {
		return f, fmt.Errorf("store: index folder %d: %w", folder, err)
	}
	return f, nil
}

func eachEntry(tx *Tx, add func(mailbox.Entry), query string, args ...any) error {
	var uid, modseq, flags int64
	var keywords string
	rows, err := tx.Query(query, args...)
	return each(rows, err, func(r *sql.Rows) error {
		if err := r.Scan(&uid, &modseq, &flags, &keywords); err != nil {
			return err
		}
		add(mailbox.Entry{UID: mailbox.UID(uid), ModSeq: mailbox.ModSeq(modseq), Flags: mailbox.Flags{System: mailbox.System(flags), Keywords: keywords}})
		return nil
	})
}

// Since returns what happened in the folder after a ModSeq.
func (m Mailboxes) Since(ctx context.Context, folder int64, after mailbox.ModSeq) (d mailbox.Delta, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		d, err = since(tx, folder, after, true)
		return err
	})
	if err != nil {
		return d, fmt.Errorf("store: changes of folder %d: %w", folder, err)
	}
	return d, nil
}

// since is Since, or Gone.
func since(tx *Tx, folder int64, after mailbox.ModSeq, changes bool) (d mailbox.Delta, err error) {
	var box int64
	var use mailbox.Use
	var floor mailbox.ModSeq
	err = tx.Row(`SELECT modseq, uidnext, box, special_use, expunged_floor, messages FROM mailbox_folder WHERE id = ?`, []any{folder}, &d.HighestModSeq, &d.UIDNext, &box, &use, &floor, &d.Messages)
	if err != nil || d.HighestModSeq <= after {
		return d, noFolder(err)
	}
	add := func(e mailbox.Entry) { d.Changed = append(d.Changed, e) }
	switch {
	case !changes:
	case use == mailbox.Quarantine:
		err = eachHeldEntry(tx, box, after, add)
	default:
		if err := settled(tx, folder); err != nil {
			return d, err
		}
		err = eachEntry(tx, add, `SELECT uid, modseq, flags, keywords FROM mailbox_message WHERE folder = ? AND modseq > ? ORDER BY uid`, folder, after)
	}
	if err != nil {
		return d, err
	}
	if after < floor {
		d.Present, err = present(tx, box, folder, use)
		d.Forgot = true
		return d, err
	}
	rows, err := tx.Query(`SELECT uid FROM mailbox_expunged WHERE folder = ? AND modseq > ?`, folder, after)
	err = each(rows, err, func(r *sql.Rows) error {
		var u mailbox.UID
		err := r.Scan(&u)
		d.Expunged = append(d.Expunged, u)
		return err
	})
	slices.Sort(d.Expunged)
	return d, err
}

// partColumns are the columns that a part of a message is read from, in the order in which
// newMessageRow's fields stand. Each column of each row costs, so none is read for nothing.
var partColumns = [...]struct {
	part    mailbox.Part // 0: always read
	email   bool         // of mailbox_email, not of mailbox_message
	columns string
}{
	{0, false, `m.uid, m.internal_date, m.size`},
	{mailbox.Marks, false, `, m.modseq, m.flags, m.keywords`},
	{mailbox.Origin, false, `, m.email, m.saved`},
	{mailbox.Content, true, `, e.blob, e.prefix, e.skip`},
	{mailbox.Envelope, true, `, e.envelope`},
	{mailbox.Structure, true, `, e.structure`},
	{mailbox.Beginning, true, `, COALESCE(e.preview, ''), e.preview IS NOT NULL`},
}

// selectMessages reads messages of a folder; which of them stands behind it. The folder tells the box, so that
// each email is found by its whole key.
func selectMessages(part mailbox.Part) string {
	var b strings.Builder
	join := false
	b.WriteString(`SELECT `)
	for _, c := range partColumns {
		if part.Has(c.part) {
			b.WriteString(c.columns)
			join = join || c.email
		}
	}
	b.WriteString(` FROM mailbox_message m`)
	if join {
		b.WriteString(` JOIN mailbox_folder f ON f.id = m.folder JOIN mailbox_email e ON e.box = f.box AND e.id = m.email`)
	}
	b.WriteString(` WHERE m.folder = ?`)
	return b.String()
}

// A messageRow is a row of selectMessages while it is scanned. Numbers are scanned as what
// drivers bring: others are turned into text and back.
type messageRow struct {
	m                                     mailbox.Message
	uid, date, modseq, flags, skip, saved int64
	fields                                []any
}

func newMessageRow(part mailbox.Part) *messageRow {
	r := &messageRow{}
	m := &r.m
	for i, fields := range [len(partColumns)][]any{
		{&r.uid, &r.date, &m.Size},
		{&r.modseq, &r.flags, &m.Flags.Keywords},
		{&m.EmailID, &r.saved},
		{&m.Blob, &m.View.Prefix, &r.skip},
		{&m.Envelope},
		{&m.BodyStructure},
		{&m.Preview, &m.Previewed},
	} {
		if part.Has(partColumns[i].part) {
			r.fields = append(r.fields, fields...)
		}
	}
	return r
}

// message is the message of the row that was scanned last.
func (r *messageRow) message() mailbox.Message {
	m := r.m
	m.UID, m.ModSeq, m.Flags.System = mailbox.UID(r.uid), mailbox.ModSeq(r.modseq), mailbox.System(r.flags)
	m.InternalDate, m.View.Skip = time.UnixMicro(r.date).UTC(), r.skip
	if r.saved > 0 {
		m.Saved = time.UnixMicro(r.saved).UTC()
	}
	return m
}

// Messages returns the messages of set that are there.
func (m Mailboxes) Messages(ctx context.Context, folder int64, set mailbox.UIDSet, part mailbox.Part) (all []mailbox.Message, err error) {
	read := func(tx *Tx) (err error) {
		all = nil
		if part.Has(mailbox.Marks) {
			if err := settled(tx, folder); err != nil {
				return err
			}
		}
		if len(set) > 1 && set.Count() <= fewUIDs {
			all, err = messages(tx, all, part, amongUIDs, fewUIDsArgs(folder, set))
			return err
		}
		for _, r := range set {
			if all, err = messages(tx, all, part, betweenUIDs, []any{folder, int64(r.First), int64(r.Last)}); err != nil {
				return err
			}
		}
		return nil
	}
	if len(set) == 1 && !part.Has(mailbox.Marks) { // one statement is its own snapshot
		err = m.db.look(ctx, read)
	} else {
		err = m.db.View(ctx, read)
	}
	if err == nil && len(all) == 0 {
		all, err = m.elsewhere(ctx, folder, set)
	}
	if err != nil {
		return nil, fmt.Errorf("store: messages of folder %d: %w", folder, err)
	}
	return all, nil
}

// fewUIDs is how many messages that do not follow one another are asked for by one statement.
const fewUIDs = 32

const betweenUIDs = ` AND m.uid BETWEEN ? AND ?`

var amongUIDs = ` AND m.uid IN (` + marks(fewUIDs) + `)`

func fewUIDsArgs(folder int64, set mailbox.UIDSet) []any {
	args := append(make([]any, 0, 1+fewUIDs), folder)
	for _, r := range set {
		for u := int64(r.First); u <= int64(r.Last); u++ {
			args = append(args, u)
		}
	}
	for len(args) < 1+fewUIDs { // one text for all
		args = append(args, args[len(args)-1])
	}
	return args
}

// elsewhere is for folders that have no row of such a message: that of what is held, and those
// that are gone.
func (m Mailboxes) elsewhere(ctx context.Context, folder int64, set mailbox.UIDSet) (all []mailbox.Message, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		all = nil
		box, use, err := boxAndUse(tx, folder)
		if err != nil || use != mailbox.Quarantine {
			return err
		}
		for _, r := range set {
			if all, err = heldMessages(tx, all, box, r); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

func messages(tx *Tx, all []mailbox.Message, part mailbox.Part, which string, args []any) ([]mailbox.Message, error) {
	row := newMessageRow(part)
	rows, err := tx.Query(selectMessages(part)+which+` ORDER BY m.uid`, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		err := rows.Scan(row.fields...)
		all = append(all, row.message())
		return err
	})
	return all, err
}

func boxAndUse(tx *Tx, folder int64) (box int64, use mailbox.Use, err error) {
	err = tx.Row(`SELECT box, special_use FROM mailbox_folder WHERE id = ?`, []any{folder}, &box, &use)
	return box, use, noFolder(err)
}
