package directory

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"gatepost/internal/mail"
)

// A Sender sends without a person: a customer's server, or a device such as a scanner. It is
// known by a password, by the key of a TLS certificate or by its address, reads no mail, and sends
// only as the domains that it is of.
//
// Its name has the form of an address in its first domain, since that is what it logs in as and
// what the journal calls it. It may be that of an alias, never that of a mailbox.
type Sender struct {
	ID       int64          `json:"id"`   // never used again, by no mailbox either
	Name     mail.Path      `json:"name"` // folded
	Also     []string       `json:"also"` // further domains as which it sends, by their own names
	SCRAM    string         `json:"-"`    // of its password, in the form of RFC 5803; "": it has none
	Keys     []string       `json:"keys"` // of its certificates; see ParseKey
	Networks []netip.Prefix `json:"networks"`
	Off      bool           `json:"off"`    // it sends nothing for now
	Barred   bool           `json:"barred"` // and its domain's admins can't change that, nor it: an operator switched it off
	Created  time.Time      `json:"created"`
}

// Domains returns all as which it sends, its own first.
func (s Sender) Domains() []string { return append([]string{s.Name.Domain()}, s.Also...) }

// ErrNoSender: there is no such sender.
var ErrNoSender = errors.New("no such sender")

// A SenderFault is what is wrong with one field of a sender, for who shows it beside that.
type SenderFault struct {
	Field string // as rows call it: name, also, keys, networks; "": nothing tells who it is
	Err   error  // wraps ErrExists where it is another's
}

// Error says what is wrong.
func (f *SenderFault) Error() string { return f.Err.Error() }

// Unwrap returns the cause.
func (f *SenderFault) Unwrap() error { return f.Err }

// Bounds of a sender.
const (
	MaxSenderKeys     = 64
	MaxSenderNetworks = 64
	MaxSenderDomains  = 1000
)

// AddSender adds a sender in a domain that is here. With a password that is returned: it is made
// here, and nobody can read it later.
func (d *Directory) AddSender(ctx context.Context, s Sender, password bool) (added Sender, plain string, err error) {
	if s.Name, err = ownAddress(s.Name); err != nil {
		return Sender{}, "", fmt.Errorf("directory: add sender %s: %w", s.Name, err)
	}
	s.ID, s.Created, s.SCRAM = 0, d.now(), ""
	if password {
		if s.SCRAM, plain, err = d.senderPassword(s); err != nil {
			return Sender{}, "", fmt.Errorf("directory: add sender %s: %w", s.Name, err)
		}
	}
	next, err := d.update(ctx, func(snapshot *Snapshot) ([]Change, error) {
		if _, ok := snapshot.sender(s.Name); ok {
			return nil, &SenderFault{"name", fmt.Errorf("%w, as a sender", ErrExists)}
		}
		return snapshot.checkedSender(s)
	})
	if err != nil {
		return Sender{}, "", fmt.Errorf("directory: add sender %s: %w", s.Name, err)
	}
	added, _ = next.sender(s.Name)
	return added, plain, nil
}

// ChangeSender lets change edit what a sender is known by and sends as; change may run more than
// once. With a password it gets a new one, which is returned; the old one is worth nothing then.
func (d *Directory) ChangeSender(ctx context.Context, name mail.Path, password bool, change func(*Sender) error) (changed Sender, plain string, err error) {
	name = name.Fold()
	keys := ""
	if password {
		if keys, plain, err = d.senderPassword(Sender{Name: name}); err != nil {
			return Sender{}, "", fmt.Errorf("directory: change sender %s: %w", name, err)
		}
	}
	next, err := d.update(ctx, func(snapshot *Snapshot) ([]Change, error) {
		was, ok := snapshot.sender(name)
		if !ok {
			return nil, ErrNoSender
		}
		s := was
		if err := change(&s); err != nil {
			return nil, err
		}
		s.ID, s.Name, s.Created = was.ID, was.Name, was.Created
		if password {
			s.SCRAM = keys
		}
		return snapshot.checkedSender(s)
	})
	if err != nil {
		return Sender{}, "", fmt.Errorf("directory: change sender %s: %w", name, err)
	}
	changed, _ = next.sender(name)
	return changed, plain, nil
}

// RemoveSender removes a sender unless may, which is asked of it as it is then and may run more than once, fails.
// What it sent before goes on.
func (d *Directory) RemoveSender(ctx context.Context, name mail.Path, may func(Sender) error) error {
	name = name.Fold()
	_, err := d.update(ctx, func(snapshot *Snapshot) ([]Change, error) {
		s, ok := snapshot.sender(name)
		if !ok {
			return nil, ErrNoSender
		}
		if err := may(s); err != nil {
			return nil, err
		}
		return []Change{{Sender: &s, Gone: true}}, nil
	})
	if err != nil {
		return fmt.Errorf("directory: remove sender %s: %w", name, err)
	}
	return nil
}

// senderPassword makes a password as those of programs are, which are random: their keys alone are kept.
func (d *Directory) senderPassword(s Sender) (keys, plain string, err error) {
	plain = newAppPassword()
	scram, err := makeSCRAM(plain, d.saltOf(string(s.Name)), scramIterations)
	return scram.String(), plain, err
}

// checkedSender makes a sender's fields canonical, and refuses what would be another's, or
// everybody's.
func (s *Snapshot) checkedSender(n Sender) ([]Change, error) {
	switch dom, ok := s.Domain(n.Name.Domain()); {
	case !ok:
		return nil, &SenderFault{"name", fmt.Errorf("%w: %s; add the domain first", ErrNoDomain, n.Name.Domain())}
	case dom.Name != n.Name.Domain():
		return nil, &SenderFault{"name", fmt.Errorf("%w: %s is another name of %s; name the sender there, it sends as both", ErrInvalid, n.Name.Domain(), dom.Name)}
	}
	if _, ok := s.Mailbox(n.Name); ok {
		return nil, &SenderFault{"name", fmt.Errorf("%w, as a mailbox, which has a log-in of its own", ErrExists)}
	}
	for _, check := range []struct {
		field string
		fails func(*Sender) error
	}{{"also", s.checkAlso}, {"keys", s.checkKeys}, {"networks", s.checkNetworks}} {
		if err := check.fails(&n); err != nil {
			return nil, &SenderFault{check.field, err}
		}
	}
	if n.SCRAM == "" && len(n.Keys)+len(n.Networks) == 0 {
		return nil, &SenderFault{"", fmt.Errorf("%w: nothing tells who it is; give a log-in, a certificate or a network", ErrInvalid)}
	}
	n.Barred = n.Barred && n.Off
	return []Change{{Sender: &n}}, nil
}

// checkAlso makes further domains canonical.
func (s *Snapshot) checkAlso(n *Sender) error {
	var also []string
	for _, text := range n.Also {
		name, err := domainName(text)
		if err != nil {
			return err
		}
		dom, ok := s.Domain(name)
		if !ok {
			return fmt.Errorf("%w: %s; add the domain first", ErrNoDomain, name)
		}
		if dom.Name != n.Name.Domain() && !slices.Contains(also, dom.Name) {
			also = append(also, dom.Name)
		}
	}
	if n.Also = also; len(also) > MaxSenderDomains {
		return fmt.Errorf("%w: %d further domains, at most %d", ErrInvalid, len(also), MaxSenderDomains)
	}
	return nil
}

// checkKeys makes certificates' keys canonical; each is one sender's.
func (s *Snapshot) checkKeys(n *Sender) error {
	var keys []string
	for _, text := range n.Keys {
		key, err := ParseKey(text)
		if err != nil {
			return err
		}
		if other, ok := s.senders.keys[key]; ok && other != n.Name {
			return fmt.Errorf("%w: the certificate is that of sender %s", ErrExists, other)
		}
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if n.Keys = keys; len(keys) > MaxSenderKeys {
		return fmt.Errorf("%w: %d certificates, at most %d", ErrInvalid, len(keys), MaxSenderKeys)
	}
	return nil
}

// checkNetworks makes networks canonical; each address is one sender's, and none is everybody's.
func (s *Snapshot) checkNetworks(n *Sender) error {
	var networks []netip.Prefix
	for _, p := range n.Networks {
		p = mail.UnmapPrefix(p)
		if err := senderNetwork(p); err != nil {
			return err
		}
		for taken, other := range s.senders.networks {
			if other != n.Name && taken.Overlaps(p) {
				return fmt.Errorf("%w: network %s has addresses of %s in it, which are those of sender %s", ErrExists, p, taken, other)
			}
		}
		if !slices.Contains(networks, p) {
			networks = append(networks, p)
		}
	}
	if n.Networks = networks; len(networks) > MaxSenderNetworks {
		return fmt.Errorf("%w: %d networks, at most %d", ErrInvalid, len(networks), MaxSenderNetworks)
	}
	return nil
}

// senderNetwork refuses a network that is written badly, or that strangers share.
func senderNetwork(p netip.Prefix) error {
	switch {
	case !p.IsValid() || p != p.Masked():
		return fmt.Errorf("%w: %s is no network; write its first address, such as %s", ErrInvalid, p, p.Masked())
	case mail.IsEverybodys(p):
		return fmt.Errorf("%w: network %s would make an open relay: it is not one customer's; a /%d or smaller ones are", ErrInvalid, p, mail.WidestNetwork(p.Addr()))
	}
	return nil
}
