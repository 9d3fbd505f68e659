package app

import (
	"errors"
	"testing"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/quarantine"
)

// Who is allowed and blocked with a message stands in the directory's lists, for the
// mailbox or the domain, once, and never is it the recipient itself.
func TestHeldLists(t *testing.T) {
	a := openUnlimited(t)
	dir := a.directory
	for _, name := range []string{"test.example", "other.example"} {
		if _, err := dir.AddDomain(t.Context(), directory.Domain{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	box, err := dir.AddMailbox(t.Context(), directory.Mailbox{Address: "ann@test.example"}, "a pass phrase of ann's")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dir.AddAlias(t.Context(), directory.Alias{Address: "annie@other.example", Targets: []mail.Path{"ann@test.example"}}); err != nil {
		t.Fatal(err)
	}
	lists := heldLists{dir}
	held := func(sender mail.Path) quarantine.Held {
		return quarantine.Held{ID: "one", Recipient: "Ann@test.example", Box: box.ID, Domain: "test.example", Sender: sender}
	}
	for sender, own := range map[mail.Path]bool{
		"ann@test.example": true, "somebody@TEST.example": true, "Annie@other.example": true, "bob@other.example": false, "ann@far.example": false, "": false,
	} {
		if got := lists.Own(held(sender)); got != own {
			t.Errorf("%q is own: got %v", sender, got)
		}
	}
	for range 2 { // what is there already is fine
		for _, l := range []quarantine.Listing{
			{Allow: true, Value: "bob@far.example", Held: held("bob@far.example"), Origin: "release"},
			{Value: "far.example", Held: held("bob@far.example"), Wide: true, Origin: "owner", Note: "why"},
		} {
			if err := lists.List(t.Context(), l); err != nil {
				t.Fatal(err)
			}
		}
	}
	entries, err := dir.Entries(t.Context(), directory.EntryQuery{})
	if err != nil || len(entries) != 2 {
		t.Fatalf("got %+v, %v; want 2 entries", entries, err)
	}
	for _, e := range entries {
		want := directory.Entry{List: directory.Block, Value: "far.example", Scope: directory.Scope{Kind: directory.DomainScope, Name: "test.example"}, Origin: "owner", Note: "why"}
		if e.List == directory.Allow {
			want = directory.Entry{List: directory.Allow, Value: "bob@far.example", Scope: directory.Scope{Kind: directory.MailboxScope, Name: "ann@test.example"}, Origin: "release"}
		}
		if e.List != want.List || e.Value != want.Value || e.Scope != want.Scope || e.Origin != want.Origin || e.Note != want.Note {
			t.Errorf("got %+v, want %+v", e, want)
		}
	}
	nowhere := held("bob@far.example")
	nowhere.Box = quarantine.Anywhere
	if lists.Listable(nowhere, false) == nil || lists.Listable(nowhere, true) != nil || lists.Listable(held("bob@far.example"), false) != nil {
		t.Error("listable: what has no mailbox can be listed for its domain alone")
	}
	if err := lists.List(t.Context(), quarantine.Listing{Allow: true, Value: "bob@far.example", Held: nowhere}); err == nil {
		t.Error("listed for a mailbox that is none")
	}
	if err := lists.List(t.Context(), quarantine.Listing{Allow: true, Value: "carl@far.example", Held: nowhere, Wide: true, Origin: "release"}); err != nil || errors.Is(err, directory.ErrExists) {
		t.Errorf("for the domain: %v", err)
	}
}
