package app

import (
	"regexp"
	"slices"
	"testing"

	"gatepost/internal/mail"
	"gatepost/internal/proposal"
	"gatepost/rules"
)

// A name that looks like another's is proposed, and looked for, as its A-labels; what no name may hold makes none.
func TestProposedHostsAreNoHomographs(t *testing.T) {
	s := sampleTeacher{ours: func(string) bool { return false }}
	for host, want := range map[string][]string{
		"p\u0430ypal.com":   {"xn--pypal-4ve.com"},
		"evil.example.com":  {"example.com"},
		"b\u00fccher.de":    {"xn--bcher-kva.de"},
		"a%C2%9B31mred.com": nil,
		"a%E2%80%AEmoc.com": nil,
		"ex%00ample.com":    nil,
		"%FFfoo.de":         nil,
		"e%1b.com":          nil,
	} {
		m := mail.NewMessage([]byte("Subject: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<a href=\"http://" + host + "/x\">now</a>\r\n"))
		if got := s.sample(m, proposal.Trap).Hosts; !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", host, got, want)
		}
	}
	p := patternOf(proposal.Decision{Pattern: proposal.Pattern{Kind: proposal.Domain, Text: "p\u0430ypal.com"}, Weight: 1})
	for text, want := range map[string]bool{"http://paypal.com/": false, "http://xn--pypal-4ve.com/": true} {
		if got := matches(t, p, text); got != want {
			t.Errorf("%s: found %t", text, got)
		}
	}
	if _, err := rules.Compile([]rules.Pattern{patternOf(proposal.Decision{Pattern: proposal.Pattern{Kind: proposal.Domain, Text: "a\u202emoc.com"}})}); err == nil {
		t.Error("a name that is none is looked for")
	}
}

// matches reports whether an accepted domain is found in an address.
func matches(t *testing.T, p rules.Pattern, address string) bool {
	t.Helper()
	re, err := regexp.Compile(p.Text)
	if err != nil {
		t.Fatal(err)
	}
	return re.MatchString(rules.Fold(address))
}
