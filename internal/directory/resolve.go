package directory

import (
	"fmt"
	"slices"

	"gatepost/internal/mail"
)

// A Resolution is where mail for a recipient goes.
type Resolution struct {
	Domain  Domain      // whose policy holds
	Boxes   []Mailbox   // each once, none closed; at least one, or one of Remotes
	Remotes []Remote    // each address once
	Via     []mail.Path // the aliases, forwards and lists that were passed
	// Bounces are the reverse-paths of what is stored in Boxes, by ID, where that is
	// not the message's: the owner of the list that led there.
	Bounces map[int64]mail.Path
	Role    bool // postmaster or abuse, whoever has that address
	// Lookup names the look-up that knows whether the recipient exists, where the
	// directory itself can't say: its domain lives on mail hosts.
	Lookup string

	s      *Snapshot
	closed []Alias         // lists on the way that are not for all to post to; see Post
	copyOf map[int64]int64 // of Boxes, those that have copies of others' mail, and whose
}

// A Remote is an address that mail is carried on to.
type Remote struct {
	Address mail.Path // in the spelling that it was given in
	Home    string    // the domain here whose mail hosts take it; "": by its domain's MX
	// By is the address of ours that sends it on: an alias, a forward, a list, a
	// mailbox that is replicated. Null: the recipient itself lives there, and its mail
	// goes on as it came. Where By is not null spam does not go on.
	By mail.Path
	// CopyOf is the mailbox whose copy this is, however many addresses lie between; 0:
	// none's, the recipient itself leads there.
	CopyOf int64
	// Bounces is the reverse-path it leaves under, a list's owner; null: that of the
	// message where By is null, else that rewritten (SRS) at By's domain.
	Bounces mail.Path
}

// Resolve finds where mail for a recipient goes: to whom its own address belongs,
// else the address without its "+tag", each a mailbox or an alias; else, in a domain
// that has mail hosts, to them; else to the domain's catch-all. What is behind aliases
// and lists is followed to its end, and so is where mailboxes are copied to.
//
// Who may post to the lists on the way is asked with Resolution.Post.
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
	r, err := s.resolved(rcpt)
	if err != nil {
		return Resolution{}, fmt.Errorf("directory: resolve %s: %w", rcpt, err)
	}
	return r, nil
}

// resolved is resolve for who hears of no steps. It remembers.
func (s *Snapshot) resolved(given mail.Path) (Resolution, error) {
	if r, ok := s.met.find(given); ok {
		return r, nil
	}
	r, err := s.resolve(given, nil)
	if err == nil {
		s.met.add(given, r)
	}
	return r, err
}

func (s *Snapshot) resolve(given mail.Path, note func(Step)) (Resolution, error) {
	rcpt := given.Fold()
	role := isRole(rcpt)
	domain, ok := s.Domain(rcpt.Domain())
	if !ok && role && rcpt.Domain() == s.hostname {
		domain, ok = s.oldestDomain()
	}
	if !ok {
		return Resolution{}, ErrNoDomain
	}
	e := expansion{s: s, to: Resolution{Domain: domain, Role: role, s: s}, seen: map[mail.Path]bool{}, note: note}
	e.visit(mail.Path(rcpt.Local()+"@"+domain.Name), origin{})
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
	copies  map[mail.Path]bool // those of them that were met behind a mailbox's copies alone
	refused error              // why mailboxes were left out, if any was
	tooMany bool
	note    func(Step) // told of each step; nil: nobody asks
}

// An origin is what led to an address. The zero value: the recipient itself.
type origin struct {
	by      mail.Path // the address of ours that sends on
	bounces mail.Path // the owner of the innermost list
	copyOf  int64     // the first mailbox on the way that is copied there
	depth   int
}

// below is the origin of what the address by leads to.
func (o origin) below(by mail.Path) origin {
	o.by = by
	o.depth++
	return o
}

func (e *expansion) found() bool { return len(e.to.Boxes)+len(e.to.Remotes) > 0 }

// visit follows one address.
func (e *expansion) visit(a mail.Path, from origin) {
	if len(e.seen) > maxExpansion {
		e.tooMany = true
		return
	}
	box, alias := e.s.holder(a.Fold())
	switch {
	case box != nil:
		e.box(box, from)
	case alias != nil:
		e.alias(alias, from)
	case from.by.IsNull():
	default:
		e.elsewhere(a, from)
	}
}

// again notes that an address is met, and reports whether it was before. (Loops are
// refused when saved; this is the second lock.) What was met as a copy's way alone, and
// is met without one now, is the recipient's own: direct is true.
func (e *expansion) again(a mail.Path, from origin) (again, direct bool) {
	again = e.seen[a]
	e.seen[a] = true
	switch {
	case again:
		e.tell(Step{From: from.by, Address: a, Is: IsAgain}, from)
		if direct = e.copies[a] && from.copyOf == 0; direct {
			delete(e.copies, a)
		}
	case from.copyOf != 0:
		if e.copies == nil {
			e.copies = map[mail.Path]bool{}
		}
		e.copies[a] = true
	}
	return again, direct
}

// box adds a mailbox, and what it is copied to.
func (e *expansion) box(box *Mailbox, from origin) {
	again, direct := e.again(box.Address, from)
	if direct {
		delete(e.to.copyOf, box.ID)
	}
	if again {
		return
	}
	e.tell(Step{From: from.by, Address: box.Address, Is: IsMailbox, State: box.State, Leads: box.Copies}, from)
	if !e.add(*box) {
		return
	}
	if !from.bounces.IsNull() {
		if e.to.Bounces == nil {
			e.to.Bounces = map[int64]mail.Path{}
		}
		e.to.Bounces[box.ID] = from.bounces
	}
	if from.copyOf != 0 {
		if e.to.copyOf == nil {
			e.to.copyOf = map[int64]int64{}
		}
		e.to.copyOf[box.ID] = from.copyOf
	}
	next := from.below(box.Address)
	if next.copyOf == 0 {
		next.copyOf = box.ID
	}
	for _, c := range box.Copies {
		e.visit(c, next)
	}
}

// alias follows an alias, a forward or a list.
func (e *expansion) alias(alias *Alias, from origin) {
	switch again, direct := e.again(alias.Address, from); {
	case again && !direct:
		return
	case !again:
		e.tell(Step{From: from.by, Address: alias.Address, Is: Found(alias.Kind.orPlain()), Leads: alias.Targets, Post: alias.Post, Owner: alias.Owner}, from)
		e.to.Via = append(e.to.Via, alias.Address)
	}
	next := from.below(alias.Address)
	if alias.Kind == Distribution {
		next.bounces = alias.Owner
		if alias.Post != PostAll && from.copyOf == 0 { // who has a mailbox copied to a list lets its mail in
			e.to.closed = append(e.to.closed, *alias)
		}
	}
	for _, t := range alias.Targets {
		e.visit(t, next)
	}
}

// elsewhere adds an address that we send on to, where others can have it.
func (e *expansion) elsewhere(a mail.Path, from origin) {
	dom, ours := e.s.Domain(a.Domain())
	if ours && len(dom.Hosts) == 0 {
		e.tell(Step{From: from.by, Address: a, Is: IsNobody}, from)
		return
	}
	again, direct := e.again(a, from)
	if direct {
		at := slices.IndexFunc(e.to.Remotes, func(r Remote) bool { return r.Address == a })
		e.to.Remotes[at].CopyOf = 0
	}
	if again {
		return
	}
	r := Remote{Address: a, By: from.by, CopyOf: from.copyOf, Bounces: from.bounces}
	if ours {
		r.Home = dom.Name
	}
	e.remote(r, from)
}

func (e *expansion) remote(r Remote, from origin) {
	e.to.Remotes = append(e.to.Remotes, r)
	e.tell(Step{From: from.by, Address: r.Address, Is: IsRemote, Remote: r}, from)
}

// otherwise is where mail for an address goes that nobody here has.
func (e *expansion) otherwise(domain Domain, local string) {
	switch {
	case len(domain.Hosts) > 0:
		if !e.to.Role { // which exist, whatever others know
			e.to.Lookup = domain.Lookup
		}
		e.remote(Remote{Address: mail.Path(local + "@" + domain.Name), Home: domain.Name}, origin{})
	case e.to.Role:
		e.caretaker(domain.Name)
	case !domain.CatchAll.IsNull():
		all := mail.Path("*@" + domain.Name)
		e.tell(Step{Address: all, Is: IsCatchAll, Leads: []mail.Path{domain.CatchAll}}, origin{})
		e.visit(domain.CatchAll, origin{}.below(all))
	}
}

// add adds a mailbox that is in use.
func (e *expansion) add(box Mailbox) bool {
	if !box.State.Takes() { // who is suspended only can't log in
		e.refused = ErrClosed
		return false
	}
	e.to.Boxes = append(e.to.Boxes, box)
	return true
}

// caretaker finds somebody for a role that nobody has.
func (e *expansion) caretaker(domain string) {
	e.tell(Step{Address: mail.Path("postmaster@" + domain), Is: IsRole}, origin{})
	e.visit(mail.Path("postmaster@"+domain), origin{depth: 1})
	if e.found() {
		return
	}
	for _, among := range []string{domain, ""} {
		if box, ok := e.s.oldestActive(among); ok {
			e.box(&box, origin{depth: 1})
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

// Has reports whether somebody here has an address, with or without its tag: a mailbox or
// an alias. What only a domain's catch-all or its mail hosts take, nobody has.
func (s *Snapshot) Has(a mail.Path) bool {
	box, alias := s.holder(a.Fold())
	return box != nil || alias != nil
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
	for m := range s.Mailboxes(domain) {
		if m.State == Active {
			return m, true
		}
	}
	return Mailbox{}, false
}
