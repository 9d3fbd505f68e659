package directory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// A Domain is one whose mail ends here.
type Domain struct {
	ID          int64       `json:"id"`
	Name        string      `json:"name"`   // lower-case A-labels
	Policy      string      `json:"policy"` // name of the policy its recipients' walks take; "" is the default one
	Disposition Disposition `json:"disposition"`
	Challenge   Challenge   `json:"challenge"`
	Created     time.Time   `json:"created"`

	Names     []string  `json:"names"`      // other names of the domain, lower-case A-labels
	MailNames []string  `json:"mail_names"` // names of this system that are its people's, such as mail.customer.example; lower-case A-labels
	CatchAll  mail.Path `json:"catch_all"`  // who gets mail for unknown addresses; null: it is refused
	Hosts     []string  `json:"hosts"`      // mail hosts (smtp-in) that its mail goes to; none: mailboxes here
	Smarthost string    `json:"smarthost"`  // mail host (smtp-out) that its outgoing mail goes over; "": the node's way
	Lookup    string    `json:"lookup"`     // that knows its recipients where they live on hosts; "": all are taken
	Login     string    `json:"login"`      // look-up that knows the passwords of its people; "": they are kept here

	Language    string  `json:"language"`     // of what is written to its people, a tag such as "fr"; "": the node's
	Zone        string  `json:"zone"`         // of its digest's hours and its pages, such as "Europe/Paris"; "": the node's
	DigestHours []int   `json:"digest_hours"` // 0 to 23, in the zone; nil: the node's; empty, not nil: no digests
	Challenged  Allowed `json:"challenged"`   // who is allowed whose challenge was solved; "": the node's
	Owners      []May   `json:"owners"`       // what its mailboxes' owners may set for themselves

	LearnOutgoing Learning `json:"learn_outgoing"` // who trusts those whom its people write to
	Outgoing      string   `json:"outgoing"`       // name of the policy that judges what its people send; "": the node's

	// SignsReturns is since when its people's mail leaves under signed return paths (BATV); zero: it does not.
	SignsReturns time.Time `json:"signs_returns"`

	Each      Limits `json:"each"`       // of each mailbox that says nothing itself
	Total     Limits `json:"total"`      // of what all of its mailboxes take up together; 0: none
	JunkDays  int    `json:"junk_days"`  // mail stays in folders for junk; 0: as the node says, -1: for ever
	TrashDays int    `json:"trash_days"` // and for trash

	Shut      []Service `json:"shut"`       // that are open to none of its mailboxes
	ShutPages []Page    `json:"shut_pages"` // that are open to none of their owners

	ArchiveDays int `json:"archive_days"` // all mail in and out is kept in its archive; 0: not, -1: for ever

	Rules Rules `json:"rules"` // that its mail meets before those of its mailboxes

	AddressList AddressList `json:"address_list"` // whom its mailboxes' owners see of each other
}

// Learning says who learns to trust an address from mail that reached it.
type Learning string

// Who learns.
const (
	LearnMailbox Learning = "mailbox" // who wrote; the default
	LearnDomain  Learning = "domain"  // all of the writer's domain
	LearnOff     Learning = "off"     // nobody
)

// Allowed says for whom the sender counts as allowed who solved a challenge.
type Allowed string

// Whom a challenge allows.
const (
	AllowedDomain  Allowed = "domain"  // for all of the recipient's domain
	AllowedMailbox Allowed = "mailbox" // for the recipient alone
	AllowedNone    Allowed = "none"    // for nobody: the one message is delivered
)

// May is something that a mailbox's owner may set, where the domain leaves it open.
type May string

// What owners may set.
const (
	MayDisposition May = "disposition"
	MayLevel       May = "level"
	MayDigest      May = "digest"
	MayLock        May = "lock"    // their mailboxes, against admins of the domain
	MayCollect     May = "collect" // accounts elsewhere, from which mail is fetched into their mailboxes
)

// A Disposition is what becomes of a domain's spam.
type Disposition string

// Dispositions.
const (
	Quarantine Disposition = "quarantine" // held; the default
	Junk       Disposition = "junk"       // delivered to the Junk folder
	Tag        Disposition = "tag"        // delivered to the inbox with a mark in the subject
)

// A Challenge is how the sender of held spam is told.
type Challenge string

// Challenges.
const (
	ByReply  Challenge = "reply"  // in the answer to DATA; the default
	ByNotice Challenge = "notice" // by a mail of its own
	Off      Challenge = "off"    // not at all
)

// AddDomain adds a domain. Its name may be given in U-labels; empty fields get
// their defaults.
func (d *Directory) AddDomain(ctx context.Context, dom Domain) (Domain, error) {
	name, err := domainName(dom.Name)
	if err != nil {
		return Domain{}, fmt.Errorf("directory: add domain %s: %w", dom.Name, err)
	}
	dom.ID, dom.Name, dom.Created = 0, name, d.now()
	s, err := d.update(ctx, func(s *Snapshot) ([]Change, error) {
		if _, ok := s.Domain(name); ok {
			return nil, ErrExists
		}
		return s.checkedDomain(dom, dom.Created)
	})
	if err != nil {
		return Domain{}, fmt.Errorf("directory: add domain %s: %w", name, err)
	}
	dom, _ = s.Domain(name)
	return dom, nil
}

// ChangeDomain lets change edit a domain's fields; the name and ID stay, and the pages that are shut, which
// are ShutDomainPages's. change may run more than once.
func (d *Directory) ChangeDomain(ctx context.Context, name string, change func(*Domain) error) (Domain, error) {
	s, err := d.updateDomain(ctx, &name, func(s *Snapshot, dom Domain) ([]Change, error) {
		next := dom
		if err := change(&next); err != nil {
			return nil, err
		}
		next.ID, next.Name, next.Created, next.ShutPages = dom.ID, dom.Name, dom.Created, dom.ShutPages
		return s.checkedDomain(next, d.now())
	})
	if err != nil {
		return Domain{}, fmt.Errorf("directory: change domain %s: %w", name, err)
	}
	dom, _ := s.Domain(name)
	return dom, nil
}

// RemoveDomain removes a domain that has no mailboxes, aliases and mail hosts of its own any more and that
// nothing leads to, and its list entries with it. It is taken from the admins who
// look after it, but stays where it is the only one of somebody (ErrInUse).
func (d *Directory) RemoveDomain(ctx context.Context, name string) error {
	_, err := d.updateDomain(ctx, &name, func(s *Snapshot, dom Domain) ([]Change, error) {
		if _, ok := s.ArchiveOf(name); ok {
			return nil, fmt.Errorf("%w: its archive stands; remove that first", ErrInUse)
		}
		if n, m := s.boxes.count(name), len(s.Aliases(name)); n+m > 0 {
			return nil, fmt.Errorf("%w: it has %d mailboxes and %d aliases; remove those first", ErrInUse, n, m)
		}
		if n, ok := s.senderIn(name); ok {
			return nil, fmt.Errorf("%w: sender %s sends as it; change or remove that first", ErrInUse, n)
		}
		for h := range s.hostsOf(dom.Name) {
			return nil, fmt.Errorf("%w: mail host %s is its own; remove that first, or make it the node's", ErrInUse, h.Name)
		}
		if err := s.unreached(name, func(mail.Path) bool { return false }); err != nil {
			return nil, err
		}
		changes, err := s.adminsWithout(name)
		if err != nil {
			return nil, err
		}
		gone, err := d.scopeGone(ctx, Scope{DomainScope, name})
		return append(append(changes, gone...), Change{Domain: &dom, Gone: true}), err
	})
	if err != nil {
		return fmt.Errorf("directory: remove domain %s: %w", name, err)
	}
	return nil
}

// updateDomain plans a change of the domain called *name, which it makes
// canonical.
func (d *Directory) updateDomain(ctx context.Context, name *string, plan func(*Snapshot, Domain) ([]Change, error)) (*Snapshot, error) {
	canonical, err := domainName(*name)
	if err != nil {
		return nil, err
	}
	*name = canonical
	return d.update(ctx, func(s *Snapshot) ([]Change, error) {
		dom, ok := s.Domain(canonical)
		if !ok {
			return nil, ErrNoDomain
		}
		if dom.Name != canonical {
			return nil, fmt.Errorf("%w: it is another name of %s; say that", ErrInvalid, dom.Name)
		}
		return plan(s, dom)
	})
}

// checkedDomain plans a domain, and its archive where it is to have one.
func (s *Snapshot) checkedDomain(dom Domain, now time.Time) ([]Change, error) {
	if dom.Disposition == "" {
		dom.Disposition = Quarantine
	}
	if dom.Challenge == "" {
		dom.Challenge = ByReply
	}
	if dom.LearnOutgoing == "" {
		dom.LearnOutgoing = LearnMailbox
	}
	if err := oneOf("learn outgoing", dom.LearnOutgoing, LearnMailbox, LearnDomain, LearnOff); err != nil {
		return nil, err
	}
	if err := oneOf("disposition", dom.Disposition, Quarantine, Junk, Tag); err != nil {
		return nil, err
	}
	if err := oneOf("challenge", dom.Challenge, ByReply, ByNotice, Off); err != nil {
		return nil, err
	}
	for _, check := range []func(*Domain) error{s.checkChoices, s.checkLimits, s.checkNames, checkMailNames, s.checkHosts, s.checkCatchAll, s.checkReached, checkShut, checkRules, checkAddressList} {
		if err := check(&dom); err != nil {
			return nil, err
		}
	}
	archive, err := s.newArchive(&dom, now)
	return append([]Change{{Domain: &dom}}, archive...), err
}

// maxNames bounds the names and the mail hosts of one domain.
const maxNames = 1000

// checkNames makes a domain's other names canonical and refuses those that are
// taken.
func (s *Snapshot) checkNames(dom *Domain) error {
	names := make([]string, 0, len(dom.Names))
	for _, n := range dom.Names {
		name, err := domainName(n)
		if err != nil {
			return err
		}
		if other, ok := s.Domain(name); name == dom.Name || ok && other.Name != dom.Name {
			return fmt.Errorf("%w: the name %s is that of domain %s", ErrExists, name, cmp.Or(other.Name, dom.Name))
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > maxNames || len(dom.Hosts) > maxNames {
		return fmt.Errorf("%w: %d names and %d hosts; at most %d each", ErrInvalid, len(names), len(dom.Hosts), maxNames)
	}
	dom.Names = names
	return nil
}

// checkMailNames makes the names canonical under which a domain's people reach this system.
func checkMailNames(dom *Domain) error {
	names := make([]string, 0, len(dom.MailNames))
	for _, n := range dom.MailNames {
		name, err := domainName(n)
		if err == nil && !strings.Contains(name, ".") {
			err = fmt.Errorf("%w: %s is a name in no domain; nobody can have a certificate for it", ErrInvalid, name)
		}
		if err != nil {
			return err
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > maxNames {
		return fmt.Errorf("%w: %d mail names; at most %d", ErrInvalid, len(names), maxNames)
	}
	dom.MailNames = names
	return nil
}

// checkHosts refuses mail hosts that are not there, not for that, or another domain's own.
func (s *Snapshot) checkHosts(dom *Domain) error {
	dom.Hosts = slices.Clone(dom.Hosts)
	for i, name := range dom.Hosts {
		dom.Hosts[i] = strings.ToLower(name)
		if err := s.usable(dom.Hosts[i], SMTPIn, dom.Name); err != nil {
			return err
		}
	}
	dom.Smarthost = strings.ToLower(dom.Smarthost)
	if dom.Smarthost == "" {
		return nil
	}
	return s.usable(dom.Smarthost, SMTPOut, dom.Name)
}

// usable says why a domain can't use a mail host in a role.
func (s *Snapshot) usable(host string, role Role, domain string) error {
	h, ok := s.Host(host)
	switch {
	case !ok:
		return fmt.Errorf("%w: %s; add it first", ErrNoHost, host)
	case h.Domain != "" && h.Domain != domain:
		return fmt.Errorf("%w: mail host %s is the own one of domain %s", ErrInvalid, host, h.Domain)
	case !slices.Contains(h.Roles, role):
		return fmt.Errorf("%w: mail host %s has not the role %s", ErrInvalid, host, role)
	}
	return nil
}

// checkCatchAll refuses one that leads nowhere.
func (s *Snapshot) checkCatchAll(dom *Domain) error {
	if dom.CatchAll.IsNull() {
		return nil
	}
	if len(dom.Hosts) > 0 {
		return fmt.Errorf("%w: unknown addresses go to the domain's mail hosts; a catch-all would never get any", ErrInvalid)
	}
	address, err := s.target(dom.CatchAll)
	if err == nil && (address.Domain() == dom.Name || slices.Contains(dom.Names, address.Domain())) {
		// Such names may be new, and what is unknown in this domain comes here again.
		address = mail.Path(address.Fold().Local() + "@" + dom.Name)
		if box, alias := s.holder(address); box == nil && alias == nil {
			err = fmt.Errorf("%w and no such alias; add it first", ErrNoMailbox)
		}
	} else if err == nil {
		err = s.leadsOn(address)
	}
	if err != nil {
		return fmt.Errorf("catch-all %s: %w", dom.CatchAll, err)
	}
	dom.CatchAll = address
	return nil
}

// checkReached refuses to make a domain's addresses known, or unknown, to which
// something leads that was saved when it was otherwise. What leads to the domain's
// other names would pass by its mailboxes; what leads to addresses that nobody has
// would be lost where no mail host takes them.
func (s *Snapshot) checkReached(dom *Domain) error {
	held := func(t mail.Path) bool {
		box, alias := s.holder(t.Fold())
		return box != nil || alias != nil || len(dom.Hosts) > 0
	}
	if err := s.unreached(dom.Name, held); err != nil {
		return err
	}
	for _, name := range dom.Names {
		if err := s.unreached(name, func(mail.Path) bool { return false }); err != nil {
			return err
		}
	}
	return nil
}

// domainName returns the canonical name of a domain that can have mailboxes.
func domainName(s string) (string, error) {
	name, err := mail.ParseDomain(strings.TrimSpace(s))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if name[0] == '[' {
		return "", fmt.Errorf("%w: an address literal can't be a domain here; give a name", ErrInvalid)
	}
	return name, nil
}

// oneOf refuses a word that is not among those of a setting, and names them.
func oneOf[S ~string](setting string, got S, known ...S) error {
	names := make([]string, len(known))
	for i, k := range known {
		if got == k {
			return nil
		}
		names[i] = string(k)
	}
	return fmt.Errorf("%w: %s %q; known are %s", ErrInvalid, setting, got, strings.Join(names, ", "))
}
