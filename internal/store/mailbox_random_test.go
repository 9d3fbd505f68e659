package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gatepost/mailbox"
)

// All that can be done to mailboxes, in any order, leaves rows that the check finds right, and
// takes from nobody what is not purged.
func TestMailboxesAtRandom(t *testing.T) { onBoth(t, testMailboxesAtRandom) }

func testMailboxesAtRandom(t *testing.T, db *DB) {
	const boxes, rounds, between = 4, 400, 40
	inDomain(t, db, boxes)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := &randomBoxes{T: t, db: db, m: db.Mailboxes(), r: rand.New(rand.NewPCG(seed, 1)), boxes: boxes}
	db.noted.all = true
	w.block()
	for n := range rounds {
		what, err := w.act()
		if err != nil && !slices.ContainsFunc([]error{mailbox.ErrNoFolder, mailbox.ErrFolderExists, mailbox.ErrInbox, mailbox.ErrFolderName}, func(e error) bool { return errors.Is(err, e) }) {
			t.Fatalf("%d: %s: %v", n, what, err)
		}
		w.done = append(w.done, what)
		if n%between == between-1 || n == rounds-1 {
			w.check()
			w.done = nil
		}
		if t.Failed() {
			return
		}
	}
}

// randomBoxes do this and that to mailboxes.
type randomBoxes struct {
	*testing.T
	db    *DB
	m     Mailboxes
	r     *rand.Rand
	boxes int
	put   int                 // messages so far
	have  map[string]struct{} // "box/content" of all that is there or kept
	done  []string            // since the last check
}

var everyUID = mailbox.UIDSet{{First: 1, Last: ^mailbox.UID(0)}}

func (w *randomBoxes) box() int64 { return int64(w.r.IntN(w.boxes) + 1) }

func (w *randomBoxes) name() string {
	return []string{"INBOX", "Junk", "Trash", "Drafts", "a", "a/b", "c"}[w.r.IntN(7)]
}

func (w *randomBoxes) folder() (mailbox.Folder, error) {
	return w.m.Folder(w.Context(), w.box(), w.name())
}

// set is some of a folder, with holes.
func (w *randomBoxes) set(f mailbox.Folder) (set mailbox.UIDSet) {
	for u := mailbox.UID(1); u < f.UIDNext; u += mailbox.UID(1 + w.r.IntN(6)) {
		last := u + mailbox.UID(w.r.IntN(4))
		set = append(set, mailbox.Range{First: u, Last: last})
		u = last + 1
	}
	return set
}

func (w *randomBoxes) message(box int64) *mailbox.Delivery {
	w.put++
	blob := fmt.Sprint("b", w.r.IntN(300))
	return &mailbox.Delivery{Box: box, Folder: w.name(), Create: true, Blob: blob, Size: 100, Time: noon, Preview: "of " + blob, Previewed: true,
		Flags: [][]string{nil, {`\Seen`}, {`\Deleted`, "$k"}}[w.r.IntN(3)]}
}

// act does something and says what.
func (w *randomBoxes) act() (string, error) {
	ctx, m := w.Context(), w.m
	switch n := w.r.IntN(100); {
	case n < 25:
		return "deliver", w.deliver()
	case n < 60:
		return w.between()
	case n < 64:
		return w.plan()
	case n < 68:
		f, err := w.folder()
		if err == nil {
			_, err = m.SetFlags(ctx, f.ID, w.set(f), mailbox.FlagChange{How: mailbox.Add, Flags: mailbox.Flags{System: mailbox.Deleted}})
		}
		return "set flags", err
	case n < 76:
		f, err := w.folder()
		if err == nil {
			err = m.Expunge(ctx, f.ID, w.set(f))
		}
		return "expunge in " + f.Name, err
	case n < 79:
		return "delete a folder", m.DeleteFolder(ctx, w.box(), w.name())
	case n < 81:
		return "rename a folder", m.RenameFolder(ctx, w.box(), w.name(), w.name())
	case n < 86:
		return "recover", w.bringBack()
	case n < 88:
		w.have = nil
		return "purge", m.PurgeDeleted(ctx, time.Now().Add(time.Hour))
	case n < 91:
		err := m.MarkJunk(ctx, time.Now())
		if err == nil {
			err = m.SweepJunk(ctx, time.Now().Add(time.Hour), untilThen(time.Now().Add(time.Hour)), func(int64) {})
		}
		return "sweep", err
	case n < 97:
		return "index", w.index(w.box())
	case n < 98:
		return "thin the log", m.ThinExpunged(ctx, 10)
	case n < 99:
		return "forget texts", m.Forget(ctx, w.box())
	default:
		w.have = nil
		return "drop a box", m.DropBox(ctx, w.box(), noon)
	}
}

// plan turns \Seen and \Deleted of some messages over, by what the folder has.
func (w *randomBoxes) plan() (string, error) {
	f, err := w.folder()
	if err != nil {
		return "no folder", err
	}
	var p mailbox.FlagPlan
	f, err = w.m.Index(w.Context(), f.ID, func(e mailbox.Entry) {
		if w.r.IntN(3) == 0 || p.Messages == mailbox.MaxPlan {
			return
		}
		to := e.Flags
		to.System ^= mailbox.Seen | mailbox.Deleted
		p.Put(e.UID, e.Flags, to, false)
	})
	if err != nil {
		return "no index", err
	}
	p.At = f.HighestModSeq
	_, done, err := w.m.SetPlanned(w.Context(), f.ID, p)
	if err == nil && !done {
		w.Errorf("a plan for %s of %d messages was not followed", f.Name, p.Messages)
	}
	return "plan in " + f.Name, err
}

func (w *randomBoxes) deliver() error {
	list := []*mailbox.Delivery{w.message(w.box())}
	for w.r.IntN(3) > 0 {
		d := w.message(w.box())
		if before := list[len(list)-1]; w.r.IntN(2) == 0 {
			d.Again, d.Box, d.Blob, d.Preview = true, before.Box, before.Blob, before.Preview
		}
		list = append(list, d)
	}
	return w.db.Update(w.Context(), func(tx *Tx) error { return putDeliveries(tx, list) })
}

// between brings messages from a folder into another.
func (w *randomBoxes) between() (string, error) {
	from, err := w.folder()
	if err != nil {
		return "no folder", err
	}
	to, err := w.folder()
	if err != nil {
		return "no folder", err
	}
	what := fmt.Sprintf("from %d/%s to %d/%s", from.Box, from.Name, to.Box, to.Name)
	c := mailbox.Carriage{From: from.ID, To: to.ID, Set: w.set(from), Move: w.r.IntN(2) == 0}
	if w.r.IntN(2) == 0 {
		c.Fixed = mailbox.MaySee.Fixed()
	}
	switch {
	case from.Box != to.Box || w.r.IntN(2) == 0:
		_, err = w.m.Carry(w.Context(), c)
		return fmt.Sprint("carry ", what, " move ", c.Move), err
	case c.Move:
		_, err = w.m.Move(w.Context(), c.From, c.Set, c.To)
		return "move " + what, err
	}
	_, err = w.m.Copy(w.Context(), c.From, c.Set, c.To)
	return "copy " + what, err
}

func (w *randomBoxes) bringBack() error {
	box := w.box()
	list, err := w.m.Kept(w.Context(), box, mailbox.KeptQuery{})
	var ids []int64
	for _, k := range list {
		if w.r.IntN(2) == 0 {
			ids = append(ids, k.EmailID)
		}
	}
	if err == nil && len(ids) > 0 {
		_, err = w.m.Recover(w.Context(), box, ids, "Recovered")
	}
	return err
}

func (w *randomBoxes) index(box int64) error {
	if known, err := w.m.Usage(w.Context(), box); known.Messages == 0 || err != nil {
		return err
	}
	b, err := w.m.TextBatch(w.Context(), box, 2000)
	if err != nil {
		return err
	}
	list := make([]mailbox.Signature, len(b.Emails))
	for i := range list {
		list[i] = make(mailbox.Signature, []int{0, 128, 64, 128}[i%4])
	}
	if err := w.m.PutSignatures(w.Context(), b, list); err != nil {
		return err
	}
	_, err = w.m.Pack(w.Context(), box)
	return err
}

// block fills a box until its texts make a block.
func (w *randomBoxes) block() {
	w.Helper()
	err := w.db.Update(w.Context(), func(tx *Tx) error {
		for range blockEmails * 3 / 2 {
			if err := putDelivery(tx, w.message(1)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = w.index(1)
	}
	var blocks int
	if err == nil {
		err = w.db.View(w.Context(), func(tx *Tx) error { return tx.Row(`SELECT COUNT(*) FROM mailbox_search_block`, nil, &blocks) })
	}
	if err != nil || blocks != 1 {
		w.Fatalf("%d blocks, %v", blocks, err)
	}
}

func (w *randomBoxes) check() {
	w.Helper()
	ctx := context.WithoutCancel(w.Context())
	if err := w.db.writeNoted(ctx); err != nil {
		w.Fatal(err)
	}
	err := w.db.Check(ctx, func(format string, args ...any) { w.Errorf("check: %s", fmt.Sprintf(format, args...)) })
	if err != nil {
		w.Fatal(err)
	}
	err = w.db.View(ctx, func(tx *Tx) error {
		have := map[string]struct{}{}
		err := tx.each(`SELECT DISTINCT box || '/' || blob, '', '' FROM mailbox_email`, func(a, _, _ string) { have[a] = struct{}{} })
		if err != nil {
			return err
		}
		for is := range w.have {
			if _, ok := have[is]; !ok {
				w.Errorf("box/content %s is lost", is)
			}
		}
		w.have = have
		for what, query := range map[string]string{
			"when it came is not known": `SELECT folder, uid, email FROM mailbox_message WHERE saved = 0`,
			"unseen or deleted is miscounted": `SELECT f.id, f.unseen, f.deleted FROM mailbox_folder f WHERE f.special_use <> '\Quarantine' AND (f.unseen, f.deleted) <>
				(SELECT COALESCE(SUM(CASE WHEN m.flags & 1 = 0 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN m.flags & 8 <> 0 THEN 1 ELSE 0 END), 0) FROM mailbox_message m WHERE m.folder = f.id)`,
			"its preview is another's": `SELECT box, id, blob FROM mailbox_email WHERE preview IS NULL OR preview <> 'of ' || blob`,
		} {
			if err := tx.each(query, func(a, b, c string) { w.Errorf("%s: %s/%s (%s)", what, a, b, c) }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	if w.Failed() {
		w.Logf("done since the last check: %q", w.done)
	}
}
