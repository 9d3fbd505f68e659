package identity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// A Provider is a system whose tokens are believed.
type Provider struct {
	Name     string
	Issuer   string   // its name in tokens (iss), the base of its metadata
	Audience []string // a token is for one of these (aud); empty only with Introspection and Scope
	Scope    string   // what a token must allow, parted by spaces; "": nothing more
	Claim    string   // which claim is the mailbox's address
	Domains  []string // for whose mailboxes it vouches; "*" is all
	Keys     string   // URL of its JWK set; "": what its metadata says

	Introspection    string // URL; "": tokens are verified by keys
	ClientID         string // with which it is asked there
	ClientSecretFile string // holds the secret alone; read each time

	CA string // PEM file with authorities for its server's certificate; "": the system's
}

// Vouches reports whether the provider may say who a domain's people are.
func (p Provider) Vouches(domain string) bool {
	return slices.Contains(p.Domains, "*") || slices.Contains(p.Domains, domain)
}

// Configuration is the URL of the provider's metadata (OpenID Connect Discovery §4).
func (p Provider) Configuration() string {
	return strings.TrimRight(p.Issuer, "/") + "/.well-known/openid-configuration"
}

// ErrUnavailable: the provider can't be asked now, so nobody can tell about the token.
var ErrUnavailable = errors.New("the identity provider can't be asked")

// A Bad is the error about a token that opens nothing.
type Bad struct {
	Status   string   // as in RFC 6750 §3.1
	Reason   string   // for operators, in words; it quotes nothing secret
	Provider Provider // zero: of no provider that is known
	Genuine  bool     // the provider did make it, and only its time is over: nobody was guessing
}

// Error implements error.
func (b Bad) Error() string {
	return "identity: " + cmp.Or(b.Provider.Name, "no provider") + ": " + b.Reason
}

// Values of Bad.Status.
const (
	invalidToken = "invalid_token"
	lacksScope   = "insufficient_scope"
)

func bad(reason string, args ...any) Bad {
	return Bad{Status: invalidToken, Reason: fmt.Sprintf(reason, args...)}
}

// A Person is whom a token is about.
type Person struct {
	Address  string // of the mailbox, as the claim has it
	Provider Provider
}

// A Config has what IDs need.
type Config struct {
	Log *slog.Logger     // nil: silent
	Now func() time.Time // nil: time.Now
}

// IDs knows providers. It is safe for use by many goroutines, and starts none.
type IDs struct {
	log     *slog.Logger
	now     func() time.Time
	sources atomic.Pointer[sources]
}

// sources are providers by their issuers.
type sources map[string]*source

// New returns IDs that know no provider.
func New(c Config) *IDs {
	d := &IDs{log: cmp.Or(c.Log, slog.New(slog.DiscardHandler)), now: c.Now}
	if d.now == nil {
		d.now = time.Now
	}
	d.sources.Store(&sources{})
	return d
}

// A Change is a list of providers that is ready to be used.
type Change struct {
	ids  *IDs
	next sources
}

// Prepare makes what a list of providers needs, no two of which have one issuer; Apply puts it in force.
// A provider that is as it was keeps what is known of it; files of authorities are read anew.
func (d *IDs) Prepare(list []Provider) (Change, error) {
	old, next := *d.sources.Load(), sources{}
	for _, p := range list {
		if s := old[p.Issuer]; s != nil && p.CA == "" && reflect.DeepEqual(s.Provider, p) {
			next[p.Issuer] = s
			continue
		}
		s, err := d.newSource(p)
		if err != nil {
			return Change{}, fmt.Errorf("identity: provider %s: %w", p.Name, err)
		}
		next[p.Issuer] = s
	}
	return Change{d, next}, nil
}

// Apply puts the list in force.
func (c Change) Apply() {
	before := *c.ids.sources.Swap(&c.next)
	for issuer, s := range before {
		if c.next[issuer] != s {
			s.client.CloseIdleConnections()
		}
	}
}

// Any reports whether there is a provider. Nil IDs have none.
func (d *IDs) Any() bool { return d != nil && len(*d.sources.Load()) > 0 }

// Who returns whom a token is about. domain is where the client says that its mailbox is, "" where it says
// nothing; it tells whom an opaque token is from. Who fails with a Bad, with ErrUnavailable, or with
// the context's error. It waits for a provider for some seconds at most.
func (d *IDs) Who(ctx context.Context, domain, token string) (Person, error) {
	s, t, err := d.choose(domain, token)
	if err != nil {
		return Person{}, d.told(err, Provider{})
	}
	var c claims
	if s.Introspection != "" {
		c, err = s.introspect(ctx, token)
	} else {
		c, err = s.verify(ctx, t)
	}
	if err != nil {
		return Person{}, d.told(err, s.Provider)
	}
	p, err := s.person(c)
	return p, d.told(err, s.Provider)
}

// told notes why a token opens nothing: who sets a provider up looks for that.
func (d *IDs) told(err error, p Provider) error {
	var b Bad
	if !errors.As(err, &b) {
		return err
	}
	b.Provider = p
	d.note(b)
	return b
}

// Refuse notes why a genuine token opens nothing all the same, for a reason outside of it, and returns that.
func (d *IDs) Refuse(p Provider, reason string, args ...any) Bad {
	b := bad(reason, args...)
	b.Provider = p
	d.note(b)
	return b
}

func (d *IDs) note(b Bad) {
	d.log.Info("a token was refused", "provider", b.Provider.Name, "reason", b.Reason)
}

// maxToken bounds a token, in octets.
const maxToken = 9 << 10

// choose finds the provider that a token is from, by the issuer that it names, or else by the domain. A
// token that is no JWT goes to who vouches for that domain alone, so that nobody else learns it.
func (d *IDs) choose(domain, token string) (*source, *parsed, error) {
	if len(token) > maxToken {
		return nil, nil, bad("the token is longer than %d octets", maxToken)
	}
	all := *d.sources.Load()
	if t := parse(token); t != nil {
		s := all[t.claims.std.Issuer]
		if s == nil {
			return nil, nil, bad("its issuer is no provider of the configuration: %.200q", t.claims.std.Issuer)
		}
		return s, t, nil
	}
	var named, wide []*source
	for _, issuer := range slices.Sorted(maps.Keys(all)) {
		switch s := all[issuer]; {
		case s.Introspection == "":
		case domain != "" && slices.Contains(s.Domains, domain):
			named = append(named, s)
		case domain == "" || slices.Contains(s.Domains, "*"):
			wide = append(wide, s)
		}
	}
	if len(named) == 0 {
		named = wide
	}
	if len(named) != 1 {
		return nil, nil, bad("the token is no JWT signed by RS256, ES256 or EdDSA, and %d providers could be asked about it", len(named))
	}
	return named[0], nil, nil
}

// About returns whom a token says it is about, without a proof: for counting who is tried. It
// returns "" where it says nothing that can be read.
func (d *IDs) About(token string) string {
	t := parse(token)
	if t == nil {
		return ""
	}
	if s := (*d.sources.Load())[t.claims.std.Issuer]; s != nil {
		return t.claims.text(s.Claim)
	}
	return ""
}
