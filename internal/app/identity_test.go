package app

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatepost/internal/config"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/door"
	"gatepost/internal/identity/identitytest"
)

// A tokenNode is a node that believes an identity provider about test.example.
type tokenNode struct {
	*pagesNode
	provider *identitytest.Provider
}

func openTokens(t *testing.T, domains ...string) tokenNode {
	t.Helper()
	p, err := identitytest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	n := tokenNode{openPages(t), p}
	if n.logins(directory.ServiceIMAP, "").Bears() {
		t.Error("tokens are taken without a provider")
	}
	n.believe("work", domains...)
	return n
}

// believe has the provider believed under a name; what was known of it by another is forgotten.
func (n tokenNode) believe(name string, domains ...string) {
	n.t.Helper()
	c := *n.config.Load()
	c.IdentityProviders = []config.IdentityProvider{{Name: name, Issuer: n.provider.Issuer, Audience: []string{"mail"}, Domains: domains, Claim: "email"}}
	r, err := n.Reload(&c)
	if err != nil || !slices.Equal(r.Changed, []string{"identity_providers"}) {
		n.t.Fatalf("got %+v, %v", r, err)
	}
}

func (n tokenNode) token(email string, end time.Duration) string {
	n.t.Helper()
	token, err := n.provider.Token(jose.ES256, map[string]any{"iss": n.provider.Issuer, "aud": "mail", "email": email, "exp": time.Now().Add(end).Unix()})
	n.must(err)
	return token
}

// forged is a token by another's key.
func (n tokenNode) forged(other *identitytest.Provider, i int) string {
	n.t.Helper()
	token, err := other.Token(jose.ES256, map[string]any{"iss": n.provider.Issuer, "aud": "mail", "email": "ann@test.example", "exp": time.Now().Add(time.Hour).Unix(), "jti": fmt.Sprint(i)})
	n.must(err)
	return token
}

func (n tokenNode) bear(user, token string, at netip.Addr) (string, error) {
	_, address, err := n.logins(directory.ServiceIMAP, "").Bear(context.Background(), user, token, at)
	return address, err
}

// TestTokens: a token opens the mailbox that it is about, where its provider vouches for that, under the same
// conditions as a password.
func TestTokens(t *testing.T) {
	n := openTokens(t, "test.example")
	at := client("198.51.100.7")
	ann := n.token("Ann@Test.example", time.Hour)
	for _, user := range []string{"", "ann@test.example", "ANN@test.example"} {
		if address, err := n.bear(user, ann, at); err != nil || address != "ann@test.example" {
			t.Errorf("%q: got %s, %v", user, address, err)
		}
	}
	for name, tt := range map[string]struct{ user, token string }{
		"somebody else's":       {"bob@test.example", ann},
		"nobody's":              {"", n.token("nobody@test.example", time.Hour)},
		"another domain's":      {"", n.token("carl@other.example", time.Hour)},
		"of something else":     {"", n.token("ann", time.Hour)},
		"for who isn't one":     {"nobody@test.example", ann},
		"over":                  {"", n.token("ann@test.example", -time.Hour)},
		"opaque":                {"ann@test.example", "opaque"},
		"opaque, and says none": {"", "opaque"},
	} {
		var bad door.BadToken
		if address, err := n.bear(tt.user, tt.token, client("203.0.113.9")); !errors.As(err, &bad) || !errors.Is(err, door.ErrLogin) || bad.Status != "invalid_token" {
			t.Errorf("%s: got %s, %v", name, address, err)
		}
	}
	if _, address, err := (submissionLogins{n.logins(directory.ServiceSubmission, ""), n.allowance}).Bear(t.Context(), "", ann, at); err != nil || address != "ann@test.example" {
		t.Errorf("submission: got %s, %v", address, err)
	}
	if _, address, err := n.logins(directory.ServiceIMAP, "test.example").Bear(t.Context(), "ann", ann, at); err != nil || address != "ann@test.example" {
		t.Errorf("without a domain: got %s, %v", address, err)
	}
	n.must2(n.setMailbox(t.Context(), ops.MailboxSet{Address: "ann@test.example", Shut: &[]string{"imap"}}))
	if _, err := n.bear("", ann, at); !errors.Is(err, door.ErrShut) {
		t.Errorf("a service that is shut: %v", err)
	}
	suspended := string(directory.Suspended)
	n.must2(n.setMailbox(t.Context(), ops.MailboxSet{Address: "ann@test.example", State: &suspended}))
	if _, err := n.bear("", ann, at); !errors.Is(err, door.ErrShut) {
		t.Errorf("suspended: %v", err)
	}
}

// TestTokensAreGuarded: forged tokens count with wrong passwords, and neither do those whose time is over nor
// those that nobody can tell about.
func TestTokensAreGuarded(t *testing.T) {
	n := openTokens(t, "*")
	other, err := identitytest.New()
	n.must(err)
	t.Cleanup(other.Close)
	at := client("198.51.100.7")
	right := n.token("ann@test.example", time.Hour)
	n.provider.SetDown(true)
	for i := range 10 {
		if _, err := n.bear("", n.forged(other, i), at); err == nil || errors.Is(err, door.ErrLogin) || errors.Is(err, door.ErrLater) {
			t.Errorf("a provider that is down: %v", err)
		}
	}
	n.provider.SetDown(false)
	n.believe("work again", "*")
	for i := range 10 {
		late := n.token("ann@test.example", -time.Hour+time.Duration(i)*time.Second)
		if _, err := n.bear("", late, at); !errors.Is(err, door.ErrLogin) {
			t.Errorf("a time that is over: %v", err)
		}
	}
	if _, err := n.bear("", right, at); err != nil {
		t.Fatalf("after that: %v", err)
	}
	for i := range 5 {
		if _, err := n.bear([]string{"", "ann@test.example"}[i%2], n.forged(other, i), at); !errors.Is(err, door.ErrLogin) {
			t.Errorf("forged: %v", err)
		}
	}
	for name, try := range map[string]func() error{
		"a token":        func() error { _, err := n.bear("", right, at); return err },
		"a token, named": func() error { _, err := n.bear("ann@test.example", right, at); return err },
		"the password": func() error {
			_, _, err := n.logins(directory.ServiceIMAP, "").Login(t.Context(), "ann@test.example", pagesPassword, at)
			return err
		},
	} {
		if err := try(); !errors.Is(err, door.ErrLater) {
			t.Errorf("%s after five forged tokens: %v", name, err)
		}
	}
	if _, err := n.bear("", right, client("203.0.113.1")); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	// An opaque token says nothing of whom it is about: its provider does.
	secret := filepath.Join(t.TempDir(), "secret")
	n.must(os.WriteFile(secret, []byte(n.provider.Secret), 0o600))
	c := *n.config.Load()
	c.IdentityProviders = []config.IdentityProvider{{Name: "asked", Issuer: n.provider.Issuer, Audience: []string{"mail"}, Domains: []string{"*"}, Claim: "email", Introspection: n.provider.Introspection(), ClientID: n.provider.ID, ClientSecretFile: secret}}
	n.must2(n.Reload(&c))
	for token, want := range map[string]error{"ann": door.ErrLater, "bob": nil} {
		n.provider.Know(token, map[string]any{"aud": "mail", "email": token + "@test.example"})
		if _, err := n.bear("", token, at); !errors.Is(err, want) {
			t.Errorf("an opaque token of %s: %v", token, err)
		}
	}
}
