package arc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"gatepost/internal/dkim"
)

// A Result is what a chain comes to (RFC 8617 §4.4).
type Result string

// The results.
const (
	None      Result = "none" // no set
	Pass      Result = "pass"
	Fail      Result = "fail"
	Temporary Result = "temperror" // the DNS did not say
)

// A Chain is the sets of a message.
type Chain struct {
	Result Result
	Reason string // why it is neither Pass nor None
	Sets   []*Set // by instance; none where they are no chain
	Oldest int    // the instance from which on all message signatures fit; 1: since the first; of Pass only
}

// Verify verifies the chain of a message (RFC 8617 §5.2); now is when it came. It fails
// only where the body can't be read, or ctx ends. Keys are looked up for the newest message
// signature first, and for all others only if that fits.
func Verify(ctx context.Context, m dkim.Message, keys *dkim.Keys, now time.Time) (Chain, error) {
	sets, err := collect(m.Fields)
	if err != nil {
		return Chain{Result: Fail, Reason: err.Error()}, nil
	}
	c := Chain{Result: Pass, Sets: sets}
	if len(sets) == 0 {
		c.Result = None
		return c, nil
	}
	newest := len(sets) - 1
	if err := c.messages(ctx, m, keys, now, sets[newest:]); err != nil || c.Result != Pass {
		return c, err
	}
	if c.seals(ctx, keys); c.Result != Pass {
		return c, context.Cause(ctx)
	}
	c.Oldest = newest + 1
	if newest > 0 {
		err = c.older(ctx, m, keys, now)
	}
	return c, err
}

// messages verifies the message signatures of sets, each of which has to fit.
func (c *Chain) messages(ctx context.Context, m dkim.Message, keys *dkim.Keys, now time.Time, sets []*Set) error {
	list, err := signatures(ctx, m, keys, now, sets)
	if err != nil {
		return err
	}
	for i, v := range list {
		if !sets[i].Valid {
			c.Result, c.Reason = Fail, fmt.Sprintf("the message is not as %s sealed it: %s", sets[i].Sealer, v.Reason)
			if v.Result == dkim.Temporary {
				c.Result = Temporary
			}
		}
	}
	return nil
}

// older finds how far back the message has not changed. Signatures that do not fit are no
// fault of the chain: that is what it is for.
func (c *Chain) older(ctx context.Context, m dkim.Message, keys *dkim.Keys, now time.Time) error {
	newest := len(c.Sets) - 1
	if _, err := signatures(ctx, m, keys, now, c.Sets[:newest]); err != nil {
		return err
	}
	for i := newest; i >= 0 && c.Sets[i].Valid; i-- {
		c.Oldest = c.Sets[i].Instance
	}
	return nil
}

// signatures verifies the message signatures of sets.
func signatures(ctx context.Context, m dkim.Message, keys *dkim.Keys, now time.Time, sets []*Set) ([]dkim.Verification, error) {
	all := make([]*dkim.Signature, len(sets))
	for i, s := range sets {
		all[i] = s.signature
	}
	list, err := dkim.Verify(ctx, m, all, keys, now)
	for i, v := range list {
		sets[i].Valid = v.Result == dkim.Pass
	}
	return list, err
}

// seals verifies all seals, newest first.
func (c *Chain) seals(ctx context.Context, keys *dkim.Keys) {
	problems := make([]error, len(c.Sets))
	hashes := c.hashes()
	var wg sync.WaitGroup
	for i, s := range c.Sets {
		wg.Go(func() { problems[i] = s.verify(ctx, keys, hashes[i]) })
	}
	wg.Wait()
	for i := len(problems) - 1; i >= 0; i-- {
		if problems[i] == nil {
			continue
		}
		var temporary *dkim.TempError
		if c.Result = Fail; errors.As(problems[i], &temporary) {
			c.Result = Temporary
		}
		c.Reason = fmt.Sprintf("the seal of %s (%d): %v", c.Sets[i].Sealer, i+1, problems[i])
		return
	}
}

// hashes are those that each seal is made over: all fields of the sets up to it, itself
// without its value (RFC 8617 §5.1.1).
func (c *Chain) hashes() [][]byte {
	list := make([][]byte, len(c.Sets))
	var before []byte
	for i, s := range c.Sets {
		before = dkim.Relaxed.AppendField(before, s.results)
		before = dkim.Relaxed.AppendField(before, s.message)
		own := dkim.Relaxed.AppendField(nil, dkim.WithoutValue(s.seal))
		h := sha256.New()
		h.Write(before)
		h.Write(bytes.TrimSuffix(own, []byte("\r\n")))
		list[i] = h.Sum(nil)
		before = dkim.Relaxed.AppendField(before, s.seal)
	}
	return list
}

// verify verifies the seal of a set.
func (s *Set) verify(ctx context.Context, keys *dkim.Keys, hash []byte) error {
	value, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s.sealing.Get("b")), ""))
	if err != nil {
		return errors.New("b= is no signature")
	}
	key, err := keys.Get(ctx, s.Selector, s.Sealer)
	if err != nil {
		return err
	}
	return key.Verify(s.sealing.Get("a"), hash, value)
}

// Vouch returns the set by which a trusted sealer says that a message passed DMARC for the
// domain of its author when it came to it, if there is one. The chain has to pass, and what the
// sealer saw has to be what is here: its message signature still fits and covers From, or all
// sealers after it are trusted as well and the newest covers From.
//
// aligned reports whether a domain that a sealer found authenticated speaks for the
// author's: sealers that write down no DMARC result are believed about SPF and DKIM.
func (c *Chain) Vouch(domain string, trusted func(sealer string) bool, aligned func(domain string) bool) (*Set, bool) {
	if c.Result != Pass {
		return nil, false
	}
	unbroken := c.Sets[len(c.Sets)-1].From
	for i := len(c.Sets) - 1; i >= 0; i-- {
		s := c.Sets[i]
		trust := trusted(s.Sealer)
		unbroken = unbroken && trust
		if trust && (unbroken || s.Valid && s.From) && s.passed(domain, aligned) {
			return s, true
		}
	}
	return nil, false
}

// passed reports whether the sealer says that the message passed DMARC. If it says anything of DMARC,
// that counts.
func (s *Set) passed(domain string, aligned func(string) bool) bool {
	proven := false
	for _, c := range s.Claims {
		passes := c.Result == "pass"
		switch c.Method {
		case "dmarc":
			return passes && strings.EqualFold(strings.TrimSuffix(c.Properties["header.from"], "."), domain)
		case "dkim":
			by := c.Properties["header.d"]
			if by == "" {
				by = domainOf(c.Properties["header.i"])
			}
			proven = proven || passes && by != "" && aligned(by)
		case "spf":
			by := domainOf(c.Properties["smtp.mailfrom"])
			proven = proven || passes && by != "" && aligned(by)
		}
	}
	return proven
}

// domainOf is what follows the last "@", or all.
func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }
