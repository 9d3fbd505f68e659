package storetest

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"gatepost/internal/daily"
	"gatepost/internal/dmarc"
)

// DMARCRows is what DMARC asks of a store, and what its tests need beside it.
type DMARCRows struct {
	dmarc.Rows
	dmarc.Sums
	// Put keeps reports of others, as the commit does that accepts them.
	Put func(*testing.T, ...dmarc.Received)
}

// DMARC tests that what open returns keeps the contracts of dmarc.Rows and dmarc.Sums.
// Each call of open is a new, empty store.
func DMARC(t *testing.T, open func(*testing.T) DMARCRows) {
	for name, test := range map[string]func(*testing.T, DMARCRows){
		"counts are added up":            dmarcSeen,
		"a period is claimed once":       dmarcClaim,
		"sums of our own and of others":  dmarcSums,
		"a report counts once":           dmarcTwice,
		"too many reports of a reporter": dmarcMany,
		"what is old goes":               dmarcExpire,
		"networks are bounded":           dmarcBounded,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

const dmarcDay = dmarc.Day("2026-11-24")

func dmarcRow(n int) dmarc.Row {
	return dmarc.Row{
		Source: fmt.Sprint("192.0.2.", n), Disposition: dmarc.Quarantine, SPF: true, Reason: "other", Comment: "ü", HeaderFrom: "a.example", EnvelopeFrom: "b.example",
		Signatures: []dmarc.DKIMResult{{Domain: "a.example", Selector: "s", Result: "fail", Human: "body hash did not verify"}}, Sender: dmarc.SPFResult{Domain: "b.example", Result: "pass"},
	}
}

func dmarcSeen(t *testing.T, rows DMARCRows) {
	p, due := dmarc.Period{Day: dmarcDay, Domain: "a.example"}, dmarcDay.End().Add(time.Hour)
	count := dmarc.Count{Period: p, Due: due, Rows: []dmarc.RowCount{{Row: dmarcRow(1), Messages: 2}, {Row: dmarcRow(2), Messages: 3}}}
	other := dmarc.Count{Period: dmarc.Period{Day: dmarcDay, Domain: "b.example"}, Due: due, Rows: []dmarc.RowCount{{Row: dmarcRow(3), Messages: 1}}}
	for _, list := range [][]dmarc.Count{{other, count}, {{Period: p, Due: due, Rows: count.Rows[:1]}}} {
		if err := rows.AddSeen(t.Context(), list, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := rows.SeenDomains(t.Context(), dmarcDay); err != nil || !slices.Equal(got, []string{"a.example", "b.example"}) {
		t.Errorf("domains %v, %v", got, err)
	}
	got, err := rows.Seen(t.Context(), p, 10)
	if want := []dmarc.RowCount{{Row: dmarcRow(1), Messages: 4}, {Row: dmarcRow(2), Messages: 3}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if got, err := rows.Seen(t.Context(), p, 1); err != nil || len(got) != 1 || got[0].Messages != 4 {
		t.Errorf("the first of two: %+v, %v", got, err)
	}
	if err := rows.Drop(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if got, err := rows.Seen(t.Context(), p, 10); err != nil || got != nil {
		t.Errorf("left %v, %v", got, err)
	}
	if got, err := rows.SeenDomains(t.Context(), dmarcDay); err != nil || !slices.Equal(got, []string{"b.example"}) {
		t.Errorf("left %v, %v", got, err)
	}
}

// Unclaimed are claimed periods, without since when they are due.
func Unclaimed(list []daily.Claimed) (periods []daily.Period) {
	for _, c := range list {
		periods = append(periods, c.Period)
	}
	return periods
}

func dmarcClaim(t *testing.T, rows DMARCRows) {
	a, b := dmarc.Period{Day: dmarcDay, Domain: "a.example"}, dmarc.Period{Day: dmarcDay, Domain: "b.example"}
	due := dmarcDay.End().Add(time.Hour)
	err := rows.AddSeen(t.Context(), []dmarc.Count{
		{Period: a, Due: due, Rows: []dmarc.RowCount{{Row: dmarcRow(1), Messages: 1}}}, {Period: b, Due: due.Add(time.Hour), Rows: []dmarc.RowCount{{Row: dmarcRow(1), Messages: 1}}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at   time.Time
		want []dmarc.Period
	}{
		{due.Add(-time.Second), nil}, {due, []dmarc.Period{a}}, {due, nil}, {due.Add(30 * time.Minute), []dmarc.Period{a}}, {due.Add(2 * time.Hour), []dmarc.Period{a, b}},
	} {
		got, err := rows.Claim(t.Context(), c.at, c.at.Add(30*time.Minute), 10)
		if err != nil || !slices.Equal(Unclaimed(got), c.want) {
			t.Errorf("at %v: claimed %v, %v, want %v", c.at, got, err, c.want)
		}
	}
	if err := rows.Delay(t.Context(), a, due.Add(9*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got, err := rows.Claim(t.Context(), due.Add(8*time.Hour), due.Add(10*time.Hour), 10); err != nil || !slices.Equal(Unclaimed(got), []dmarc.Period{b}) || !got[0].Since.Equal(due.Add(150*time.Minute)) {
		t.Errorf("claimed %v, %v, want the other alone", got, err)
	}
}

func dmarcSum(reporter, network string, n int64) dmarc.Sum {
	p, _ := netip.ParsePrefix(network)
	return dmarc.Sum{Domain: "ours.example", Day: dmarcDay, Reporter: reporter, Network: p, Messages: n, Passed: n - 1, DKIM: n - 1, SPF: n - 2, Acted: 1}
}

func dmarcReceived(key string, sums ...dmarc.Sum) dmarc.Received {
	return dmarc.Received{
		Key: key, Tx: "tx" + key, Time: dmarcDay.End().Add(time.Hour), Writer: "noreply@big.example", Proof: "spf", Org: "Big", ID: key, Domain: "ours.example",
		Begin: dmarcDay.Begin(), End: dmarcDay.End(), Policy: "none", Version: "rfc7489", Messages: 7, Passed: 5, Sums: sums, Reporting: "big.example",
	}
}

func dmarcSums(t *testing.T, rows DMARCRows) {
	own := dmarcSum("gate.example", "192.0.2.0/24", 5)
	for range 2 {
		if err := rows.AddSeen(t.Context(), nil, []dmarc.Sum{own}); err != nil {
			t.Fatal(err)
		}
	}
	report := dmarcReceived("1", dmarcSum("big.example", "192.0.2.0/24", 4), dmarcSum("big.example", "2001:db8::/64", 3), dmarcSum("big.example", "", 30))
	rows.Put(t, report)
	got, err := rows.Totals(t.Context(), dmarcDay)
	want := []dmarc.Sum{
		{Domain: "ours.example", Reporter: "big.example", Messages: 37, Passed: 34, DKIM: 34, SPF: 31, Acted: 3},
		{Domain: "ours.example", Reporter: "gate.example", Messages: 10, Passed: 8, DKIM: 8, SPF: 6, Acted: 2},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if got, err := rows.Totals(t.Context(), "2026-11-25"); err != nil || got != nil {
		t.Errorf("of later days %+v, %v", got, err)
	}
	sources, err := rows.Sources(t.Context(), "ours.example", dmarcDay, 3)
	if err != nil || len(sources) != 3 || sources[0].Messages != 30 || sources[0].Network.IsValid() || sources[1].Reporter != "gate.example" || sources[2].Network.String() != "192.0.2.0/24" {
		t.Errorf("got %+v, %v", sources, err)
	}
	report.Sums = nil
	if got, err := rows.Reports(t.Context(), "ours.example", 10); err != nil || !reflect.DeepEqual(got, []dmarc.Received{report}) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, report)
	}
	if got, err := rows.Reports(t.Context(), "other.example", 10); err != nil || got != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

func dmarcTwice(t *testing.T, rows DMARCRows) {
	for _, key := range []string{"1", "1", "2"} {
		rows.Put(t, dmarcReceived(key, dmarcSum("big.example", "192.0.2.0/24", 4)))
	}
	got, err := rows.Totals(t.Context(), dmarcDay)
	if err != nil || len(got) != 1 || got[0].Messages != 8 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func dmarcMany(t *testing.T, rows DMARCRows) {
	for i := range 60 {
		rows.Put(t, dmarcReceived(fmt.Sprint(i), dmarcSum("big.example", "192.0.2.0/24", 1)))
	}
	got, err := rows.Totals(t.Context(), dmarcDay)
	if err != nil || len(got) != 1 || got[0].Messages != 48 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Whoever makes up networks fills no store: what is beyond the bound counts with all others,
// and what is known goes on to be counted.
func dmarcBounded(t *testing.T, rows DMARCRows) {
	for report := range 3 {
		var sums []dmarc.Sum
		for i := range 1000 {
			sums = append(sums, dmarcSum("big.example", "", 2))
			sums[i].Network = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(report*4 + i/250), byte(i % 250), 0}), 24)
		}
		rows.Put(t, dmarcReceived(fmt.Sprint(report), sums...))
	}
	rows.Put(t, dmarcReceived("again", dmarcSum("big.example", "10.0.0.0/24", 5)))
	got, err := rows.Sources(t.Context(), "ours.example", dmarcDay, 5000)
	if err != nil || len(got) != 2001 || got[0].Network.IsValid() || got[0].Messages != 2000 || got[1].Network.String() != "10.0.0.0/24" || got[1].Messages != 7 {
		t.Errorf("%d networks, the first %+v, %v", len(got), got[:min(len(got), 2)], err)
	}
}

func dmarcExpire(t *testing.T, rows DMARCRows) {
	rows.Put(t, dmarcReceived("1", dmarcSum("big.example", "192.0.2.0/24", 4), dmarcSum("big.example", "198.51.100.0/24", 4)))
	for _, c := range []struct {
		before      dmarc.Day
		limit, want int
	}{{dmarcDay, 10, 0}, {"2026-11-25", 1, 1}, {"2026-11-25", 10, 2}, {"2026-11-25", 10, 0}} {
		if n, err := rows.ExpireSums(t.Context(), c.before, c.limit); err != nil || n != c.want {
			t.Errorf("before %s, %d at most: %d gone, %v, want %d", c.before, c.limit, n, err, c.want)
		}
	}
}
