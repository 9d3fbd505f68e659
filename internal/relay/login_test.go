package relay

import (
	"slices"
	"strings"
	"testing"
)

// A mail host is told user and password by PLAIN or, where it takes no other, by LOGIN; it hears no password once it has refused the name.
func TestLogIn(t *testing.T) {
	const name, secret = "dXM=", "c2VjcmV0"
	for what, c := range map[string]struct {
		offers string
		script map[string]string
		says   []string // by which it logs in
		want   string   // beginning
	}{
		"PLAIN":             {"LOGIN PLAIN", map[string]string{"AUTH PLAIN AHVzAHNlY3JldA==": "235 hello"}, []string{"AUTH PLAIN AHVzAHNlY3JldA=="}, "carried"},
		"LOGIN":             {"LOGIN", map[string]string{"AUTH LOGIN": "334 VXNlcm5hbWU6", name: "334 UGFzc3dvcmQ6", secret: "235 hello"}, []string{"AUTH LOGIN", name, secret}, "carried"},
		"LOGIN, no name":    {"LOGIN", map[string]string{"AUTH LOGIN": "454 later"}, []string{"AUTH LOGIN"}, "deferred 454 4.0.0 AUTH later"},
		"LOGIN, a bad name": {"LOGIN", map[string]string{"AUTH LOGIN": "334 VXNlcm5hbWU6", name: "535 who"}, []string{"AUTH LOGIN", name}, "deferred 535"},
	} {
		t.Run(what, func(t *testing.T) {
			c.script["EHLO"] = "250-x\n250 AUTH " + c.offers
			s := serve(t, "127.0.0.1", c.script)
			r := hostRelay(t, Host{Name: "h", Address: s.addr.String(), TLS: "never", User: "us", Password: "secret"})
			if got := told(r.Carry(t.Context(), job(toA, "ann@a.example"))); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s, want %s…", got, c.want)
			}
			var said []string
			for _, verb := range []string{"AUTH", name, secret} {
				said = append(said, s.said(verb)...)
			}
			if !slices.Equal(said, c.says) {
				t.Errorf("it heard %q, want %q", said, c.says)
			}
		})
	}
}
