package directory

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// A Host is a mail server of a customer or of ours that mail is handed to, or that
// users are sent to. Domains name those that they use.
type Host struct {
	ID       int64     `json:"id"`
	Name     string    `json:"name"`     // lower-case letters, digits, "-" and "."
	Address  string    `json:"address"`  // host:port; a name in A-labels or an IP address
	Roles    []Role    `json:"roles"`    // at least one
	Protocol Protocol  `json:"protocol"` // of smtp-in and smtp-out
	TLS      TLSPolicy `json:"tls"`
	Priority int       `json:"priority"` // the lowest is tried first; equal ones share the load
	Spam     HostSpam  `json:"spam"`     // of smtp-in: what becomes of spam for it
	User     string    `json:"user"`     // for AUTH, "" for none
	Password string    `json:"-"`
	Created  time.Time `json:"created"`
}

// A Role is what a Host is for.
type Role string

// Roles.
const (
	IMAP    Role = "imap"     // mailboxes are there
	SMTPIn  Role = "smtp-in"  // it takes mail for domains
	SMTPOut Role = "smtp-out" // it takes mail for the world: a smarthost
)

// A Protocol is how mail is handed to a Host.
type Protocol string

// Protocols.
const (
	SMTP Protocol = "smtp" // the default
	LMTP Protocol = "lmtp" // RFC 2033
)

// A TLSPolicy says what is asked of the connection to a Host.
type TLSPolicy string

// Policies.
const (
	TLSMay     TLSPolicy = "may"     // where it is offered, whatever the certificate; the default
	TLSNever   TLSPolicy = "never"   // in the clear
	TLSEncrypt TLSPolicy = "encrypt" // or no mail, whatever the certificate
	TLSVerify  TLSPolicy = "verify"  // with a certificate that a known authority gave that name
)

// A HostSpam says what becomes of spam for recipients on a Host.
type HostSpam string

// Choices.
const (
	SpamHeld   HostSpam = "hold" // it is held here, whatever the domain's disposition; the default
	SpamTagged HostSpam = "tag"  // it goes on with a mark in the subject
)

// hostName is what a mail host can be called.
var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)

// AddHost adds a mail host. Empty fields get their defaults.
func (d *Directory) AddHost(ctx context.Context, h Host) (Host, error) {
	h.ID, h.Name, h.Created = 0, strings.ToLower(strings.TrimSpace(h.Name)), d.now()
	s, err := d.update(ctx, func(s *Snapshot) ([]Change, error) {
		if _, ok := s.Host(h.Name); ok {
			return nil, ErrExists
		}
		return s.checkedHost(h)
	})
	if err != nil {
		return Host{}, fmt.Errorf("directory: add mail host %s: %w", h.Name, err)
	}
	h, _ = s.Host(h.Name)
	return h, nil
}

// ChangeHost lets change edit a mail host's fields; the name and ID stay. change may
// run more than once.
func (d *Directory) ChangeHost(ctx context.Context, name string, change func(*Host) error) (Host, error) {
	name = strings.ToLower(name)
	s, err := d.update(ctx, func(s *Snapshot) ([]Change, error) {
		h, ok := s.Host(name)
		if !ok {
			return nil, ErrNoHost
		}
		next := h
		next.Roles = slices.Clone(h.Roles)
		if err := change(&next); err != nil {
			return nil, err
		}
		next.ID, next.Name, next.Created = h.ID, h.Name, h.Created
		return s.checkedHost(next)
	})
	if err != nil {
		return Host{}, fmt.Errorf("directory: change mail host %s: %w", name, err)
	}
	h, _ := s.Host(name)
	return h, nil
}

// RemoveHost removes a mail host that no domain uses any more.
func (d *Directory) RemoveHost(ctx context.Context, name string) error {
	name = strings.ToLower(name)
	_, err := d.update(ctx, func(s *Snapshot) ([]Change, error) {
		h, ok := s.Host(name)
		if !ok {
			return nil, ErrNoHost
		}
		for dom := range s.using(name) {
			return nil, fmt.Errorf("%w: domain %s uses it; change that first", ErrInUse, dom.Name)
		}
		return []Change{{Host: &h, Gone: true}}, nil
	})
	if err != nil {
		return fmt.Errorf("directory: remove mail host %s: %w", name, err)
	}
	return nil
}

// checkedHost makes a mail host's fields canonical, and refuses to take a role from
// it that a domain uses.
func (s *Snapshot) checkedHost(h Host) ([]Change, error) {
	if !hostName.MatchString(h.Name) {
		return nil, fmt.Errorf("%w: name %q; use lower-case letters, digits, hyphens and dots", ErrInvalid, h.Name)
	}
	if h.Protocol == "" {
		h.Protocol = SMTP
	}
	if h.TLS == "" {
		h.TLS = TLSMay
	}
	if h.Spam == "" {
		h.Spam = SpamHeld
	}
	if err := oneOf("spam", h.Spam, SpamHeld, SpamTagged); err != nil {
		return nil, err
	}
	if err := oneOf("protocol", h.Protocol, SMTP, LMTP); err != nil {
		return nil, err
	}
	if err := oneOf("tls", h.TLS, TLSMay, TLSNever, TLSEncrypt, TLSVerify); err != nil {
		return nil, err
	}
	if len(h.Roles) == 0 {
		return nil, fmt.Errorf("%w: it has no role; give some of %s, %s, %s", ErrInvalid, IMAP, SMTPIn, SMTPOut)
	}
	for _, r := range h.Roles {
		if err := oneOf("role", r, IMAP, SMTPIn, SMTPOut); err != nil {
			return nil, err
		}
	}
	slices.Sort(h.Roles)
	h.Roles = slices.Compact(h.Roles)
	if h.Priority < 0 || h.Priority > 1000 {
		return nil, fmt.Errorf("%w: priority %d is not between 0 and 1000", ErrInvalid, h.Priority)
	}
	if strings.ContainsAny(h.User+h.Password, "\x00\r\n") {
		return nil, fmt.Errorf("%w: user name or password has a control character", ErrInvalid)
	}
	if (h.User == "") != (h.Password == "") {
		return nil, fmt.Errorf("%w: a log-in has a user name and a password; give both or none", ErrInvalid)
	}
	for dom := range s.using(h.Name) {
		if slices.Contains(dom.Hosts, h.Name) && !slices.Contains(h.Roles, SMTPIn) || dom.Smarthost == h.Name && !slices.Contains(h.Roles, SMTPOut) {
			return nil, fmt.Errorf("%w: domain %s uses it in a role that it would lose", ErrInUse, dom.Name)
		}
	}
	address, err := hostAddress(h.Address)
	h.Address = address
	return []Change{{Host: &h}}, err
}

// hostAddress returns "host:port" in canonical form.
func hostAddress(s string) (string, error) {
	host, port, err := net.SplitHostPort(strings.TrimSpace(s))
	if err != nil {
		return "", fmt.Errorf("%w: address %q; write host:port, such as mail.example.org:25 or [2001:db8::1]:24", ErrInvalid, s)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("%w: port %q is not between 1 and 65535", ErrInvalid, port)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return net.JoinHostPort(a.String(), port), nil
	}
	name, err := mail.ParseDomain(host)
	if err != nil || name[0] == '[' {
		return "", fmt.Errorf("%w: %q is neither a host name nor an IP address", ErrInvalid, host)
	}
	return net.JoinHostPort(name, port), nil
}
