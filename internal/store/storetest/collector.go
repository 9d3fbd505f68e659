package storetest

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"gatepost/internal/collector"
	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/mailbox"
)

// A CollectorStore keeps accounts elsewhere, in a directory that knows the boxes 1 to 3.
type CollectorStore struct {
	collector.Rows
	Commit func(context.Context, *intake.Commit) error
	Bring  func(context.Context, []*mailbox.Delivery, []collector.Mark) error
}

// Collectors tests that what open returns keeps accounts and marks. Each call of open is a new, empty store.
func Collectors(t *testing.T, open func(*testing.T) CollectorStore) {
	for name, test := range map[string]func(*testing.T, CollectorStore){
		"an account comes back as it was":     collectorRoundTrip,
		"due":                                 collectorDue,
		"marks":                               collectorMarks,
		"a message is taken once":             collectorOnce,
		"nothing is taken for who is removed": collectorRemoved,
		"a whole account":                     collectorWhole,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func accountNamed(name string) *collector.Account {
	return &collector.Account{Token: "token of " + name, Password: []byte{0, 1, 255}, Settings: collector.Settings{
		Name: name, Box: 2, Protocol: "imap", Address: "imap.example:993", Security: "tls", User: "jürgen", Folders: []string{"INBOX", "Lists/A"},
		Interval: time.Minute, Remove: -1, Messages: 10, Octets: 1 << 40,
	}}
}

func collects(t *testing.T, s CollectorStore, name string) *collector.Account {
	t.Helper()
	a := accountNamed(name)
	if err := s.Add(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	return a
}

func collectorRoundTrip(t *testing.T, s CollectorStore) {
	a := collects(t, s, "a")
	collects(t, s, "b")
	if err := s.Add(t.Context(), accountNamed("a")); !errors.Is(err, collector.ErrExists) {
		t.Errorf("a second of that name: %v", err)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	a.State = collector.State{Last: now, Good: now.Add(-time.Hour), Failing: now.Add(-time.Minute), Failures: 3, Fault: "gone", Told: true, Taken: 7, Size: 1 << 40, Left: 2}
	if err := s.Finish(t.Context(), a.ID, a.State, time.Hour); err != nil {
		t.Fatal(err)
	}
	list, err := s.Accounts(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("got %d, %v", len(list), err)
	}
	got := list[0]
	a.Due = got.Due
	if !reflect.DeepEqual(&got, a) || !got.Due.After(now.Add(50*time.Minute)) {
		t.Errorf("got  %+v\nwant %+v", got, *a)
	}
	if err := s.Change(t.Context(), &collector.Account{ID: 99, Settings: a.Settings}); !errors.Is(err, collector.ErrUnknown) {
		t.Errorf("change of none: %v", err)
	}
}

func collectorDue(t *testing.T, s CollectorStore) {
	a, b, c := collects(t, s, "a"), collects(t, s, "b"), collects(t, s, "c")
	if err := s.Finish(t.Context(), a.ID, a.State, time.Hour); err != nil {
		t.Fatal(err)
	}
	b.Paused = true
	if err := s.Change(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	list, err := s.Due(t.Context(), false, 10)
	if err != nil || len(list) != 1 || list[0].ID != c.ID {
		t.Errorf("got %+v, %v", list, err)
	}
	for _, step := range []struct {
		name string
		wait time.Duration
		want int
	}{
		{"in as long as it may be", collector.Latest - time.Hour, 0},
		{"by a clock that was a year ahead", collector.Latest + 365*24*time.Hour, 1},
		{"never", collector.Astray + 365*24*time.Hour, 0},
	} {
		if err := s.Finish(t.Context(), c.ID, c.State, step.wait); err != nil {
			t.Fatal(err)
		}
		if list, err := s.Due(t.Context(), false, 10); err != nil || len(list) != step.want {
			t.Errorf("%s: got %+v, %v; want %d", step.name, list, err, step.want)
		}
	}
}

func takenMark(a *collector.Account, id string) collector.Mark {
	return collector.Mark{Account: a.ID, Folder: "INBOX", Validity: 1<<32 - 1, ID: id, Fate: collector.Taken, Sum: []byte{1, 2}, Size: 5, Time: time.Now().UTC().Truncate(time.Microsecond)}
}

func collectorMarks(t *testing.T, s CollectorStore) {
	a := collects(t, s, "a")
	one, two := takenMark(a, "1"), takenMark(a, "2")
	two.Sum, two.Fate = nil, collector.Passed
	again := one
	again.Fate = collector.Bad
	if err := errors.Join(s.Mark(t.Context(), []collector.Mark{one, two}), s.Mark(t.Context(), []collector.Mark{again})); err != nil {
		t.Fatal(err)
	}
	got, err := s.Marks(t.Context(), a.ID, "INBOX")
	if want := []collector.Mark{one, two}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if err := s.Forget(t.Context(), []collector.Mark{one}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Marks(t.Context(), a.ID, "INBOX"); err != nil || len(got) != 1 || got[0].ID != "2" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func takes(s CollectorStore, t *testing.T, m collector.Mark, tx string) error {
	return s.Commit(t.Context(), &intake.Commit{Collected: &m, Row: &journal.Row{ID: tx, Time: time.Now()}})
}

func collectorOnce(t *testing.T, s CollectorStore) {
	a := collects(t, s, "a")
	if err := takes(s, t, takenMark(a, "1"), "tx1"); err != nil {
		t.Fatal(err)
	}
	if err := takes(s, t, takenMark(a, "1"), "tx2"); !errors.Is(err, collector.ErrTaken) {
		t.Errorf("taken again: %v", err)
	}
	if got, err := s.Marks(t.Context(), a.ID, "INBOX"); err != nil || len(got) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func collectorRemoved(t *testing.T, s CollectorStore) {
	a := collects(t, s, "a")
	if err := takes(s, t, takenMark(a, "1"), "tx1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	if err := takes(s, t, takenMark(a, "2"), "tx2"); !errors.Is(err, collector.ErrUnknown) {
		t.Errorf("taken for none: %v", err)
	}
	if got, err := s.Marks(t.Context(), a.ID, "INBOX"); err != nil || len(got) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Messages of a whole account come with their marks, all or none, and the marks know them; it is due as others are, and
// its folders go with it.
func collectorWhole(t *testing.T, s CollectorStore) {
	a := accountNamed("import ann@a.example")
	a.Whole = true
	if err := s.Add(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	due := func(want int) {
		t.Helper()
		if list, err := s.Due(t.Context(), false, 10); err != nil || len(list) != want || want == 1 && !list[0].Whole {
			t.Errorf("due: %+v, %v", list, err)
		}
	}
	due(1)
	a.Paused = true
	if err := s.Change(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	due(0)
	a.Paused = false
	if err := s.Change(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	due(1)
	when := time.Now().UTC().Truncate(time.Microsecond)
	bring := func(ids ...string) error {
		var list []*mailbox.Delivery
		var marks []collector.Mark
		for _, id := range ids {
			list = append(list, &mailbox.Delivery{Box: 2, Folder: "INBOX", Blob: "blob " + id, Size: 3, Time: when, Flags: []string{`\Seen`}})
			marks = append(marks, collector.Mark{Account: a.ID, Folder: "There", Validity: 7, ID: id, Fate: collector.Taken, Sum: []byte{1}, Size: 3, Time: when, Flags: `\Seen`})
		}
		return s.Bring(t.Context(), list, marks)
	}
	if err := bring("1", "2"); err != nil {
		t.Fatal(err)
	}
	if err := bring("3", "2"); !errors.Is(err, collector.ErrTaken) {
		t.Errorf("one that was brought: %v", err)
	}
	marks, err := s.Marks(t.Context(), a.ID, "There")
	if err != nil || len(marks) != 2 || marks[0].UID != 1 || marks[1].UID != 2 || marks[1].Flags != `\Seen` {
		t.Fatalf("marks: %+v, %v", marks, err)
	}
	marks[0].Flags = ""
	if err := s.Remark(t.Context(), marks[:1]); err != nil {
		t.Fatal(err)
	}
	if err := s.Mark(t.Context(), []collector.Mark{{Account: a.ID, Folder: "There", Validity: 7, ID: "9", Fate: collector.TooLarge, Size: 1 << 40, Time: when}}); err != nil {
		t.Fatal(err)
	}
	if unfit, err := s.Unfit(t.Context(), a.ID, 10); err != nil || len(unfit) != 1 || unfit[0].ID != "9" || unfit[0].Size != 1<<40 {
		t.Errorf("unfit: %+v, %v", unfit, err)
	}
	if marks, err = s.Marks(t.Context(), a.ID, "There"); err != nil || marks[0].Flags != "" || marks[0].UID != 1 {
		t.Errorf("marks: %+v, %v", marks, err)
	}
	want := collector.Folder{Account: a.ID, Name: "There", Target: "INBOX", Validity: 1<<32 - 1, State: "s", Messages: 2, Left: 1, Changed: 3, Removed: 4, Fault: "f"}
	for range 2 {
		want.Messages++
		if err := s.PutFolder(t.Context(), want); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Folders(t.Context(), a.ID); err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("folders: %+v, %v", got, err)
	}
	if err := s.Remove(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Folders(t.Context(), a.ID); err != nil || len(got) != 0 {
		t.Errorf("folders of one that is removed: %+v, %v", got, err)
	}
	if err := s.PutFolder(t.Context(), want); !errors.Is(err, collector.ErrUnknown) {
		t.Errorf("a folder of one that is removed: %v", err)
	}
	if err := bring("5"); !errors.Is(err, collector.ErrUnknown) {
		t.Errorf("brought for one that is removed: %v", err)
	}
}
