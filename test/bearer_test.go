package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatepost/internal/identity/identitytest"
)

// TestBearer: curl sends, fetches and lists by tokens of an identity provider, and by none that is not its own.
func TestBearer(t *testing.T) {
	t.Parallel()
	provider, err := identitytest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(provider.Close)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(provider.Secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	asked, err := identitytest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(asked.Close)
	submission, pop3 := freePort(t), freePort(t)
	m := serve(t, fmt.Sprintf("hostname: mx.test.example\npolicies: [{name: default, pipeline: []}]\nidentity_providers:\n"+
		"  - {name: keys, issuer: %q, audience: [mail], domains: [test.example]}\n"+
		"  - {name: asked, issuer: %q, audience: [mail], domains: [other.example], introspection: %q, client_id: %q, client_secret_file: %q}\n",
		provider.Issuer, asked.Issuer, asked.Introspection(), asked.ID, secret), flowZone, "listen.submission="+submission, "listen.pop3="+pop3)
	ann, other := domain(t, m, "test.example"), domain(t, m, "other.example")
	token := func(by *identitytest.Provider, alg jose.SignatureAlgorithm, end time.Duration) string {
		token, err := by.Token(alg, map[string]any{"iss": provider.Issuer, "aud": "mail", "email": ann, "exp": time.Now().Add(end).Unix()})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	asked.Know("an-opaque-token", map[string]any{"aud": "mail", "email": other})
	note := filepath.Join(t.TempDir(), "note")
	if err := os.WriteFile(note, []byte(noteBy(ann, "token", "x")), 0o600); err != nil {
		t.Fatal(err)
	}
	curl := func(user, token string, args ...string) (string, bool) {
		out, err := runs(t, "curl", append([]string{"-sS", "-v", "--max-time", "60", "--user", user, "--oauth2-bearer", token}, args...)...).CombinedOutput()
		return string(out), err == nil
	}
	send := func(from string) []string {
		return []string{"smtp://" + submission, "--mail-from", from, "--mail-rcpt", ann, "--upload-file", note}
	}
	for name, tt := range map[string]struct {
		user, token string
		args        []string
		want        string // "": it works
	}{
		"IMAP, RS256":             {ann, token(provider, jose.RS256, time.Hour), []string{"imap://" + m.IMAP + "/INBOX"}, ""},
		"IMAP, at once":           {ann, token(provider, jose.EdDSA, time.Hour), []string{"imap://" + m.IMAP + "/INBOX", "--sasl-ir"}, ""},
		"IMAP, the old way":       {ann, token(provider, jose.ES256, time.Hour), []string{"imap://" + m.IMAP + "/INBOX", "--login-options", "AUTH=XOAUTH2"}, ""},
		"POP3":                    {ann, token(provider, jose.ES256, time.Hour), []string{"pop3://" + pop3}, ""},
		"submission":              {ann, token(provider, jose.ES256, time.Hour), send(ann), ""},
		"opaque":                  {other, "an-opaque-token", []string{"imap://" + m.IMAP + "/INBOX"}, ""},
		"IMAP, over":              {ann, token(provider, jose.RS256, -time.Hour), []string{"imap://" + m.IMAP + "/INBOX"}, "NO [AUTHENTICATIONFAILED]"},
		"IMAP, forged":            {ann, token(asked, jose.RS256, time.Hour), []string{"imap://" + m.IMAP + "/INBOX"}, "NO [AUTHENTICATIONFAILED]"},
		"POP3, somebody else's":   {other, token(provider, jose.ES256, time.Hour), []string{"pop3://" + pop3}, "-ERR [AUTH]"},
		"submission, opaque, not": {other, "another-token", send(other), "535 5.7.8"},
	} {
		if out, ok := curl(tt.user, tt.token, tt.args...); ok != (tt.want == "") || !strings.Contains(out, tt.want) {
			t.Errorf("%s: it worked is %v, want %q\n%s", name, ok, tt.want, out)
		}
	}
	if got := withSubject(box(t, m, ann, "INBOX"), "token"); len(got) != 1 {
		t.Errorf("ann has %q", got)
	}
}
