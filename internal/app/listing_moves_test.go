package app

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// brought are the fields that a message came with.
func brought(sender, results string) string {
	return "Received: by us\r\nAuthentication-Results: mx.test.example; " + results + "\r\nX-Gatepost-Id: 1\r\nX-Gatepost-Reverse-Path: " + sender + "\r\n"
}

// A message that its owner moves to Filters/Allow or Filters/Block lists its sender, where that is
// sound, and goes where it belongs.
func TestListingMoves(t *testing.T) {
	n := openBoxes(t)
	for _, tt := range []struct {
		name, who, from, to, prefix string
		as                          string // who moves it; "": the owner
		want                        string // entries
		lands                       string
	}{
		{"allowed from Junk", "ann", "Junk", "Filters/Allow", brought("news@shop.example", "spf=pass smtp.mailfrom=news@shop.example"), "", "allow news@shop.example", "INBOX"},
		{"allowed from another folder", "ann", "Archive", "Filters/Allow", brought("news@shop.example", "dkim=pass header.d=shop.example"), "", "allow news@shop.example", "Archive"},
		{"by a signature of the organisation", "ann", "Junk", "Filters/Allow", brought("a@mail.shop.example", "spf=fail; dkim=pass header.d=shop.example"), "", "allow a@mail.shop.example", "INBOX"},
		{"by a signature of another", "ann", "Junk", "Filters/Allow", brought("a@shop.example", "dkim=pass header.d=evilshop.example"), "", "", "Filters/Allow"},
		{"unproven", "ann", "Junk", "Filters/Allow", brought("news@shop.example", "spf=none smtp.mailfrom=news@shop.example"), "", "", "Filters/Allow"},
		{"what looks like proof", "ann", "Junk", "Filters/Allow", brought(`news@shop.example`, `spf=fail smtp.mailfrom="x; spf=pass ; \" dkim=pass header.d=shop.example"`), "", "", "Filters/Allow"},
		{"his own domain", "ann", "Junk", "Filters/Allow", brought("eve@test.example", "spf=pass smtp.mailfrom=eve@test.example"), "", "", "Filters/Allow"},
		{"put there by a program", "ann", "INBOX", "Filters/Allow", "Received: by us\r\n", "", "", "Filters/Allow"},
		{"a bounce", "ann", "INBOX", "Filters/Block", brought("<>", "spf=pass"), "", "", "Filters/Block"},
		{"blocked, whoever he is", "ann", "INBOX", "Filters/Block", brought("news@shop.example", "spf=fail"), "", "block news@shop.example", "Junk"},
		{"in French", "eve", "INBOX", "Filtres/Bloquer", brought("News@shop.example", "spf=pass"), "", "block news@shop.example", "Indésirables"},
		{"by another to whom it is shared", "ann", "INBOX", "Filters/Block", brought("news@shop.example", "spf=pass"), "bob@test.example", "", "Filters/Block"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := &boxesNode{T: t, App: n.App, box: n.box}
			email := n.bring(tt.who, tt.from, tt.to, tt.prefix, "MOVE", tt.as == "")
			scope, err := directory.ParseScope(tt.who + "@test.example")
			n.must(err)
			list, err := n.directory.Entries(t.Context(), directory.EntryQuery{Scopes: []directory.Scope{scope}})
			n.must(err)
			got := ""
			for _, e := range list {
				got += fmt.Sprintf("%s %s", e.List, e.Value)
				n.must(n.directory.RemoveEntry(t.Context(), e.ID))
			}
			if got != tt.want {
				t.Errorf("entries: got %q, want %q", got, tt.want)
			}
			if !slices.Contains(n.emails(tt.who, tt.lands), email) {
				t.Errorf("it is not in %s", tt.lands)
			}
		})
	}
}

// A message that is copied and not expunged is where it belongs once, whether a program expunges it later or not.
func TestListingCopies(t *testing.T) {
	n := openBoxes(t)
	prefix := brought("news@shop.example", "spf=pass")
	for _, tt := range []struct{ from, to, lands string }{
		{"Archive", "Filters/Allow", "Archive"}, {"Junk", "Filters/Block", "Junk"}, {"Junk", "Filters/Allow", "INBOX"}, {"INBOX", "Filters/Block", "Junk"},
	} {
		email := n.bring("ann", tt.from, tt.to, prefix, "COPY", true)
		if got := n.emails("ann", tt.lands); len(got) == 0 || slices.Index(got, email) != len(got)-1 {
			t.Errorf("%s to %s: %d is not once at the end of %s: %v", tt.from, tt.to, email, tt.lands, got)
		}
		if slices.Contains(n.emails("ann", tt.to), email) {
			t.Errorf("%s to %s: it is there still", tt.from, tt.to)
		}
	}
}

// A move that can't be looked at is tried again later, before those after it, and given up in the end.
func TestListingTriedAgain(t *testing.T) {
	n := openBoxes(t)
	now := time.Now()
	n.now = func() time.Time { return now }
	n.bring("ann", "INBOX", "Filters/Block", brought("news@shop.example", "spf=pass"), "MOVE", true)
	for range 2 { // as if the first had failed
		c := mailbox.Carriage{From: n.folderOf("ann", "Junk").ID, Set: mailbox.UIDSet{{First: 1, Last: 9}}, To: n.folderOf("ann", "Filters/Allow").ID, Lists: true}
		_, err := n.mailboxes.Carry(t.Context(), c)
		n.must(err)
	}
	due := func() []mailbox.ListingMove {
		list, err := n.mailboxes.ListingMoves(t.Context(), now)
		n.must(err)
		return list
	}
	first := due()
	if len(first) != 1 || first[0].Number != 1 || first[0].Before != 2 {
		t.Fatalf("due: %+v", first)
	}
	n.must(n.mailboxes.PostponeListing(t.Context(), first[0], now.Add(time.Minute)))
	if list := due(); len(list) != 0 {
		t.Errorf("a later one goes first: %+v", list)
	}
	now = now.Add(time.Hour)
	if list := due(); len(list) != 1 || list[0].ModSeq != first[0].ModSeq || list[0].Tries != 1 {
		t.Errorf("an hour later: %+v", list)
	}
	n.must(n.newLister().work(t.Context()))
	if list := due(); len(list) != 0 {
		t.Errorf("left: %+v", list)
	}
}

// A mailbox that an older program made, or that the first mail opened, gets the folders that list senders once: who
// deletes them does not get them again.
func TestListingFoldersOfOldMailboxes(t *testing.T) {
	n := openBoxes(t)
	eve, err := n.directory.AddMailbox(t.Context(), directory.Mailbox{Address: "old@test.example", Language: "fr"}, "")
	n.must(err)
	n.box["old"] = eve
	n.must(n.mailboxes.OpenBox(t.Context(), eve.ID, "fr", time.Now()))
	n.must(n.giveSome(t.Context()))
	if f := n.folderOf("old", "Filtres/Bloquer"); !f.Subscribed {
		t.Error("not subscribed to")
	}
	_, err = n.directory.ChangeDomain(t.Context(), "test.example", func(d *directory.Domain) error { d.ArchiveDays = 30; return nil })
	n.must(err)
	archive, ok := n.directory.Snapshot().ArchiveOf("test.example")
	if !ok {
		t.Fatal("the domain has no archive")
	}
	n.must(n.mailboxes.OpenBox(t.Context(), archive.ID, "", time.Now()))
	n.must(n.giveSome(t.Context()))
	if _, err := n.mailboxes.Folder(t.Context(), archive.ID, "Filters/Allow"); !errors.Is(err, mailbox.ErrNoFolder) {
		t.Errorf("an archive has them: %v", err)
	}
	n.must(n.mailboxes.DeleteFolder(t.Context(), eve.ID, "Filtres/Bloquer"))
	n.must(n.giveSome(t.Context()))
	if _, err := n.mailboxes.Folder(t.Context(), eve.ID, "Filtres/Bloquer"); !errors.Is(err, mailbox.ErrNoFolder) {
		t.Errorf("made again: %v", err)
	}
}

func (n *boxesNode) folderOf(who, name string) mailbox.Folder {
	n.Helper()
	f, err := n.mailboxes.Folder(n.Context(), n.box[who].ID, name)
	n.must(err)
	return f
}

// The owner's last word counts.
func TestListingMovedBack(t *testing.T) {
	n := openBoxes(t)
	prefix := brought("news@shop.example", "spf=pass")
	for _, to := range []string{"Filters/Block", "Filters/Allow", "Filters/Block"} {
		n.bring("ann", "INBOX", to, prefix, "MOVE", true)
		list, err := n.directory.Entries(t.Context(), directory.EntryQuery{Value: "news@shop.example"})
		n.must(err)
		want := directory.Block
		if to == "Filters/Allow" {
			want = directory.Allow
		}
		if len(list) != 1 || list[0].List != want || list[0].Origin != "owner" {
			t.Errorf("after %s: %+v", to, list)
		}
	}
}

// bring delivers a message into a folder and has it moved into another, as a program does. It
// returns the number by which it is known wherever it is.
func (n *boxesNode) bring(who, from, to, prefix, how string, owner bool) int64 {
	n.Helper()
	m := mail.NewMessage([]byte("X-Gatepost-Reverse-Path: forged@bank.example\r\nSubject: x\r\n\r\n"))
	d := mailbox.Prepare(n.box[who].ID, from, m, time.Now())
	d.View = mail.View{Prefix: []byte(prefix)}
	d.Size = d.View.Size(m.Size())
	id, err := n.blobs.Put(n.Context(), m.Reader(), m.Size())
	n.must(err)
	d.Blob = string(id)
	n.must(n.mailboxes.Deliver(n.Context(), &d))
	folder := func(name string) mailbox.Folder { return n.folderOf(who, name) }
	list, err := n.mailboxes.Messages(n.Context(), d.FolderID, mailbox.UIDSet{{First: d.UID, Last: d.UID}}, mailbox.Row)
	n.must(err)
	c := mailbox.Carriage{From: d.FolderID, Set: mailbox.UIDSet{{First: d.UID, Last: d.UID}}, To: folder(to).ID, Move: how == "MOVE", Lists: owner}
	_, err = n.mailboxes.Carry(n.Context(), c)
	n.must(err)
	n.must(n.newLister().work(n.Context())) // another process, which knows rows alone
	return list[0].EmailID
}

func (n *boxesNode) emails(who, folder string) (all []int64) {
	n.Helper()
	f, err := n.mailboxes.Folder(n.Context(), n.box[who].ID, folder)
	n.must(err)
	list, err := n.mailboxes.Messages(n.Context(), f.ID, mailbox.UIDSet{{First: 1, Last: ^mailbox.UID(0)}}, mailbox.Row)
	n.must(err)
	for _, m := range list {
		all = append(all, m.EmailID)
	}
	return all
}
