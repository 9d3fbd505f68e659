package directory

import (
	"cmp"
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
// users are sent to. Domains name those that they use: the node's, and their own.
type Host struct {
	ID       int64     `json:"id"`
	Name     string    `json:"name"`     // lower-case letters, digits, "-" and "."
	Domain   string    `json:"domain"`   // whose own it is, which alone may use it; "": the node's, for all domains
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

// maxOwnHosts bounds the mail hosts that are one domain's own.
const maxOwnHosts = 100

// A HostFault is what is wrong with one field of a mail host, for who shows it beside that.
type HostFault struct {
	Field string // as rows call it, but for user, which is the log-in's name
	Err   error  // wraps ErrExists where the name is another's, ErrInUse where something needs what it was
}

// Error says what is wrong.
func (f *HostFault) Error() string { return f.Err.Error() }

// Unwrap returns the cause.
func (f *HostFault) Unwrap() error { return f.Err }

// AddHost adds a mail host, and notes by whom. Empty fields get their defaults. What is wrong with a field is a *HostFault.
func (d *Directory) AddHost(ctx context.Context, who string, h Host) (Host, error) {
	h.ID, h.Name, h.Created = 0, strings.ToLower(strings.TrimSpace(h.Name)), d.now()
	s, err := d.update(ctx, func(s *Snapshot) ([]Change, error) {
		if _, ok := s.Host(h.Name); ok {
			return nil, &HostFault{"name", ErrExists}
		}
		return d.plannedHost(s, h, who, NoteHostAdded)
	})
	if err != nil {
		return Host{}, fmt.Errorf("directory: add mail host %s: %w", h.Name, err)
	}
	h, _ = s.Host(h.Name)
	return h, nil
}

// ChangeHost lets change edit a mail host's fields, and notes by whom; the name and ID stay. change may
// run more than once. What is wrong with a field is a *HostFault.
func (d *Directory) ChangeHost(ctx context.Context, name, who string, change func(*Host) error) (Host, error) {
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
		return d.plannedHost(s, next, who, NoteHostChanged)
	})
	if err != nil {
		return Host{}, fmt.Errorf("directory: change mail host %s: %w", name, err)
	}
	h, _ := s.Host(name)
	return h, nil
}

// RemoveHost removes a mail host that no domain uses any more (ErrInUse), and notes by whom, unless may, which is asked of it as
// it is then and may run more than once, fails.
func (d *Directory) RemoveHost(ctx context.Context, name, who string, may func(Host) error) error {
	name = strings.ToLower(name)
	_, err := d.update(ctx, func(s *Snapshot) ([]Change, error) {
		h, ok := s.Host(name)
		if !ok {
			return nil, ErrNoHost
		}
		if err := may(h); err != nil {
			return nil, err
		}
		for dom := range s.using(name) {
			return nil, fmt.Errorf("%w: domain %s uses it; change that first", ErrInUse, dom.Name)
		}
		return []Change{{Host: &h, Gone: true}, d.notedHost(h, who, NoteHostRemoved)}, nil
	})
	if err != nil {
		return fmt.Errorf("directory: remove mail host %s: %w", name, err)
	}
	return nil
}

// plannedHost plans a mail host, and the note of it.
func (d *Directory) plannedHost(s *Snapshot, h Host, who, what string) ([]Change, error) {
	if err := s.checkHost(&h); err != nil {
		return nil, err
	}
	return []Change{{Host: &h}, d.notedHost(h, who, what)}, nil
}

// notedHost is the note of what was done to a mail host: what it is, but for its password.
func (d *Directory) notedHost(h Host, who, what string) Change {
	about := "of " + cmp.Or(h.Domain, "the node") + ", " + h.Address + ", "
	for _, r := range h.Roles {
		about += string(r) + ", "
	}
	about += string(h.Protocol) + ", tls " + string(h.TLS)
	if h.User != "" {
		about += ", with a log-in"
	}
	return Change{Note: &Note{Time: d.now(), Who: who, What: what, Whom: h.Name, About: AboutText(about)}}
}

// checkHost makes a mail host's fields canonical, and refuses to take from it what a domain uses.
func (s *Snapshot) checkHost(h *Host) error {
	for _, check := range []struct {
		field string
		fails func(*Host) error
	}{
		{"name", checkHostName}, {"domain", s.checkHostDomain}, {"address", checkHostAddress}, {"roles", s.checkHostRoles}, {"priority", checkHostPriority},
		{"user", checkHostLogin}, {"", checkHostWords},
	} {
		if err := check.fails(h); err != nil {
			return &HostFault{check.field, err}
		}
	}
	return nil
}

func checkHostName(h *Host) error {
	if !hostName.MatchString(h.Name) {
		return fmt.Errorf("%w: name %q; use lower-case letters, digits, hyphens and dots", ErrInvalid, h.Name)
	}
	return nil
}

// checkHostDomain refuses a domain that is not there, and one that can't have it for its own since another uses it.
func (s *Snapshot) checkHostDomain(h *Host) error {
	if h.Domain == "" {
		return nil
	}
	name, err := domainName(h.Domain)
	if err != nil {
		return err
	}
	dom, ok := s.Domain(name)
	if !ok {
		return fmt.Errorf("%w: %s; add it first", ErrNoDomain, name)
	}
	h.Domain = dom.Name
	for other := range s.using(h.Name) {
		if other.Name != h.Domain {
			return fmt.Errorf("%w: domain %s uses it; change that first", ErrInUse, other.Name)
		}
	}
	own := 0
	for is := range s.hostsOf(h.Domain) {
		if is.Name != h.Name {
			own++
		}
	}
	if own >= maxOwnHosts {
		return fmt.Errorf("%w: domain %s has %d of its own", ErrFull, h.Domain, own)
	}
	return nil
}

// checkHostWords checks what is one of some words.
func checkHostWords(h *Host) error {
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
		return err
	}
	if err := oneOf("protocol", h.Protocol, SMTP, LMTP); err != nil {
		return err
	}
	return oneOf("tls", h.TLS, TLSMay, TLSNever, TLSEncrypt, TLSVerify)
}

// checkHostRoles refuses to take a role from a mail host that a domain uses.
func (s *Snapshot) checkHostRoles(h *Host) error {
	if len(h.Roles) == 0 {
		return fmt.Errorf("%w: it has no role; give some of %s, %s, %s", ErrInvalid, IMAP, SMTPIn, SMTPOut)
	}
	for _, r := range h.Roles {
		if err := oneOf("role", r, IMAP, SMTPIn, SMTPOut); err != nil {
			return err
		}
	}
	h.Roles = slices.Compact(slices.Sorted(slices.Values(h.Roles)))
	for dom := range s.using(h.Name) {
		if slices.Contains(dom.Hosts, h.Name) && !slices.Contains(h.Roles, SMTPIn) || dom.Smarthost == h.Name && !slices.Contains(h.Roles, SMTPOut) {
			return fmt.Errorf("%w: domain %s uses it in a role that it would lose", ErrInUse, dom.Name)
		}
	}
	return nil
}

func checkHostPriority(h *Host) error {
	if h.Priority < 0 || h.Priority > 1000 {
		return fmt.Errorf("%w: priority %d is not between 0 and 1000", ErrInvalid, h.Priority)
	}
	return nil
}

// maxHostLogin bounds a user name and a password, in octets: they fit into a line of AUTH PLAIN (RFC 4954 §4).
const maxHostLogin = 1000

func checkHostLogin(h *Host) error {
	switch {
	case len(h.User) > maxHostLogin || len(h.Password) > maxHostLogin:
		return fmt.Errorf("%w: user name or password is longer than %d octets", ErrInvalid, maxHostLogin)
	case strings.ContainsAny(h.User+h.Password, "\x00\r\n"):
		return fmt.Errorf("%w: user name or password has a control character", ErrInvalid)
	case (h.User == "") != (h.Password == ""):
		return fmt.Errorf("%w: a log-in has a user name and a password; give both or none", ErrInvalid)
	}
	return nil
}

func checkHostAddress(h *Host) (err error) {
	h.Address, err = hostAddress(h.Address)
	return err
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
