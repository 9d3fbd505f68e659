package dmarc

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
)

// zone answers TXT, a line a record: "_dmarc.example.org v=DMARC1; p=none", or "!name" for a
// failure. It remembers what it was asked.
type zone struct {
	text  string
	mu    sync.Mutex
	asked []string
}

func (z *zone) LookupTXT(_ context.Context, name string) (list []string, err error) {
	z.mu.Lock()
	z.asked = append(z.asked, name)
	z.mu.Unlock()
	for line := range strings.Lines(z.text) {
		at, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch at {
		case name:
			list = append(list, text)
		case "!" + name:
			return nil, &net.DNSError{Err: "SERVFAIL", Name: name, Server: "192.0.2.53", IsTemporary: true}
		}
	}
	if list == nil {
		err = &net.DNSError{Err: "no such name", Name: name, IsNotFound: true}
	}
	return list, err
}

// The walk of RFC 9989 §4.8: eight questions, whatever the name.
func TestWalk(t *testing.T) {
	z := &zone{}
	w := NewWalker(z)
	for range 2 {
		if org, err := w.Organisation(t.Context(), "a.b.c.d.e.f.g.h.i.j.mail.example.com"); err != nil || org != "a.b.c.d.e.f.g.h.i.j.mail.example.com" {
			t.Errorf("got %s, %v", org, err)
		}
	}
	slices.SortFunc(z.asked, func(a, b string) int { return len(b) - len(a) })
	want := "_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com _dmarc.g.h.i.j.mail.example.com _dmarc.h.i.j.mail.example.com _dmarc.i.j.mail.example.com " +
		"_dmarc.j.mail.example.com _dmarc.mail.example.com _dmarc.example.com _dmarc.com"
	if got := strings.Join(z.asked, " "); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for name, n := range map[string]int{"a.example": 2, "1.2.3.4.5.6.7": 7, "1.2.3.4.5.6.7.8": 8, "1.2.3.4.5.6.7.8.9": 8} {
		if got := len(walkNames(name)); got != n {
			t.Errorf("%s: %d names, want %d", name, got, n)
		}
	}
}

func TestOrganisation(t *testing.T) {
	for name, c := range map[string]struct{ zone, domain, want string }{
		"the shortest":           {"_dmarc.mail.example.com v=DMARC1; p=none\n_dmarc.example.com v=DMARC1; p=none", "a.mail.example.com", "example.com"}, // RFC 9989 §4.10.2
		"psd=n":                  {"_dmarc.mail.example.com v=DMARC1; psd=n\n_dmarc.example.com v=DMARC1; p=none", "a.mail.example.com", "mail.example.com"},
		"psd=y":                  {"_dmarc.com v=DMARC1; psd=y", "a.mail.example.com", "example.com"},
		"psd=y further down":     {"_dmarc.example.com v=DMARC1; psd=y", "mail.example.com", "mail.example.com"},
		"psd=y where it begins":  {"_dmarc.example.com v=DMARC1; psd=y", "example.com", "example.com"},
		"below a long walk's":    {"_dmarc.c.d.e.f.g.h.i v=DMARC1; psd=y", "x.y.b.c.d.e.f.g.h.i", "b.c.d.e.f.g.h.i"},
		"two records are none":   {"_dmarc.example.com v=DMARC1; p=none\n_dmarc.example.com v=DMARC1; p=reject", "a.example.com", "a.example.com"},
		"one, and one of others": {"_dmarc.example.com v=spf1\n_dmarc.example.com v=DMARC1; p=reject", "a.example.com", "example.com"},
		"nothing":                {"", "a.example.com", "a.example.com"},
	} {
		if got, err := NewWalker(&zone{text: c.zone}).Organisation(t.Context(), c.domain); err != nil || got != c.want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, c.want)
		}
	}
}

func (v Verdict) describe() string {
	s := fmt.Sprintf("%s %s", v.Domain, v.Asked)
	if v.Asked != v.Policy {
		s += " for " + string(v.Policy)
	}
	if v.Missing {
		s += ", which does not exist"
	}
	if v.SPF {
		s += " spf"
	}
	if v.DKIM {
		s += " dkim"
	}
	return strings.TrimSpace(s + " " + v.By)
}

func TestEvaluate(t *testing.T) {
	const reject = "_dmarc.example.org v=DMARC1; p=reject; "
	for name, c := range map[string]struct {
		zone, author, spf, dkim string
		want                    string
		asked                   int
	}{
		"nothing proven":                      {reject, "example.org", "", "", "example.org reject", 1},
		"the same by SPF":                     {reject, "example.org", "example.org", "", "example.org reject spf example.org", 1},
		"the same by DKIM":                    {reject, "example.org", "", "example.org", "example.org reject dkim example.org", 1},
		"both":                                {reject, "example.org", "mail.example.org", "example.org", "example.org reject spf dkim example.org", 3},
		"below by DKIM":                       {reject, "example.org", "", "news.example.org", "example.org reject dkim news.example.org", 3},
		"below, strict":                       {reject + "adkim=s", "example.org", "", "news.example.org", "example.org reject", 1},
		"below, only SPF strict":              {reject + "aspf=s", "example.org", "a.example.org", "b.example.org", "example.org reject dkim b.example.org", 3},
		"above":                               {reject, "news.example.org", "", "example.org", "example.org reject dkim example.org", 3},
		"beside":                              {reject, "news.example.org", "", "ads.example.org", "example.org reject dkim ads.example.org", 4},
		"others":                              {reject, "example.org", "example.com", "evil.example badexample.org", "example.org reject", 2},
		"an organisation below":               {reject + "\n_dmarc.it.example.org v=DMARC1; psd=n; p=none", "example.org", "it.example.org", "", "example.org reject", 3},
		"a subdomain with its own record":     {reject + "\n_dmarc.news.example.org v=DMARC1; p=none", "news.example.org", "", "", "news.example.org none", 1},
		"sp":                                  {reject + "sp=quarantine", "news.example.org", "", "", "example.org quarantine", 3},
		"sp is not for the domain itself":     {reject + "sp=none", "example.org", "", "", "example.org reject", 1},
		"np":                                  {"_dmarc.example.org v=DMARC1; p=none; np=reject", "gone.example.org", "", "", "example.org reject, which does not exist", 3},
		"np before sp":                        {"_dmarc.example.org v=DMARC1; p=none; sp=quarantine; np=reject", "gone.example.org", "", "", "example.org reject, which does not exist", 3},
		"np of one that exists":               {"_dmarc.example.org v=DMARC1; p=none; np=reject", "news.example.org", "", "", "example.org none", 3},
		"test mode of reject":                 {reject + "t=y", "example.org", "", "", "example.org quarantine for reject", 1},
		"test mode of quarantine":             {"_dmarc.example.org v=DMARC1; p=quarantine; t=y", "example.org", "", "", "example.org none for quarantine", 1},
		"test mode of none":                   {"_dmarc.example.org v=DMARC1; p=none; t=y", "example.org", "", "", "example.org none", 1},
		"a public suffix":                     {"_dmarc.gov.example v=DMARC1; p=reject; psd=y; np=quarantine", "tax.gov.example", "", "", "gov.example reject", 3},
		"a public suffix, no such domain":     {"_dmarc.gov.example v=DMARC1; p=none; psd=y; np=reject", "gone.gov.example", "", "", "gov.example reject, which does not exist", 3},
		"a public suffix aligns no two":       {"_dmarc.gov.example v=DMARC1; p=reject; psd=y", "tax.gov.example", "", "war.gov.example", "gov.example reject", 3},
		"an organisation under a suffix":      {"_dmarc.gov.example v=DMARC1; p=reject; psd=y\n_dmarc.tax.gov.example v=DMARC1; p=none", "a.tax.gov.example", "", "", "tax.gov.example none", 4},
		"no record":                           {"", "example.org", "example.org", "", "", 2},
		"two records":                         {reject + "\n" + reject, "example.org", "", "", "", 2},
		"void":                                {"_dmarc.example.org v=DMARC1; sp=reject", "example.org", "", "", "", 1},
		"no answer":                           {"!_dmarc.example.org", "example.org", "", "", "error", 1},
		"no answer above":                     {"!_dmarc.example.org", "news.example.org", "", "", "error", 3},
		"no answer that is not needed":        {reject + "\n!_dmarc.org", "example.org", "example.org", "", "example.org reject spf example.org", 1},
		"no answer about what is proven":      {reject + "\n!_dmarc.a.example.org", "example.org", "a.example.org", "", "error", 3},
		"no answer about one of two":          {reject + "\n!_dmarc.a.example.org", "example.org", "a.example.org", "b.example.org", "example.org reject dkim b.example.org", 4},
		"no answer whether it exists":         {"_dmarc.example.org v=DMARC1; p=none; np=reject", "unknown.example.org", "", "", "error", 3},
		"no answer whether it exists, a pass": {"_dmarc.example.org v=DMARC1; p=none; np=reject", "unknown.example.org", "", "example.org", "example.org none dkim example.org", 3},
	} {
		z := &zone{text: c.zone}
		exists := func(_ context.Context, domain string) (bool, error) {
			if strings.HasPrefix(domain, "unknown") {
				return false, fmt.Errorf("looking up %s: time-out", domain)
			}
			return !strings.HasPrefix(domain, "gone"), nil
		}
		v, err := Evaluate(t.Context(), NewWalker(z), c.author, Proven{c.spf, strings.Fields(c.dkim)}, exists)
		got := v.describe()
		if err != nil {
			got = "error"
		}
		if got != c.want || len(z.asked) != c.asked || v.Pass != (v.By != "") {
			t.Errorf("%s: got %s (%v) with %d questions, want %s with %d", name, got, err, len(z.asked), c.want, c.asked)
		}
	}
}
