package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/seal"
)

// ErrNoFactor: there is no second factor to do this with.
var ErrNoFactor = errors.New("no second factor")

// A Factor is the second factor of a person: an app that shows codes which change
// (totp.go). The zero Factor is none.
type Factor struct {
	Sealed    []byte // the secret, encrypted
	Confirmed bool   // the person has shown a code of it: it is asked for
	Step      int64  // the last step that was used
	Since     time.Time
	Codes     int // recovery codes that are left
}

// FactorRows keeps second factors.
type FactorRows interface {
	// Factor returns that of a person; the zero Factor where there is none.
	Factor(ctx context.Context, who ID) (Factor, error)
	// PutFactor keeps a secret that is to be confirmed, instead of another such.
	// It leaves a confirmed one as it is.
	PutFactor(ctx context.Context, who ID, sealed []byte, since time.Time) error
	// ConfirmFactor makes the secret count, as it is given, notes the step, and keeps
	// recovery codes instead of all that there were.
	ConfirmFactor(ctx context.Context, who ID, sealed []byte, step int64, since time.Time, codes []string) error
	// UseStep notes that a step was used; false: it, or a later one, was used before.
	UseStep(ctx context.Context, who ID, step int64) (bool, error)
	// UseCode takes away a recovery code; false: it is not there.
	UseCode(ctx context.Context, who ID, code string) (bool, error)
	// DropFactor takes away the factor and its recovery codes.
	DropFactor(ctx context.Context, who ID) error
}

const (
	offerFor      = 10 * time.Minute
	recoveryCodes = 10
	recoverySize  = 10 // characters: 50 bits
	issuer        = "gatepost"
)

// Factor tells about a person's second factor: Confirmed, Since and Codes.
func (d *Desk) Factor(ctx context.Context, p Person) (Factor, error) {
	f, err := d.rows.Factor(ctx, p.id())
	if err != nil {
		return Factor{}, fmt.Errorf("access: second factor of %s: %w", p.Name, err)
	}
	f.Sealed = nil
	return f, nil
}

// An Offer is a secret for an app, to be confirmed by a code of it.
type Offer struct {
	Secret string // base32, in groups of four
	URI    string // the same for an app's camera: otpauth://…
}

// OfferFactor returns the secret that is offered to a person in a session: the same for
// ten minutes. Who sees it in another session, or saw it before the password changed,
// knows nothing of what is confirmed later. A person who has a factor gets no other.
func (d *Desk) OfferFactor(ctx context.Context, p Person, session string) (Offer, error) {
	f, err := d.rows.Factor(ctx, p.id())
	if err != nil {
		return Offer{}, fmt.Errorf("access: second factor of %s: %w", p.Name, err)
	}
	if f.Confirmed {
		return Offer{}, fmt.Errorf("access: %s has a second factor", p.Name)
	}
	secret, ok := d.offered(ctx, p, session, f)
	if !ok {
		secret = make([]byte, totpSize)
		rand.Read(secret)
		var sealed []byte
		if sealed, err = d.seal(ctx, secret, offeredTo(p.id(), session)); err == nil {
			err = d.rows.PutFactor(ctx, p.id(), sealed, d.now())
		}
	}
	if err != nil {
		return Offer{}, fmt.Errorf("access: second factor of %s: %w", p.Name, err)
	}
	return Offer{grouped(base32Plain.EncodeToString(secret), 4, " "), totpURI(issuer, p.Name, secret)}, nil
}

// TakeFactor makes what was offered count, where code is of it, and returns the recovery
// codes: they can't be had again. All other sessions of the person end.
func (d *Desk) TakeFactor(ctx context.Context, p Person, session, code string) ([]string, error) {
	f, err := d.rows.Factor(ctx, p.id())
	if err != nil {
		return nil, fmt.Errorf("access: second factor of %s: %w", p.Name, err)
	}
	secret, ok := d.offered(ctx, p, session, f)
	if !ok {
		return nil, ErrNoFactor
	}
	step, ok := totpMatch(secret, plainCode(code), d.now(), f.Step)
	if !ok {
		return nil, ErrCode
	}
	sealed, err := d.seal(ctx, secret, sealedFor(p.id()))
	if err != nil {
		return nil, fmt.Errorf("access: second factor of %s: %w", p.Name, err)
	}
	codes, err := d.keepCodes(ctx, p, sealed, step)
	if err != nil {
		return nil, err
	}
	d.log.Info("second factor set", "person", p.Name)
	_, err = d.CloseAll(ctx, p, session, p.By())
	return codes, err
}

// NewCodes makes new recovery codes, for a code of the app; the old ones are worth nothing.
func (d *Desk) NewCodes(ctx context.Context, p Person, code string, from Client) ([]string, error) {
	if err := d.checkCode(ctx, p, code, from); err != nil {
		return nil, err
	}
	f, err := d.rows.Factor(ctx, p.id())
	if err != nil {
		return nil, fmt.Errorf("access: second factor of %s: %w", p.Name, err)
	}
	return d.keepCodes(ctx, p, f.Sealed, f.Step)
}

// keepCodes makes recovery codes, and keeps what tells them.
func (d *Desk) keepCodes(ctx context.Context, p Person, sealed []byte, step int64) ([]string, error) {
	key, err := d.keys(ctx, factorKey)
	if err != nil {
		return nil, fmt.Errorf("access: second factor of %s: %w", p.Name, err)
	}
	codes, kept := make([]string, recoveryCodes), make([]string, recoveryCodes)
	for i := range codes {
		plain := strings.ToLower(rand.Text()[:recoverySize])
		codes[i], kept[i] = grouped(plain, recoverySize/2, "-"), keptCode(key, p.id(), plain)
	}
	if err := d.rows.ConfirmFactor(ctx, p.id(), sealed, step, d.now(), kept); err != nil {
		return nil, fmt.Errorf("access: second factor of %s: %w", p.Name, err)
	}
	return codes, nil
}

// EndFactor takes the second factor away, for a code of it.
func (d *Desk) EndFactor(ctx context.Context, p Person, code string, from Client) error {
	if err := d.checkCode(ctx, p, code, from); err != nil {
		return err
	}
	return d.ResetFactor(ctx, p)
}

// ResetFactor takes the second factor away without asking for a code: what an operator
// does for somebody who has lost it. The person's sessions stay.
func (d *Desk) ResetFactor(ctx context.Context, p Person) error {
	if err := d.rows.DropFactor(ctx, p.id()); err != nil {
		return fmt.Errorf("access: second factor of %s: %w", p.Name, err)
	}
	d.log.Info("second factor taken away", "person", p.Name)
	return nil
}

// checkCode takes a code of the app, or a recovery code, each once. Wrong ones are
// counted as passwords are.
func (d *Desk) checkCode(ctx context.Context, p Person, code string, from Client) error {
	code = plainCode(code)
	// Not the name of the log-in: a password that is right makes no guess of a code good.
	try, err := d.guard.throttle.begin(codeOf+p.Name, from.Addr, code)
	if err != nil {
		return err
	}
	ok, err := d.useCode(ctx, p, code)
	switch {
	case err != nil:
		try.undo()
		return fmt.Errorf("access: second factor of %s: %w", p.Name, err)
	case !ok:
		try.wrong()
		d.log.Info("second factor is wrong", "person", p.Name, "client", from.Addr)
		return ErrCode
	}
	try.right()
	return nil
}

func (d *Desk) useCode(ctx context.Context, p Person, code string) (bool, error) {
	f, err := d.rows.Factor(ctx, p.id())
	if err != nil || !f.Confirmed {
		return false, err
	}
	if len(code) == recoverySize {
		key, err := d.keys(ctx, factorKey)
		if err != nil {
			return false, err
		}
		return d.rows.UseCode(ctx, p.id(), keptCode(key, p.id(), code))
	}
	secret, err := d.open(ctx, f.Sealed, sealedFor(p.id()))
	if err != nil {
		return false, err
	}
	step, ok := totpMatch(secret, code, d.now(), f.Step)
	if !ok {
		return false, nil
	}
	return d.rows.UseStep(ctx, p.id(), step)
}

// factorKey is the name of the key that encrypts secrets and hides recovery codes.
const factorKey = "second-factor"

// offered is the secret that was offered in a session not long ago, and is not confirmed.
func (d *Desk) offered(ctx context.Context, p Person, session string, f Factor) ([]byte, bool) {
	age := d.now().Sub(f.Since)
	if f.Confirmed || f.Sealed == nil || age < 0 || age >= offerFor {
		return nil, false
	}
	secret, err := d.open(ctx, f.Sealed, offeredTo(p.id(), session))
	return secret, err == nil
}

// seal encrypts a secret for one purpose.
func (d *Desk) seal(ctx context.Context, secret, what []byte) ([]byte, error) {
	key, err := d.keys(ctx, factorKey)
	if err != nil {
		return nil, err
	}
	return seal.Seal(key, secret, what)
}

func (d *Desk) open(ctx context.Context, sealed, what []byte) ([]byte, error) {
	key, err := d.keys(ctx, factorKey)
	if err != nil {
		return nil, err
	}
	return seal.Open(key, sealed, what)
}

func sealedFor(who ID) []byte { return fmt.Appendf(nil, "%s %d", who.Kind, who.Number) }

func offeredTo(who ID, session string) []byte {
	return fmt.Appendf(nil, "offer %s %d %s", who.Kind, who.Number, session)
}

// keptCode is what is kept of a recovery code.
func keptCode(key []byte, who ID, code string) string {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "recovery %s %d %s", who.Kind, who.Number, code)
	return hex.EncodeToString(h.Sum(nil))
}

// grouped puts sep between every n characters.
func grouped(s string, n int, sep string) string {
	var b strings.Builder
	for i := 0; i < len(s); i += n {
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(s[i:min(i+n, len(s))])
	}
	return b.String()
}
