package app

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
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
			email := n.bring(tt.who, tt.from, tt.to, tt.prefix, cmp.Or(tt.as, tt.who+"@test.example"))
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

// The owner's last word counts.
func TestListingMovedBack(t *testing.T) {
	n := openBoxes(t)
	prefix := brought("news@shop.example", "spf=pass")
	for _, to := range []string{"Filters/Block", "Filters/Allow", "Filters/Block"} {
		n.bring("ann", "INBOX", to, prefix, "ann@test.example")
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
func (n *boxesNode) bring(who, from, to, prefix, by string) int64 {
	n.Helper()
	m := mail.NewMessage([]byte("X-Gatepost-Reverse-Path: forged@bank.example\r\nSubject: x\r\n\r\n"))
	d := mailbox.Prepare(n.box[who].ID, from, m, time.Now())
	d.View = mail.View{Prefix: []byte(prefix)}
	d.Size = d.View.Size(m.Size())
	id, err := n.blobs.Put(n.Context(), m.Reader(), m.Size())
	n.must(err)
	d.Blob = string(id)
	n.must(n.mailboxes.Deliver(n.Context(), &d))
	folder := func(name string) mailbox.Folder {
		f, err := n.mailboxes.Folder(n.Context(), n.box[who].ID, name)
		n.must(err)
		return f
	}
	list, err := n.mailboxes.Messages(n.Context(), d.FolderID, mailbox.UIDSet{{First: d.UID, Last: d.UID}}, mailbox.Row)
	n.must(err)
	done, err := n.mailboxes.Move(n.Context(), d.FolderID, mailbox.UIDSet{{First: d.UID, Last: d.UID}}, folder(to).ID)
	n.must(err)
	s := imap.Sorted{Box: n.box[who].ID, Address: by, From: folder(from), To: folder(to), UIDs: done.To()}
	n.moves.Sorted(s)
	if len(n.moves.jobs) != 1 {
		n.Fatal("the move is not looked at")
	}
	n.must(n.moves.list(n.Context(), <-n.moves.jobs))
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
