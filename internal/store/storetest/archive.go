package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// An ArchiveStore is what a mailstore with archives has to do.
type ArchiveStore interface {
	SharingStore
	mailbox.Archives
	DomainUsage(ctx context.Context, domain int64) (mailbox.Usage, error)
}

// An ArchiveWorld is a store in which boxes 7 to 9 are mailboxes of one domain, of which 9 is the archive.
type ArchiveWorld struct {
	Store  ArchiveStore
	Commit intake.Committer
	Domain int64
	Refs   func(blob string) int
	Remove func() // takes the archive out of the directory
}

// Archive runs the contract of archives, each case on an empty store that open makes.
func Archive(t *testing.T, open func(t *testing.T) ArchiveWorld) {
	for name, f := range map[string]func(*archive){
		"kept in the commit": (*archive).kept,
		"nobody changes it":  (*archive).fixed,
		"copied from":        (*archive).copied,
		"opened and closed":  (*archive).opened,
		"months go":          (*archive).months,
		"acts":               (*archive).acts,
		"removed meanwhile":  (*archive).removed,
	} {
		t.Run(name, func(t *testing.T) {
			a := &archive{box: box{T: t}, ArchiveWorld: open(t)}
			a.s, a.refs = a.Store, a.Refs
			a.check(a.s.OpenBox(t.Context(), 7, "", when))
			a.check(a.s.OpenBox(t.Context(), 8, "", when))
			f(a)
			a.counters()
		})
	}
}

// archive is box 9; 7 is a mailbox that gets mail, and 8 one that reads.
type archive struct {
	box
	ArchiveWorld
	n int
}

const theArchive = 9

// take commits a message of 5 octets that is delivered to box 7, and kept.
func (a *archive) take(d mailbox.Direction, at time.Time) string {
	a.Helper()
	a.n++
	blob := fmt.Sprint("content", a.n)
	row := &journal.Row{ID: fmt.Sprint("tx", a.n), Time: at, Lines: []journal.Line{{Recipient: "6@example.net"}}}
	a.check(a.Commit.Commit(a.Context(), &intake.Commit{
		Row:        row,
		Deliveries: []*mailbox.Delivery{{Box: 7, Blob: blob, Size: 5, Time: at}},
		Records:    []*mailbox.Delivery{{Box: theArchive, Folder: mailbox.RecordFolder(d, at), Blob: blob, Size: 7, Time: at, Record: true, View: mail.View{Prefix: []byte("x\n")}}},
	}))
	return blob
}

// has describes the archive: "In:0 In/2026-03:2".
func (a *archive) has() string {
	a.Helper()
	all, err := a.s.Folders(a.Context(), theArchive)
	a.check(err)
	text := ""
	for _, f := range all {
		if f.Use != mailbox.Record || f.Subscribed {
			a.Errorf("folder %+v", f)
		}
		text += fmt.Sprintf("%s:%d ", f.Name, f.Messages)
	}
	return text
}

func (a *archive) month(name string) mailbox.Folder {
	a.Helper()
	f, err := a.s.Folder(a.Context(), theArchive, name)
	a.check(err)
	return f
}

func (a *archive) kept() {
	next := when.AddDate(0, 1, 0)
	a.take(mailbox.In, when)
	a.take(mailbox.Out, when)
	last := a.take(mailbox.In, next)
	a.take(mailbox.In, when)
	a.want("folders", a.has(), "In:0 In/2026-03:2 In/2026-04:1 Out:0 Out/2026-03:1 ")
	a.want("references", a.refs(last), 2)
	list, err := a.s.Messages(a.Context(), a.month("In/2026-04").ID, set(1, 9), mailbox.Whole)
	a.check(err)
	if len(list) != 1 || list[0].Blob != last || list[0].Size != 7 || !list[0].InternalDate.Equal(next.Truncate(time.Microsecond)) || string(list[0].View.Prefix) != "x\n" {
		a.Errorf("got %+v", list)
	}
	usage, err := a.Store.DomainUsage(a.Context(), a.Domain)
	a.check(err)
	a.want("what quotas count", usage, mailbox.Usage{Messages: 4, Bytes: 20})
	usage, err = a.s.Usage(a.Context(), theArchive)
	a.check(err)
	a.want("what the archive takes up", usage, mailbox.Usage{Messages: 4, Bytes: 28})
	a.want("delivered to", a.folder("INBOX").Messages, 4)
}

func (a *archive) fixed() {
	ctx := a.Context()
	a.take(mailbox.In, when)
	f := a.month("In/2026-03")
	_, err := a.s.SetFlags(ctx, f.ID, set(1, 1), mailbox.FlagChange{How: mailbox.Add, Flags: mailbox.Flags{System: mailbox.Deleted}})
	a.wantErr("flags", err, mailbox.ErrRecord)
	a.wantErr("expunge", a.s.Expunge(ctx, f.ID, set(1, 1)), mailbox.ErrRecord)
	a.wantErr("delete", a.s.DeleteFolder(ctx, theArchive, f.Name), mailbox.ErrRecord)
	a.wantErr("rename", a.s.RenameFolder(ctx, theArchive, f.Name, "x"), mailbox.ErrRecord)
	_, err = a.s.CreateFolder(ctx, theArchive, f.Name+"/x", "")
	a.wantErr("create", err, mailbox.ErrRecord)
	_, err = a.s.Move(ctx, f.ID, set(1, 1), a.month("In").ID)
	a.wantErr("move within", err, mailbox.ErrRecord)
	_, err = a.s.Copy(ctx, f.ID, set(1, 1), a.month("In").ID)
	a.wantErr("copy within", err, mailbox.ErrRecord)
	_, err = a.Store.Carry(ctx, mailbox.Carriage{From: f.ID, Set: set(1, 1), To: a.folder("INBOX").ID, Move: true})
	a.wantErr("move out", err, mailbox.ErrRecord)
	_, err = a.Store.Carry(ctx, mailbox.Carriage{From: a.folder("INBOX").ID, Set: set(1, 1), To: f.ID})
	a.wantErr("copy in", err, mailbox.ErrRecord)
	if err := a.s.Deliver(ctx, &mailbox.Delivery{Box: theArchive, Folder: f.Name, Blob: "other", Size: 1, Time: when, Create: true}); err == nil {
		a.Error("delivered into an archive")
	}
	for _, folder := range []int64{0, f.ID} {
		_, _, err = a.Store.SetGrant(ctx, theArchive, folder, mailbox.BoxWho(8), mailbox.Replace, mailbox.AllRights)
		a.wantErr("rights", err, mailbox.ErrRecord)
	}
	a.want("as it was", a.has()+fmt.Sprint(a.index(f.ID)), "In:0 In/2026-03:1 [1:]")
}

func (a *archive) copied() {
	blob := a.take(mailbox.In, when)
	from := a.month("In/2026-03")
	to, err := a.s.Folder(a.Context(), 8, "INBOX")
	a.check(err)
	_, err = a.Store.Carry(a.Context(), mailbox.Carriage{From: from.ID, Set: set(1, 1), To: to.ID})
	a.check(err)
	a.want("references", a.refs(blob), 3)
	a.want("kept", a.has(), "In:0 In/2026-03:1 ")
}

// sees are the folders that box 8 is shown, with its rights.
func (a *archive) sees() string {
	a.Helper()
	list, err := a.Store.SharedFolders(a.Context(), visitor(8))
	a.check(err)
	text := ""
	for _, s := range list {
		text += s.Name + ":" + s.Rights.String() + " "
	}
	return text
}

func (a *archive) opened() {
	ctx := a.Context()
	o := mailbox.Opening{Box: theArchive, Reader: 8, Since: when, Until: when.Add(time.Hour), Why: "a case"}
	act := mailbox.Act{Domain: "example.net", Time: when, Who: "root", What: mailbox.ActOpen}
	a.check(a.Store.OpenArchive(ctx, o, act)) // before any mail has come
	a.take(mailbox.In, when)
	a.want("sees", a.sees(), "In:lr In/2026-03:lr ")
	later := o
	later.Since, later.Until, later.Why = when.Add(time.Minute), time.Time{}, "another"
	a.check(a.Store.OpenArchive(ctx, later, act))
	list, err := a.Store.Openings(ctx, 0)
	a.check(err)
	a.want("openings", fmt.Sprintf("%+v", list), fmt.Sprintf("%+v", []mailbox.Opening{{Box: theArchive, Reader: 8, Since: when.Truncate(time.Microsecond), Why: "another"}}))
	a.wantErr("of a mailbox", a.Store.OpenArchive(ctx, mailbox.Opening{Box: 7, Reader: 8, Since: when}, act), mailbox.ErrNoFolder)
	act.What = mailbox.ActClose
	a.check(a.Store.CloseArchive(ctx, theArchive, 8, act))
	a.wantErr("closed twice", a.Store.CloseArchive(ctx, theArchive, 8, act), mailbox.ErrNoGrant)
	a.want("sees", a.sees(), "")
	acts, err := a.Store.Acts(ctx, mailbox.ActQuery{Domain: "example.net"})
	a.check(err)
	a.want("acts", len(acts), 3)
	a.check(a.Store.OpenArchive(ctx, o, act))
	a.check(a.Store.DropBox(ctx, 8, when)) // its reader is gone
	list, err = a.Store.Openings(ctx, theArchive)
	a.check(err)
	a.want("openings to nobody", len(list), 0)
}

func (a *archive) months() {
	blobs := []string{a.take(mailbox.In, when), a.take(mailbox.In, when), a.take(mailbox.In, when.AddDate(0, 1, 0))}
	a.check(a.Store.DropMonth(a.Context(), theArchive, a.month("In/2026-03").ID))
	a.want("left", a.has(), "In:0 In/2026-04:1 ")
	a.want("references", []int{a.refs(blobs[0]), a.refs(blobs[1]), a.refs(blobs[2])}, []int{1, 1, 2})
	usage, err := a.s.Usage(a.Context(), theArchive)
	a.check(err)
	a.want("usage", usage, mailbox.Usage{Messages: 1, Bytes: 7})
	kept, err := a.s.Kept(a.Context(), theArchive, mailbox.KeptQuery{})
	a.check(err)
	a.want("kept to be brought back", len(kept), 0)
	a.wantErr("a folder of a mailbox", a.Store.DropMonth(a.Context(), 7, a.folder("INBOX").ID), mailbox.ErrNoFolder)
	a.take(mailbox.In, when) // late, and kept all the same
	a.want("made again", a.has(), "In:0 In/2026-03:1 In/2026-04:1 ")
}

func (a *archive) acts() {
	ctx := a.Context()
	for i := range 5 {
		a.check(a.Store.Note(ctx, mailbox.Act{
			Domain: "example.net", Time: when.Add(time.Duration(i) * time.Second), Who: "6@example.net", What: mailbox.ActRead, About: fmt.Sprint(i),
		}))
	}
	a.check(a.Store.Note(ctx, mailbox.Act{Domain: "example.org", Time: when, What: mailbox.ActRead}))
	var got string
	q := mailbox.ActQuery{Domain: "example.net", Limit: 2}
	for {
		page, err := a.Store.Acts(ctx, q)
		a.check(err)
		if len(page) == 0 {
			break
		}
		for _, act := range page {
			got += act.About
			q.Before = act.ID
		}
	}
	a.want("the latest first", got, "43210")
	a.check(a.Store.ThinActs(ctx, when.Add(3*time.Second)))
	page, err := a.Store.Acts(ctx, mailbox.ActQuery{Domain: "example.net"})
	a.check(err)
	a.want("left", len(page), 2)
}

// removed: an archive that was removed while a message came takes none, and the message is taken.
func (a *archive) removed() {
	a.take(mailbox.In, when)
	a.Remove()
	a.check(a.Store.DropBox(a.Context(), theArchive, when))
	blob := a.take(mailbox.In, when)
	a.want("references", a.refs(blob), 1)
	a.want("archive", a.has(), "")
	a.want("delivered", a.folder("INBOX").Messages, 2)
}
