package test

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/resolve/resolvetest"
	"gatepost/test/machine"
)

// Each policy of these tests is one question to the pipeline.
const flowConfig = `
hostname: mx.test.example
default_policy: open
gate:
  - ip-block
policies:
  - {name: open, pipeline: []}
  - name: allow-above
    pipeline:
      - {filter: sender-allow, require_auth: false}
      - {filter: dnsbl, lists: [{zone: dnsbl.example}], on: {listed: reject}}
  - name: allow-below
    pipeline:
      - {filter: dnsbl, lists: [{zone: dnsbl.example}], on: {listed: reject}}
      - {filter: sender-allow, require_auth: false}
  - name: proven
    pipeline:
      - sender-allow
      - {filter: dnsbl, lists: [{zone: dnsbl.example}], on: {listed: reject}}
  - name: envelope-first
    pipeline:
      - sender-block
      - {filter: keywords, spam_from: 1, patterns: [{word: pest}], on: {spam: reject}}
  - name: content-first
    pipeline:
      - keywords
      - {filter: dnsbl, lists: [{zone: dnsbl.example}], on: {listed: reject 554 5.7.0 not today}}
  - name: refuse
    pipeline:
      - {filter: keywords, spam_from: 1, patterns: [{word: pest}], on: {spam: reject}}
  - name: defer
    pipeline:
      - {filter: keywords, spam_from: 1, patterns: [{word: pest}], on: {spam: defer}}
  - name: discard
    pipeline:
      - {filter: keywords, spam_from: 1, patterns: [{word: pest}], on: {spam: discard}}
  - name: spam
    pipeline:
      - {filter: keywords, spam_from: 1, patterns: [{word: pest}]}
  - name: junk
    pipeline:
      - {filter: keywords, spam_from: 1, patterns: [{word: pest}], on: {spam: junk}}
  - name: tag
    pipeline:
      - {filter: keywords, spam_from: 1, patterns: [{word: pest}], on: {spam: tag}}
  - name: hold
    pipeline:
      - {filter: keywords, spam_from: 1, patterns: [{word: pest}], on: {spam: quarantine}}
  - name: sum
    required_score: 5
    reject_score: 9
    pipeline:
      - {filter: keywords, patterns: [{word: pest, weight: 3}]}
      - {filter: keywords, name: more, patterns: [{word: plague, weight: 3}, {word: locusts, weight: 4}]}
  - name: shadow-entry
    pipeline:
      - {filter: keywords, spam_from: 1, patterns: [{word: pest}], on: {spam: reject}, shadow: true}
  - {name: watched, shadow: refuse, pipeline: []}
  - name: unsure
    pipeline:
      - {filter: spf, on: {temperror: defer}}
  - name: unmoved
    pipeline: [spf]
`

// The DNS of these tests: 203.0.113.66 is listed, sender.example sends from
// 192.0.2.7, and nobody can tell who sends for broken.example.
const flowZone = `
sender.example.             TXT "v=spf1 ip4:192.0.2.7 ip4:203.0.113.66 -all"
2.0.0.127.dnsbl.example.    A   127.0.0.2
66.113.0.203.dnsbl.example. A   127.0.0.2
!servfail *.broken.example.
!servfail broken.example.
`

const (
	goodClient   = "192.0.2.7"
	listedClient = "203.0.113.66"
	sender       = "eve@sender.example"
)

// serve starts a machine with a configuration and DNS of its own.
func serve(t *testing.T, config, zone string, sets ...string) *machine.Machine {
	t.Helper()
	m := prepare(t, config, zone, sets...)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	return m
}

// ends ends the tests, with all that they wait for, where this one is not over in half an hour.
func ends(t *testing.T) {
	watch := time.AfterFunc(30*time.Minute, func() {
		debug.SetTraceback("all")
		panic(t.Name() + " waits for ever")
	})
	t.Cleanup(func() { watch.Stop() })
}

// prepare is serve without the start. A configuration that says nothing of the gate has none.
func prepare(t *testing.T, config, zone string, sets ...string) *machine.Machine {
	t.Helper()
	dns, err := resolvetest.Serve(zone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dns.Close() })
	ends(t)
	m, err := machine.New(bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(config, "gate:") {
		config += "\ngate: []\n"
	}
	m.Config = filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(m.Config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	m.Sets = append([]string{"resolver.servers=" + dns.Addr, "proxy.trusted=" + proxy + "/32"}, sets...)
	if !slices.ContainsFunc(sets, func(s string) bool { return strings.HasPrefix(s, "store.") }) {
		copied(t, emptyFile, m)
	}
	t.Cleanup(func() {
		m.Kill()
		if t.Failed() {
			t.Logf("the program's log:\n%s", last(strings.Split(m.Output.String(), "\n"), 60))
		}
	})
	return m
}

// domain adds a domain with a mailbox for ann and returns her address.
func domain(t *testing.T, m *machine.Machine, name string, flags ...string) string {
	t.Helper()
	run(t, m, "", append([]string{"domain", "add", name}, flags...)...)
	run(t, m, password, "mailbox", "add", "ann@"+name, "--password-stdin")
	return "ann@" + name
}

// followed checks what the journal says of a transaction: "recipient state filter" each.
func followed(t *testing.T, m *machine.Machine, id string, want ...string) {
	t.Helper()
	got := states(asked[[]row](t, m, "journal", "search", "--id", id))
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("journal: got %q, want %q", got, want)
	}
}

var named = regexp.MustCompile(`\(([0-9a-v]{20})\)`)

// refusedID is the id that a refusal names.
func refusedID(t *testing.T, reply string) string {
	t.Helper()
	id := named.FindStringSubmatch(reply)
	if id == nil {
		t.Fatalf("reply %q names no id", reply)
	}
	return id[1]
}

func TestFlow(t *testing.T) {
	t.Parallel()
	m := serve(t, flowConfig, flowZone)
	for _, part := range []struct {
		name string
		test func(*testing.T, *machine.Machine)
	}{
		{"order is law", flowOrder},
		{"a refusal answers the stage that it needs", flowStage},
		{"recipients share one reply", flowReply},
		{"dispositions", flowDispositions},
		{"effects of their own", flowEffects},
		{"scores", flowScores},
		{"shadow", flowShadow},
		{"temperror", flowTemperror},
		{"recipients", flowRecipients},
		{"roles", flowRoles},
		{"header", flowHeader},
		{"changes are live", flowLive},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, m) })
	}
	if strings.Contains(m.Output.String(), "panic") {
		t.Error("something panicked")
	}
}

// An allow entry above a DNS list saves the mail, one below does not; and without
// require_auth: false only where the sender is proven.
func flowOrder(t *testing.T, m *machine.Machine) {
	above := domain(t, m, "above.example", "--policy", "allow-above")
	below := domain(t, m, "below.example", "--policy", "allow-below")
	proven := domain(t, m, "proven.example", "--policy", "proven")
	run(t, m, "", "list", "add", "allow", sender)
	run(t, m, "", "list", "add", "allow", "forged@unproven.example")
	for _, c := range []struct {
		name, client, from, to, want string
	}{
		{"allow above", listedClient, sender, above, "250"},
		{"allow below", listedClient, sender, below, "550 5.7.1"},
		{"a stranger", listedClient, "mallory@sender.example", above, "550 5.7.1"},
		{"not listed", goodClient, "mallory@sender.example", below, "250"},
		{"allowed and proven", listedClient, sender, proven, "250"},
		{"allowed and not proven", listedClient, "forged@unproven.example", proven, "250"}, // waits for DATA: a signature might
	} {
		t.Run(c.name, func(t *testing.T) {
			sent := mailFrom(t, m, c.client, c.from, note(c.name, "x"), c.to)
			if !strings.HasPrefix(sent.rcpt[0], c.want) {
				t.Errorf("RCPT got %q, want %s", sent.rcpt[0], c.want)
			}
			if c.name == "allowed and not proven" && !strings.HasPrefix(sent.data, "550 5.7.1") {
				t.Errorf("DATA got %q, want 550 5.7.1", sent.data)
			}
		})
	}
	got := withSubject(box(t, m, above, "INBOX"), "allow above")
	if len(got) != 1 || !strings.Contains(got[0], "\r\nX-Gatepost-Allowed: ") {
		t.Errorf("the saved message does not say why: %q", got)
	}
}

// What is refused before the content is needed answers RCPT; what stands below an
// entry that needs it answers DATA, even if it could be known before.
func flowStage(t *testing.T, m *machine.Machine) {
	first := domain(t, m, "envelope-first.example", "--policy", "envelope-first")
	second := domain(t, m, "content-first.example", "--policy", "content-first")

	run(t, m, "", "list", "add", "block", "203.0.113.99")
	conn := connectRaw(t, m, "203.0.113.99")
	if !strings.HasPrefix(conn, "554 5.7.1") {
		t.Errorf("the gate answered %q, want 554 5.7.1", conn)
	}

	sent := mailFrom(t, m, goodClient, sender, note("stage", "a pest"), first)
	if !strings.HasPrefix(sent.data, "550 5.7.1") {
		t.Errorf("DATA got %q, want 550 5.7.1", sent.data)
	}
	followed(t, m, refusedID(t, sent.data), first+" refused keywords")

	sent = mailFrom(t, m, listedClient, sender, note("stage", "x"), second)
	if !strings.HasPrefix(sent.rcpt[0], "250") || !strings.HasPrefix(sent.data, "554 5.7.0 not today") {
		t.Errorf("got %q, want 250 to RCPT and 554 5.7.0 not today to DATA", sent)
	}
	followed(t, m, refusedID(t, sent.data), second+" refused dnsbl")

	// One of two is refused at RCPT: the other one has the message.
	above := "ann@below.example"
	sent = mailFrom(t, m, listedClient, sender, note("half", "x"), above, first)
	if !strings.HasPrefix(sent.rcpt[0], "550 5.7.1") || !strings.HasPrefix(sent.rcpt[1], "250") {
		t.Errorf("RCPT got %q, want 550 and 250", sent.rcpt)
	}
	followed(t, m, sent.id(t), above+" refused dnsbl", first+" delivered")
}

// connectRaw returns the first line that a client is told.
func connectRaw(t *testing.T, m *machine.Machine, client string) string {
	t.Helper()
	p := dialProxy(t, m, client)
	return p.answer()
}

// SMTP has one reply for all recipients after DATA.
func flowReply(t *testing.T, m *machine.Machine) {
	open := domain(t, m, "open.example")
	no := domain(t, m, "refuse.example", "--policy", "refuse")
	run(t, m, password, "mailbox", "add", "bob@refuse.example", "--password-stdin")
	later := domain(t, m, "defer.example", "--policy", "defer")
	trap := domain(t, m, "discard.example", "--policy", "discard")
	for _, c := range []struct {
		name, want string
		to, states []string
		held       []string
	}{
		{"one refused among takers is held", "250 2.0.0", []string{open, no}, []string{open + " delivered", no + " held keywords"}, []string{no}},
		{"the same in the other order", "250 2.0.0", []string{no, open}, []string{open + " delivered", no + " held keywords"}, []string{no}},
		{"all refused", "550 5.7.1", []string{no, "bob@refuse.example"}, []string{no + " refused keywords", "bob@refuse.example refused keywords"}, nil},
		{"any deferred", "451 4.7.1", []string{open, no, later}, []string{open + " deferred", no + " deferred keywords", later + " deferred keywords"}, nil},
		{"discarded", "250 2.0.0", []string{trap}, []string{trap + " discarded keywords"}, nil},
		{"discarded and refused", "250 2.0.0", []string{trap, no}, []string{trap + " discarded keywords", no + " held keywords"}, []string{no}},
		{"discarded and deferred", "451 4.7.1", []string{trap, later}, []string{trap + " deferred keywords", later + " deferred keywords"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			sent := mailFrom(t, m, goodClient, sender, note(c.name, "a pest"), c.to...)
			if !strings.HasPrefix(sent.data, c.want) {
				t.Fatalf("DATA got %q, want %s", sent.data, c.want)
			}
			var held []string
			for _, r := range asked[[]row](t, m, "quarantine", "list", "--subject", c.name) {
				held = append(held, r.Recipient)
			}
			if !slices.Equal(held, c.held) {
				t.Errorf("quarantine: got %q, want %q", held, c.held)
			}
			if n, want := len(withSubject(box(t, m, open, "INBOX"), c.name)), btoi(slices.Contains(c.states, open+" delivered")); n != want {
				t.Errorf("the inbox has it %d times, want %d", n, want)
			}
			id := strings.TrimPrefix(sent.data, "250 2.0.0 accepted ")
			if !strings.HasPrefix(sent.data, "250") {
				id = refusedID(t, sent.data)
			}
			followed(t, m, id, c.states...)
		})
	}
	for _, user := range []string{no, later, trap, "bob@refuse.example"} {
		if got := box(t, m, user, "INBOX"); len(got) > 0 {
			t.Errorf("%s has %d messages, want none", user, len(got))
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A domain chooses what becomes of spam.
func flowDispositions(t *testing.T, m *machine.Machine) {
	for disposition, folder := range map[string]string{"quarantine": "", "junk": "Junk", "tag": "INBOX"} {
		t.Run(disposition, func(t *testing.T) {
			ann := domain(t, m, disposition+".example", "--policy", "spam", "--disposition", disposition)
			checkSpam(t, m, ann, folder, disposition == "tag")
		})
	}
	t.Run("quarantine is the default", func(t *testing.T) {
		checkSpam(t, m, domain(t, m, "undecided.example", "--policy", "spam"), "", false)
	})
}

// checkSpam sends spam and looks for it in the one place where it belongs: a
// folder, or quarantine where folder is "".
func checkSpam(t *testing.T, m *machine.Machine, ann, folder string, tagged bool) {
	t.Helper()
	sent := mailFrom(t, m, goodClient, sender, note("offer", "a pest"), ann)
	state := map[string]string{"": "held", "Junk": "junked", "INBOX": "tagged"}[folder]
	followed(t, m, sent.id(t), ann+" "+state+" keywords")
	subject := "offer"
	if tagged {
		subject = "SPAM: offer"
	}
	for _, name := range []string{"INBOX", "Junk"} {
		found := withSubject(box(t, m, ann, name), subject)
		if len(found) != btoi(name == folder) {
			t.Errorf("%s has the message %d times, want %d", name, len(found), btoi(name == folder))
		}
		for _, text := range found {
			if !strings.Contains(text, "\r\nX-Spam-Flag: YES\r\n") || !strings.HasSuffix(text, "\r\n\r\na pest\r\n") {
				t.Errorf("served as\n%s", text)
			}
		}
	}
	held := asked[[]row](t, m, "quarantine", "list", "--recipient", ann)
	if len(held) != btoi(folder == "") {
		t.Fatalf("quarantine has the message %d times, want %d", len(held), btoi(folder == ""))
	}
	if folder == "" && (held[0].Subject != "offer" || held[0].Sender != sender || held[0].Filter != "keywords" || held[0].State != "held" || held[0].Reason == "" || held[0].Time.IsZero()) {
		t.Errorf("held as %+v", held[0])
	}
}

// junk, tag and quarantine as effects hold whatever the disposition.
func flowEffects(t *testing.T, m *machine.Machine) {
	checkSpam(t, m, domain(t, m, "effect-junk.example", "--policy", "junk", "--disposition", "tag"), "Junk", false)
	checkSpam(t, m, domain(t, m, "effect-tag.example", "--policy", "tag", "--disposition", "junk"), "INBOX", true)
	checkSpam(t, m, domain(t, m, "effect-hold.example", "--policy", "hold", "--disposition", "tag"), "", false)
}

// The scores of a walk are summed.
func flowScores(t *testing.T, m *machine.Machine) {
	ann := domain(t, m, "sum.example", "--policy", "sum")
	for text, want := range map[string]string{
		"nothing": "delivered", "a pest": "delivered", "pest and plague": "held score", "pest, plague and locusts": "refused score",
	} {
		sent := mailFrom(t, m, goodClient, sender, note(text, text), ann)
		got := states(asked[[]row](t, m, "journal", "search", "--subject", text, "--recipient", ann))
		if len(got) != 1 || got[0] != ann+" "+want {
			t.Errorf("%s: got %q (%s), want %s", text, got, sent.data, want)
		}
		if refused := strings.HasPrefix(sent.data, "550 5.7.1"); refused != (want == "refused score") {
			t.Errorf("%s: DATA got %q", text, sent.data)
		}
	}
	got := withSubject(box(t, m, ann, "INBOX"), "a pest")
	if len(got) != 1 || !strings.Contains(got[0], "\r\nX-Spam-Status: No, score=3.0 required=5.0 tests=keywords: 3\r\n") {
		t.Errorf("the scored message is served as %q", got)
	}
}

// Nothing follows from a shadow entry or a shadow policy; the journal shows both.
func flowShadow(t *testing.T, m *machine.Machine) {
	for name, check := range map[string]func(detail) bool{
		"shadow-entry": func(d detail) bool {
			return len(d.Walks) == 1 && d.Walks[0].Outcome == "delivered" && len(d.Walks[0].Steps) == 1 &&
				d.Walks[0].Steps[0].Shadow && d.Walks[0].Steps[0].Result == "spam" && d.Walks[0].Steps[0].Effect == "reject"
		},
		"watched": func(d detail) bool {
			return len(d.Walks) == 2 && !d.Walks[0].Shadow && d.Walks[0].Action == "none" && d.Walks[0].Outcome == "delivered" &&
				d.Walks[1].Shadow && d.Walks[1].Policy == "refuse" && d.Walks[1].Action == "reject" && d.Walks[1].Outcome == ""
		},
	} {
		ann := domain(t, m, name+".example", "--policy", name)
		sent := mailFrom(t, m, goodClient, sender, note("shadow", "a pest"), ann)
		d := asked[detail](t, m, "journal", "show", sent.id(t))
		d.Walks = slices.DeleteFunc(d.Walks, func(w walk) bool { return w.Recipient == "" }) // the gate's
		if !check(d) {
			t.Errorf("%s: the journal has %+v", name, d.Walks)
		}
		got := withSubject(box(t, m, ann, "INBOX"), "shadow")
		if len(got) != 1 || strings.Contains(got[0], "X-Spam-Flag") || strings.Contains(got[0], "tests=keywords") {
			t.Errorf("%s: the shadow is seen in %q", name, got)
		}
	}
}

// A filter that could not tell is never a silent pass.
func flowTemperror(t *testing.T, m *machine.Machine) {
	unsure := domain(t, m, "unsure.example", "--policy", "unsure")
	unmoved := domain(t, m, "unmoved.example", "--policy", "unmoved")
	sent := mailFrom(t, m, goodClient, "eve@broken.example", note("dns", "x"), unsure)
	if !strings.HasPrefix(sent.rcpt[0], "451 4.7.1") {
		t.Errorf("RCPT got %q, want 451 4.7.1", sent.rcpt[0])
	}
	followed(t, m, refusedID(t, sent.rcpt[0]), unsure+" deferred spf")

	sent = mailFrom(t, m, goodClient, "eve@broken.example", note("dns", "x"), unmoved)
	d := asked[detail](t, m, "journal", "show", sent.id(t))
	w := d.Walks[len(d.Walks)-1]
	if len(w.Steps) != 1 || w.Steps[0].Result != "temperror" || w.Steps[0].Effect != "none" {
		t.Errorf("the trace has %+v, want spf's temperror", w)
	}
}

// Who takes mail here, and where it goes.
func flowRecipients(t *testing.T, m *machine.Machine) {
	ann := domain(t, m, "people.example")
	bob := "bob@people.example"
	run(t, m, password, "mailbox", "add", bob, "--password-stdin")
	run(t, m, "", "alias", "add", "team@people.example", ann, bob)
	run(t, m, "", "alias", "add", "all@people.example", "team@people.example", ann)
	for _, c := range []struct {
		name, to, want string
		annHas, bobHas int
	}{
		{"unknown", "nobody@people.example", "550 5.1.1", 0, 0},
		{"foreign", "ann@elsewhere.example", "554 5.7.1", 0, 0},
		{"foreign below ours", "ann@sub.people.example", "554 5.7.1", 0, 0},
		{"percent hack", "ann%elsewhere.example@people.example", "550 5.1.1", 0, 0},
		{"another case", "ANN@People.Example", "250", 1, 0},
		{"sub-address", "ann+lists@people.example", "250", 1, 0},
		{"alias", "team@people.example", "250", 1, 1},
		{"sub-address of an alias", "team+x@people.example", "250", 1, 1},
		{"alias of an alias", "all@people.example", "250", 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			sent := mailFrom(t, m, goodClient, sender, note(c.name, "x"), c.to)
			if !strings.HasPrefix(sent.rcpt[0], c.want) {
				t.Errorf("RCPT got %q, want %s", sent.rcpt[0], c.want)
			}
			if a, b := len(withSubject(box(t, m, ann, "INBOX"), c.name)), len(withSubject(box(t, m, bob, "INBOX"), c.name)); a != c.annHas || b != c.bobHas {
				t.Errorf("ann has it %d times, bob %d, want %d and %d", a, b, c.annHas, c.bobHas)
			}
			rows := asked[[]row](t, m, "journal", "search", "--recipient", c.to)
			if len(rows) != 1 || rows[0].Sender != sender || (rows[0].State == "delivered") != (c.want == "250") {
				t.Errorf("the journal has %+v", rows)
			}
		})
	}
	t.Run("an alias and its target", func(t *testing.T) {
		sent := mailFrom(t, m, goodClient, sender, note("twice", "x"), ann, "team@people.example", "ann+x@people.example")
		sent.id(t)
		if n := len(withSubject(box(t, m, bob, "INBOX"), "twice")); n != 1 {
			t.Errorf("bob has it %d times", n)
		}
		if n := len(withSubject(box(t, m, ann, "INBOX"), "twice")); n != 1 {
			t.Errorf("ann has it %d times", n)
		}
	})
}

// postmaster and abuse exist in every domain and are never held (spec, Operation).
func flowRoles(t *testing.T, m *machine.Machine) {
	ann := domain(t, m, "roles.example", "--policy", "spam")
	for _, role := range []string{"postmaster", "abuse", "PostMaster"} {
		sent := mailFrom(t, m, goodClient, sender, note("to "+role, "why do you hold this pest?"), role+"@roles.example")
		if !strings.HasPrefix(sent.rcpt[0], "250") {
			t.Errorf("%s: RCPT got %q, want 250", role, sent.rcpt[0])
			continue
		}
		if n := len(withSubject(box(t, m, ann, "INBOX"), "to "+role)); n != 1 {
			t.Errorf("%s: a complaint about spam is %v, want delivered", role, states(asked[[]row](t, m, "journal", "search", "--id", sent.id(t))))
		}
	}
}

// What forges our own fields is removed on arrival; all else stays as it came.
func flowHeader(t *testing.T, m *machine.Machine) {
	ann := domain(t, m, "header.example", "--policy", "unmoved")
	forged := []string{
		"X-Spam-Status: No, score=-100",
		"x-spam-flag: NO",
		"X-Gatepost-Id: forged",
		"X-GATEPOST-Allowed: forged,\r\n\tover two lines",
		"Authentication-Results: mx.test.example; spf=pass forged",
		"Authentication-Results: MX.Test.Example 1; spf=pass forged",
		"Authentication-Results:\r\n mx.test.example;\r\n spf=pass forged",
		"Authentication-Results: mx.test.example\t1; spf=pass forged",
		"Authentication-Results: (we said) mx.test.example; spf=pass forged",
		"Authentication-Results: mx.test.example(so); spf=pass forged",
		"Authentication-Results: \"mx.test.example\"; spf=pass forged",
		"Authentication-Results: (a\\) b;(c)) \"mx.te\\st.example\" 1; spf=pass forged",
		"authentication-results : mx.test.example; spf=pass forged",
		"Authentication-Results: mx.test.example.; spf=pass forged",
		"Authentication-Results: mx.test.example/1; dkim=pass header.d=forged",
		"Authentication-Results: (open mx.test.example; spf=pass forged",
		"Authentication-Results: \"mx.test.example; arc=pass forged",
		"Authentication-Results: =?us-ascii?q?mx.test.example?=; dmarc=pass forged",
	}
	kept := []string{
		"Authentication-Results: mx.other.example; spf=pass mx.test.example",
		"ARC-Authentication-Results: i=1; mx.test.example; spf=pass",
		"Received: from a by b; Fri, 20 Nov 2026 15:05:00 +0000",
		"X-Spammer: not ours",
		"X-Odd:   blanks   and\ttabs   ",
	}
	var header strings.Builder
	for i := range forged {
		header.WriteString(forged[i] + "\r\n")
		if i < len(kept) {
			header.WriteString(kept[i] + "\r\n")
		}
	}
	text := "\r\n.a dot\r\n..\r\n\r\nX-Spam-Status: quoted\r\nlatin \xe9\xff and \x01\r\n\r\n\r\n"
	sent := mailFrom(t, m, goodClient, sender, header.String()+"Subject: forged fields\r\n\r\n"+text, ann)
	id := sent.id(t)
	got := withSubject(box(t, m, ann, "INBOX"), "forged fields")
	if len(got) != 1 {
		t.Fatalf("the inbox has it %d times", len(got))
	}
	top, body, _ := strings.Cut(got[0], "\r\n\r\n")
	if body != text {
		t.Errorf("body is %q, want %q", body, text)
	}
	for line := range strings.SplitSeq(top, "\r\n") {
		if strings.Contains(line, "forged") && !strings.HasPrefix(line, "Subject:") || strings.Contains(line, "-100") {
			t.Errorf("still there: %q", line)
		}
	}
	for _, line := range kept {
		if strings.Count(top+"\r\n", line+"\r\n") != 1 {
			t.Errorf("%q is gone or changed", line)
		}
	}
	for _, want := range []string{
		"Return-Path: <" + sender + ">", "Received: from mx.sender.example ", "X-Gatepost-Id: " + id, "X-Gatepost-Client: 192.0.2.7 (unknown)",
		"X-Gatepost-Helo: mx.sender.example", "X-Gatepost-Reverse-Path: " + sender, "X-Gatepost-Recipient: " + ann,
		"Authentication-Results: mx.test.example;", "Received-SPF: pass ", "X-Spam-Score: 0.0", "X-Spam-Status: No, score=0.0 required=",
	} {
		if strings.Count("\r\n"+top, "\r\n"+want) != 1 {
			t.Errorf("%q is there %d times, want once, in\n%s", want, strings.Count("\r\n"+top, "\r\n"+want), top)
		}
	}
	if strings.Contains(top, "X-Spam-Flag") {
		t.Error("X-Spam-Flag on what is no spam")
	}
}

// A change by command counts at once.
func flowLive(t *testing.T, m *machine.Machine) {
	to := "ann@live.example"
	rcpt := func(want string) {
		t.Helper()
		p := connect(t, m, goodClient)
		p.want("250", p.say("MAIL FROM:<live@sender.example>"))
		p.want(want, p.say("RCPT TO:<"+to+">"))
		p.conn.Close()
	}
	rcpt("554 5.7.1")
	run(t, m, "", "domain", "add", "live.example")
	rcpt("550 5.1.1")
	run(t, m, "", "mailbox", "add", to)
	rcpt("250")
	run(t, m, "", "mailbox", "set", to, "--state", "closed")
	rcpt("550 5.2.1")
	run(t, m, "", "mailbox", "set", to, "--state", "active")
	rcpt("250")
	run(t, m, "", "list", "add", "block", "live@sender.example")
	run(t, m, "", "domain", "set", "live.example", "--policy", "unsure")
	rcpt("250")
	type entry struct{ ID int64 }
	e := asked[entry](t, m, "list", "add", "block", goodClient, "--scope", "live.example")
	rcpt("250") // the policy has no ip-block, and the gate has no domain
	if e.ID == 0 {
		t.Error("list add --json names no id")
	}
	run(t, m, "", "mailbox", "remove", to)
	rcpt("550 5.1.1")
	run(t, m, "", "alias", "add", to, "ann@open.example")
	rcpt("250")
	run(t, m, "", "alias", "remove", to)
	run(t, m, "", "domain", "remove", "live.example")
	rcpt("554 5.7.1")
}

// split_recipients gives each transaction one policy.
func TestSplitRecipients(t *testing.T) {
	t.Parallel()
	m := serve(t, flowConfig, flowZone, "split_recipients=true")
	open := domain(t, m, "open.example")
	also := domain(t, m, "also.example", "--policy", "open")
	no := domain(t, m, "refuse.example", "--policy", "refuse")
	sent := mailFrom(t, m, goodClient, sender, note("split", "a pest"), open, no, also)
	for i, want := range []string{"250", "452 4.5.3", "250"} {
		if !strings.HasPrefix(sent.rcpt[i], want) {
			t.Errorf("RCPT %d got %q, want %s", i+1, sent.rcpt[i], want)
		}
	}
	sent.id(t)
	sent = mailFrom(t, m, goodClient, sender, note("split", "a pest"), no)
	if !strings.HasPrefix(sent.data, "550 5.7.1") {
		t.Errorf("on its own: DATA got %q, want 550 5.7.1", sent.data)
	}
}
