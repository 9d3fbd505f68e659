package app

import (
	"testing"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

// Who is given a folder to see has his letter in the queue with the grant, once, whoever gives it.
func TestShareIsTold(t *testing.T) {
	n := openPages(t)
	ann, _ := n.directory.Snapshot().Mailbox("ann@test.example")
	bob, ok := n.directory.Snapshot().Mailbox("bob@test.example")
	if !ok {
		t.Fatal("no bob")
	}
	n.must(n.mailboxes.OpenBox(t.Context(), ann.ID, "", n.now()))
	all, err := n.mailboxes.Folders(t.Context(), ann.ID)
	n.must(err)
	give := func(how mailbox.How, r mailbox.Rights) error {
		g := mailbox.Grant{Box: ann.ID, Folder: all[0].ID, Name: all[0].Name, Who: mailbox.BoxWho(bob.ID), Rights: r}
		_, _, err := n.offers.Give(t.Context(), imap.Offer{By: string(ann.Address), Grant: g}, how)
		return err
	}
	add := func(quiet bool) error {
		_, err := n.addShare(t.Context(), ops.ShareAdd{Owner: "ann@test.example", Folder: all[1].Name, With: "bob@test.example", Rights: "read", Quiet: quiet})
		return err
	}
	for i, step := range []struct {
		do   func() error
		want int // letters in all
	}{
		{func() error { return give(mailbox.Replace, mailbox.MayRead) }, 0},
		{func() error { return give(mailbox.Add, mailbox.MayLookUp) }, 1},
		{func() error { return give(mailbox.Add, mailbox.MayInsert) }, 1},
		{func() error { return give(mailbox.Remove, mailbox.MayLookUp) }, 1},
		{func() error { return add(false) }, 2},
		{func() error { return add(false) }, 2},
		{func() error { return give(mailbox.Replace, 0) }, 2},
	} {
		n.must(step.do())
		list, err := n.store.Queue().Find(t.Context(), queue.Query{Destination: queue.Local})
		n.must(err)
		got := 0
		for _, tr := range list {
			if tr.Recipient == mail.Path("bob@test.example") && len(tr.Boxes) == 1 && tr.Boxes[0] == bob.ID {
				got++
			}
		}
		if got != step.want {
			t.Errorf("after step %d: %d letters, want %d", i, got, step.want)
		}
	}
	_, err = n.removeShare(t.Context(), ops.ShareRemove{Owner: "ann@test.example", Folder: all[1].Name, With: "bob@test.example"})
	n.must(err)
	n.must(add(true))
	if list, err := n.store.Queue().Find(t.Context(), queue.Query{Destination: queue.Local}); err != nil || len(list) != 2 {
		t.Errorf("told in spite of quiet: %d letters, %v", len(list), err)
	}
}

// The command shares all that is beneath a folder, in one commit, or the folder alone.
func TestShareReaches(t *testing.T) {
	n := openPages(t)
	ann, _ := n.directory.Snapshot().Mailbox("ann@test.example")
	bob, _ := n.directory.Snapshot().Mailbox("bob@test.example")
	n.must(n.mailboxes.OpenBox(t.Context(), ann.ID, "", n.now()))
	for _, name := range []string{"work/old/older", "work/own"} {
		_, err := n.mailboxes.CreateFolder(t.Context(), ann.ID, name, "")
		n.must(err)
	}
	add := func(folder, rights string, only bool) func() error {
		return func() error {
			_, err := n.addShare(t.Context(), ops.ShareAdd{Owner: "ann@test.example", Folder: folder, With: "bob@test.example", Rights: rights, Only: only, Quiet: true})
			return err
		}
	}
	remove := func(only bool) func() error {
		return func() error {
			_, err := n.removeShare(t.Context(), ops.ShareRemove{Owner: "ann@test.example", Folder: "work", With: "bob@test.example", Only: only})
			return err
		}
	}
	for i, step := range []struct {
		do   func() error
		want string
	}{
		{add("work/own", "manage", false), "work/own:manage "},
		{add("work", "read", true), "work:read work/own:manage "},
		{add("work", "write", false), "work:write work/old:write work/old/older:write work/own:write "},
		{remove(true), "work/old:write work/old/older:write work/own:write "},
		{remove(false), ""},
		{add("work", "read", false), "work:read work/old:read work/old/older:read work/own:read "},
		{remove(false), ""},
	} {
		n.must(step.do())
		list, err := n.mailboxes.SharedFolders(t.Context(), n.App.people().Visitor(bob.ID))
		n.must(err)
		got := ""
		for _, f := range list {
			got += f.Name + ":" + f.Rights.Name() + " "
		}
		if got != step.want {
			t.Errorf("after step %d: %q, want %q", i, got, step.want)
		}
	}
	if err := remove(false)(); control.KindOf(err) != control.Missing {
		t.Errorf("what nobody has: %v", err)
	}
}
