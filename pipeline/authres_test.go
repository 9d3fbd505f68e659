package pipeline

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/authres"

	"gatepost/internal/mail"
)

func TestAuthenticationResults(t *testing.T) {
	cases := []struct {
		name    string
		results []authres.Result
		want    string
	}{
		{"none", nil, "mx.test; none"},
		{"spf", []authres.Result{&authres.SPFResult{Value: "pass", From: "ann@example.org"}}, "mx.test; spf=pass smtp.mailfrom=ann@example.org"},
		{"several", []authres.Result{
			&authres.IPRevResult{Value: "fail", IP: "2001:db8::1", Reason: "no name"},
			&authres.DKIMResult{Value: "pass", Domain: "example.org", Identifier: "@example.org"},
			&authres.GenericResult{Method: "dkim", Value: "fail", Params: map[string]string{"header.s": "sel", "header.b": "a/b+c=", "reason": "x"}},
			&authres.DMARCResult{Value: "none", From: "example.org"},
			&authres.AuthResult{Value: "pass", Auth: "ann"},
			&authres.ARCResult{Value: "pass", OldestPass: 2},
		}, `mx.test; iprev=fail reason="no name" policy.iprev="2001:db8::1"; dkim=pass header.d=example.org header.i=@example.org; ` +
			`dkim=fail reason="x" header.b="a/b+c=" header.s=sel; dmarc=none header.from=example.org; auth=pass smtp.auth=ann; arc=pass header.oldest-pass=2`},
		{"injection", []authres.Result{&authres.SPFResult{Value: "pass", From: "we ird\r\nX: y\"\\;dkim=pass@z"}},
			`mx.test; spf=pass smtp.mailfrom="we ird??X: y\"\\;dkim=pass@z"`},
		{"a result that is no word", []authres.Result{&authres.SPFResult{Value: "pass; dkim=pass"}}, "mx.test; none"},
		{"a key that is no word", []authres.Result{&authres.GenericResult{Method: "x", Value: "pass", Params: map[string]string{"a b": "c"}}}, "mx.test; x=pass"},
		{"UTF-8", []authres.Result{&authres.SPFResult{Value: "pass", From: "zoë@example.org\xff"}}, `mx.test; spf=pass smtp.mailfrom="zoë@example.org?"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := AuthenticationResults("mx.test", c.results); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestReceivedSPF(t *testing.T) {
	c := mail.Client{Addr: netip.MustParseAddr("2001:db8::1"), Helo: "x y;\r\nz"}
	got := ReceivedSPF("mx.test", c, "ann@example.org", &authres.SPFResult{Value: "permerror", Helo: "x", Reason: "bad \"record\""})
	want := `permerror receiver=mx.test; client-ip="2001:db8::1"; envelope-from="ann@example.org"; helo="x y;??z"; identity=helo; problem="bad \"record\""`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzAuthenticationResults(f *testing.F) {
	f.Add("pass", "ann@example.org", "why\r\n")
	f.Add("pa;ss", `a"\b`, "\xff\u0085")
	f.Fuzz(func(t *testing.T, value, from, reason string) {
		s := AuthenticationResults("mx.test", []authres.Result{&authres.SPFResult{Value: authres.ResultValue(value), From: from, Reason: reason}})
		if strings.ContainsAny(s, "\r\n\x00") {
			t.Errorf("control character in %q", s)
		}
		inside := false
		for i := 0; i < len(s); i++ {
			switch {
			case inside && s[i] == '\\':
				i++
			case s[i] == '"':
				inside = !inside
			case !inside && s[i] == ';' && i != len("mx.test"):
				t.Errorf("a second result in %q", s)
			}
		}
		if inside {
			t.Errorf("quote not closed: %q", s)
		}
	})
}
