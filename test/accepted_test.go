package test

import (
	"strings"
	"testing"
)

// What an allow entry found out of a sender stands in the header, though it kept the walk
// from the filters whose business that is; and what a stranger wrote of it does not.
func TestAcceptedAboveSPF(t *testing.T) {
	t.Parallel()
	m := serve(t, `hostname: mx.test.example
policies:
  - {name: default, pipeline: [sender-allow, spf, dkim]}
  - {name: client, pipeline: [ip-allow, spf, dkim]}
`, flowZone)
	bySender, byClient := domain(t, m, "test.example"), domain(t, m, "client.example", "--policy", "client")
	run(t, m, "", "list", "add", "allow", sender, "--scope", "test.example")
	run(t, m, "", "list", "add", "allow", goodClient, "--scope", "client.example")
	const forged, foreign = "Received-SPF: pass (forged)\r\n", "Received-SPF: softfail (a forwarder said so)"
	content := forged + "Received: from a by b; Fri, 20 Nov 2026 15:05:00 +0000\r\n" + foreign + "\r\n" +
		"Received-SPF: pass receiver=MX.test.example; (forged)\r\nSubject: allowed\r\n\r\nx\r\n"
	for _, c := range []struct{ name, to, results, spf string }{
		{"sender-allow asks SPF", bySender, "spf=pass smtp.mailfrom=" + sender, "Received-SPF: pass receiver=mx.test.example"},
		{"ip-allow does not", byClient, "none", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			mailFrom(t, m, goodClient, sender, content, c.to).id(t)
			got := withSubject(box(t, m, c.to, "INBOX"), "allowed")
			if len(got) != 1 {
				t.Fatalf("it is there %d times", len(got))
			}
			top := strings.ReplaceAll(got[0], "\r\n\t", " ")
			top = strings.ReplaceAll(top, "\r\n ", " ")
			if !strings.Contains(top, "X-Gatepost-Allowed: ") || !strings.Contains(top, "Authentication-Results: mx.test.example; "+c.results) {
				t.Errorf("not allowed, or not %q, in\n%s", c.results, top)
			}
			if c.spf != "" && !strings.Contains(top, "\r\n"+c.spf) {
				t.Errorf("no %q in\n%s", c.spf, top)
			}
			if strings.Contains(top, "forged") || !strings.Contains(top, "\r\n"+foreign+"\r\n") {
				t.Errorf("what is forged is there, or what a forwarder wrote is not, in\n%s", top)
			}
		})
	}
}
