package test

import (
	"strings"
	"testing"
)

// TestSCRAM: GNU SASL's client proves that it knows a password of a mailbox, the main one or a
// program's, bound to the TLS connection or not; what is taken away is worth nothing.
func TestSCRAM(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: []}]\n", flowZone)
	ann := domain(t, m, "test.example")
	program := strings.TrimSpace(run(t, m, "", "mailbox", "app-password", "add", ann, "--name", "phone"))
	gsasl := func(mechanism, password string, flags ...string) (string, bool) {
		args := append([]string{"--imap", "--connect", m.IMAP, "--mechanism", mechanism, "--authentication-id", ann, "--password", password, "--verbose"}, flags...)
		cmd := runs(t, "gsasl", args...)
		cmd.Stdin = strings.NewReader("")
		out, err := cmd.CombinedOutput()
		return string(out), err == nil && strings.Contains(string(out), "Logged in")
	}
	clear, bound := "--no-starttls", []string{"--starttls", "--x509-ca-file="}
	for _, tt := range []struct {
		name, mechanism, password string
		flags                     []string
		want                      bool
	}{
		{"main", "SCRAM-SHA-256", password, []string{clear}, true},
		{"a program's", "SCRAM-SHA-256", program, []string{clear}, true},
		{"wrong", "SCRAM-SHA-256", password + "x", []string{clear}, false},
		{"bound", "SCRAM-SHA-256-PLUS", password, bound, true},
		{"bound, a program's", "SCRAM-SHA-256-PLUS", program, bound, true},
		{"plain, a program's", "PLAIN", program, []string{clear}, true},
	} {
		if out, ok := gsasl(tt.mechanism, tt.password, tt.flags...); ok != tt.want {
			t.Errorf("%s: logged in is %v, want %v\n%s", tt.name, ok, tt.want, out)
		}
	}
	run(t, m, "", "mailbox", "app-password", "remove", ann, "--name", "phone")
	for _, mechanism := range []string{"SCRAM-SHA-256", "PLAIN"} {
		if out, ok := gsasl(mechanism, program, clear); ok {
			t.Errorf("%s: a password that was taken away logged in\n%s", mechanism, out)
		}
	}
}
