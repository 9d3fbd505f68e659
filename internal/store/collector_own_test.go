package store

import (
	"errors"
	"slices"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/collector"
	"gatepost/internal/directory"
)

// What owners set up is counted, noted, due, and gone with what they may send as; a link says once that an address is theirs.
func TestOwnedCollectors(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		db := checked(t, open(t))
		knownBoxes(t, db, 2)
		ctx, rows, now := t.Context(), db.Collectors(), time.Now().UTC().Truncate(time.Microsecond)
		note := func(what string) directory.Note {
			return directory.Note{Time: now, Who: "ann@example.org", What: what, Whom: "ann@example.org"}
		}
		account := func(name string, box int64, identity string) *collector.Account {
			a := &collector.Account{Token: name, Password: []byte{1}, Settings: collector.Settings{Name: name, Box: box, Protocol: "imap", Address: "a.example:993", Security: "tls", User: "u", Interval: time.Hour, Messages: 1, Octets: 1}}
			a.Identity = identity
			return a
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		sends := func(what string, box int64, address string, want bool) {
			t.Helper()
			if got, err := rows.SendsAs(ctx, box, address); err != nil || got != want {
				t.Errorf("%s: %d sends as %s: %v, %v", what, box, address, got, err)
			}
		}
		link := func(id string) access.Link {
			l := access.Link{ID: id, Box: 1, Kind: access.LinkSend, Address: "me@far.example", Created: now, Expires: now.Add(time.Hour)}
			must(db.Accounts().PutLink(ctx, l, 0, now, nil))
			return l
		}

		must(rows.Add(ctx, account("operators", 1, "me@far.example")))
		one := account("one", 1, "me@far.example")
		must(rows.AddOwned(ctx, one, 2, note(directory.NoteCollected)))
		must(rows.AddOwned(ctx, account("two", 1, "other@far.example"), 2, note(directory.NoteCollected)))
		if err := rows.AddOwned(ctx, account("three", 1, "x@far.example"), 2, note(directory.NoteCollected)); !errors.Is(err, collector.ErrMany) {
			t.Errorf("a third: %v", err)
		}
		must(rows.AddOwned(ctx, account("bobs", 2, "me@far.example"), 2, note(directory.NoteCollected)))
		if err := rows.AddOwned(ctx, account("nobodys", 99, "x@far.example"), 2, note(directory.NoteCollected)); err == nil {
			t.Error("one of no mailbox")
		}
		list, err := rows.OfBox(ctx, 1)
		if err != nil || len(list) != 3 || list[0].Name != "one" || !list[0].Owned || list[0].Identity != "me@far.example" || list[1].Owned {
			t.Fatalf("got %+v, %v", list, err)
		}
		due := func(wantOthers, wantOwned int) {
			t.Helper()
			others, err := rows.Due(ctx, false, 10)
			must(err)
			owned, err := rows.Due(ctx, true, 10)
			must(err)
			isOwned := func(a collector.Account) bool { return a.Owned }
			if len(others) != wantOthers || slices.ContainsFunc(others, isOwned) || len(owned) != wantOwned || len(slices.DeleteFunc(owned, isOwned)) > 0 {
				t.Errorf("due: %+v, of owners %+v", others, owned)
			}
		}
		due(1, 3)

		sends("before", 1, "me@far.example", false)
		got, err := db.Accounts().TakeLink(ctx, link("a").ID, now)
		if err != nil || got.Address != "me@far.example" {
			t.Fatalf("got %+v, %v", got, err)
		}
		sends("confirmed", 1, "me@far.example", true)
		sends("another of his", 1, "other@far.example", false)
		sends("another's", 2, "me@far.example", false)
		if _, err := db.Accounts().TakeLink(ctx, "a", now); !errors.Is(err, access.ErrNoLink) {
			t.Errorf("a link again: %v", err)
		}

		one.Paused = true
		must(rows.ChangeOwned(ctx, one, note(directory.NoteCollected)))
		sends("stopped", 1, "me@far.example", true)
		due(1, 2)
		one.Identity = "new@far.example"
		must(rows.ChangeOwned(ctx, one, note(directory.NoteCollected)))
		sends("with another address", 1, "me@far.example", false)
		sends("which is not confirmed", 1, "new@far.example", false)
		if _, err := db.Accounts().TakeLink(ctx, link("b").ID, now); !errors.Is(err, access.ErrNoLink) {
			t.Errorf("a link to the address before: %v", err)
		}
		one.Identity = "me@far.example"
		must(rows.ChangeOwned(ctx, one, note(directory.NoteCollected)))
		_, err = db.Accounts().TakeLink(ctx, link("c").ID, now)
		must(err)
		must(rows.RemoveOwned(ctx, one.ID, note(directory.NoteLeft)))
		sends("removed", 1, "me@far.example", false)
		if err := rows.RemoveOwned(ctx, one.ID, note(directory.NoteLeft)); !errors.Is(err, collector.ErrUnknown) {
			t.Errorf("removed again: %v", err)
		}
		for what, want := range map[string]int{directory.NoteCollected: 6, directory.NoteIdentity: 2, directory.NoteLeft: 1} {
			if notes, err := db.Audit().Notes(ctx, NoteQuery{What: what}); err != nil || len(notes) != want {
				t.Errorf("%s is noted %d times, %v; want %d", what, len(notes), err, want)
			}
		}
	})
}

// With a mailbox go its accounts elsewhere, with their passwords: those too that nobody visits any more, which are paused.
func TestCollectorsOfDropped(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		db := checked(t, open(t))
		knownBoxes(t, db, 2)
		ctx, rows := t.Context(), db.Collectors()
		for name, box := range map[string]int64{"gone": 1, "paused": 1, "stays": 2} {
			a := &collector.Account{Token: name, Password: []byte{1}, Settings: collector.Settings{Name: name, Box: box, Protocol: "imap", Address: "a.example:993", Security: "tls", User: "u", Interval: time.Hour, Messages: 1, Octets: 1}}
			a.Paused = name == "paused"
			if err := rows.AddOwned(ctx, a, 3, directory.Note{Time: noon}); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Mailboxes().DropBox(ctx, 1, noon); err != nil {
			t.Fatal(err)
		}
		if list, err := rows.Accounts(ctx); err != nil || len(list) != 1 || list[0].Name != "stays" {
			t.Errorf("left: %+v, %v", list, err)
		}
	})
}
