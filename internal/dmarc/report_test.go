package dmarc

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/daily"
	"gatepost/internal/mail"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// memory is Rows.
type memory struct {
	mu     sync.Mutex
	rows   map[Period]map[string]int64
	due    map[Period]time.Time
	sums   []Sum
	broken bool
}

func newMemory() *memory {
	return &memory{rows: map[Period]map[string]int64{}, due: map[Period]time.Time{}}
}

var errBroken = errors.New("disk on fire")

func (m *memory) AddSeen(_ context.Context, counts []Count, sums []Sum) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return errBroken
	}
	m.sums = append(m.sums, sums...)
	for _, c := range counts {
		if m.rows[c.Period] == nil {
			m.rows[c.Period], m.due[c.Period] = map[string]int64{}, c.Due
		}
		for _, r := range c.Rows {
			b, _ := json.Marshal(r.Row)
			m.rows[c.Period][string(b)] += r.Messages
		}
	}
	return nil
}

func (m *memory) SeenDomains(_ context.Context, day Day) (list []string, err error) {
	for p := range m.rows {
		if p.Day == day {
			list = append(list, p.Domain)
		}
	}
	return list, nil
}

func (m *memory) Claim(_ context.Context, now, until time.Time, n int) (list []daily.Claimed, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, due := range m.due {
		if !due.After(now) && len(list) < n {
			list = append(list, daily.Claimed{Period: p, Since: due})
			m.due[p] = until
		}
	}
	return list, nil
}

func (m *memory) Delay(_ context.Context, p Period, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.due[p] = until
	return nil
}

func (m *memory) Seen(_ context.Context, p Period, limit int) (list []RowCount, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for text, n := range m.rows[p] {
		c := RowCount{Messages: n}
		if err := json.Unmarshal([]byte(text), &c.Row); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b RowCount) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.Row.Source, b.Row.Source))
	})
	return list[:min(len(list), limit)], nil
}

func (m *memory) Drop(_ context.Context, p Period) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rows, p)
	delete(m.due, p)
	return nil
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func newTally(t *testing.T, rows Rows, now *time.Time) *Tally {
	t.Helper()
	tally, err := NewTally(t.Context(), TallyConfig{
		Rows: rows, Hostname: "gate.example", Ours: func(d string) bool { return d == "ours.example" }, Reports: true,
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return *now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return tally
}

// seenOf is a message in the name of a domain whose record asks for reports.
func seenOf(domain, source string, pass bool) Seen {
	record, _ := Parse("v=DMARC1; p=quarantine; rua=mailto:dmarc@" + domain)
	s := Seen{
		Time: noon, Source: netip.MustParseAddr(source), Disposition: Quarantine, EnvelopeFrom: "bounce." + domain,
		Verdict: Verdict{Author: domain, Domain: domain, Record: record, Policy: Quarantine, Asked: Quarantine},
		SPF:     SPFResult{Domain: "bounce." + domain, Result: "fail"},
		DKIM:    []DKIMResult{{Domain: domain, Selector: "key", Result: "fail", Human: "body hash did not\r\nverify <x>"}},
	}
	if pass {
		s.Verdict.Pass, s.Verdict.SPF, s.Disposition, s.SPF.Result = true, true, None, "pass"
	}
	return s
}

// What is counted survives a store that fails for a while, and a restart.
func TestTally(t *testing.T) {
	now, rows := noon, newMemory()
	tally := newTally(t, rows, &now)
	tally.Note(seenOf("a.example", "192.0.2.1", true))
	tally.Note(seenOf("ours.example", "192.0.2.1", false))
	rows.broken = true
	if err := tally.Flush(t.Context()); !errors.Is(err, errBroken) {
		t.Error(err)
	}
	tally.Note(seenOf("a.example", "192.0.2.1", true))
	tally.Note(seenOf("ours.example", "192.0.2.7", true))
	rows.broken = false
	for range 2 {
		if err := tally.Flush(t.Context()); err != nil {
			t.Error(err)
		}
	}
	tally = newTally(t, rows, &now)
	tally.Note(seenOf("a.example", "192.0.2.1", true))
	silent := seenOf("b.example", "192.0.2.1", true)
	silent.Verdict.Record.Reports = nil
	tally.Note(silent)
	now = now.Add(12 * time.Hour)
	tally.Note(seenOf("a.example", "192.0.2.1", true))
	tally.Flush(t.Context())
	for p, want := range map[Period]int64{{Day: "2026-11-24", Domain: "a.example"}: 3, {Day: "2026-11-25", Domain: "a.example"}: 1, {Day: "2026-11-24", Domain: "ours.example"}: 1, {Day: "2026-11-24", Domain: "b.example"}: 0} {
		list, _ := rows.Seen(t.Context(), p, 1)
		got := int64(0)
		if len(list) > 0 {
			got = list[0].Messages
		}
		if got != want {
			t.Errorf("%v: %d messages, want %d", p, got, want)
		}
	}
	want := Sum{Domain: "ours.example", Day: "2026-11-24", Reporter: "gate.example", Network: netip.MustParsePrefix("192.0.2.0/24"), Messages: 2, Passed: 1, SPF: 1, Acted: 1}
	if !slices.Equal(rows.sums, []Sum{want}) {
		t.Errorf("got %+v, want %+v", rows.sums, want)
	}
}

// However much strangers make of it, a day's counts are bounded.
func TestTallyBounded(t *testing.T) {
	now, rows := noon, newMemory()
	tally := newTally(t, rows, &now)
	for i := range maxRows + 10 {
		s := seenOf("a.example", "192.0.2.1", false)
		s.EnvelopeFrom = fmt.Sprint(i, ".example")
		tally.Note(s)
	}
	for i := range maxSums + 10 {
		tally.Note(seenOf("ours.example", fmt.Sprintf("10.%d.%d.1", i>>8, i&255), false))
	}
	for i := range maxOpen + 10 {
		tally.Note(seenOf(fmt.Sprint(i, ".example"), "192.0.2.1", false))
	}
	if len(tally.domains["a.example"]) != maxRows || len(tally.sums) != maxSums || len(tally.domains) > maxDomains || len(tally.open) > maxOpen {
		t.Errorf("%d rows, %d sums, %d domains, %d open", len(tally.domains["a.example"]), len(tally.sums), len(tally.domains), len(tally.open))
	}
}

// world sends reports, or does not.
type world struct {
	zone
	mu    sync.Mutex
	mails map[mail.Path][]byte
	fails map[mail.Path]bool
}

func (w *world) Send(_ context.Context, to mail.Path, message []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fails[to] {
		return errBroken
	}
	if w.mails == nil {
		w.mails = map[mail.Path][]byte{}
	}
	w.mails[to] = message
	return nil
}

// reported counts two messages for a domain, and has what is due reported.
func reported(t *testing.T, w *world, rows *memory, domain string, at time.Time) {
	t.Helper()
	now := noon
	tally := newTally(t, rows, &now)
	for _, s := range []Seen{seenOf(domain, "192.0.2.1", true), seenOf(domain, "192.0.2.1", true), seenOf(domain, "2001:db8::1", false)} {
		tally.Note(s)
	}
	if err := tally.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := newReporter(w, rows, at).Report(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func newReporter(w *world, rows Rows, at time.Time) *Reporter {
	return NewReporter(Config{
		Rows: rows, Resolver: w, Sender: w, Hostname: "gate.example", Organization: "Gate & Co", From: "postmaster@gate.example",
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return at },
	})
}

// Reports go where a domain's record says, to others only if those agree, and are tried
// again where nobody could be asked or reached.
func TestReport(t *testing.T) {
	const record = "_dmarc.a.example v=DMARC1; p=none; rua=mailto:"
	evening := Day("2026-11-24").End().Add(spread)
	for name, c := range map[string]struct {
		zone  string
		fails string
		want  string // who has it
		left  bool   // it is tried again
	}{
		"own domain":                      {record + "dmarc@a.example", "", "dmarc@a.example", false},
		"own organisation":                {record + "dmarc@rep.a.example", "", "dmarc@rep.a.example", false},
		"two addresses":                   {record + "x@a.example,mailto:y@a.example", "", "x@a.example y@a.example", false},
		"elsewhere, not agreed":           {record + "dmarc@b.example", "", "", false},
		"elsewhere, agreed":               {record + "dmarc@b.example\na.example._report._dmarc.b.example v=DMARC1", "", "dmarc@b.example", false},
		"elsewhere, something else there": {record + "dmarc@b.example\na.example._report._dmarc.b.example v=spf1", "", "", false},
		"elsewhere, another address":      {record + "dmarc@b.example\na.example._report._dmarc.b.example v=DMARC1; rua=mailto:all@b.example", "", "all@b.example", false},
		"elsewhere, passed on":            {record + "dmarc@b.example\na.example._report._dmarc.b.example v=DMARC1; rua=mailto:all@c.example", "", "", false},
		"elsewhere, no answer":            {record + "dmarc@b.example\n!a.example._report._dmarc.b.example", "", "", true},
		"one of two has no answer":        {record + "x@a.example,mailto:dmarc@b.example\n!a.example._report._dmarc.b.example", "", "x@a.example", false},
		"record gone":                     {"", "", "", false},
		"no answer":                       {"!_dmarc.a.example", "", "", true},
		"not taken":                       {record + "x@a.example", "x@a.example", "", true},
		"one of two not taken":            {record + "x@a.example,mailto:y@a.example", "x@a.example", "y@a.example", false},
		"too large for one":               {record + "x@a.example!1k,mailto:y@a.example!1m", "", "y@a.example", false},
	} {
		w, rows := &world{zone: zone{text: c.zone}, fails: map[mail.Path]bool{mail.Path(c.fails): true}}, newMemory()
		reported(t, w, rows, "a.example", evening)
		got := ""
		for _, to := range slices.Sorted(maps.Keys(w.mails)) {
			got += string(to) + " "
		}
		if strings.TrimSpace(got) != c.want || (len(rows.rows) > 0) != c.left {
			t.Errorf("%s: sent to %q with %d left, want %q, left %v", name, got, len(rows.rows), c.want, c.left)
		}
	}
	w, rows := &world{zone: zone{text: record + "dmarc@a.example"}, fails: map[mail.Path]bool{"dmarc@a.example": true}}, newMemory()
	reported(t, w, rows, "a.example", evening)
	p := Period{Day: "2026-11-24", Domain: "a.example"}
	if due := rows.due[p]; due.Before(evening.Add(daily.ClaimTime)) {
		t.Errorf("tried again at %v", due)
	}
	if err := newReporter(w, rows, evening.Add(daily.TryTime+daily.ClaimTime+time.Hour)).Report(t.Context()); err != nil || len(rows.rows) > 0 {
		t.Errorf("after a day: %v, %d left", err, len(rows.rows))
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

// The report is RFC 9990's XML, its message carries it whole, and we read it as we wrote it.
func TestMessage(t *testing.T) {
	w, rows := &world{zone: zone{text: "_dmarc.a.example v=DMARC1; p=quarantine; sp=none; t=y; fo=1; adkim=s; rua=mailto:dmarc@a.example"}}, newMemory()
	reported(t, w, rows, "a.example", Day("2026-11-24").End().Add(spread))
	raw := w.mails["dmarc@a.example"]
	m := mail.NewMessage(raw)
	if !IsReport(m) || IsReport(mail.NewMessage([]byte("Subject: Report Domain: x\r\n\r\nhello\r\n"))) {
		t.Error("reports are not told from others")
	}
	var names, kinds string
	var text []byte
	for p := range m.Root().All() {
		kinds += p.Type + "/" + p.Subtype + " "
		if p.Is("application/gzip") {
			names = p.Filename
			z, err := gzip.NewReader(m.Decoded(p))
			if err != nil {
				t.Fatal(err)
			}
			if text, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
	}
	golden(t, "report.xml", text)
	if kinds != "multipart/mixed text/plain application/gzip " || !strings.HasPrefix(names, "gate.example!a.example!1795478400!1795564799!") || !strings.HasSuffix(names, ".xml.gz") {
		t.Errorf("%s %s", kinds, names)
	}
	h := m.Header()
	id := strings.TrimSuffix(h.Get("Subject")[strings.Index(h.Get("Subject"), "<")+1:], ">")
	if want := "Report Domain: a.example Submitter: gate.example Report-ID: <" + id + ">"; h.Get("Subject") != want || h.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("%q, want %q", h.Get("Subject"), want)
	}
	for line := range strings.Lines(string(raw)) {
		if !strings.HasSuffix(line, "\r\n") || len(line) > 200 {
			t.Errorf("line %q", line)
		}
	}
	got, ok := Read(m)
	if !ok || got.ID != id || got.Version != "rfc9990" || got.Org != "Gate & Co" || got.Domain != "a.example" || got.Policy != "quarantine" || got.Messages != 3 || got.Passed != 2 || got.Cut || len(got.Sums) != 2 {
		t.Errorf("read %+v", got)
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v\ngot\n%s\nwant\n%s", err, got, want)
	}
}

// old is a report as large providers send them, of RFC 7489.
const old = `<?xml version="1.0" encoding="ISO-8859-1" ?>
<feedback>
  <report_metadata><org_name>Big & S` + "\xf6" + `ns</org_name><email>noreply@big.example</email>
    <report_id>5717107811868587391</report_id><date_range><begin>1706832000</begin><end>1706918399</end></date_range></report_metadata>
  <policy_published><domain>Ours.Example</domain><adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp><pct>100</pct></policy_published>
  <record><row><source_ip>192.0.2.1</source_ip><count>3</count><policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>
    <identifiers><header_from>ours.example</header_from></identifiers><auth_results/></record>
  <record><row><source_ip>192.0.2.9</source_ip><count>2</count><policy_evaluated><disposition>Quarantine</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row></record>
  <record><row><source_ip>2001:DB8::1</source_ip><count>1</count><policy_evaluated><dkim>fail</dkim><spf>pass</spf></policy_evaluated></row></record>
  <record><row><source_ip>nowhere</source_ip><count>5</count></row></record>
  <record><row><source_ip>192.0.2.1</source_ip><count>-5</count></row></record>
  <record><row><source_ip>192.0.2.1</source_ip><count>many</count></row></record>
</feedback>`

func (r Received) describe() string {
	s := fmt.Sprintf("%s %s %s %d/%d %s-%s", r.Domain, r.Policy, r.ID, r.Passed, r.Messages, DayOf(r.Begin), DayOf(r.End))
	for _, sum := range r.Sums {
		s += fmt.Sprintf("; %v %d %d %d %d %d", sum.Network, sum.Messages, sum.Passed, sum.DKIM, sum.SPF, sum.Acted)
	}
	if r.Cut {
		s += "; cut"
	}
	return s
}

func zipped(files ...string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, _ := w.Create(files[i])
		io.WriteString(f, files[i+1])
	}
	w.Close()
	return b.Bytes()
}

func gzipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.Bytes()
}

// attached is a message with something attached.
func attached(kind, name string, content []byte) *mail.Message {
	return mail.NewMessage([]byte("Subject: Report domain: ours.example\r\nMIME-Version: 1.0\r\nContent-Type: " + kind + "; name=\"" + name + "\"\r\n" +
		"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"" + name + "\"\r\n\r\n" + base64.StdEncoding.EncodeToString(content) + "\r\n"))
}

func TestRead(t *testing.T) {
	const want = "ours.example none 5717107811868587391 4/11 2024-02-02-2024-02-02; 192.0.2.0/24 5 3 3 0 2; 2001:db8::/64 1 1 0 1 0; invalid Prefix 5 0 0 0 0"
	empty := strings.Repeat(" ", 4*maxElement)
	records := func(n int, text string) string {
		head, _, _ := strings.Cut(old, "  <record>")
		return head + strings.Repeat(text, n) + "</feedback>"
	}
	one := func(ip string) string {
		return "<record><row><source_ip>" + ip + "</source_ip><count>1</count></row></record>"
	}
	var many strings.Builder
	for i := range maxSources + 10 {
		many.WriteString(one(fmt.Sprintf("10.%d.%d.1", i>>8, i&255)))
	}
	for name, c := range map[string]struct {
		m    *mail.Message
		want string
	}{
		"zip":                     {attached("application/zip", "big!ours.zip", zipped("big.xml", old)), want},
		"zip with something else": {attached("application/zip", "big!ours.zip", zipped("readme.txt", "x", "BIG.XML", old)), want},
		"gzip":                    {attached("application/gzip", "big!ours.xml.gz", gzipped(old)), want},
		"gzip that is called zip": {attached("application/zip", "big!ours.zip", gzipped(old)), want},
		"of no type":              {attached("application/octet-stream", "big!ours.xml.gz", gzipped(old)), want},
		"plain":                   {attached("text/xml", "big.xml", []byte(old)), want},
		"ends in the middle":      {attached("text/xml", "big.xml", []byte(old[:strings.Index(old, "  <record><row><source_ip>192.0.2.9")+30])), "ours.example none 5717107811868587391 3/3 2024-02-02-2024-02-02; 192.0.2.0/24 3 3 3 0 0; cut"},
		"gzip that is cut":        {attached("application/gzip", "x.gz", gzipped(old)[:200]), "none"},
		"another document":        {attached("text/xml", "x.xml", []byte("<html><body/></html>")), "none"},
		"no text":                 {attached("text/xml", "x.xml", nil), "none"},
		"not attached":            {mail.NewMessage([]byte("Subject: x\r\n\r\n" + old)), "none"},
		"no domain":               {attached("text/xml", "x.xml", []byte(strings.ReplaceAll(old, "Ours.Example", "[192.0.2.1]"))), "none"},
		"no time":                 {attached("text/xml", "x.xml", []byte(strings.ReplaceAll(old, "1706832000", "0"))), "none"},
		"no records":              {attached("text/xml", "x.xml", []byte(records(0, ""))), "none"},
		"gzip bomb":               {attached("application/gzip", "x.gz", gzipped(empty+empty+empty)), "none"},
		"bomb behind records":     {attached("application/gzip", "x.gz", gzipped(records(1, one("192.0.2.1")+empty+empty))), "ours.example none 5717107811868587391 0/1 2024-02-02-2024-02-02; 192.0.2.0/24 1 0 0 0 0; cut"},
		"zip bomb":                {attached("application/zip", "x.zip", zipped("x.xml", empty+empty)), "none"},
		"one large element":       {attached("application/gzip", "x.gz", gzipped(records(1, one("192.0.2.1")+"<record>"+strings.Repeat("<a/>", maxElement)+"</record>"))), "ours.example none 5717107811868587391 0/1 2024-02-02-2024-02-02; 192.0.2.0/24 1 0 0 0 0; cut"},
		"entities":                {attached("text/xml", "x.xml", []byte(`<!DOCTYPE f [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>`+strings.ReplaceAll(old, "Big &", "&b;"))), strings.Replace(want, "x", "x", 1)},
		"huge counts":             {attached("text/xml", "x.xml", []byte(records(1, strings.Replace(one("192.0.2.1"), ">1<", ">9999999999999999999<", 1)+one("192.0.2.1")))), "ours.example none 5717107811868587391 0/1 2024-02-02-2024-02-02; 192.0.2.0/24 1 0 0 0 0"},
	} {
		got := "none"
		if r, ok := Read(c.m); ok {
			got = r.describe()
		}
		if got != c.want {
			t.Errorf("%s: got %s\nwant %s", name, got, c.want)
		}
	}
	r, ok := Read(attached("application/gzip", "x.gz", gzipped(records(1, many.String()))))
	if !ok || len(r.Sums) != maxSources+1 || r.Messages != maxSources+10 {
		t.Errorf("%d networks, %d messages", len(r.Sums), r.Messages)
	}
}

func FuzzReadXML(f *testing.F) {
	f.Add(old)
	f.Add(`<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0"><record><row/></record><extension><x/></extension></feedback>`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ReadXML(strings.NewReader(text))
		if err != nil {
			return
		}
		if r.Domain == "" || r.ID == "" || r.Messages < r.Passed || len(r.Sums) == 0 || len(r.Sums) > maxSources+1 || strings.ContainsAny(r.Org+r.ID+r.Policy, "\r\n") {
			t.Errorf("%q: %+v", text, r)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add(zipped("x.xml", old))
	f.Add(gzipped(old))
	f.Fuzz(func(t *testing.T, packed []byte) { ReadXML(unpack(bytes.NewReader(packed))) })
}
