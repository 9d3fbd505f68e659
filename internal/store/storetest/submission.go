package storetest

import (
	"reflect"
	"testing"
	"time"

	"gatepost/internal/allowance"
)

// Submission tests that what open returns keeps what log-ins send. Each call of open is a new,
// empty store.
func Submission(t *testing.T, open func(*testing.T) allowance.Rows) {
	for name, test := range map[string]func(*testing.T, allowance.Rows){
		"counts of nodes": submissionCounts,
		"stops":           submissionStops,
		"limits":          submissionLimits,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func submissionCounts(t *testing.T, rows allowance.Rows) {
	one := allowance.Count{Box: 7, Hour: 100, Messages: 1, Refused: 2, Fresh: 3, Excess: 4, Wrong: 5, Networks: 6}
	more := one
	more.Messages = 10
	late := allowance.Count{Box: 8, Hour: 101, Messages: 1}
	save := func(node string, counts ...allowance.Count) {
		t.Helper()
		if err := rows.Save(t.Context(), node, counts); err != nil {
			t.Fatal(err)
		}
	}
	want := func(node string, hour int64, since time.Time, want map[string][]allowance.Count) time.Time {
		t.Helper()
		got, newest, err := rows.Counts(t.Context(), node, hour, since)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("from hour %d: got %v, %v; want %v", hour, got, err, want)
		}
		return newest
	}
	save("a", one, late)
	save("a", more) // in the place of the first
	newest := want("b", 101, time.Time{}, map[string][]allowance.Count{})
	if newest.IsZero() {
		t.Error("no time to go on from")
	}
	want("a", 100, newest, map[string][]allowance.Count{})
	want("b", 101, newest, map[string][]allowance.Count{"a": {late}})
	of := func(box, hour int64, want map[string][]allowance.Count) {
		t.Helper()
		if got, err := rows.Of(t.Context(), box, hour); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("of box %d: got %v, %v; want %v", box, got, err, want)
		}
	}
	onward := allowance.Count{Box: -7, Hour: 100, Messages: 9}
	save("b", one, onward)
	of(7, 100, map[string][]allowance.Count{"a": {more}, "b": {one}})
	of(7, 101, map[string][]allowance.Count{})
	of(-7, 100, map[string][]allowance.Count{"b": {onward}})
	if _, err := rows.Resume(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	of(7, 100, map[string][]allowance.Count{})
	of(-7, 100, map[string][]allowance.Count{})
	save("a", more)
	want("b", 100, newest.Add(time.Hour), map[string][]allowance.Count{}) // nothing changed since
	if _, err := rows.Resume(t.Context(), 8); err != nil {
		t.Fatal(err)
	}
	want("b", 0, newest, map[string][]allowance.Count{"a": {more}}) // a commit may be seen late
	if err := rows.Purge(t.Context(), 101); err != nil {
		t.Fatal(err)
	}
	want("b", 0, newest, map[string][]allowance.Count{})
}

func submissionStops(t *testing.T, rows allowance.Rows) {
	at := time.Unix(1_800_000_000, 0)
	first := allowance.Stop{Box: 7, Since: at, Reason: "too much"}
	second := allowance.Stop{Box: 3, Since: at.Add(time.Second), Reason: "by hand", Who: "root"}
	for _, s := range []allowance.Stop{second, first} {
		if done, err := rows.Stop(t.Context(), s); !done || err != nil {
			t.Fatal(done, err)
		}
	}
	if done, err := rows.Stop(t.Context(), allowance.Stop{Box: 7, Since: at, Reason: "again"}); done || err != nil {
		t.Error("stopped twice", done, err)
	}
	got, err := rows.Stops(t.Context())
	if err != nil || len(got) != 2 || got[0].Reason != "too much" || !got[0].Since.Equal(at) || got[1].Who != "root" {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, want := range []bool{true, false} {
		if was, err := rows.Resume(t.Context(), 7); was != want || err != nil {
			t.Error("resumed", was, err)
		}
	}
	if got, err := rows.Stops(t.Context()); err != nil || len(got) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func submissionLimits(t *testing.T, rows allowance.Rows) {
	set := func(owner allowance.Owner, o allowance.Own) {
		t.Helper()
		if err := rows.SetOwn(t.Context(), owner, o); err != nil {
			t.Fatal(err)
		}
	}
	set(allowance.OfBox(7), allowance.Own{Minute: 1, Hour: 2, Day: 3, Recipients: 4})
	set(allowance.OfBox(7), allowance.Own{Minute: 0, Hour: -1, Day: 3, Recipients: 4})
	set(allowance.OfDomain(7), allowance.Own{Minute: 9, Hour: 9, Day: 9, Recipients: 9})
	set(allowance.OfDomain(7), allowance.None())
	got, err := rows.Own(t.Context())
	if want := map[allowance.Owner]allowance.Own{allowance.OfBox(7): {Minute: 0, Hour: -1, Day: 3, Recipients: 4}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}
