package app

import (
	"net/netip"
	"slices"

	"gatepost/internal/config"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/smtpd"
)

// machines are senders without a person, as the edge wants to know them.
type machines struct {
	directory *directory.Directory
	config    func() *config.Config
}

var _ smtpd.Senders = machines{}

// Sender implements smtpd.Senders. Where people send a listed client is the sender, whatever it
// says; on port 25 it is one while it sends as its domains, since it may also bring the mail of strangers, as a
// stranger.
func (m machines) Sender(c mail.Client, from mail.Path) mail.Path {
	if name := m.Certified(c); !name.IsNull() {
		return name
	}
	s := m.directory.Snapshot()
	n, ok := s.SenderAt(c.Addr)
	if !ok || n.Off || m.speaksForOthers(c.Addr) || !c.Users && !from.IsNull() && !s.SendsAs(n, from) {
		return mail.Null
	}
	return n.Name
}

// Certified implements smtpd.Senders.
func (m machines) Certified(c mail.Client) mail.Path {
	n, ok := m.directory.Snapshot().SenderWith(c.Key)
	if c.Key == "" || !ok || n.Off {
		return mail.Null
	}
	return n.Name
}

// Certificates implements smtpd.Senders.
func (m machines) Certificates() bool { return m.directory.Snapshot().HasSenderKeys() }

// speaksForOthers reports whether an address is that of a proxy or a relay of ours: strangers stand behind
// those, so that no sender is known by it.
func (m machines) speaksForOthers(a netip.Addr) bool {
	return slices.ContainsFunc(othersSpeakers(m.config()), func(p netip.Prefix) bool { return p.Contains(a) })
}

// othersSpeakers are the networks of the configuration behind which strangers stand.
func othersSpeakers(c *config.Config) []netip.Prefix {
	return slices.Concat(c.Proxy.Trusted, c.TrustedRelays)
}

// A login is who may send: a mailbox, or a sender without a person.
type login struct {
	id   int64
	name mail.Path
}

// loginNamed finds who logs in by a name.
func loginNamed(s *directory.Snapshot, name mail.Path) (login, bool) {
	if m, ok := s.Mailbox(name); ok {
		return login{m.ID, m.Address}, true
	}
	n, ok := s.Sender(name)
	return login{n.ID, n.Name}, ok
}

// loginWithID finds who logs in by an ID.
func loginWithID(s *directory.Snapshot, id int64) (login, bool) {
	if m, ok := s.Box(id); ok {
		return login{m.ID, m.Address}, true
	}
	n, ok := s.SenderOf(id)
	return login{n.ID, n.Name}, ok
}
