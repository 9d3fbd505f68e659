package test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/internal/daily"
	"gatepost/internal/dmarc"
	"gatepost/internal/store"
	"gatepost/internal/tlsreport"
	"gatepost/test/machine"
)

// dailyDomains ask for both kinds of report.
func dailyDomains(n int) (names []string, zone string) {
	for i := range n {
		name := fmt.Sprintf("d%d.example", i)
		names = append(names, name)
		zone += fmt.Sprintf("_dmarc.%s. TXT \"v=DMARC1; p=none; rua=mailto:dmarc@%s\"\n_smtp._tls.%s. TXT \"v=TLSRPTv1; rua=mailto:tls@%s\"\n", name, name, name, name)
	}
	return names, zone
}

// within runs f on the rows of a machine that does not run.
func within(t *testing.T, m *machine.Machine, f func(context.Context, *store.DB) error) {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(m.Dir, "gatepost.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := f(t.Context(), db); err != nil {
		t.Fatal(err)
	}
}

// SIGKILL at random moments while the reports of a day are sent: each is sent once, or twice where the node
// died between having sent it and knowing that, under the same id; none is lost.
func TestKillReports(t *testing.T) {
	t.Parallel()
	count, kills := 60, 5
	if testing.Short() {
		count, kills = 20, 2
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	exit := newSink(t, "127.0.0.1:0", nil)
	names, zone := dailyDomains(count)
	m := prepare(t, "hostname: mx.test.example\nrelay: {smarthost: exit}\nqueue: {retry: 1s, retry_max: 2s}\n", zone)
	run(t, m, "", "domain", "add", "test.example")
	run(t, m, "", "host", "add", "exit", "--address", exit.addr, "--roles", "smtp-out", "--tls", "never")
	yesterday := daily.DayOf(time.Now().Add(-24 * time.Hour))
	within(t, m, func(ctx context.Context, db *store.DB) error { return countDay(ctx, db, names, yesterday) })
	for round := 0; ; round++ {
		left := 0
		within(t, m, func(ctx context.Context, db *store.DB) (err error) {
			left, err = anHourLater(ctx, db, yesterday)
			return err
		})
		t.Logf("round %d: %d to be sent, the sink has %d", round, left, len(reportsAt(exit)))
		if left == 0 {
			break
		}
		if round > kills+3 {
			t.Fatalf("%d reports are never sent", left)
		}
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
		if round < kills {
			before := len(reportsAt(exit))
			until(t, 30*time.Second, "reports are sent", func() bool { return len(reportsAt(exit)) > before })
			time.Sleep(time.Duration(random.IntN(120)) * time.Millisecond)
		} else {
			until(t, 30*time.Second, "the queue is empty", func() bool { return len(reportsAt(exit)) >= 2*count && len(queued(t, m)) == 0 })
		}
		m.Kill()
	}
	if err := m.Start(); err != nil { // what the queue has still
		t.Fatal(err)
	}
	until(t, 30*time.Second, "the queue is empty", func() bool { return len(queued(t, m)) == 0 })
	sent, twice := map[string]int{}, 0
	for _, id := range reportsAt(exit) {
		if sent[id]++; sent[id] > 1 {
			twice++
		}
	}
	if len(sent) != 2*count {
		t.Errorf("%d reports came, want %d", len(sent), 2*count)
	}
	// At a kill 4 and 8 are being sent, and as many as the queue carries at once.
	t.Logf("%d came twice in %d kills", twice, kills)
	if twice > 20*kills {
		t.Errorf("%d came twice", twice)
	}
}

// countDay makes counts of both kinds of a day that is over.
func countDay(ctx context.Context, db *store.DB, names []string, day daily.Day) error {
	var seen []dmarc.Count
	var sessions []tlsreport.Count
	for _, name := range names {
		seen = append(seen, dmarc.Count{Period: daily.Period{Day: day, Domain: name}, Due: day.End(), Rows: []dmarc.RowCount{{
			Row: dmarc.Row{Source: "192.0.2.1", Disposition: dmarc.None, HeaderFrom: name, Sender: dmarc.SPFResult{Domain: name, Result: "fail"}}, Messages: 3,
		}}})
		sessions = append(sessions, tlsreport.Count{Day: day, Due: day.End(), Policy: tlsreport.Policy{Domain: name, Type: "no-policy-found"}, Success: 5})
	}
	sum := dmarc.Sum{Domain: "test.example", Day: day, Reporter: "mx.test.example", Network: netip.MustParsePrefix("192.0.2.0/24"), Messages: 1}
	if err := db.DMARC().AddSeen(ctx, seen, []dmarc.Sum{sum}); err != nil {
		return err
	}
	return db.TLSReport().AddSessions(ctx, sessions)
}

// anHourLater has claims end, and returns how many reports of a day are still to be sent.
func anHourLater(ctx context.Context, db *store.DB, day daily.Day) (left int, err error) {
	for _, of := range []interface {
		daily.Periods
		domains(context.Context, daily.Day) ([]string, error)
	}{dmarcPeriods{db.DMARC()}, tlsPeriods{db.TLSReport()}} {
		names, err := of.domains(ctx, day)
		if err != nil {
			return 0, err
		}
		for _, name := range names {
			if err := of.Delay(ctx, daily.Period{Day: day, Domain: name}, day.End()); err != nil {
				return 0, err
			}
		}
		left += len(names)
	}
	return left, nil
}

type (
	dmarcPeriods struct{ store.DMARC }
	tlsPeriods   struct{ store.TLSReport }
)

func (p dmarcPeriods) domains(ctx context.Context, day daily.Day) ([]string, error) {
	return p.SeenDomains(ctx, day)
}

func (p tlsPeriods) domains(ctx context.Context, day daily.Day) ([]string, error) {
	return p.SessionDomains(ctx, day)
}

// reportsAt are the ids of the reports that came to a sink, once for each copy.
func reportsAt(s *sink) (ids []string) {
	for _, content := range s.heard("") {
		if _, after, ok := strings.Cut(content, "Report-ID:"); ok { // it may be folded
			id, _, _ := strings.Cut(after, ">")
			ids = append(ids, fmt.Sprint(strings.Contains(content, "TLS-Report-Domain"), strings.TrimSpace(id)))
		}
	}
	return ids
}
