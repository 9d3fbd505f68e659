package complaint

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
)

// world is a journal and a directory.
type world struct{ passages map[string]Passage }

func (w world) Passage(_ context.Context, tx string) (Passage, bool, error) {
	p, ok := w.passages[tx]
	return p, ok, nil
}

func (w world) Received(_ context.Context, to mail.Path, messageID string) (string, bool, error) {
	for tx, p := range w.passages {
		if p.Recipients[0] == to && p.MessageID == messageID {
			return tx, true, nil
		}
	}
	return "", false, nil
}

// Reads: sales@example.org is read by carl, and by cora elsewhere.
func (world) Reads(recipient, reader mail.Path) bool {
	return recipient == "sales@example.org" && (reader == "carl@other.example" || reader == "cora@far.example")
}

// Home: those of example.org and other.example exist; promo@example.org is ann's, too.
func (world) Home(a mail.Path) (mail.Path, bool) {
	switch base := a.Base().Fold(); base {
	case "promo@example.org":
		return "ann@example.org", true
	case "ann@example.org", "bob@example.org", "zoe@example.org", "sales@example.org", "mallory@other.example", "carl@other.example":
		return base, true
	}
	return "", false
}

func (world) Ours(domain string) (string, bool) {
	switch domain {
	case "example.org", "example.com":
		return "example.org", true // one domain of two names
	case "other.example":
		return domain, true
	}
	return "", false
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func testJudge() *judge {
	ours := netip.MustParsePrefix("203.0.113.0/24")
	return &judge{
		passages: world{map[string]Passage{
			"in":       {Tx: "in", Client: netip.MustParseAddr("192.0.2.7"), Sender: "offers@bulk.example", Proven: true, Recipients: []mail.Path{"ann@example.org", "bob@example.org"}, MessageID: "<1@bulk.example>", Subject: "Buy"},
			"unproven": {Tx: "unproven", Client: netip.MustParseAddr("192.0.2.7"), Sender: "ceo@bank.example", Recipients: []mail.Path{"ann@example.org"}},
			"srs":      {Tx: "srs", Client: netip.MustParseAddr("192.0.2.7"), Sender: "SRS0=abcd=TT=bank.example=ceo@forward.example", Proven: true, Recipients: []mail.Path{"ann@example.org"}},
			"sales":    {Tx: "sales", Client: netip.MustParseAddr("2001:db8::7"), Sender: "offers@bulk.example", Proven: true, Recipients: []mail.Path{"sales@example.org"}},
			"gone":     {Tx: "gone", Client: netip.MustParseAddr("192.0.2.7"), Sender: "x@y.example", Recipients: []mail.Path{"gone@example.org"}},
			"lan":      {Tx: "lan", Client: netip.MustParseAddr("203.0.113.5"), Sender: "x@y.example", Recipients: []mail.Path{"ann@example.org"}},
			"inside":   {Tx: "inside", Client: netip.MustParseAddr("192.0.2.7"), Sender: "zoe@other.example", Proven: true, Recipients: []mail.Path{"ann@example.org"}},
			"out":      {Tx: "out", Client: netip.MustParseAddr("198.51.100.9"), Sender: "ann@example.org", Login: "ann@example.org", Recipients: []mail.Path{"zed@far.example"}},
		}},
		directory: world{}, reporters: []string{"loop.example"}, spare: ours.Contains,
	}
}

func TestJudge(t *testing.T) {
	arf := Feedback{Type: "abuse", SourceIP: netip.MustParseAddr("198.51.100.1"), MailFrom: "offers@bulk.example", Recipient: "x@loop.example"}
	with := func(change func(*Feedback)) Feedback {
		f := arf
		change(&f)
		return f
	}
	for name, c := range map[string]struct {
		reporter mail.Path
		proof    string
		feedback Feedback
		original Original
		want     string // state, client, sender, account, person
	}{
		"its recipient":                   {"ann@example.org", "log-in", Feedback{}, Original{ID: "in"}, "counts 192.0.2.7 offers@bulk.example - ann@example.org in ann@example.org"},
		"with a tag":                      {"bob+spam@example.org", "spf", Feedback{}, Original{ID: "in"}, "counts 192.0.2.7 offers@bulk.example - bob@example.org in bob@example.org"},
		"somebody of its domain":          {"zoe@example.org", "log-in", Feedback{}, Original{ID: "in"}, "unverified - - - zoe@example.org "},
		"an invented one of its domain":   {"ghost@example.org", "spf", Feedback{}, Original{ID: "in"}, "unverified - - - ghost@example.org "},
		"a recipient that is gone":        {"gone@example.org", "spf", Feedback{}, Original{ID: "gone"}, "unverified - - - gone@example.org "},
		"by another address of his":       {"promo@example.org", "spf", Feedback{}, Original{ID: "in"}, "counts 192.0.2.7 offers@bulk.example - ann@example.org in ann@example.org"},
		"who reads it, by his domain":     {"carl@other.example", "spf", Feedback{}, Original{ID: "sales"}, "counts 2001:db8::7 offers@bulk.example - sales@example.org sales sales@example.org"},
		"who reads it":                    {"carl@other.example", "log-in", Feedback{}, Original{ID: "sales"}, "counts 2001:db8::7 offers@bulk.example - carl@other.example sales sales@example.org"},
		"who reads it elsewhere":          {"cora@far.example", "dkim far.example", Feedback{}, Original{ID: "sales"}, "counts 2001:db8::7 offers@bulk.example - sales@example.org sales sales@example.org"},
		"what he says is no matter":       {"ann@example.org", "log-in", arf, Original{ID: "in", MessageID: "<forged@x>"}, "counts 192.0.2.7 offers@bulk.example - ann@example.org in ann@example.org"},
		"by its Message-ID":               {"ann@example.org", "log-in", Feedback{}, Original{MessageID: "<1@bulk.example>"}, "counts 192.0.2.7 offers@bulk.example - ann@example.org in ann@example.org"},
		"by another's Message-ID":         {"zoe@example.org", "log-in", Feedback{}, Original{MessageID: "<1@bulk.example>"}, "unverified - - - zoe@example.org "},
		"a sender that nothing proves":    {"ann@example.org", "log-in", Feedback{}, Original{ID: "unproven"}, "counts 192.0.2.7 - - ann@example.org unproven ann@example.org"},
		"a sender behind a forwarder":     {"ann@example.org", "log-in", Feedback{}, Original{ID: "srs"}, "counts 192.0.2.7 - - ann@example.org srs ann@example.org"},
		"a network of ours":               {"ann@example.org", "log-in", Feedback{}, Original{ID: "lan"}, "spared 203.0.113.5 - - ann@example.org lan ann@example.org"},
		"a sender of ours":                {"ann@example.org", "log-in", Feedback{}, Original{ID: "inside"}, "counts 192.0.2.7 - - ann@example.org inside ann@example.org"},
		"a customer's mail":               {"zed@far.example", "spf", Feedback{}, Original{ID: "out"}, "customer - - ann@example.org zed@far.example out zed@far.example"},
		"the same, unproven":              {"zed@far.example", "", Feedback{}, Original{ID: "out"}, "unverified - - - zed@far.example "},
		"by others of the domain":         {"x17@mail.far.example", "spf", Feedback{}, Original{ID: "out"}, "customer - - ann@example.org far.example out far.example"},
		"forged: nobody proves himself":   {"ann@example.org", "", Feedback{}, Original{ID: "in"}, "unverified - - - ann@example.org "},
		"forged: of others' mail":         {"eve@evil.example", "spf", Feedback{}, Original{ID: "in"}, "unverified - - - eve@evil.example "},
		"forged: by another customer":     {"mallory@other.example", "log-in", Feedback{}, Original{ID: "in"}, "unverified - - - mallory@other.example "},
		"forged: an id that is not known": {"ann@example.org", "log-in", arf, Original{ID: "none"}, "unverified - - - ann@example.org "},
		"forged: only the report says so": {"eve@evil.example", "dkim evil.example", arf, Original{}, "unverified - - - eve@evil.example "},
		"forged: a loop, unproven":        {"fbl@loop.example", "", arf, Original{}, "unverified - - - fbl@loop.example "},
		"forged: like a loop":             {"fbl@notloop.example", "spf", arf, Original{}, "unverified - - - fbl@notloop.example "},
		"a loop":                          {"fbl@mail.loop.example", "spf", arf, Original{}, "counts 198.51.100.1 offers@bulk.example - loop loop.example x@loop.example loop"},
		"a loop, the sender disproven":    {"fbl@loop.example", "spf", with(func(f *Feedback) { f.SPF = "softfail" }), Original{}, "counts 198.51.100.1 - - loop loop.example x@loop.example loop"},
		"a loop about what was sent on":   {"fbl@loop.example", "spf", arf, Original{ID: "in"}, "counts 192.0.2.7 offers@bulk.example - loop loop.example ann@example.org in ann@example.org"},
		"a loop about a customer":         {"fbl@loop.example", "spf", arf, Original{ID: "out"}, "customer - - ann@example.org loop loop.example x@loop.example loop"},
		"by its sender's address":         {"fbl@loop.example", "spf", with(func(f *Feedback) { f.MailFrom = "bob@example.com" }), Original{}, "customer - - bob@example.com loop loop.example x@loop.example loop"},
		"by its author":                   {"fbl@loop.example", "spf", with(func(f *Feedback) { f.MailFrom = "" }), Original{Author: "bob@example.org"}, "customer - - bob@example.org loop loop.example x@loop.example loop"},
		"by our own address":              {"fbl@loop.example", "spf", with(func(f *Feedback) { f.SourceIP = netip.MustParseAddr("203.0.113.1") }), Original{}, "customer - - - loop loop.example x@loop.example loop"},
		"a loop that names nobody":        {"fbl@loop.example", "spf", Feedback{Type: "abuse"}, Original{}, "unverified - - - loop loop.example "},
		"no complaint":                    {"fbl@loop.example", "spf", with(func(f *Feedback) { f.Type = "auth-failure" }), Original{}, "other - - - fbl@loop.example "},
		"an operator":                     {"ann@example.org", "operator", Feedback{}, Original{ID: "in"}, "counts 192.0.2.7 offers@bulk.example - ann@example.org in ann@example.org"},
	} {
		r := Report{Tx: "r", Time: noon, Reporter: c.reporter, Proof: c.proof, Form: FormARF, Feedback: c.feedback, Originals: []Original{c.original}}
		j, err := testJudge().report(t.Context(), r)
		if err != nil || len(j.Complaints) != 1 {
			t.Fatal(name, err, j)
		}
		got := j.Complaints[0]
		text := fmt.Sprintf("%s %s %s %s %s %s", got.State, orDash(got.Client), orDash(got.Sender), orDash(got.Account), got.Person, got.Copy)
		if !strings.HasPrefix(text, c.want) || !strings.HasPrefix(got.Copy, "loop") && text != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, text, c.want)
		}
		weighs := got.ClientWeight+got.SenderWeight > 0
		if weighs != (got.State == StateCounts) || got.Note == "" || got.ID != "r-1" {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func orDash[T comparable](v T) string {
	var zero T
	if v == zero {
		return "-"
	}
	return fmt.Sprint(v)
}

// Of a report that nobody is proven to have sent one row is kept, whatever it has.
func TestJudgeBoundsUnproven(t *testing.T) {
	r := Report{Tx: "r", Time: noon, Reporter: "eve@evil.example", Originals: make([]Original, MaxOriginals), More: 900}
	j, err := testJudge().report(t.Context(), r)
	if err != nil || len(j.Complaints) != 1 || !strings.Contains(j.Complaints[0].Note, "1000 messages") {
		t.Errorf("got %+v, %v", j, err)
	}
}

// slow is a journal in which a search takes an hour.
type slow struct {
	world
	searches int
}

func (s *slow) Received(ctx context.Context, _ mail.Path, _ string) (string, bool, error) {
	s.searches++
	select {
	case <-ctx.Done():
		return "", false, ctx.Err()
	case <-time.After(time.Hour):
		return "in", true, nil
	}
}

// A report of a hundred Message-IDs costs three searches of three seconds, and what was not
// found is unverified.
func TestJudgeBoundsSearches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, s := testJudge(), &slow{}
		j.passages = s
		r := Report{Tx: "r", Time: noon, Reporter: "ann@example.org", Proof: "log-in"}
		for i := range MaxOriginals {
			r.Originals = append(r.Originals, Original{MessageID: fmt.Sprintf("<%d@x>", i)})
		}
		began := time.Now()
		got, err := j.report(t.Context(), r)
		if took := time.Since(began); err != nil || s.searches != maxSearches || took != maxSearches*searchTime {
			t.Errorf("%d searches, %v, %v", s.searches, took, err)
		}
		for _, c := range got.Complaints {
			if c.State != StateUnverified {
				t.Fatalf("got %+v", c)
			}
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := j.report(ended, r); err == nil {
			t.Error("a stop is taken for an answer: the report would wait no more")
		}
	})
}

// A not-spam report weighs nothing, and takes back what its person said of that copy.
func TestJudgeNotSpam(t *testing.T) {
	r := Report{Tx: "r", Reporter: "ann@example.org", Proof: "log-in", Feedback: Feedback{Type: "not-spam"}, Originals: []Original{{ID: "in"}, {ID: "none"}}}
	j, err := testJudge().report(t.Context(), r)
	want := []Taken{{Copy: "in ann@example.org", Person: "ann@example.org"}}
	r = Report{Tx: "r", Reporter: "zed@far.example", Proof: "spf", Feedback: r.Feedback, Originals: []Original{{ID: "out"}}}
	if j, err := testJudge().report(t.Context(), r); err != nil || j.Complaints[0].State != StateOther {
		t.Errorf("of a customer's mail: got %+v, %v", j, err)
	}
	if err != nil || !reflect.DeepEqual(j.Taken, want) || j.Complaints[0].State != StateOther || j.Complaints[0].ClientWeight != 0 {
		t.Errorf("got %+v, %v", j, err)
	}
}

// What a loop says of one message is known again, whoever brings it.
func TestJudgeCopies(t *testing.T) {
	f := Feedback{Type: "abuse", SourceIP: netip.MustParseAddr("198.51.100.1"), MailFrom: "offers@bulk.example"}
	one := func(f Feedback, o Original) Complaint {
		j, err := testJudge().report(t.Context(), Report{Tx: mail.NewID(noon), Reporter: "fbl@loop.example", Proof: "spf", Feedback: f, Originals: []Original{o}})
		if err != nil {
			t.Fatal(err)
		}
		return j.Complaints[0]
	}
	a, b := one(f, Original{MessageID: "<1@x>"}), one(f, Original{MessageID: "<1@x>"})
	c := one(f, Original{MessageID: "<2@x>"})
	if a.Copy != b.Copy || a.Person != b.Person {
		t.Errorf("the same message: got %+v and %+v", a, b)
	}
	if a.Copy == c.Copy || a.Person == c.Person {
		t.Errorf("another message of a hidden recipient: got %+v and %+v", a, c)
	}
}
