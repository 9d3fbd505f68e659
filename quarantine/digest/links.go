package digest

import (
	"context"
	"fmt"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/token"
)

// An Act is what a link in a digest leads to.
type Act string

// Acts.
const (
	Release Act = "release"
	Allow   Act = "allow" // release, and let the sender pass from then on
	Block   Act = "block" // hold what the sender sends from then on
	Ask     Act = "ask"   // have an operator look at it
)

// What tokens of digests are for (package token).
const (
	purposeAct  = "digest"
	purposeStop = "unsubscribe"
)

// Tokens seals and opens statements. *token.Sealer is one.
type Tokens interface {
	Seal(ctx context.Context, purpose string, st token.Statement) (string, error)
	Open(ctx context.Context, purpose, text string) (token.Statement, error)
}

// Links makes the links of digests, and reads what comes back by them.
type Links struct {
	Base   string // of all links, without a slash at the end; "": there are none
	Tokens Tokens
}

// stopFor is how long a reader can end digests by a link: mail is read late.
const stopFor = 2 * 365 * 24 * time.Hour

// Act returns the link to an act on a held message, good until the hold ends.
func (l Links) Act(ctx context.Context, a Act, r Row, now time.Time) (string, error) {
	t, err := l.Tokens.Seal(ctx, purposeAct, token.Statement{Made: now, Expires: r.Expires, Fields: []string{string(a), r.ID}})
	return l.Base + "/d/" + t, err
}

// Stop returns the link that ends digests to an address.
func (l Links) Stop(ctx context.Context, address mail.Path, now time.Time) (string, error) {
	t, err := l.Tokens.Seal(ctx, purposeStop, token.Statement{Made: now, Expires: now.Add(stopFor), Fields: []string{string(address)}})
	return l.Base + "/u/" + t, err
}

// All is the page of all held messages.
func (l Links) All() string { return l.Base + "/quarantine" }

// Opened returns which act on which held message a token is for. It fails as
// token.Sealer.Open does; with token.ErrExpired it returns both.
func (l Links) Opened(ctx context.Context, text string) (a Act, held string, err error) {
	st, err := l.Tokens.Open(ctx, purposeAct, text)
	if len(st.Fields) != 2 {
		return "", "", orElse(err, token.ErrToken)
	}
	switch a = Act(st.Fields[0]); a {
	case Release, Allow, Block, Ask:
		return a, st.Fields[1], err
	}
	return "", "", fmt.Errorf("act %q: %w", a, token.ErrToken)
}

// Stopped returns whose digests a token ends. It fails as Opened does.
func (l Links) Stopped(ctx context.Context, text string) (mail.Path, error) {
	st, err := l.Tokens.Open(ctx, purposeStop, text)
	if len(st.Fields) != 1 || st.Fields[0] == "" {
		return "", orElse(err, token.ErrToken)
	}
	return mail.Path(st.Fields[0]), err
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
