package directory

import (
	"fmt"

	"gatepost/internal/mail"
)

// A Resolution is where mail for a recipient goes.
type Resolution struct {
	Domain  Domain      // whose policy holds
	Boxes   []Mailbox   // each once, none closed; at least one, or one of Remotes
	Remotes []Remote    // each address once
	Via     []mail.Path // the aliases, forwards and lists that were passed
	Role    bool        // postmaster or abuse, whoever has that address
	// Lookup names the look-up that knows whether the recipient exists, where the
	// directory itself can't say: its domain lives on mail hosts.
	Lookup string
}

// A Remote is an address that mail is carried on to.
type Remote struct {
	Address mail.Path // in the spelling that it was given in
	Home    string    // the domain here whose mail hosts take it; "": by its domain's MX
	// By is the address of ours that sends it on: an alias, a forward, a list, a
	// mailbox that is replicated. Null: the recipient itself lives there, and its mail
	// goes on as it came. Where By is not null spam does not go on.
	By mail.Path
	// Bounces is the reverse-path it leaves under, a list's owner; null: that of the
	// message where By is null, else that rewritten (SRS) at By's domain.
	Bounces mail.Path
}

// Resolve finds where mail for a recipient goes: to whom its own address belongs,
// else the address without its "+tag", each a mailbox or an alias; else, in a domain
// that has mail hosts, to them; else to the domain's catch-all.
//
// postmaster and abuse exist in every domain (RFC 5321 §4.5.1, RFC 2142): where
// nobody has that address, the mail goes to the domain's oldest active mailbox,
// that for abuse to postmaster's first, and where the domain has none to the
// oldest of the system. The same addresses at this node's own host name, if that
// is not a domain here, are those of the oldest domain.
//
// It fails with ErrNoDomain, ErrNoMailbox, ErrTooMany, or, where all that it finds is
// closed, with ErrClosed.
func (s *Snapshot) Resolve(rcpt mail.Path) (Resolution, error) {
	r, err := s.resolve(rcpt)
	if err != nil {
		return Resolution{}, fmt.Errorf("directory: resolve %s: %w", rcpt, err)
	}
	return r, nil
}

func (s *Snapshot) resolve(given mail.Path) (Resolution, error) {
	rcpt := given.Fold()
	role := isRole(rcpt)
	domain, ok := s.Domain(rcpt.Domain())
	if !ok && role && rcpt.Domain() == s.hostname {
		domain, ok = s.oldestDomain()
	}
	if !ok {
		return Resolution{}, ErrNoDomain
	}
	e := expansion{s: s, to: Resolution{Domain: domain, Role: role}, seen: map[mail.Path]bool{}}
	e.visit(mail.Path(rcpt.Local()+"@"+domain.Name), mail.Null)
	if !e.found() && (role || e.refused == nil) {
		e.otherwise(domain, given.Local())
	}
	switch {
	case e.tooMany:
		return Resolution{}, ErrTooMany
	case e.found():
		return e.to, nil
	case e.refused != nil:
		return Resolution{}, e.refused
	}
	return Resolution{}, ErrNoMailbox
}

// maxExpansion bounds what one recipient leads to.
const maxExpansion = 20_000

// An expansion follows aliases to what is behind them.
type expansion struct {
	s       *Snapshot
	to      Resolution
	seen    map[mail.Path]bool // addresses met
	refused error              // why mailboxes were left out, if any was
	tooMany bool
}

func (e *expansion) found() bool { return len(e.to.Boxes)+len(e.to.Remotes) > 0 }

// visit follows one address, which by leads to (null: it is the recipient).
func (e *expansion) visit(a, by mail.Path) {
	box, alias := e.s.holder(a.Fold())
	switch {
	case box != nil && !e.seen[box.Address]:
		e.seen[box.Address] = true
		e.add(*box)
	case alias != nil && !e.seen[alias.Address]: // loops are refused when saved; this is the second lock
		e.seen[alias.Address] = true
		e.to.Via = append(e.to.Via, alias.Address)
		for _, t := range alias.Targets {
			if len(e.seen) > maxExpansion {
				e.tooMany = true
				return
			}
			e.visit(t, alias.Address)
		}
	case box == nil && alias == nil && !by.IsNull() && !e.seen[a]:
		e.elsewhere(a, by)
	}
}

// elsewhere adds an address that we send on to, where others can have it.
func (e *expansion) elsewhere(a, by mail.Path) {
	dom, ours := e.s.Domain(a.Domain())
	if ours && len(dom.Hosts) == 0 {
		return
	}
	e.seen[a] = true
	r := Remote{Address: a, By: by}
	if ours {
		r.Home = dom.Name
	}
	e.to.Remotes = append(e.to.Remotes, r)
}

// otherwise is where mail for an address goes that nobody here has.
func (e *expansion) otherwise(domain Domain, local string) {
	switch {
	case len(domain.Hosts) > 0:
		e.to.Remotes = []Remote{{Address: mail.Path(local + "@" + domain.Name), Home: domain.Name}}
		if !e.to.Role { // which exist, whatever others know
			e.to.Lookup = domain.Lookup
		}
	case e.to.Role:
		e.caretaker(domain.Name)
	case !domain.CatchAll.IsNull():
		e.visit(domain.CatchAll, mail.Path("*@"+domain.Name))
	}
}

func (e *expansion) add(box Mailbox) {
	if box.State == Closed { // who is suspended only can't log in
		e.refused = ErrClosed
		return
	}
	e.to.Boxes = append(e.to.Boxes, box)
}

// caretaker finds somebody for a role that nobody has.
func (e *expansion) caretaker(domain string) {
	e.visit(mail.Path("postmaster@"+domain), mail.Null)
	if len(e.to.Boxes) > 0 {
		return
	}
	for _, among := range []string{domain, ""} {
		if box, ok := e.s.oldestActive(among); ok {
			e.to.Boxes = append(e.to.Boxes, box)
			return
		}
	}
}

// holder returns the mailbox or the alias that an address belongs to.
func (s *Snapshot) holder(a mail.Path) (*Mailbox, *Alias) {
	for _, form := range forms(a) {
		if m, ok := s.Mailbox(form); ok {
			return &m, nil
		}
		if alias, ok := s.Alias(form); ok {
			return nil, &alias
		}
	}
	return nil, nil
}

// forms returns the spellings under which an address is looked up, in order.
func forms(a mail.Path) []mail.Path {
	if base := a.Base(); base != a {
		return []mail.Path{a, base}
	}
	return []mail.Path{a}
}

func isRole(a mail.Path) bool {
	local := a.Base().Local()
	return local == "postmaster" || local == "abuse"
}

func (s *Snapshot) oldestDomain() (Domain, bool) {
	for d := range rows[Domain](s, domains, byNumber+"_prefix", "") {
		return d, true
	}
	return Domain{}, false
}

// oldestActive returns a domain's oldest active mailbox, or the system's where
// domain is "".
func (s *Snapshot) oldestActive(domain string) (Mailbox, bool) {
	boxes := rows[Mailbox](s, mailboxes, byNumber+"_prefix", "")
	if domain != "" {
		boxes = s.mailboxesOf(domain)
	}
	for m := range boxes {
		if m.State == Active {
			return m, true
		}
	}
	return Mailbox{}, false
}
