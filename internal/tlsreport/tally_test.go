package tlsreport

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gatepost/internal/daily"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func newTally(t *testing.T, rows Rows, now *time.Time) *Tally {
	t.Helper()
	tally, err := NewTally(t.Context(), rows, "gate.example", slog.New(slog.DiscardHandler), func() time.Time { return *now })
	if err != nil {
		t.Fatal(err)
	}
	return tally
}

func session(domain string, result Result) Session {
	s := Session{Policy: &Policy{Domain: domain, Type: TLSA, Strings: []string{"3 1 1 00"}}}
	if result != "" {
		s.Failure = Failure{Result: result, MX: "mx." + domain, Reason: "a\r\nb"}
	}
	return s
}

// Counts survive a store that fails for a while, and a restart.
func TestTally(t *testing.T) {
	now, rows := noon, newMemory()
	tally := newTally(t, rows, &now)
	tally.Note(session("A.example", ""))
	tally.Note(session("a.example", Expired))
	rows.broken = true
	if err := tally.Flush(t.Context()); !errors.Is(err, errBroken) {
		t.Error(err)
	}
	tally.Note(session("a.example", Expired))
	rows.broken = false
	for range 2 {
		if err := tally.Flush(t.Context()); err != nil {
			t.Error(err)
		}
	}
	tally = newTally(t, rows, &now)
	tally.Note(session("a.example", ""))
	now = now.Add(12 * time.Hour)
	tally.Note(session("a.example", ""))
	tally.Flush(t.Context())
	for day, want := range map[Day]string{
		"2026-11-24": "2 2 [{{certificate-expired  mx.a.example  a??b} 2}]", "2026-11-25": "1 0 []",
	} {
		list, _ := rows.Sessions(t.Context(), Period{Day: day, Domain: "a.example"})
		if len(list) != 1 {
			t.Fatalf("%s: %v", day, list)
		}
		if got := fmt.Sprint(list[0].Success, list[0].Failure, list[0].Details); got != want {
			t.Errorf("%s: got %s, want %s", day, got, want)
		}
	}
}

// However much strangers make of it, a day's counts are bounded.
func TestTallyBounded(t *testing.T) {
	now, rows := noon, newMemory()
	tally := newTally(t, rows, &now)
	for i := range maxDetails + 10 {
		tally.Note(session("a.example", Result(fmt.Sprint(i))))
		s := session("b.example", "")
		s.Policy.Strings = []string{fmt.Sprint(i), strings.Repeat("ü", 1000)}
		tally.Note(s)
	}
	tally.Flush(t.Context())
	a, _ := rows.Sessions(t.Context(), Period{Day: "2026-11-24", Domain: "a.example"})
	if len(a) != 1 || len(a[0].Details) != maxDetails || a[0].Failure != maxDetails+10 {
		t.Errorf("%d details of %d failures", len(a[0].Details), a[0].Failure)
	}
	b, _ := rows.Sessions(t.Context(), Period{Day: "2026-11-24", Domain: "b.example"})
	if len(b) != maxPolicies || len(b[0].Policy.Strings[1]) > maxText {
		t.Errorf("%d policies", len(b))
	}
	for i := range maxDomains + 10 {
		tally.Note(session(fmt.Sprint(i, ".example"), ""))
	}
	if len(tally.domains) != maxDomains || len(tally.open) > maxOpen {
		t.Errorf("%d domains, %d open", len(tally.domains), len(tally.open))
	}
}

// Reports leave in the hours after midnight, each at a moment of its own.
func TestDue(t *testing.T) {
	moments := map[time.Time]bool{}
	for i := range 100 {
		due := due("2026-11-24", fmt.Sprint(i), "gate.example")
		if after := due.Sub(time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)); after < daily.Settled || after > spread {
			t.Errorf("%v after midnight", after)
		}
		moments[due.Truncate(time.Minute)] = true
	}
	if len(moments) < 50 {
		t.Errorf("100 reports in %d minutes", len(moments))
	}
}
