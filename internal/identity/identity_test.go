package identity_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatepost/internal/identity"
	"gatepost/internal/identity/identitytest"
)

// A bench is a provider and who believes it, with a clock that tests turn.
type bench struct {
	*identitytest.Provider
	ids *identity.IDs
	now time.Time
	t   *testing.T
}

func newBench(t *testing.T, change func(*identity.Provider)) *bench {
	t.Helper()
	p, err := identitytest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	b := &bench{Provider: p, now: time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC), t: t}
	b.ids = identity.New(identity.Config{Now: func() time.Time { return b.now }})
	said := identity.Provider{Name: "work", Issuer: p.Issuer, Audience: []string{"mail", "gatepost"}, Domains: []string{"example.org"}, Claim: "email"}
	if change != nil {
		change(&said)
	}
	b.use(said)
	return b
}

func (b *bench) use(list ...identity.Provider) {
	b.t.Helper()
	c, err := b.ids.Prepare(list)
	if err != nil {
		b.t.Fatal(err)
	}
	c.Apply()
}

// claims are good ones, with some changed; a nil one is left out.
func (b *bench) claims(change map[string]any) map[string]any {
	c := map[string]any{
		"iss": b.Issuer, "aud": "mail", "sub": "4711", "email": "Ann@example.org",
		"iat": b.now.Add(-time.Minute).Unix(), "exp": b.now.Add(time.Hour).Unix(),
	}
	maps.Copy(c, change)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func (b *bench) token(alg jose.SignatureAlgorithm, change map[string]any) string {
	b.t.Helper()
	token, err := b.Token(alg, b.claims(change))
	if err != nil {
		b.t.Fatal(err)
	}
	return token
}

func (b *bench) signed(alg jose.SignatureAlgorithm, key any, kind string) string {
	b.t.Helper()
	token, err := identitytest.Sign(alg, key, kind, b.claims(nil))
	if err != nil {
		b.t.Fatal(err)
	}
	return token
}

// who says what came of a token: an address, or why not.
func (b *bench) who(token string) string {
	b.t.Helper()
	p, err := b.ids.Who(b.t.Context(), "example.org", token)
	var bad identity.Bad
	switch {
	case err == nil:
		return p.Address
	case errors.As(err, &bad) && bad.Genuine:
		return "late: " + bad.Reason
	case errors.As(err, &bad):
		return bad.Status + ": " + bad.Reason
	case errors.Is(err, identity.ErrUnavailable):
		return "unavailable"
	}
	return err.Error()
}

func check(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) || want == "" {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestClaims: what a genuine token must say (RFC 7519 §4.1, RFC 8725).
func TestClaims(t *testing.T) {
	b := newBench(t, nil)
	at := func(d time.Duration) int64 { return b.now.Add(d).Unix() }
	for name, tt := range map[string]struct {
		change map[string]any
		want   string
	}{
		"good":                       {nil, "Ann@example.org"},
		"one of several audiences":   {map[string]any{"aud": []string{"web", "gatepost"}}, "Ann@example.org"},
		"for others":                 {map[string]any{"aud": []string{"web"}}, "(aud), and not for us"},
		"for nobody":                 {map[string]any{"aud": nil}, "(aud), and not for us"},
		"another issuer":             {map[string]any{"iss": "https://evil.example"}, "no provider of the configuration"},
		"no issuer":                  {map[string]any{"iss": nil}, "no provider of the configuration"},
		"over":                       {map[string]any{"exp": at(-2 * time.Minute)}, "late: its time is over"},
		"over, and for others":       {map[string]any{"exp": at(-2 * time.Minute), "aud": "web"}, "invalid_token: it is for"},
		"over, as clocks may differ": {map[string]any{"exp": at(-30 * time.Second)}, "Ann@example.org"},
		"without an end":             {map[string]any{"exp": nil}, "no end (exp)"},
		"not yet":                    {map[string]any{"nbf": at(2 * time.Minute)}, "invalid_token"},
		"not yet, as clocks differ":  {map[string]any{"nbf": at(30 * time.Second)}, "Ann@example.org"},
		"from the future":            {map[string]any{"iat": at(2 * time.Minute)}, "invalid_token"},
		"no address":                 {map[string]any{"email": nil}, "no claim email"},
		"an address that is none":    {map[string]any{"email": 4711}, "no claim email"},
		"several addresses":          {map[string]any{"email": []string{"ann@example.org"}}, "no claim email"},
		"an unverified address":      {map[string]any{"email_verified": false}, "email_verified"},
		"verified, as a text":        {map[string]any{"email_verified": "true"}, "Ann@example.org"},
		"verified":                   {map[string]any{"email_verified": true}, "Ann@example.org"},
	} {
		t.Run(name, func(t *testing.T) { check(t, b.who(b.token(jose.RS256, tt.change)), tt.want) })
	}
}

// TestSignatures: by which keys and algorithms a token is believed.
func TestSignatures(t *testing.T) {
	b := newBench(t, nil)
	other, err := identitytest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	foreign := func(alg jose.SignatureAlgorithm) string {
		token, err := other.Token(alg, b.claims(nil))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	public, err := b.Published(jose.RS256).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	good := b.token(jose.RS256, nil)
	part := strings.Split(good, ".")
	for name, tt := range map[string]struct{ token, want string }{
		"RS256":                   {good, "Ann@example.org"},
		"ES256":                   {b.token(jose.ES256, nil), "Ann@example.org"},
		"EdDSA":                   {b.token(jose.EdDSA, nil), "Ann@example.org"},
		"another's RS256":         {foreign(jose.RS256), "none of the provider's keys"},
		"another's EdDSA":         {foreign(jose.EdDSA), "none of the provider's keys"},
		"HS256 by a public key":   {b.signed(jose.HS256, public, "JWT"), "no JWT signed by"},
		"none":                    {"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + part[1] + ".", "no JWT signed by"},
		"without a signature":     {part[0] + "." + part[1] + ".", "none of the provider's keys"},
		"cut":                     {part[0] + "." + part[1], "no JWT signed by"},
		"other claims":            {part[0] + "." + strings.Split(b.token(jose.RS256, map[string]any{"email": "bob@example.org"}), ".")[1] + "." + part[2], "none of the provider's keys"},
		"an opaque one":           {"2YotnFZFEjr1zCsicMWpAA", "no JWT signed by"},
		"nothing":                 {"", "no JWT signed by"},
		"too long":                {strings.Repeat("a", 20_000), "longer than"},
		"a text of dots":          {strings.Repeat(".", 9000), "no JWT signed by"},
		"a token for the log-out": {b.signed(jose.ES256, b.Private(jose.ES256), "logout+jwt"), "of another kind"},
		"an access token":         {b.signed(jose.ES256, b.Private(jose.ES256), "at+jwt"), "Ann@example.org"},
	} {
		t.Run(name, func(t *testing.T) { check(t, b.who(tt.token), tt.want) })
	}
}

// TestKeyUse: a key that is for something else signs no tokens, and one without a name may.
func TestKeyUse(t *testing.T) {
	b := newBench(t, nil)
	key := b.Published(jose.ES256)
	for name, tt := range map[string]struct {
		change func(*jose.JSONWebKey)
		want   string
	}{
		"as it is":          {func(*jose.JSONWebKey) {}, "Ann@example.org"},
		"any use":           {func(k *jose.JSONWebKey) { k.Use, k.Algorithm = "", "" }, "Ann@example.org"},
		"for encryption":    {func(k *jose.JSONWebKey) { k.Use = "enc" }, "none of the provider's keys"},
		"another algorithm": {func(k *jose.JSONWebKey) { k.Algorithm = "RS256" }, "none of the provider's keys"},
		"another name":      {func(k *jose.JSONWebKey) { k.KeyID = "x" }, "none of the provider's keys"},
	} {
		t.Run(name, func(t *testing.T) {
			k := key
			tt.change(&k)
			set, err := json.Marshal(map[string]any{"keys": []any{map[string]string{"kty": "quantum"}, k}})
			if err != nil {
				t.Fatal(err)
			}
			b.Serve(set)
			b.now = b.now.Add(2 * time.Hour) // what was known is old
			check(t, b.who(b.token(jose.ES256, nil)), tt.want)
		})
	}
	// A token that names no key is tried with those of its kind.
	b.Serve(nil)
	b.now = b.now.Add(2 * time.Hour)
	unnamed := b.Private(jose.ES256)
	unnamed.KeyID = ""
	check(t, b.who(b.signed(jose.ES256, unnamed, "JWT")), "Ann@example.org")
}

// TestRotation: a key that is new is found at once, one that is gone goes, and no token has the provider
// asked more often than each ten seconds.
func TestRotation(t *testing.T) {
	b := newBench(t, nil)
	questions := func(want int) {
		t.Helper()
		if got, _ := b.Questions(); got != want {
			t.Errorf("asked for keys %d times, want %d", got, want)
		}
	}
	old := b.token(jose.ES256, map[string]any{"exp": b.now.Add(48 * time.Hour).Unix()})
	for range 3 {
		check(t, b.who(old), "Ann@example.org")
	}
	questions(1)
	if err := b.Rotate(); err != nil {
		t.Fatal(err)
	}
	fresh := b.token(jose.ES256, map[string]any{"exp": b.now.Add(48 * time.Hour).Unix()})
	check(t, b.who(fresh), "none of the provider's keys") // asked a moment ago
	questions(1)
	b.now = b.now.Add(11 * time.Second)
	check(t, b.who(fresh), "Ann@example.org")
	questions(2)
	check(t, b.who(old), "none of the provider's keys") // withdrawn
	questions(2)
	b.now = b.now.Add(59 * time.Minute)
	check(t, b.who(fresh), "Ann@example.org")
	questions(2)
	b.now = b.now.Add(2 * time.Minute)
	check(t, b.who(fresh), "Ann@example.org")
	questions(3)
}

// TestDown: a provider that is down is no wrong token; what is known of it is good for a day.
func TestDown(t *testing.T) {
	b := newBench(t, nil)
	token := b.token(jose.RS256, map[string]any{"exp": b.now.Add(72 * time.Hour).Unix()})
	b.SetDown(true)
	check(t, b.who(token), "unavailable")
	b.SetDown(false)
	check(t, b.who(token), "unavailable") // it is left alone
	b.now = b.now.Add(11 * time.Second)
	check(t, b.who(token), "Ann@example.org")
	b.SetDown(true)
	b.now = b.now.Add(23 * time.Hour)
	check(t, b.who(token), "Ann@example.org")
	if err := b.Rotate(); err != nil {
		t.Fatal(err)
	}
	check(t, b.who(b.token(jose.RS256, nil)), "unavailable") // it may well be a new key
	b.now = b.now.Add(time.Hour)
	check(t, b.who(token), "unavailable")
	b.SetDown(false)
	b.now = b.now.Add(time.Minute)
	check(t, b.who(token), "none of the provider's keys")
}

// TestMetadata: who calls itself otherwise is another, and what is no set of keys is none.
func TestMetadata(t *testing.T) {
	b := newBench(t, nil)
	token := b.token(jose.RS256, nil)
	b.CallItself("https://evil.example")
	check(t, b.who(token), "unavailable")
	b.CallItself(b.Issuer)
	for _, octets := range []string{"", "<html>", `{"keys":[]}`, `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`, `{"keys":[` + strings.Repeat(`{},`, 101) + `{}]}`, strings.Repeat(" ", 600<<10) + "{}"} {
		b.now = b.now.Add(time.Minute)
		b.Serve([]byte(octets))
		check(t, b.who(token), "unavailable")
	}
	b.now = b.now.Add(time.Minute)
	b.Serve(nil)
	check(t, b.who(token), "Ann@example.org")
}

// TestWait: a provider that says nothing is waited for as long as the client may, and no longer.
func TestWait(t *testing.T) {
	b := newBench(t, nil)
	token := b.token(jose.RS256, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.ids.Who(ctx, "", token); !errors.Is(err, identity.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	check(t, b.who(token), "Ann@example.org") // that said nothing of the provider
}

// introspecting has a provider asked about tokens.
func introspecting(t *testing.T, change func(*identity.Provider)) *bench {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("sesame:ouvre toi\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return newBench(t, func(p *identity.Provider) {
		p.Introspection, p.ClientID, p.ClientSecretFile = p.Issuer+"/introspect", "gatepost", secret
		if change != nil {
			change(p)
		}
	})
}

// TestIntrospection: RFC 7662.
func TestIntrospection(t *testing.T) {
	b := introspecting(t, nil)
	b.Know("good", b.claims(nil))
	b.Know("over", b.claims(map[string]any{"exp": b.now.Add(-time.Hour).Unix()}))
	b.Know("endless", b.claims(map[string]any{"exp": nil, "iss": nil}))
	b.Know("others", b.claims(map[string]any{"aud": "web"}))
	b.Know("issuer", b.claims(map[string]any{"iss": "https://evil.example"}))
	b.Know("nobody", b.claims(map[string]any{"email": nil}))
	for token, want := range map[string]string{
		"good": "Ann@example.org", "endless": "Ann@example.org", "over": "late: its time is over",
		"others": "(aud), and not for us", "issuer": "invalid_token", "nobody": "no claim email", "unknown": "not active",
	} {
		t.Run(token, func(t *testing.T) { check(t, b.who(token), want) })
	}
	// A JWT is shown to its issuer, whatever its signature.
	token := b.token(jose.RS256, nil)
	check(t, b.who(token), "not active")
	b.Know(token, b.claims(nil))
	check(t, b.who(token), "Ann@example.org")
	if keys, _ := b.Questions(); keys != 0 {
		t.Error("it was asked for keys")
	}
}

// TestRevoked: a yes is believed for a minute, a no not at all.
func TestRevoked(t *testing.T) {
	b := introspecting(t, nil)
	check(t, b.who("token"), "not active")
	b.Know("token", b.claims(nil))
	check(t, b.who("token"), "Ann@example.org")
	b.Revoke("token")
	check(t, b.who("token"), "Ann@example.org")
	if _, asked := b.Questions(); asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	b.now = b.now.Add(61 * time.Second)
	check(t, b.who("token"), "not active")
}

// TestIntrospectionDown: failures in a row have the provider left alone.
func TestIntrospectionDown(t *testing.T) {
	b := introspecting(t, nil)
	b.Know("token", b.claims(nil))
	b.SetDown(true)
	for range 3 {
		check(t, b.who("token"), "unavailable")
	}
	b.SetDown(false)
	check(t, b.who("token"), "unavailable")
	b.now = b.now.Add(11 * time.Second)
	check(t, b.who("token"), "Ann@example.org")
	bad := introspecting(t, func(p *identity.Provider) { p.ClientID = "somebody" })
	check(t, bad.who("token"), "unavailable")
	bad = introspecting(t, func(p *identity.Provider) { p.ClientSecretFile = "/nowhere" })
	check(t, bad.who("token"), "unavailable")
}

// TestScope: what a token must allow, however it is written.
func TestScope(t *testing.T) {
	b := newBench(t, func(p *identity.Provider) { p.Scope, p.Claim = "imap mail.send", "upn" })
	for name, tt := range map[string]struct {
		change map[string]any
		want   string
	}{
		"all":      {map[string]any{"scope": "openid mail.send imap"}, "ann@example.org"},
		"of Entra": {map[string]any{"scp": "imap mail.send"}, "ann@example.org"},
		"a list":   {map[string]any{"scope": []string{"imap", "mail.send"}}, "ann@example.org"},
		"one":      {map[string]any{"scope": "imap"}, "insufficient_scope: it does not allow mail.send"},
		"none":     {nil, "insufficient_scope"},
		"similar":  {map[string]any{"scope": "imaps mail.send"}, "insufficient_scope"},
	} {
		t.Run(name, func(t *testing.T) {
			change := map[string]any{"upn": "ann@example.org", "email": nil}
			maps.Copy(change, tt.change)
			check(t, b.who(b.token(jose.RS256, change)), tt.want)
		})
	}
}

// TestChoice: an opaque token is shown to who vouches for the domain, and to nobody else.
func TestChoice(t *testing.T) {
	a, o := introspecting(t, nil), introspecting(t, nil)
	provider := func(b *bench, name string, domains ...string) identity.Provider {
		secret := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(secret, []byte(b.Secret), 0o600); err != nil {
			t.Fatal(err)
		}
		return identity.Provider{Name: name, Issuer: b.Issuer, Audience: []string{"mail"}, Domains: domains, Claim: "email", Introspection: b.Introspection(), ClientID: b.ID, ClientSecretFile: secret}
	}
	ids := identity.New(identity.Config{Now: func() time.Time { return a.now }})
	c, err := ids.Prepare([]identity.Provider{provider(a, "one", "example.org"), provider(o, "other", "*")})
	if err != nil {
		t.Fatal(err)
	}
	if ids.Any() {
		t.Error("there are providers before they are in force")
	}
	c.Apply()
	for domain, want := range map[string][2]int{"example.org": {1, 0}, "example.com": {0, 1}, "": {0, 0}} {
		_, before := a.Questions()
		_, obefore := o.Questions()
		ids.Who(t.Context(), domain, "opaque")
		_, got := a.Questions()
		_, ogot := o.Questions()
		if got-before != want[0] || ogot-obefore != want[1] {
			t.Errorf("%q: asked %d and %d, want %v", domain, got-before, ogot-obefore, want)
		}
	}
	if p, q := provider(a, "", "example.org"), provider(o, "", "*"); !p.Vouches("example.org") || p.Vouches("example.com") || !q.Vouches("x.example") {
		t.Error("vouches for others")
	}
}

// TestAbout: what a token says may be counted, and is nobody's word.
func TestAbout(t *testing.T) {
	b := newBench(t, nil)
	for token, want := range map[string]string{b.token(jose.RS256, nil): "Ann@example.org", "opaque": "", b.token(jose.RS256, map[string]any{"iss": "x"}): ""} {
		if got := b.ids.About(token); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
