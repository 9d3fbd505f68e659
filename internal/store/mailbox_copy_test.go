package store

import (
	"slices"
	"testing"

	"gatepost/mailbox"
)

// A range with holes stays one statement, and ends where its messages do.
func TestStretches(t *testing.T) {
	ranges := func(n ...mailbox.UID) (set mailbox.UIDSet) {
		for i := 0; i < len(n); i += 2 {
			set = append(set, mailbox.Range{First: n[i], Last: n[i+1]})
		}
		return set
	}
	for name, tt := range map[string]struct{ set, found, want mailbox.UIDSet }{
		"holes":              {ranges(1, 100), ranges(2, 3, 5, 5, 9, 12), ranges(2, 12)},
		"nothing":            {ranges(1, 100), nil, nil},
		"neighbours":         {ranges(1, 1, 2, 2, 3, 9), ranges(1, 4), ranges(1, 1, 2, 2, 3, 4)},
		"one that is empty":  {ranges(1, 2, 5, 6, 8, 9), ranges(2, 2, 9, 9), ranges(2, 2, 9, 9)},
		"what is not wanted": {ranges(4, 4, 6, 6), ranges(4, 4, 6, 6), ranges(4, 4, 6, 6)},
	} {
		if got := stretches(tt.set, tt.found); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

// Copies of messages with holes between them follow one another in the order of the messages, in
// every way in which they are made.
func TestCopiesOverHoles(t *testing.T) { onBoth(t, testCopiesOverHoles) }

func testCopiesOverHoles(t *testing.T, db *DB) {
	checked(t, db)
	knownBoxes(t, db, 2)
	m, ctx := db.Mailboxes(), t.Context()
	for range 9 {
		put(t, db, 1, "")
	}
	put(t, db, 2, "")
	folder := func(box int64, name string) int64 {
		f, err := m.Folder(ctx, box, name)
		if err != nil {
			t.Fatal(err)
		}
		return f.ID
	}
	from := folder(1, mailbox.Inbox)
	if err := m.expunge(ctx, from, mailbox.UIDSet{{First: 2, Last: 3}, {First: 5, Last: 5}}, false); err != nil {
		t.Fatal(err)
	}
	set := mailbox.UIDSet{{First: 1, Last: 6}, {First: 8, Last: 8}} // 1, 4, 6, 8
	for _, way := range []struct {
		name string
		to   int64
		do   func(to int64) (mailbox.Copied, error)
	}{
		{"copied to another box", folder(2, mailbox.Inbox), func(to int64) (mailbox.Copied, error) {
			return m.Carry(ctx, mailbox.Carriage{From: from, Set: set, To: to})
		}},
		{"copied within the folder", from, func(to int64) (mailbox.Copied, error) { return m.Copy(ctx, from, set, to) }},
		{"moved", folder(1, "Archive"), func(to int64) (mailbox.Copied, error) { return m.Move(ctx, from, set, to) }},
	} {
		done, err := way.do(way.to)
		if err != nil || done.From.String() != "1,4,6,8" {
			t.Fatalf("%s: %+v, %v", way.name, done, err)
		}
		list, err := m.Messages(ctx, way.to, done.To(), mailbox.Row)
		if err != nil || len(list) != 4 {
			t.Fatalf("%s: %+v, %v", way.name, list, err)
		}
		for i, want := range []int64{1, 4, 6, 8} {
			if way.to == folder(2, mailbox.Inbox) {
				want = int64(i) + 2 // emails of its own, in the same order
			}
			if list[i].UID != done.First+mailbox.UID(i) || list[i].EmailID != want {
				t.Errorf("%s: %d is UID %d, email %d, want email %d", way.name, i, list[i].UID, list[i].EmailID, want)
			}
		}
	}
	if n := inFolder(t, db, 1, mailbox.Inbox); n != 2+4 {
		t.Errorf("%d stay", n)
	}
}
