package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// A MailboxStore is what a mailstore has to do.
type MailboxStore interface {
	mailbox.Boxes
	mailbox.Folders
	mailbox.FolderEditor
	mailbox.Held
	mailbox.Subscriptions
	mailbox.Reader
	mailbox.Writer
	mailbox.Copier
	mailbox.Historian
	mailbox.Pager
	mailbox.PageFinder
	ThinExpunged(ctx context.Context, keep int) error
	mailbox.Gauge
	mailbox.Keeper
	mailbox.TextFinder
	mailbox.TextRows
}

// when is when everything happens.
var when = time.Date(2026, 3, 4, 5, 6, 7, 89_000, time.UTC)

// Mailboxes runs the contract of the mailstore, each case on an empty store that
// open makes. refs returns how many rows refer to a blob.
func Mailboxes(t *testing.T, open func(t *testing.T) (s MailboxStore, refs func(blob string) int)) {
	for name, f := range map[string]func(*box){
		"standard folders":             (*box).standardFolders,
		"delivery":                     (*box).delivery,
		"delivery finds its folder":    (*box).deliveryFolders,
		"delivery of many":             (*box).deliveryOfMany,
		"folders":                      (*box).folders,
		"uses of folders":              (*box).uses,
		"rename":                       (*box).rename,
		"delete folder":                (*box).deleteFolder,
		"subscriptions":                (*box).subscriptions,
		"flags":                        (*box).flags,
		"guarded flags":                (*box).guardedFlags,
		"flags of many":                (*box).flagsOfMany,
		"planned flags":                (*box).plannedFlags,
		"planned flags of many":        (*box).plannedOfMany,
		"expunge":                      (*box).expunge,
		"changes since":                (*box).changes,
		"copy":                         (*box).copy,
		"move":                         (*box).move,
		"many messages take many jobs": (*box).many,
		"preview and date of saving":   (*box).saved,
		"log of expunges is cut":       (*box).thinned,
		"changes in pages":             (*box).changedPages,
		"numbers never come again":     (*box).numbers,
		"history of all that changes":  (*box).history,
		"what was expunged is kept":    (*box).keeping,
		"where it comes back":          (*box).keptFolders,
		"the oldest yields first":      (*box).keptYields,
		"pages of blocks":              (*box).pages,
		"measure":                      (*box).measure,
		"texts":                        (*box).texts,
		"texts in blocks":              (*box).textBlocks,
		"blocks of texts of all sizes": (*box).mixedBlocks,
	} {
		t.Run(name, func(t *testing.T) {
			b := &box{T: t}
			b.s, b.refs = open(t)
			b.check(b.s.OpenBox(t.Context(), 7, "", when))
			f(b)
			b.counters()
		})
	}
}

// A box is box 7 under test.
type box struct {
	*testing.T
	s    MailboxStore
	refs func(blob string) int
}

func (b *box) check(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *box) want(what string, got, want any) {
	b.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		b.Errorf("%s: got %s, want %s", what, g, w)
	}
}

func (b *box) wantErr(what string, err, want error) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

func (b *box) folder(name string) mailbox.Folder {
	b.Helper()
	f, err := b.s.Folder(b.Context(), 7, name)
	b.check(err)
	return f
}

// put delivers a message of size octets.
func (b *box) put(folder, blob string, size int64, flags ...string) mailbox.Delivery {
	b.Helper()
	d := mailbox.Delivery{Box: 7, Folder: folder, Blob: blob, Size: size, Time: when, Flags: flags}
	b.check(b.s.Deliver(b.Context(), &d))
	return d
}

// index describes a folder: "1: 2:\Seen".
func (b *box) index(id int64) (all []string) {
	b.Helper()
	_, err := b.s.Index(b.Context(), id, func(e mailbox.Entry) { all = append(all, describe(e)) })
	b.check(err)
	return all
}

func describe(e mailbox.Entry) string { return fmt.Sprintf("%d:%s", e.UID, e.Flags.Append(nil)) }

// counters compares every folder's, and the box's, with what is there.
func (b *box) counters() {
	b.Helper()
	folders, err := b.s.Folders(b.Context(), 7)
	b.check(err)
	var total mailbox.Usage
	for _, f := range folders {
		all, err := b.s.Messages(b.Context(), f.ID, set(1, 1<<32-1), mailbox.Row)
		b.check(err)
		got := mailbox.Folder{ID: f.ID, Box: f.Box, Name: f.Name, Use: f.Use, UIDValidity: f.UIDValidity, UIDNext: f.UIDNext, HighestModSeq: f.HighestModSeq, Subscribed: f.Subscribed}
		for _, m := range all {
			got.Messages++
			got.Size += m.Size
			if !m.Flags.Has(`\Seen`) {
				got.Unseen++
			}
			if m.Flags.Has(`\Deleted`) {
				got.Deleted++
			}
			if m.ModSeq > f.HighestModSeq || m.UID >= f.UIDNext {
				b.Errorf("%s: message %d of modseq %d is beyond the folder's %d, %d", f.Name, m.UID, m.ModSeq, f.UIDNext, f.HighestModSeq)
			}
		}
		b.want("counters of "+f.Name, f, got)
		total.Messages += got.Messages
		total.Bytes += got.Size
	}
	usage, err := b.s.Usage(b.Context(), 7)
	b.check(err)
	b.want("usage", usage, total)
}

func set(first, last mailbox.UID) mailbox.UIDSet {
	return mailbox.UIDSet{{First: first, Last: last}}
}

func (b *box) standardFolders() {
	b.check(b.s.OpenBox(b.Context(), 7, "fr", when, "New")) // has them already
	b.check(b.s.OpenBox(b.Context(), 8, "fr-CA", when, "Modèles", "Projets/2026", "Projets", "Brouillons"))
	for id, want := range map[int64][]string{
		7: {`Archive\Archive`, `Drafts\Drafts`, "INBOX", `Junk\Junk`, `Sent\Sent`, `Trash\Trash`},
		8: {`Archives\Archive`, `Brouillons\Drafts`, `Corbeille\Trash`, `Envoyés\Sent`, "INBOX", `Indésirables\Junk`, "Modèles", "Projets", "Projets/2026"},
	} {
		folders, err := b.s.Folders(b.Context(), id)
		b.check(err)
		var got []string
		validity := map[uint32]bool{}
		for _, f := range folders {
			got = append(got, f.Name+string(f.Use))
			validity[f.UIDValidity] = true
			if !f.Subscribed || f.UIDNext != 1 || f.UIDValidity == 0 {
				b.Errorf("folder %+v", f)
			}
		}
		b.want("folders", got, want)
		b.want("different UIDVALIDITYs", len(validity), len(want))
	}
	usage, err := b.s.Usage(b.Context(), 99)
	b.check(err)
	b.want("usage of a box nobody opened", usage, mailbox.Usage{})
}

func (b *box) delivery() {
	d := mailbox.Delivery{
		Box: 7, Blob: "x1", View: mail.View{Prefix: []byte("A: b\r\n"), Skip: 4}, Size: 102, Time: when,
		Flags: []string{"$b", `\seen`, "$a", "$B"}, Envelope: []byte("(env)"), BodyStructure: []byte("(body)"),
	}
	b.check(b.s.Deliver(b.Context(), &d))
	b.want("uid", d.UID, 1)
	b.want("folder", d.FolderID, b.folder("INBOX").ID)
	d2 := d
	b.check(b.s.Deliver(b.Context(), &d2))
	b.want("next uid", d2.UID, 2)
	b.want("references", b.refs("x1"), 2)

	all, err := b.s.Messages(b.Context(), d.FolderID, set(1, 1), mailbox.Whole)
	b.check(err)
	if len(all) != 1 {
		b.Fatalf("messages: %+v", all)
	}
	m := all[0]
	b.want("flags", m.Flags.Names(), []string{`\Seen`, "$a", "$b"})
	b.want("time", m.InternalDate, when)
	b.want("sizes", []int64{m.Size, m.View.Skip}, []int64{102, 4})
	b.want("texts", fmt.Sprintf("%s %s %q %s", m.Envelope, m.BodyStructure, m.View.Prefix, m.Blob), `(env) (body) "A: b\r\n" x1`)
	b.wantErr("bad flag", b.s.Deliver(b.Context(), &mailbox.Delivery{Box: 7, Blob: "x2", Flags: []string{`\Odd`}}), mailbox.ErrFlag)
	b.want("references of what failed", b.refs("x2"), 0)
}

// deliveryOfMany: all or none.
func (b *box) deliveryOfMany() {
	ctx := b.Context()
	all := func(flags ...string) (list []*mailbox.Delivery) {
		for i, f := range flags {
			list = append(list, &mailbox.Delivery{Box: 7, Blob: fmt.Sprintf("y%d", i), Size: 3, Time: when, Flags: []string{f}})
		}
		return list
	}
	before := b.folder("INBOX")
	if err := b.s.DeliverAll(ctx, all(`\Seen`, "$k", `\Odd`)); err == nil {
		b.Error("a flag that can't be kept was kept")
	}
	b.want("after an error", []any{b.folder("INBOX"), b.refs("y0")}, []any{before, 0})
	list := all(`\Seen`, "$k", `\Flagged`)
	b.check(b.s.DeliverAll(ctx, list))
	b.want("UIDs", []any{list[0].UID, list[1].UID, list[2].UID}, []any{1, 2, 3})
	b.want("entries", b.index(before.ID), []string{`1:\Seen`, "2:$k", `3:\Flagged`})
	b.want("references", []any{b.refs("y0"), b.refs("y2")}, []any{1, 1})
}

func (b *box) deliveryFolders() {
	for name, want := range map[string]string{
		"": "INBOX", "inbox": "INBOX", `\Junk`: "Junk", "Sent": "Sent", `\All`: "INBOX", "Missing": "INBOX", "bad//name": "INBOX",
	} {
		d := b.put(name, "x", 1)
		b.want("folder for "+name, d.FolderID, b.folder(want).ID)
	}
	d := mailbox.Delivery{Box: 70, Blob: "y", Size: 1, Time: when}
	b.check(b.s.Deliver(b.Context(), &d)) // nobody opened that box
	usage, err := b.s.Usage(b.Context(), 70)
	b.check(err)
	b.want("usage", usage, mailbox.Usage{Messages: 1, Bytes: 1})
}

func (b *box) folders() {
	ctx := b.Context()
	f, err := b.s.CreateFolder(ctx, 7, "a/b/c", "")
	b.check(err)
	b.want("new folder", b.folder("a/b/c"), f)
	b.folder("a/b")
	_, err = b.s.CreateFolder(ctx, 7, "a", "")
	b.wantErr("same name", err, mailbox.ErrFolderExists)
	_, err = b.s.CreateFolder(ctx, 7, "z", mailbox.Sent)
	b.wantErr("same use", err, mailbox.ErrUseTaken)
	_, err = b.s.Folder(ctx, 7, "z")
	b.wantErr("no folder", err, mailbox.ErrNoFolder)
	_, err = b.s.Folder(ctx, 8, "a")
	b.wantErr("another box", err, mailbox.ErrNoFolder)
}

func (b *box) rename() {
	ctx := b.Context()
	for _, name := range []string{"a/b", "ab", "z"} {
		_, err := b.s.CreateFolder(ctx, 7, name, "")
		b.check(err)
	}
	before := b.folder("a/b")
	b.check(b.s.RenameFolder(ctx, 7, "a", "q/r"))
	after := b.folder("q/r/b")
	b.want("same folder", []any{after.ID, after.UIDValidity}, []any{before.ID, before.UIDValidity})
	b.folder("ab")
	b.folder("q")
	b.wantErr("gone", b.s.RenameFolder(ctx, 7, "a", "b"), mailbox.ErrNoFolder)
	b.wantErr("taken", b.s.RenameFolder(ctx, 7, "q", "z"), mailbox.ErrFolderExists)
	b.wantErr("into itself", b.s.RenameFolder(ctx, 7, "q", "q/z"), mailbox.ErrFolderName)
	b.wantErr("inbox", b.s.RenameFolder(ctx, 7, "INBOX", "i"), mailbox.ErrInbox)
}

func (b *box) deleteFolder() {
	ctx := b.Context()
	f, err := b.s.CreateFolder(ctx, 7, "a", "")
	b.check(err)
	b.put("a", "x1", 5)
	b.put("INBOX", "x1", 5)
	b.check(b.s.DeleteFolder(ctx, 7, "a"))
	b.want("references", b.refs("x1"), 1)
	_, err = b.s.Since(ctx, f.ID, 0)
	b.wantErr("changes of what is gone", err, mailbox.ErrNoFolder)
	b.wantErr("again", b.s.DeleteFolder(ctx, 7, "a"), mailbox.ErrNoFolder)
	b.wantErr("inbox", b.s.DeleteFolder(ctx, 7, "INBOX"), mailbox.ErrInbox)
	again, err := b.s.CreateFolder(ctx, 7, "a", "")
	b.check(err)
	if again.UIDValidity <= f.UIDValidity || again.ID == f.ID {
		b.Errorf("made anew: got %+v after %+v", again, f)
	}
}

func (b *box) subscriptions() {
	ctx := b.Context()
	b.check(b.s.Subscribe(ctx, 7, "not/there", true))
	b.check(b.s.Subscribe(ctx, 7, "not/there", true))
	b.check(b.s.Subscribe(ctx, 7, "Junk", false))
	names, err := b.s.Subscriptions(ctx, 7)
	b.check(err)
	b.want("names", names, []string{"Archive", "Drafts", "INBOX", "Sent", "Trash", "not/there"})
	b.want("marked", []bool{b.folder("Junk").Subscribed, b.folder("Sent").Subscribed}, []bool{false, true})
}

func (b *box) flags() {
	ctx := b.Context()
	inbox := b.put("", "x", 1).FolderID
	b.put("", "x", 1, `\Seen`)
	add, err := mailbox.ParseFlags([]string{`\Seen`, `\Deleted`, "$k"})
	b.check(err)
	before := b.folder("INBOX").HighestModSeq
	done, err := b.s.SetFlags(ctx, inbox, set(1, 9), mailbox.FlagChange{How: mailbox.Add, Flags: add})
	b.check(err)
	b.want("entries", b.index(inbox), []string{`1:\Seen \Deleted $k`, `2:\Seen \Deleted $k`})
	b.want("before, after", []any{done.Before, done.After, len(done.Entries)}, []any{before, b.folder("INBOX").HighestModSeq, 2})
	done, err = b.s.SetFlags(ctx, inbox, set(1, 9), mailbox.FlagChange{How: mailbox.Add, Flags: add})
	b.check(err)
	if done.After != done.Before || len(done.Entries) != 2 {
		b.Errorf("nothing to change: %+v", done)
	}
	_, err = b.s.SetFlags(ctx, inbox, set(2, 2), mailbox.FlagChange{How: mailbox.Remove, Flags: add})
	b.check(err)
	_, err = b.s.SetFlags(ctx, inbox, set(1, 1), mailbox.FlagChange{Flags: mailbox.Flags{Keywords: "$z"}})
	b.check(err)
	b.want("entries", b.index(inbox), []string{"1:$z", "2:"})
}

func (b *box) guardedFlags() {
	ctx := b.Context()
	inbox := b.put("", "x", 1).FolderID
	guard := b.folder("INBOX").HighestModSeq
	b.put("", "x", 1)
	done, err := b.s.SetFlags(ctx, inbox, set(1, 2), mailbox.FlagChange{How: mailbox.Add, Flags: mailbox.Flags{System: mailbox.Flagged}, Guarded: true, UnchangedSince: guard})
	b.check(err)
	b.want("failed", done.Failed, "2")
	b.want("entries", b.index(inbox), []string{`1:\Flagged`, "2:"})
}

// flagsOfMany: neighbours that get the same flags change together, and nobody else does: what has
// them, what a guard leaves alone, what nobody named.
func (b *box) flagsOfMany() {
	ctx := b.Context()
	flags := [][]string{nil, nil, {"$k"}, {`\Seen`}, nil, {`\Deleted`}, nil, nil, nil, nil, nil, nil}
	var inbox int64
	for _, f := range flags {
		inbox = b.put("", "x", 1, f...).FolderID
	}
	b.check(b.s.Expunge(ctx, inbox, set(6, 6)))
	_, err := b.s.SetFlags(ctx, inbox, set(8, 8), mailbox.FlagChange{How: mailbox.Add, Flags: mailbox.Flags{System: mailbox.Draft}})
	b.check(err)
	guard := b.folder("INBOX").HighestModSeq - 1
	done, err := b.s.SetFlags(ctx, inbox, mailbox.UIDSet{{First: 1, Last: 9}, {First: 11, Last: 30}},
		mailbox.FlagChange{How: mailbox.Add, Flags: mailbox.Flags{System: mailbox.Seen}, Guarded: true, UnchangedSince: guard})
	b.check(err)
	b.want("failed", done.Failed, "8")
	b.want("entries", b.index(inbox), []string{`1:\Seen`, `2:\Seen`, `3:\Seen $k`, `4:\Seen`, `5:\Seen`, `7:\Seen`, `8:\Draft`, `9:\Seen`, "10:", `11:\Seen`, `12:\Seen`})
	var changed []mailbox.UID
	_, err = b.s.Index(ctx, inbox, func(e mailbox.Entry) {
		if e.ModSeq == done.After {
			changed = append(changed, e.UID)
		}
	})
	b.check(err)
	b.want("changed", changed, []mailbox.UID{1, 2, 3, 5, 7, 9, 11, 12})
}

func (b *box) expunge() {
	ctx := b.Context()
	inbox := b.put("", "x1", 1, `\Deleted`).FolderID
	b.put("", "x1", 2)
	b.put("", "x3", 3, `\Deleted`)
	b.put("", "x4", 4, `\Deleted`)
	b.check(b.s.Expunge(ctx, inbox, set(1, 3)))
	b.want("left", b.index(inbox), []string{"2:", `4:\Deleted`})
	b.want("references", []int{b.refs("x1"), b.refs("x3"), b.refs("x4")}, []int{1, 0, 1})
	highest := b.folder("INBOX").HighestModSeq
	b.check(b.s.Expunge(ctx, inbox, set(1, 3)))
	b.want("nothing happened", b.folder("INBOX").HighestModSeq, highest)
	b.check(b.s.Expunge(ctx, inbox, set(4, 4)))
	b.want("uid after expunge of the last", b.put("", "x5", 1).UID, 5)
}

func (b *box) changes() {
	ctx := b.Context()
	inbox := b.put("", "x", 1, `\Deleted`).FolderID
	start := b.folder("INBOX").HighestModSeq
	b.put("", "x", 1)
	b.put("Junk", "x", 1)
	b.check(b.s.Expunge(ctx, inbox, set(1, 1)))
	d, err := b.s.Since(ctx, inbox, start)
	b.check(err)
	b.want("expunged", d.Expunged, []mailbox.UID{1})
	b.want("changed", []any{len(d.Changed), describe(d.Changed[0]), d.UIDNext}, []any{1, "2:", 3})
	again, err := b.s.Since(ctx, inbox, d.HighestModSeq)
	b.check(err)
	b.want("nothing since", again, mailbox.Delta{HighestModSeq: d.HighestModSeq, UIDNext: 3, Messages: 1})
	_, err = b.s.SetFlags(ctx, inbox, set(2, 2), mailbox.FlagChange{How: mailbox.Add, Flags: mailbox.Flags{System: mailbox.Seen}})
	b.check(err)
	if d, err = b.s.Since(ctx, inbox, d.HighestModSeq); err != nil || len(d.Changed) != 1 || describe(d.Changed[0]) != `2:\Seen` || len(d.Expunged) != 0 {
		b.Errorf("after flags: %+v, %v", d, err)
	}
}

func (b *box) copy() {
	ctx := b.Context()
	inbox := b.put("", "x1", 1, `\Deleted`, "$k").FolderID
	b.put("", "x2", 2)
	b.put("", "x3", 3, `\Seen`)
	b.put("Junk", "x4", 1)
	junk := b.folder("Junk")
	c, err := b.s.Copy(ctx, inbox, mailbox.UIDSet{{First: 1, Last: 1}, {First: 3, Last: 99}}, junk.ID)
	b.check(err)
	b.want("copied", []any{c.From, c.To(), c.UIDValidity}, []any{"1,3", "2:3", junk.UIDValidity})
	b.want("copies", b.index(junk.ID), []string{"1:", `2:\Deleted $k`, `3:\Seen`})
	// A copy of a copy in the same folder, and then the first ones go.
	c, err = b.s.Copy(ctx, junk.ID, set(2, 3), junk.ID)
	b.check(err)
	b.want("copied", []any{c.From, c.To()}, []any{"2:3", "4:5"})
	b.want("one row refers to the content", b.refs("x1"), 1)
	b.check(b.s.Expunge(ctx, inbox, set(1, 1)))
	b.check(b.s.Expunge(ctx, junk.ID, set(2, 2)))
	b.want("still refers", b.refs("x1"), 1)
	b.check(b.s.Expunge(ctx, junk.ID, set(4, 4)))
	b.want("refers no more", b.refs("x1"), 0)
	c, err = b.s.Copy(ctx, inbox, set(50, 60), junk.ID)
	b.check(err)
	b.want("nothing to copy", []any{c.From, c.To()}, []any{"", ""})
	_, err = b.s.Copy(ctx, inbox, set(1, 3), 12345)
	b.wantErr("no such folder", err, mailbox.ErrNoFolder)
}

func (b *box) move() {
	ctx := b.Context()
	inbox := b.put("", "x1", 1).FolderID
	b.put("", "x2", 2, `\Seen`)
	b.put("", "x3", 3)
	junk := b.folder("Junk")
	start := b.folder("INBOX").HighestModSeq
	c, err := b.s.Move(ctx, inbox, mailbox.UIDSet{{First: 1, Last: 1}, {First: 3, Last: 3}}, junk.ID)
	b.check(err)
	b.want("moved", []any{c.From, c.To()}, []any{"1,3", "1:2"})
	b.want("left", b.index(inbox), []string{`2:\Seen`})
	b.want("arrived", b.index(junk.ID), []string{"1:", "2:"})
	d, err := b.s.Since(ctx, inbox, start)
	b.check(err)
	b.want("logged", d.Expunged, []mailbox.UID{1, 3})
	b.want("references", []int{b.refs("x1"), b.refs("x3")}, []int{1, 1})
}

func (b *box) many() {
	ctx := b.Context()
	const n = 1203
	inbox := b.put("", "x", 1).FolderID
	var all mailbox.Copied
	for total := int64(1); total < n; total = b.folder("INBOX").Messages {
		var err error
		all, err = b.s.Copy(ctx, inbox, set(1, mailbox.UID(min(total, n-total))), inbox)
		b.check(err)
	}
	b.want("last uid", all.To()[0].Last, n)
	done, err := b.s.SetFlags(ctx, inbox, set(1, n), mailbox.FlagChange{How: mailbox.Add, Flags: mailbox.Flags{System: mailbox.Deleted}})
	b.check(err)
	b.want("stored", []any{len(done.Entries), done.After}, []any{n, b.folder("INBOX").HighestModSeq})
	if !slices.IsSortedFunc(done.Entries, func(a, b mailbox.Entry) int { return int(a.UID) - int(b.UID) }) {
		b.Error("entries are not in order")
	}
	b.check(b.s.Expunge(ctx, inbox, mailbox.UIDSet{{First: 1, Last: 600}, {First: 602, Last: n}}))
	b.want("left", b.index(inbox), []string{`601:\Deleted`})
	b.want("references", b.refs("x"), 1)
}
