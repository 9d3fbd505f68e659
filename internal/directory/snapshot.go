package directory

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/go-memdb"

	"gatepost/internal/mail"
)

// A Snapshot is the directory at one revision. It never changes, and any number
// of goroutines may ask it.
//
// The values it returns share their slices with it: they are for reading.
type Snapshot struct {
	revision int64
	tables   *memdb.MemDB
	read     *memdb.Txn // of tables, which never change any more; a reading one is for many goroutines
	boxes    boxes
	met      *met
	lists    lists
	senders  *senderTable
	hostname string // of this node; its postmaster is ours too
	now      func() time.Time
}

// Revision counts the changes that led here.
func (s *Snapshot) Revision() int64 { return s.revision }

// Domain returns the domain that has that name (lower-case A-labels), its own or
// another one of its.
func (s *Snapshot) Domain(name string) (Domain, bool) {
	return first[Domain](s, domains, byAny, named(name))
}

// Host returns the mail host of that name.
func (s *Snapshot) Host(name string) (Host, bool) {
	return first[Host](s, hosts, byName, named(name))
}

// Hosts returns all mail hosts, by name.
func (s *Snapshot) Hosts() []Host {
	return slices.Collect(rows[Host](s, hosts, byName+"_prefix", ""))
}

// hostsOf returns the mail hosts that are a domain's own. There are few of all domains.
func (s *Snapshot) hostsOf(domain string) iter.Seq[Host] {
	return func(yield func(Host) bool) {
		for h := range rows[Host](s, hosts, byName+"_prefix", "") {
			if h.Domain == domain && !yield(h) {
				return
			}
		}
	}
}

// Using returns the domains that use a mail host, by name.
func (s *Snapshot) Using(host string) []Domain { return slices.Collect(s.using(host)) }

// using returns the domains that use a mail host.
func (s *Snapshot) using(host string) iter.Seq[Domain] {
	return rows[Domain](s, domains, byHost, named(host))
}

// Mailbox returns the mailbox whose own address is a.
func (s *Snapshot) Mailbox(a mail.Path) (Mailbox, bool) {
	return s.boxes.named(a.Fold())
}

// Box returns the mailbox with that ID.
func (s *Snapshot) Box(id int64) (Mailbox, bool) {
	return s.boxes.numbered(id)
}

// Alias returns the alias, forward or distribution list whose own address is a.
func (s *Snapshot) Alias(a mail.Path) (Alias, bool) {
	return first[Alias](s, aliases, byName, named(a.Fold()))
}

// Admin returns the admin with that log-in name, in any case.
func (s *Snapshot) Admin(name string) (Admin, bool) {
	canonical, err := AdminName(name)
	if err != nil {
		return Admin{}, false
	}
	return first[Admin](s, admins, byName, named(canonical))
}

// AdminOf returns the admin with that ID.
func (s *Snapshot) AdminOf(id int64) (Admin, bool) {
	return first[Admin](s, admins, byNumber, number(id))
}

// Admins returns all admins, by name.
func (s *Snapshot) Admins() []Admin {
	return slices.Collect(rows[Admin](s, admins, byName+"_prefix", ""))
}

// Domains returns all domains, by name.
func (s *Snapshot) Domains() []Domain {
	return slices.Collect(rows[Domain](s, domains, byName+"_prefix", ""))
}

// Alone reports whether there is no more than one domain.
func (s *Snapshot) Alone() bool {
	n := 0
	for range rows[Domain](s, domains, byName+"_prefix", "") {
		if n++; n > 1 {
			return false
		}
	}
	return true
}

// Mailboxes returns the mailboxes of a domain, or of all where domain is "", in
// the order in which they were made. They may be a million.
func (s *Snapshot) Mailboxes(domain string) iter.Seq[Mailbox] { return s.boxes.all(domain) }

// MailboxPage returns the mailboxes of a domain, or of all where domain is "", by domain and address: those after an address, at most
// so many.
func (s *Snapshot) MailboxPage(domain string, after mail.Path, most int) (page []Mailbox) {
	names := []string{domain}
	if domain == "" {
		names = names[:0]
		for d := range rows[Domain](s, domains, byName+"_prefix", "") {
			names = append(names, d.Name)
		}
	}
	for _, name := range names {
		if len(page) >= most {
			break
		}
		begin := mail.Path("")
		if after != "" {
			if name < after.Domain() {
				continue
			}
			if name == after.Domain() {
				begin = after
			}
		}
		for _, address := range s.boxes.firstOf(name, begin, most-len(page)) {
			m, _ := s.boxes.named(address)
			page = append(page, m)
		}
	}
	return page
}

// Aliases returns the aliases, forwards and distribution lists of a domain, or of all
// where domain is "", by address.
func (s *Snapshot) Aliases(domain string) []Alias {
	if domain == "" {
		return slices.Collect(rows[Alias](s, aliases, byName+"_prefix", ""))
	}
	return slices.Collect(s.aliasesOf(domain))
}

func (s *Snapshot) aliasesOf(domain string) iter.Seq[Alias] {
	return rows[Alias](s, aliases, byDomain+"_prefix", within(domain))
}

func first[T any](s *Snapshot, table, index, key string) (T, bool) {
	row, err := s.read.First(table, index, key)
	must(err)
	if row == nil {
		var none T
		return none, false
	}
	return *row.(*T), true
}

func rows[T any](s *Snapshot, table, index, key string) iter.Seq[T] {
	return func(yield func(T) bool) {
		found, err := s.read.Get(table, index, key)
		must(err)
		for row := found.Next(); row != nil; row = found.Next() {
			if !yield(*row.(*T)) {
				return
			}
		}
	}
}

// must: go-memdb fails only where a table or index is misnamed.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("directory: %v", err))
	}
}

// A build makes the next snapshot from one and the changes after it.
type build struct {
	next  *Snapshot
	txn   *memdb.Txn
	lists *listsEdit
	boxes *boxesEdit // nil: no mailbox was changed
	// hasCopiers: there is or was a mailbox that has copies; known once boxes is there.
	hasCopiers bool
	// senders are those of the next snapshot where a change was one of them; nil: none was.
	senders map[mail.Path]Sender
}

func (s *Snapshot) build() *build {
	next := *s
	next.tables = s.tables.Snapshot()
	return &build{next: &next, txn: next.tables.Txn(true), lists: s.lists.edit()}
}

// apply takes one change in.
func (b *build) apply(c Change) error {
	switch {
	case c.Domain != nil:
		return b.row(domains, named(c.Domain.Name), c.Domain, c.Gone)
	case c.Mailbox != nil:
		return b.mailbox(c.Mailbox, c.Gone)
	case c.Alias != nil:
		return b.row(aliases, named(c.Alias.Address), c.Alias, c.Gone)
	case c.Host != nil:
		return b.row(hosts, named(c.Host.Name), c.Host, c.Gone)
	case c.Admin != nil:
		return b.row(admins, named(c.Admin.Name), c.Admin, c.Gone)
	case c.Sender != nil:
		b.sender(c.Sender, c.Gone)
	case c.Entry != nil && c.Gone:
		b.lists.remove(c.Entry.Key())
	case c.Entry != nil:
		b.lists.put(c.Entry.Key(), ref{id: c.Entry.ID, expires: micros(c.Entry.Expires)})
	}
	return nil
}

func (b *build) sender(n *Sender, gone bool) {
	if b.senders == nil {
		b.senders = maps.Clone(b.next.senders.rows)
	}
	if delete(b.senders, n.Name); !gone {
		b.senders[n.Name] = *n
	}
}

func (b *build) mailbox(m *Mailbox, gone bool) error {
	if b.boxes == nil {
		b.boxes = b.next.boxes.edit()
		for range rows[copier](b.next, copiers, byName+"_prefix", "") {
			b.hasCopiers = true
			break
		}
	}
	if gone {
		b.boxes.remove(m.Address)
	} else {
		b.boxes.put(m)
	}
	if b.hasCopiers || len(m.Copies) > 0 {
		b.hasCopiers = true
		return b.row(copiers, named(m.Address), &copier{m.Address, m.Copies}, gone || len(m.Copies) == 0)
	}
	return nil
}

func (b *build) row(table, name string, row any, gone bool) error {
	if !gone {
		return b.txn.Insert(table, row)
	}
	_, err := b.txn.DeleteAll(table, byName, name)
	return err
}

func (b *build) done(revision int64) *Snapshot {
	b.txn.Commit()
	b.next.read, b.next.met = b.next.tables.Txn(false), &met{}
	b.next.lists = b.lists.done()
	if b.boxes != nil {
		b.next.boxes = b.boxes.done()
	}
	if b.senders != nil {
		b.next.senders = newSenderTable(b.senders)
	}
	b.next.revision = revision
	return b.next
}
