package store

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"gatepost/internal/mtasts"
	"gatepost/internal/store/storetest"
	"gatepost/internal/tlsreport"
)

// Counts add up, a report is claimed once, and what is reported is gone.
func TestTLSReport(t *testing.T) { onBoth(t, testTLSReport) }

func testTLSReport(t *testing.T, db *DB) {
	rows, ctx := db.TLSReport(), t.Context()
	due := time.Date(2026, 11, 25, 1, 2, 3, 0, time.UTC)
	failed := tlsreport.Failure{Result: tlsreport.Expired, Sending: "192.0.2.1", MX: "mx.a.example", Receiving: "192.0.2.2", Reason: "ran out"}
	count := tlsreport.Count{
		Day: "2026-11-24", Due: due, Success: 2, Failure: 1, Details: []tlsreport.Detail{{Failure: failed, Count: 1}},
		Policy: tlsreport.Policy{Domain: "a.example", Type: tlsreport.STS, Strings: []string{"version: STSv1", "mode: enforce"}, MX: []string{"*.a.example", "b.example"}},
	}
	free := tlsreport.Count{Day: "2026-11-24", Due: due, Success: 1, Policy: tlsreport.Policy{Domain: "a.example", Type: tlsreport.Free}}
	other := tlsreport.Count{Day: "2026-11-24", Due: due.Add(time.Hour), Success: 1, Policy: tlsreport.Policy{Domain: "b.example", Type: tlsreport.Free}}
	for _, list := range [][]tlsreport.Count{{count, free}, {count, other}} {
		if err := rows.AddSessions(ctx, list); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := rows.SessionDomains(ctx, "2026-11-24"); err != nil || !slices.Equal(got, []string{"a.example", "b.example"}) {
		t.Errorf("domains %v, %v", got, err)
	}
	claim := func(now, until time.Time) []tlsreport.Period {
		list, err := rows.Claim(ctx, now, until, 10)
		if err != nil {
			t.Fatal(err)
		}
		return storetest.Unclaimed(list)
	}
	p := tlsreport.Period{Day: "2026-11-24", Domain: "a.example"}
	for _, c := range []struct {
		at   time.Time
		want []tlsreport.Period
	}{{due.Add(-time.Second), nil}, {due, []tlsreport.Period{p}}, {due, nil}, {due.Add(30 * time.Minute), []tlsreport.Period{p}}} {
		if got := claim(c.at, c.at.Add(30*time.Minute)); !slices.Equal(got, c.want) {
			t.Errorf("at %v: claimed %v, want %v", c.at, got, c.want)
		}
	}
	if err := rows.Delay(ctx, p, due.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := claim(due.Add(90*time.Minute), due.Add(3*time.Hour)); !slices.Equal(got, []tlsreport.Period{{Day: "2026-11-24", Domain: "b.example"}}) {
		t.Errorf("claimed %v, want the other alone", got)
	}
	if got := claim(due.Add(2*time.Hour), due.Add(3*time.Hour)); !slices.Equal(got, []tlsreport.Period{p}) {
		t.Errorf("put off: claimed %v", got)
	}
	count.Success, count.Failure, count.Details[0].Count, count.Due, free.Due = 4, 2, 2, time.Time{}, time.Time{}
	got, err := rows.Sessions(ctx, p)
	if want := []tlsreport.Count{free, count}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if err := rows.Drop(ctx, p); err != nil {
		t.Fatal(err)
	}
	if got, err := rows.Sessions(ctx, p); err != nil || got != nil {
		t.Errorf("left %v, %v", got, err)
	}
	if got, err := rows.SessionDomains(ctx, "2026-11-24"); err != nil || !slices.Equal(got, []string{"b.example"}) {
		t.Errorf("left %v, %v", got, err)
	}
}

func TestMTASTS(t *testing.T) { onBoth(t, testMTASTS) }

func testMTASTS(t *testing.T, db *DB) {
	rows, ctx := db.MTASTS(), t.Context()
	k := mtasts.Kept{
		Domain: "a.example", ID: "1", Fetched: time.Date(2026, 11, 24, 1, 2, 3, 4000, time.UTC),
		Policy: mtasts.Policy{Mode: mtasts.Testing, MX: []string{"*.a.example"}, MaxAge: time.Hour},
	}
	none := mtasts.Kept{Domain: "b.example", ID: "2", Fetched: k.Fetched, Policy: mtasts.Policy{Mode: mtasts.None}}
	for range 2 {
		for _, one := range []mtasts.Kept{none, k} {
			if err := rows.PutPolicy(ctx, one); err != nil {
				t.Fatal(err)
			}
		}
		k.ID, k.Policy.Mode = "3", mtasts.Enforce
	}
	k.ID = "3"
	if got, err := rows.Policies(ctx); err != nil || !reflect.DeepEqual(got, []mtasts.Kept{k, none}) {
		t.Errorf("got %+v, %v", got, err)
	}
	older := mtasts.Kept{Domain: "a.example", ID: "0", Fetched: k.Fetched.Add(-time.Microsecond), Policy: none.Policy}
	if err := rows.PutPolicy(ctx, older); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		fetched time.Time
		left    []mtasts.Kept
	}{{older.Fetched, []mtasts.Kept{k, none}}, {k.Fetched, []mtasts.Kept{none}}} {
		if err := rows.DropPolicy(ctx, "a.example", c.fetched); err != nil {
			t.Fatal(err)
		}
		if got, err := rows.Policies(ctx); err != nil || !reflect.DeepEqual(got, c.left) {
			t.Errorf("left %+v, %v, want %+v", got, err, c.left)
		}
	}
}
