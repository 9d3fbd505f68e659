package intake

import (
	"strings"
	"testing"

	"gatepost/internal/mail"
)

// However our own name is spelled, a field that bears it is a claim of ours.
func TestOwnResults(t *testing.T) {
	for value, want := range map[string]bool{
		"mx.test.example; spf=pass":                  true,
		"MX.Test.Example 1; spf=pass":                true,
		"mx.test.example":                            true,
		"mx.test.example.; spf=pass":                 true,
		"mx.test.example/1; spf=pass":                true,
		"mx.test.example\t1; spf=pass":               true,
		"\x00mx.test.example; spf=pass":              true,
		"(we (said) so) mx.test.example; spf=pass":   true,
		"mx.test.example(so); spf=pass":              true,
		`"mx.test.example" 1; spf=pass`:              true,
		`(a\) b;(c)) "mx.te\st.example"; spf=pass`:   true,
		"(open mx.test.example; spf=pass":            true,
		`"mx.test.example; spf=pass`:                 true,
		"=?us-ascii?q?mx.test.example?=; spf=pass":   true,
		"mx2.test.example; spf=pass":                 true,
		"(open mx2.test.example; spf=pass":           true,
		"mx.other.example; spf=pass mx.test.example": false,
		"(mx.test.example) mx.other.example; none":   false,
		"xmx.test.example; spf=pass":                 false,
		"mx.test.example.org; spf=pass":              false,
		"(open mx.other.example; spf=pass":           false,
		"":                                           false,
		";mx.test.example":                           false,
	} {
		if got := ownResults(value, []string{"mx2.test.example", "mx.test.example"}); got != want {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
	if !ownResults("mx.b\u00fccher.example; none", []string{"mx.xn--bcher-kva.example"}) {
		t.Error("U-labels")
	}
}

// What we found stands on top. A field below it that bears our name came with the message, when the name was
// not ours yet.
func TestOwnFindings(t *testing.T) {
	in := &Intake{Hosts: func() []string { return []string{"mx.test.example", "mx2.test.example"} }}
	for name, tt := range map[string]struct{ header, want string }{
		"ours":                 {"Authentication-Results: mx2.test.example; auth=pass\r\n", "mx2.test.example; auth=pass"},
		"ours above another":   {"Authentication-Results: mx.test.example; spf=pass\r\nAuthentication-Results: mx2.test.example; auth=pass\r\n", "mx.test.example; spf=pass"},
		"ours below another":   {"Authentication-Results: mx.other.example; spf=pass\r\nAuthentication-Results: mx2.test.example; auth=pass\r\n", ""},
		"of somebody else":     {"Authentication-Results: mx3.test.example; auth=pass\r\n", ""},
		"there is none at all": {"Subject: x\r\n", ""},
	} {
		if got := strings.TrimSpace(in.ownFindings(mail.NewMessage([]byte(tt.header + "\r\n")))); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

// A loop is one whichever of the nodes it runs through.
func TestPassesNodes(t *testing.T) {
	in := &Intake{Hosts: func() []string { return []string{"mx.test.example", "mx2.test.example"} }}
	m := mail.NewMessage([]byte("Received: from a (a [192.0.2.1]) by mx2.test.example with ESMTP id 1; x\r\n" +
		"Received: from b by\r\n MX.test.example with ESMTP id 2; x\r\nReceived: from mx.test.example by c.example; x\r\n\r\n"))
	if got := in.passes(m); got != 2 {
		t.Errorf("it was here %d times, want 2", got)
	}
}
