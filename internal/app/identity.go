package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"time"

	"gatepost/internal/config"
	"gatepost/internal/directory"
	"gatepost/internal/door"
	"gatepost/internal/identity"
	"gatepost/internal/mail"
)

// openIdentity knows the identity providers of the configuration. It asks none of them yet.
func (a *App) openIdentity(_ context.Context, c *config.Config) error {
	a.identity = identity.New(identity.Config{Log: a.log, Now: func() time.Time { return a.now() }})
	change, err := a.identity.Prepare(identityProviders(c))
	if err != nil {
		return err
	}
	change.Apply()
	return nil
}

func identityProviders(c *config.Config) (list []identity.Provider) {
	for _, p := range c.IdentityProviders {
		list = append(list, identity.Provider{
			Name: p.Name, Issuer: p.Issuer, Audience: slices.Clone(p.Audience), Scope: p.Scope, Claim: p.Claim, Domains: slices.Clone(p.Domains),
			Keys: p.Keys, Introspection: p.Introspection, ClientID: p.ClientID, ClientSecretFile: p.ClientSecretFile, CA: p.CA,
		})
	}
	return list
}

// A badToken is why a token opens nothing. One that was guessed is a wrong log-in; one that its
// provider did make, and only its time is over, is none: mail programs show such and get another.
type badToken struct{ identity.Bad }

// Is tells the guard what to count.
func (b badToken) Is(target error) bool { return target == directory.ErrLogin && !b.Genuine }

// bear is check for who shows a token.
func (l logins) bear(ctx context.Context, user, token string, peer netip.Addr) (directory.Mailbox, error) {
	user = l.whole(user)
	attempt, err := l.g.Begin(cmp.Or(user, l.ids.About(token), nameless(token)), peer, token)
	if err != nil {
		return directory.Mailbox{}, err
	}
	m, err := l.borne(ctx, user, token)
	if err == nil && user == "" { // only now it is known for sure who that is
		attempt.Undo()
		if attempt, err = l.g.Begin(string(m.Address), peer, token); err != nil {
			return directory.Mailbox{}, err
		}
	}
	finish(ctx, attempt, err)
	return m, err
}

// nameless is the account by which tokens count that say nothing of whom they are about, each its own.
func nameless(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "token-" + hex.EncodeToString(sum[:8])
}

// borne finds the mailbox that a token is about.
func (l logins) borne(ctx context.Context, user, token string) (directory.Mailbox, error) {
	address, _ := mail.ParsePath(user) // null where it is none
	named, _ := l.d.Snapshot().Mailbox(address)
	who, err := l.ids.Who(ctx, cmp.Or(address.Domain(), l.domain), token)
	var bad identity.Bad
	switch {
	case errors.As(err, &bad):
		return directory.Mailbox{}, badToken{bad}
	case err != nil:
		return directory.Mailbox{}, err
	}
	m, err := l.d.Identify(who.Address)
	switch {
	case errors.Is(err, directory.ErrLogin):
		return m, badToken{l.ids.Refuse(who.Provider, "there is no mailbox %.320q", who.Address)}
	case err != nil:
		return m, err
	case !who.Provider.Vouches(m.Address.Domain()):
		return directory.Mailbox{}, badToken{l.ids.Refuse(who.Provider, "it does not vouch for the people of %s", m.Address.Domain())}
	case user != "" && named.ID != m.ID:
		return directory.Mailbox{}, badToken{l.ids.Refuse(who.Provider, "it is of %s, and the client wants to be %.320q", m.Address, user)}
	}
	return m, nil
}

var _ door.Bearer = doorLogins{}

// Bears implements door.Bearer.
func (l doorLogins) Bears() bool { return l.ids.Any() }

// Bear implements door.Bearer.
func (l doorLogins) Bear(ctx context.Context, user, token string, peer netip.Addr) (int64, string, error) {
	m, err := l.bear(ctx, user, token, peer)
	return l.open(m, peer, err)
}

var _ door.Bearer = submissionLogins{}

// Bear implements door.Bearer. Tokens are people's: a sender without a person has none.
func (l submissionLogins) Bear(ctx context.Context, user, token string, peer netip.Addr) (int64, string, error) {
	m, err := l.bear(ctx, user, token, peer)
	return l.noted(m, peer, err)
}

// told is what the client of a door hears of a token.
func (b badToken) told() door.BadToken {
	t := door.BadToken{Status: b.Status, Scope: b.Provider.Scope}
	if b.Provider.Issuer != "" {
		t.Configuration = b.Provider.Configuration()
	}
	return t
}
