package directory

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"gatepost/internal/mail"
)

// senderTable finds senders. It never changes: they are few, and the next snapshot in which one
// is another has a table of its own.
type senderTable struct {
	rows     map[mail.Path]Sender
	ids      map[int64]mail.Path
	keys     map[string]mail.Path
	networks map[netip.Prefix]mail.Path
	lengths  map[bool][]int // of networks there are, the longest first; by whether they are of IPv4
}

// newSenderTable makes a table of rows, which are its own from then on.
func newSenderTable(rows map[mail.Path]Sender) *senderTable {
	t := &senderTable{
		rows: rows, ids: map[int64]mail.Path{}, keys: map[string]mail.Path{}, networks: map[netip.Prefix]mail.Path{}, lengths: map[bool][]int{},
	}
	for name, s := range rows {
		t.ids[s.ID] = name
		for _, k := range s.Keys {
			t.keys[k] = name
		}
		for _, p := range s.Networks {
			t.networks[p] = name
			if is4 := p.Addr().Is4(); !slices.Contains(t.lengths[is4], p.Bits()) {
				t.lengths[is4] = append(t.lengths[is4], p.Bits())
			}
		}
	}
	for _, lengths := range t.lengths {
		slices.Sort(lengths)
		slices.Reverse(lengths)
	}
	return t
}

// sender returns the sender of that name, whether it may send or not.
func (s *Snapshot) sender(name mail.Path) (Sender, bool) {
	found, ok := s.senders.rows[name.Fold()]
	return found, ok
}

// Sender returns the sender of that name. A mailbox of the same name, which only a release that
// knew no senders can have made, takes its place.
func (s *Snapshot) Sender(name mail.Path) (Sender, bool) {
	found, ok := s.sender(name)
	if !ok {
		return Sender{}, false
	}
	_, taken := s.Mailbox(name)
	return found, !taken
}

// SenderOf returns the sender with that ID.
func (s *Snapshot) SenderOf(id int64) (Sender, bool) {
	name, ok := s.senders.ids[id]
	if !ok {
		return Sender{}, false
	}
	return s.Sender(name)
}

// SenderAt returns the sender that an address is listed for.
func (s *Snapshot) SenderAt(a netip.Addr) (Sender, bool) {
	for _, bits := range s.senders.lengths[a.Is4()] {
		if p, err := a.Prefix(bits); err == nil {
			if name, ok := s.senders.networks[p]; ok {
				return s.Sender(name)
			}
		}
	}
	return Sender{}, false
}

// SenderWith returns the sender that has the certificate with that key, in ParseKey's form.
func (s *Snapshot) SenderWith(key string) (Sender, bool) {
	name, ok := s.senders.keys[key]
	if !ok {
		return Sender{}, false
	}
	return s.Sender(name)
}

// HasSenderKeys reports whether any sender is known by a certificate.
func (s *Snapshot) HasSenderKeys() bool { return len(s.senders.keys) > 0 }

// Senders returns the senders of a domain, or all where it is "", by name.
func (s *Snapshot) Senders(domain string) []Sender {
	list := slices.DeleteFunc(slices.Collect(maps.Values(s.senders.rows)), func(n Sender) bool { return domain != "" && n.Name.Domain() != domain })
	slices.SortFunc(list, func(a, b Sender) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return list
}

// SendsAs reports whether a sender may use an address: whether it is in one of its domains, by
// whichever of their names. That anybody has it is not asked.
func (s *Snapshot) SendsAs(n Sender, address mail.Path) bool {
	dom, ok := s.Domain(address.Domain())
	return ok && slices.Contains(n.Domains(), dom.Name)
}

// senderIn returns one that sends as a domain.
func (s *Snapshot) senderIn(domain string) (mail.Path, bool) {
	for name, n := range s.senders.rows {
		if slices.Contains(n.Domains(), domain) {
			return name, true
		}
	}
	return mail.Null, false
}

// asBox is a sender as what logs in. It has no mailbox's password, so that whatever is not the
// one that was made for it fails as slowly as it does for anybody.
func (n Sender) asBox() Mailbox {
	m := Mailbox{ID: n.ID, Address: n.Name, State: Active}
	if n.Off {
		m.State = Suspended
	}
	if n.SCRAM != "" {
		m.Apps = []AppPassword{{ID: n.ID, SCRAM: n.SCRAM}}
	}
	return m
}

// submitter finds who may log in where mail is sent: a mailbox, or a sender as if it were one.
func (d *Directory) submitter(name string) Mailbox {
	if box := d.user(name); box.ID != 0 {
		return box
	}
	address, err := mail.ParsePath(name)
	if err != nil {
		return Mailbox{}
	}
	if n, ok := d.Snapshot().Sender(address); ok {
		return n.asBox()
	}
	return Mailbox{}
}

// AuthenticateSubmission is AuthenticateProgram where mail is sent, which senders do too: they are
// returned as a mailbox of their ID and name, which stores nothing.
func (d *Directory) AuthenticateSubmission(ctx context.Context, user, password string) (Mailbox, error) {
	return d.authenticateProgram(ctx, d.submitter(user), user, password)
}

// ProveSubmission is Prove where mail is sent; see AuthenticateSubmission.
func (d *Directory) ProveSubmission(user string, fits func(SCRAM) bool) (Mailbox, error) {
	return d.prove(d.submitter(user), fits)
}

// freeOfSenders says why a new mailbox can't have the address.
func (s *Snapshot) freeOfSenders(a mail.Path) error {
	if _, ok := s.sender(a); ok {
		return fmt.Errorf("%w, as a sender; remove that first", ErrExists)
	}
	return nil
}
