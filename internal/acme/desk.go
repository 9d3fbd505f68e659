package acme

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"gatepost/internal/certificate"
)

// A Config is what a Desk needs.
type Config struct {
	Directory  string                                                           // the authority's URL
	Contact    []string                                                         // mailto: URLs
	KeyID      string                                                           // of an external account binding (RFC 8555 §7.3.4); "": none
	MAC        func() ([]byte, error)                                           // its key
	Authority  func() (*x509.CertPool, error)                                   // that vouches for the authority's own server; nil: the system's
	Challenges []string                                                         // certificate.HTTP01 and TLSALPN01, that which is tried first in front
	Reuse      bool                                                             // a name keeps its key when it is renewed
	Names      func() []string                                                  // that are to have a certificate
	Ordered    func(ctx context.Context) (map[string]certificate.Issued, error) // the rows as they are now
	Rows       certificate.Rows
	Agent      string           // how this program calls itself
	Log        *slog.Logger     // nil: silent
	Now        func() time.Time // nil: time.Now
}

// A Desk orders certificates.
type Desk struct {
	c      Config
	advice map[string]time.Time // by name: when the authority is asked next whether it should be renewed
}

// New returns a Desk. One of all that have the same rows should Run.
func New(c Config) *Desk {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Desk{c: c, advice: map[string]time.Time{}}
}

// Times and numbers of the Desk.
const (
	lookEvery = 5 * time.Second // for what is due
	orderTime = 5 * time.Minute // one order takes at most
	atOnce    = 4               // orders
	perRound  = 16              // orders until it is looked anew for what is due
	firstWait = 5 * time.Minute // after a failure; doubled by each further one
	mostWait  = 6 * time.Hour
)

// Run orders what is due, until ctx ends. settings is asked each time; nil says that nothing is to be ordered.
func Run(ctx context.Context, log *slog.Logger, settings func() *Config) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	advice := map[string]time.Time{}
	for silent := false; ; {
		var err error
		if c := settings(); c != nil {
			d := New(*c)
			d.advice = advice
			err = d.Round(ctx)
		}
		if err != nil && ctx.Err() == nil && !silent {
			log.Error("acme: certificates are not looked after", "error", err)
		}
		silent = err != nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Round orders what is due now, and lets go of what nobody wants any more. What becomes of an order is in its row; an
// error is one of the rows.
func (d *Desk) Round(ctx context.Context) error {
	known, err := d.c.Ordered(ctx)
	if err != nil {
		return err
	}
	wanted := d.c.Names()
	if err := d.forget(ctx, known, wanted); err != nil {
		return err
	}
	if err := d.advised(ctx, known, wanted); err != nil {
		return err
	}
	due := d.due(known, wanted)
	if len(due) == 0 {
		return nil
	}
	client, err := d.client(ctx)
	if err != nil { // no name's fault, but each has to wait
		var all []error
		for _, i := range due {
			all = append(all, d.failed(ctx, i, err))
		}
		return errors.Join(all...)
	}
	var wg sync.WaitGroup
	room, failures := make(chan struct{}, atOnce), make([]error, len(due))
	for n, i := range due {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			if err := d.order(ctx, client, i); err != nil && ctx.Err() == nil {
				failures[n] = errors.Join(d.failed(ctx, i, err), d.unregistered(ctx, err))
			}
		})
	}
	wg.Wait()
	return errors.Join(failures...)
}

// due returns the wanted names whose time has come, those that failed least first.
func (d *Desk) due(known map[string]certificate.Issued, wanted []string) (list []certificate.Issued) {
	now := d.c.Now()
	for _, name := range wanted {
		i, ok := known[name]
		if !ok {
			i = certificate.Issued{Name: name}
		}
		if i.Due.IsZero() && i.Chain != nil { // it was not wanted for a while
			i.Due = renewal(i.Chain)
		}
		if !i.Due.After(now) && !slices.ContainsFunc(list, func(o certificate.Issued) bool { return o.Name == name }) {
			list = append(list, i)
		}
	}
	slices.SortStableFunc(list, func(a, b certificate.Issued) int {
		if a.Tries != b.Tries {
			return a.Tries - b.Tries
		}
		return a.Due.Compare(b.Due)
	})
	return list[:min(len(list), perRound)]
}

// forget lets go of names that nobody wants: they are renewed no more, and removed when their certificate has ended.
func (d *Desk) forget(ctx context.Context, known map[string]certificate.Issued, wanted []string) error {
	for name, i := range known {
		var err error
		switch leaf := leafOf(i.Chain); {
		case slices.Contains(wanted, name):
		case leaf == nil || d.c.Now().After(leaf.NotAfter):
			err = d.c.Rows.DropIssued(ctx, name)
		case !i.Due.IsZero():
			err = d.c.Rows.ChangeIssued(ctx, name, func(i *certificate.Issued) error {
				i.Due, i.Tries, i.Problem = time.Time{}, 0, ""
				return nil
			})
		}
		if err != nil && !errors.Is(err, certificate.ErrUnknown) {
			return err
		}
	}
	return nil
}

// leafOf reads the first certificate of a chain in PEM; nil where there is none.
func leafOf(chain []byte) *x509.Certificate {
	block, _ := pem.Decode(chain)
	if block == nil {
		return nil
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return leaf
}

// renewal is when a certificate is ordered again: with a third of its life left, and up to a thirtieth earlier, so that
// those that came together part. It is the same whoever asks. Zero: at once.
func renewal(chain []byte) time.Time {
	leaf := leafOf(chain)
	if leaf == nil {
		return time.Time{}
	}
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	sum := fnv.New32a()
	sum.Write(leaf.Raw)
	early := time.Duration(float64(life/30) * float64(sum.Sum32()) / (1 << 32))
	return leaf.NotAfter.Add(-life/3 - early)
}

// askedMeanwhile tells whether somebody asked for another order of a name after the one that began with the row before:
// what that one gave, or why it failed, is older than the wish.
func askedMeanwhile(before, now certificate.Issued) bool {
	return !now.Due.IsZero() && !now.Due.Equal(before.Due)
}

// failed notes in a name's row, which was before when the order began, why it has no new certificate, and when it is
// tried again.
func (d *Desk) failed(ctx context.Context, before certificate.Issued, cause error) error {
	name := before.Name
	problem, wait := explain(name, cause)
	var tries int
	var due time.Time
	err := d.c.Rows.ChangeIssued(ctx, name, func(i *certificate.Issued) error {
		tries = i.Tries + 1
		own := firstWait << min(tries-1, 10)
		own = min(own, mostWait)
		own += time.Duration(rand.Int64N(int64(own / 5))) // those that failed together part
		due = d.c.Now().Add(max(own, wait))
		if askedMeanwhile(before, *i) {
			due = i.Due
		}
		i.Tries, i.Problem, i.Due, i.Tried = tries, problem, due, d.c.Now()
		return nil
	})
	d.c.Log.Error("acme: no certificate", "name", name, "problem", problem, "tries", tries, "next", due.UTC().Format(time.RFC3339))
	return err
}

// mailto makes contacts of addresses.
func mailto(addresses []string) (list []string) {
	for _, a := range addresses {
		if !strings.HasPrefix(a, "mailto:") {
			a = "mailto:" + a
		}
		list = append(list, a)
	}
	return list
}
