package filters

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"

	"gatepost/internal/fingerprint"
	"gatepost/internal/mail"
	"gatepost/internal/resolve"
	"gatepost/internal/resolve/resolvetest"
	"gatepost/internal/traffic"
	"gatepost/pipeline"
)

// TestGolden runs testdata/FILTER/CASE.txtar: a new case is a new file, with the sections
//
//	case      client, local (where it reached us), helo, from, to, login, stage (default
//	          data; up to mail: in the gate); smtputf8, users, early, pipelined, unknown, owned;
//	          settings of the entry; what filters with memory remember; above (entries that
//	          stand above it); now (seconds since 1970, for signatures that bear a date)
//	traffic   what went before, one kind a line, all of the case's client: N connections
//	          (which stay open) | messages | known | unknown | good | bad, or later DURATION
//	zone      DNS, as resolvetest reads it
//	lists     one entry a line: id allow|block client|sender|author VALUE SCOPE,
//	          id allow|block from ADDRESS,NETWORK SCOPE, or id block trap|fraud VALUE global
//	bans      one a line: NETWORK CAUSE
//	complaints  who is complained of, one a line: client|sender|domain NAME
//	trust     who is trusted: RECIPIENT SENDER WEIGHT WORDS DAYS a line; or "away"
//	sent      Message-IDs that were sent, one a line; or "away"
//	engines   what engines elsewhere say; see parseEngines
//	files     what is known of attachments; see parseFiles
//	taught    a message that was taught as spam, after a line that says by what: SOURCE PEOPLE
//	          CLIENT, or "-" for the case's own message
//	seen      to whom the case's message came before: N organisations|signers a line
//	NAME      a file, or a pack, that the settings name
//	bayes     what it says: SCORE SPAM HAM earned|unearned|untrained, then its reasons, WEIGHT FEATURE a line
//	document  a confidential one: its domain in a line, then its text
//	message   as it comes, lines ended by LF here
//	want      what was found (written by -update; read it before you believe it)
//
// What comes before the first section says what the case shows.
func TestGolden(t *testing.T) {
	kinds := map[string]pipeline.Kind{}
	for _, k := range Catalog(Deps{}) {
		kinds[k.Name] = k
	}
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	covered := map[string]bool{}
	for _, path := range files {
		name := filepath.Base(filepath.Dir(path))
		covered[name] = true
		t.Run(strings.TrimSuffix(strings.TrimPrefix(path, "testdata/"), ".txtar"), func(t *testing.T) { t.Parallel(); runCase(t, name, path) })
	}
	for name := range kinds {
		if !covered[name] {
			t.Errorf("filter %s has no case", name)
		}
	}
}

type goldenCase struct {
	Client, Local, Helo, From, To, Login, Stage string
	Users, Early, Unknown, Owned, SMTPUTF8      bool
	Pipelined                                   string
	Settings                                    map[string]any
	Greylist                                    []string // what is remembered; see greylistRows.remember
	Timeout                                     time.Duration
	SignsFor                                    time.Duration // for how long the recipient's return paths have been signed
	Above                                       []aboveCase   // entries that stand above the filter
	Now                                         int64         // 0: goldenTime
}

// An aboveCase is an entry above the one that a case is about.
type aboveCase struct {
	Filter   string
	Settings map[string]any
}

// deps is what stands behind a case's filter.
func (c goldenCase) deps(t *testing.T, resolver Resolver, section func(string) string, lists *fakeLists, learnt *fakeLearnt) Deps {
	remembered := newGreylistRows()
	d := Deps{
		Resolver:   resolver,
		Hostname:   "mx.example.net",
		Banned:     parseBans(t, section("bans"), lists),
		Greylist:   remembered.filled(t, c.Greylist),
		Trust:      learnt,
		Ledger:     learnt,
		Signed:     learnt.signer,
		Forwarded:  learnt.forward,
		Complaints: parseComplaints(section("complaints")),
		Packs:      fakePacks(section),
		Country:    func(netip.Addr) string { return "FR" },
		Engines:    parseEngines(t, section("engines")),
	}
	if c.SignsFor > 0 {
		d.Signs = func(mail.Path) time.Time { return goldenTime().Add(-c.SignsFor) }
	}
	if files := section("files"); files != "" {
		d.Learnt, d.Outbreak = parseFiles(t, files)
	}
	if len(c.Greylist) > 0 {
		d.Trust = remembered
	}
	if memory := parseTaught(t, section); memory != nil {
		d.Learnt, d.Texts = memory, memory
	}
	d.Bulk, d.Bayes = parseSeen(t, section), parseBayes(t, section("bayes"))
	if domain, text, _ := strings.Cut(section("document"), "\n"); text != "" {
		memory := &fingerprint.Memory{}
		memory.Set([]fingerprint.Document{fingerprint.Of(domain, "plan", text)})
		d.Documents = memory
	}
	return d
}

func runCase(t *testing.T, name, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	section := func(name string) string {
		for _, f := range archive.Files {
			if f.Name == name {
				return string(f.Data)
			}
		}
		return ""
	}
	c := goldenCase{Client: "192.0.2.7", Local: "192.0.2.25", Helo: "mail.example.org", From: "ann@example.org", To: "bob@example.net", Stage: "data"}
	d := yaml.NewDecoder(strings.NewReader(section("case")))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil && section("case") != "" {
		t.Fatal(err)
	}
	if c.From == "<>" {
		c.From = ""
	}
	lists := parseLists(t, section("lists"))
	learnt, past := parseLearnt(t, section("trust"), section("sent")), newPast(t, c, section("traffic"))
	got := describeFinding(c.walk(t, name, section, lists, learnt, past), lists) + learnt.described() + past.bans.String()
	if *update {
		setSection(archive, "want", got)
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := section("want"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func setSection(a *txtar.Archive, name, text string) {
	i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == name })
	if i < 0 {
		i = len(a.Files)
		a.Files = append(a.Files, txtar.File{Name: name})
	}
	a.Files[i].Data = []byte(text)
}

// walk sends the case through a policy of one entry.
func (c goldenCase) walk(t *testing.T, filter string, section func(string) string, lists *fakeLists, learnt *fakeLearnt, past *past) *pipeline.Walk {
	server, err := resolvetest.Serve(section("zone"))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	resolver, err := resolve.New(resolve.Config{Servers: []string{server.Addr}, Timeout: 700 * time.Millisecond, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer resolver.Close()
	spec := pipeline.Spec{Name: "case", Entries: []pipeline.EntrySpec{{Filter: filter, Settings: c.Settings, Timeout: c.Timeout}}}
	for _, a := range slices.Backward(c.Above) {
		spec.Entries = slices.Insert(spec.Entries, 0, pipeline.EntrySpec{Filter: a.Filter, Settings: a.Settings})
	}
	deps := c.deps(t, resolver, section, lists, learnt)
	deps.Traffic, deps.Banner = past.Traffic, past
	catalog := Catalog(deps)
	policies, problems := pipeline.Compile(catalog, []pipeline.Spec{spec})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if c.Stage != "data" && c.Stage != "rcpt" {
		return c.walkGate(t, past.Arrived, catalog, spec)
	}
	now := goldenTime()
	if c.Now != 0 {
		now = time.Unix(c.Now, 0)
	}
	tx := pipeline.NewTransaction(t.Context(), "id", now, c.client(t), lists)
	defer tx.Close()
	tx = tx.WithHelo(c.client(t)).WithMail(mail.Path(c.From), mail.Params{SMTPUTF8: c.SMTPUTF8}).WithRcpt()
	walk := pipeline.NewWalk(policies["case"], mail.Path(c.To), true)
	if c.Unknown {
		walk = pipeline.NewUnknownWalk(policies["case"], mail.Path(c.To), true)
	}
	walk.Owned = c.Owned
	advance(t, walk, tx)
	if c.Stage == "data" {
		content := []byte(strings.ReplaceAll(section("message"), "\n", "\r\n"))
		tx = tx.WithData([]mail.Path{mail.Path(c.To)}, mail.NewMessage(content))
		advance(t, walk, tx)
	}
	walk.Release(tx)
	return walk
}

// walkGate sends the case through a gate of one entry, up to its stage.
func (c goldenCase) walkGate(t *testing.T, arrived func(netip.Addr) (int, func()), catalog []pipeline.Kind, spec pipeline.Spec) *pipeline.Walk {
	gate, problems := pipeline.CompileGate(catalog, spec)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	tx := pipeline.NewTransaction(t.Context(), "id", time.Unix(1_700_000_000, 0), c.client(t), nil)
	defer tx.Close()
	open, left := arrived(tx.Client.Addr)
	tx.Open = open
	tx.AtClose(left)
	walk := pipeline.NewWalk(gate, mail.Null, true)
	advance(t, walk, tx)
	if c.Stage != "connect" {
		tx = tx.WithHelo(c.client(t))
		advance(t, walk, tx)
	}
	if c.Stage == "mail" {
		advance(t, walk, tx.WithMail(mail.Path(c.From), mail.Params{SMTPUTF8: c.SMTPUTF8}))
	}
	return walk
}

// A past is what went before a case, and what follows for its client. It is a Banner.
type past struct {
	*traffic.Traffic
	now  time.Time
	bans strings.Builder
}

func newPast(t *testing.T, c goldenCase, text string) *past {
	p := &past{now: time.Unix(1_700_000_000, 0)}
	p.Traffic = traffic.New(traffic.Config{Now: func() time.Time { return p.now }, Hash: sameHash})
	addr, sender := c.client(t).Addr, mail.Path(c.From)
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 2 && f[0] == "later" {
			d, err := time.ParseDuration(f[1])
			if err != nil {
				t.Fatal(err)
			}
			p.now = p.now.Add(d)
			continue
		}
		n := 0
		if _, err := fmt.Sscan(f[0], &n); err != nil || len(f) != 2 {
			t.Fatalf("traffic %q", line)
		}
		for i := range n {
			switch f[1] {
			case "connections":
				p.Connected(addr)
				p.Arrived(addr)
			case "messages":
				p.Sent(addr, sender)
			case "known", "unknown":
				p.Tried(addr, mail.Path(fmt.Sprintf("u%d@example.net", i)), f[1] == "unknown")
			case "good", "bad":
				p.Took(addr, f[1] == "good")
			default:
				t.Fatalf("traffic %q", line)
			}
		}
	}
	return p
}

// sameHash is a hash that is the same in each run.
func sameHash(s string) uint64 {
	sum := sha256.Sum256([]byte(s))
	return binary.BigEndian.Uint64(sum[:])
}

// Impose implements Banner.
func (p *past) Impose(_ context.Context, client netip.Addr, cause, note string) error {
	fmt.Fprintf(&p.bans, "ban: %s %s: %s\n", client, cause, note)
	return nil
}

// An earful is a mail.Ear that has heard, or has not.
type earful bool

func (e earful) Early(context.Context, time.Duration) (bool, error) { return bool(e), nil }

func advance(t *testing.T, w *pipeline.Walk, tx *pipeline.Transaction) {
	if err := w.Advance(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
}

func (c goldenCase) client(t *testing.T) mail.Client {
	addr, err := netip.ParseAddr(c.Client)
	if err != nil {
		t.Fatal(err)
	}
	local, err := netip.ParseAddr(c.Local)
	if err != nil {
		t.Fatal(err)
	}
	return mail.Client{Addr: addr, Local: netip.AddrPortFrom(local, 25), Helo: c.Helo, Login: mail.Path(c.Login), Users: c.Users, Pipelined: c.Pipelined, Ear: earful(c.Early)}
}

func describeFinding(w *pipeline.Walk, lists *fakeLists) string {
	var b bytes.Buffer
	if len(w.Steps) == 0 {
		b.WriteString("waits\n")
	}
	for _, s := range w.Steps {
		fmt.Fprintf(&b, "result: %s -> %s\n", s.Finding.Result, s.Effect)
		if s.Finding.Score != 0 {
			fmt.Fprintf(&b, "score: %g\n", s.Finding.Score)
		}
		if s.Finding.Reason != "" {
			fmt.Fprintf(&b, "reason: %s\n", s.Finding.Reason)
		}
		for _, e := range s.Finding.Evidence {
			fmt.Fprintf(&b, "evidence: %s: %q\n", e.Key, e.Value)
		}
		if len(s.Finding.Auth) > 0 {
			fmt.Fprintf(&b, "auth: %s\n", pipeline.AuthenticationResults("mx.test", s.Finding.Auth))
		}
	}
	for _, id := range lists.hits {
		fmt.Fprintf(&b, "hit: %d\n", id)
	}
	return b.String()
}

// fakeLists are lists as a case writes them: an entry holds for every recipient in
// its scope, and a value matches as it stands, or as a domain.
type fakeLists struct {
	entries []fakeEntry
	hits    []int64
}

type fakeEntry struct {
	about string
	pipeline.Listing
}

func parseLists(t *testing.T, text string) *fakeLists {
	l := &fakeLists{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 5 {
			t.Fatalf("list entry %q", line)
		}
		e := fakeEntry{about: words[2], Listing: pipeline.Listing{Allow: words[1] == "allow", Value: words[3], Scope: words[4]}}
		if _, err := fmt.Sscan(words[0], &e.ID); err != nil {
			t.Fatalf("list entry %q: %v", line, err)
		}
		l.entries = append(l.entries, e)
	}
	return l
}

// Find implements pipeline.Lists.
func (l *fakeLists) Find(s pipeline.Subject, rcpt mail.Path) (best pipeline.Listing, ok bool) {
	rank := func(e pipeline.Listing) int {
		r := map[bool]int{true: 1}[e.Allow]
		if e.Scope != "global" {
			r += 2 + 2*strings.Count(e.Scope, "@")
		}
		return r
	}
	about := ""
	for _, e := range l.entries {
		if e.matches(s) && e.covers(rcpt) && (!ok || rank(e.Listing) > rank(best)) {
			best, ok, about = e.Listing, true, e.about
		}
	}
	if s.Client.IsValid() && about == "sender" && best.Allow { // is not the question
		from := slices.DeleteFunc(slices.Clone(l.entries), func(e fakeEntry) bool { return e.about != "from" || !e.Allow })
		return (&fakeLists{entries: from}).Find(s, rcpt)
	}
	return best, ok
}

func (e fakeEntry) covers(rcpt mail.Path) bool {
	return e.Scope == "global" || e.Scope == string(rcpt) || e.Scope == rcpt.Domain()
}

func (e fakeEntry) matches(s pipeline.Subject) bool {
	var p mail.Path
	switch e.about {
	case "client":
		if s.Sender != "" {
			return false
		}
		n, err := netip.ParsePrefix(e.Value)
		return err == nil && n.Contains(s.Client)
	case "from":
		address, network, _ := strings.Cut(e.Value, ",")
		n, err := netip.ParsePrefix(network)
		return err == nil && n.Contains(s.Client) && address == string(s.Sender)
	case "sender":
		p = s.Sender
	case "author":
		p = s.Author
	case "trap":
		p = s.Trap
	case "fraud":
		p = s.Fraud
	}
	return p != "" && (e.Value == string(p) || e.Value == p.Domain())
}

// Authors implements pipeline.Lists.
func (l *fakeLists) Authors(allow bool, rcpt mail.Path) bool {
	return slices.ContainsFunc(l.entries, func(e fakeEntry) bool { return e.about == "author" && e.Allow == allow && e.covers(rcpt) })
}

// Frauds implements pipeline.Lists.
func (l *fakeLists) Frauds() bool {
	return slices.ContainsFunc(l.entries, func(e fakeEntry) bool { return e.about == "fraud" })
}

// Hit implements pipeline.Lists.
func (l *fakeLists) Hit(id int64) { l.hits = append(l.hits, id) }
