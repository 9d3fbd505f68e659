package proposal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"gatepost/internal/mail"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// site takes the last two labels of a name for what somebody registered.
func site(host string) (string, bool) {
	labels := strings.Split(host, ".")
	if len(labels) < 2 || labels[0] == "ours" {
		return "", false
	}
	return strings.Join(labels[len(labels)-2:], "."), true
}

func fold(s string) string { return strings.Join(strings.Fields(strings.ToLower(s)), " ") }

func message(subject, text string) *mail.Message {
	return mail.NewMessage([]byte("From: a@far.example\r\nSubject: " + subject + "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text + "\r\n"))
}

func TestOf(t *testing.T) {
	for name, tt := range map[string]struct {
		subject, text string
		words, hosts  string
	}{
		"runs end at stops and numbers": {"Your last chance", "Claim your prize now, dear friend of ours! Order 1000 pieces of it.", "your last chance|claim your prize now|dear friend of ours|pieces of it", ""},
		"too short":                     {"Hi", "Dear you, see. It", "", ""},
		"quotes and brackets":           {"", `He said "claim your prize" (of this year) and don't forget it`, "claim your prize|of this year|and don't forget it", ""},
		"domains":                       {"", "see https://www.evil.example/a?b=c and http://x.evil.example:80/ and https://ours.example/", "", "evil.example"},
		"letters of all scripts":        {"", "получите свой приз сегодня", "получите свой приз сегодня", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := Of(message(tt.subject, tt.text), Trap, fold, site)
			if got := strings.ReplaceAll(s.Words, "\n", "|"); tt.hosts == "" && got != tt.words || strings.Join(s.Hosts, " ") != tt.hosts || s.Sums != nil {
				t.Errorf("got %q, %q", got, s.Hosts)
			}
		})
	}
	if s := Of(message("", strings.Repeat("one two three four five. ", 1000)), Told, fold, site); len(strings.Fields(s.Words)) != maxWords {
		t.Errorf("%d words", len(strings.Fields(s.Words)))
	}
}

// Of what is wanted nothing can be read, but what it has in common with spam is known.
func TestWantedIsNumbers(t *testing.T) {
	m := message("Lunch", "shall we meet at the office https://shop.example/x")
	w := Of(m, Wanted, fold, site)
	if w.Words != "" || w.Hosts != nil || len(w.Sums) == 0 {
		t.Fatalf("got %+v", w)
	}
	for p := range Of(m, Told, fold, site).patterns() {
		if !slices.Contains(w.Sums, p.sum()) {
			t.Errorf("%s %q is not in it", p.Kind, p.Text)
		}
	}
}

// A said is a message and who says what it is.
func said(class Class, person, text string, minute int) Sample {
	s := Of(message("", text), class, fold, site)
	s.Message, s.Person, s.Time = fmt.Sprint("m", minute), person, noon.Add(time.Duration(minute)*time.Minute)
	return s
}

func TestProposed(t *testing.T) {
	const spam = "claim your prize at https://evil.example/win"
	trap, told := func(person string) Sample { return said(Trap, person, spam, 1) }, func(person string) Sample { return said(Told, person, spam, 2) }
	wanted := func(n int, text string) (list []Sample) {
		for i := range n {
			list = append(list, said(Wanted, fmt.Sprint("w", i), text, 3))
		}
		return list
	}
	for name, tt := range map[string]struct {
		samples []Sample
		terms   Terms
		want    string
	}{
		"a trap and two reporters":                 {[]Sample{trap("n1"), told("ann@a.example"), told("bob@b.example")}, DefaultTerms(), "evil.example; claim your prize"},
		"a trap and one":                           {[]Sample{trap("n1"), told("ann@a.example"), told("ann@a.example")}, DefaultTerms(), ""},
		"a trap and two of one domain":             {[]Sample{trap("n1"), told("ann@a.example"), told("bob@a.example")}, DefaultTerms(), ""},
		"the same, where they count one by one":    {[]Sample{trap("n1"), told("ann@a.example"), told("bob@a.example")}, Terms{Traps: 1, Reporters: 2, Related: true}, "evil.example; claim your prize"},
		"reporters without a trap":                 {[]Sample{told("ann@a.example"), told("bob@b.example"), told("eve@c.example")}, DefaultTerms(), ""},
		"one network, many traps":                  {[]Sample{trap("n1"), trap("n1"), trap("n1")}, Terms{Traps: 2}, ""},
		"traps of two networks, if that is enough": {[]Sample{trap("n1"), trap("n2")}, Terms{Traps: 2}, "evil.example; claim your prize"},
		"in wanted mail, too":                      {append(wanted(10, "you may claim your prize here"), trap("n1"), told("ann@a.example"), told("bob@b.example")), DefaultTerms(), "evil.example"},
		"hardly in wanted mail": {
			append(append(wanted(600, "we meet at noon"), said(Wanted, "w", "claim your prize", 3)), trap("n1"), told("ann@a.example"), told("bob@b.example")), DefaultTerms(), "evil.example; claim your prize",
		},
	} {
		t.Run(name, func(t *testing.T) {
			slices.SortStableFunc(tt.samples, func(a, b Sample) int { return b.Time.Compare(a.Time) })
			var got []string
			for _, p := range tellOf(tt.samples, tt.terms, nil).Proposals {
				got = append(got, p.Text)
			}
			if strings.Join(got, "; ") != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A proposal says what it is of; of one text two phrases are proposed, and nothing that was decided.
func TestProposalExplained(t *testing.T) {
	var samples []Sample
	text := strings.Repeat("dearest friend please send money quickly to my foreign account today and be happy ever after ", 3)
	for i := range 8 {
		samples = append(samples, said(Trap, fmt.Sprint("n", i%2), text, 20-i))
	}
	samples = append(samples, said(Told, "ann@a.example", text, 5), said(Told, "bob@a.example", text, 4), said(Told, "eve@b.example", text, 3), said(Wanted, "w", "hello", 2))
	r := tellOf(samples, DefaultTerms(), nil)
	if len(r.Proposals) != maxAlike || r.Traps != 8 || r.Told != 3 {
		t.Fatalf("got %+v", r)
	}
	p := r.Proposals[0]
	if p.Traps != 2 || p.People != 3 || p.Domains != 2 || p.Wanted != 0 || len(p.Messages) != maxMessages || p.Messages[0] != "m20" ||
		!p.First.Equal(noon.Add(3*time.Minute)) || !p.Last.Equal(noon.Add(20*time.Minute)) {
		t.Errorf("got %+v", p)
	}
	if want := "in what traps got from 2 networks and 3 people of 2 domains reported, and in 0 of 1 wanted messages"; p.Why(r) != want {
		t.Errorf("got %s", p.Why(r))
	}
	for _, one := range tellOf(samples, DefaultTerms(), map[Pattern]bool{p.Pattern: true}).Proposals {
		if one.Pattern == p.Pattern {
			t.Error("it was decided, and is proposed again")
		}
	}
}

// fakeRows are rows in memory.
type fakeRows struct {
	Rows
	mu       sync.Mutex
	samples  []Sample
	decided  map[Pattern]Decision
	revision int64
	err      error
}

func (f *fakeRows) Bring(_ context.Context, list []Sample, _ Caps) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.samples = append(f.samples, list...)
	}
	return f.err
}

func (f *fakeRows) Samples(context.Context) ([]Sample, error) { return f.samples, f.err }

func (f *fakeRows) Decide(_ context.Context, d Decision, _ int) error {
	f.decided[d.Pattern] = d
	f.revision++
	return nil
}

func (f *fakeRows) Withdraw(_ context.Context, p Pattern) (bool, error) {
	delete(f.decided, p)
	f.revision++
	return true, nil
}

func (f *fakeRows) Decided(_ context.Context, since int64) (list []Decision, _ int64, _ error) {
	for _, d := range f.decided {
		list = append(list, d)
	}
	if f.revision <= since {
		list = nil
	}
	return list, f.revision, f.err
}

// What is accepted is told, once it is; a store that is away loses no sample.
func TestDesk(t *testing.T) {
	rows := &fakeRows{decided: map[Pattern]Decision{}, err: errors.New("away")}
	var told []string
	d := New(Config{Rows: rows, Now: func() time.Time { return noon }, Accepted: func(list []Decision) {
		var names []string
		for _, one := range list {
			names = append(names, fmt.Sprint(one.Text, " ", one.Weight))
		}
		told = append(told, strings.Join(names, ","))
	}})
	for i, s := range []Sample{said(Trap, "n1", "claim your prize", 0), said(Told, "ann@a.example", "claim your prize", 0), said(Told, "bob@b.example", "claim your prize", 0), {}} {
		if s.Message = fmt.Sprint("m", i); i == 0 {
			s.Time = time.Time{}
		}
		d.Bring(s)
	}
	if err := d.Flush(t.Context()); err == nil {
		t.Error("nothing failed")
	}
	if err := d.Follow(t.Context()); err == nil {
		t.Error("nothing failed")
	}
	rows.err = nil
	r, err := d.Proposals(t.Context(), DefaultTerms())
	if err != nil || len(rows.samples) != 3 || !rows.samples[0].Time.Equal(noon) || len(r.Proposals) != 1 {
		t.Fatalf("got %+v, %v", r, err)
	}
	if _, err := d.Decide(t.Context(), "0", DefaultTerms(), Decision{}); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
	id := r.Proposals[0].ID()
	for _, step := range []func() (Decision, error){
		func() (Decision, error) { return Decision{}, d.Follow(t.Context()) },
		func() (Decision, error) {
			return d.Decide(t.Context(), id, DefaultTerms(), Decision{Accepted: true, Weight: 2})
		},
		func() (Decision, error) { return Decision{}, d.Follow(t.Context()) },
		func() (Decision, error) { return d.Decide(t.Context(), id, DefaultTerms(), Decision{}) },
		func() (Decision, error) { return d.Withdraw(t.Context(), id) },
	} {
		if _, err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"", "claim your prize 2", "", ""}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if _, err := d.Withdraw(t.Context(), id); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

// What a flood brings is bounded.
func TestFlood(t *testing.T) {
	d := New(Config{Rows: &fakeRows{}})
	for range 2 * maxWaiting {
		d.Bring(said(Trap, "n", "claim your prize", 0))
	}
	if len(d.waiting) != maxWaiting || d.dropped != maxWaiting {
		t.Errorf("%d wait, %d lost", len(d.waiting), d.dropped)
	}
}

func FuzzOf(f *testing.F) {
	f.Add("Subject", "claim your prize at https://evil.example/ now")
	f.Add("", "a\u0301b c d'e 1 \xff .,;")
	f.Fuzz(func(t *testing.T, subject, text string) {
		s := Of(message(subject, text), Told, fold, site)
		if len(s.Words) > maxWords*(maxWord+1) || len(s.Hosts) > maxHosts {
			t.Errorf("%d octets of words, %d hosts", len(s.Words), len(s.Hosts))
		}
		for p := range s.patterns() {
			if p.Text == "" || len(p.Text) > maxHost || strings.ContainsFunc(p.Text, unicode.IsControl) || p.Kind == Phrase && len(strings.Fields(p.Text)) != phraseWords {
				t.Errorf("%s %q", p.Kind, p.Text)
			}
		}
	})
}
