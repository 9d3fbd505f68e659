package directory

import (
	"iter"
	"maps"

	"gatepost/internal/mail"
)

// boxes is an immutable table of mailboxes, of which there may be a million: by ID, by address, and those of a domain. It shares with
// its successor what did not change.
type boxes struct {
	rows    chunks[boxRow] // by ID
	names   refs           // the IDs by address
	domains pages[string, chunks[struct{}]]
	locked  map[string]int // how many of a domain are locked; none is 0
}

func newBoxes() boxes {
	return boxes{names: newRefs(), domains: newPages[string, chunks[struct{}]]()}
}

// named returns the mailbox that has an address.
func (t *boxes) named(a mail.Path) (Mailbox, bool) {
	r, ok := t.names.get([]byte(a))
	if !ok {
		return Mailbox{}, false
	}
	return t.numbered(r.id)
}

func (t *boxes) numbered(id int64) (Mailbox, bool) {
	row, ok := t.rows.get(id)
	if !ok {
		return Mailbox{}, false
	}
	return row.mailbox(id), true
}

// all returns those of a domain, or of all where domain is "", by ID.
func (t *boxes) all(domain string) iter.Seq[Mailbox] {
	return func(yield func(Mailbox) bool) {
		for id, row := range t.found(domain) {
			if !yield(row.mailbox(id)) {
				return
			}
		}
	}
}

// found is all, as rows.
func (t *boxes) found(domain string) iter.Seq2[int64, boxRow] {
	if domain == "" {
		return t.rows.rows()
	}
	return func(yield func(int64, boxRow) bool) {
		ids, _ := t.domains.get(domain)
		for id := range ids.rows() {
			row, _ := t.rows.get(id)
			if !yield(id, row) {
				return
			}
		}
	}
}

// count counts those of a domain.
func (t *boxes) count(domain string) int {
	ids, _ := t.domains.get(domain)
	return ids.count()
}

// firstOf returns the addresses of a domain that come after one: the first of them, at most so many.
func (t *boxes) firstOf(domain string, after mail.Path, most int) []mail.Path {
	found := firsts{most: most}
	for _, row := range t.found(domain) {
		if a := row.address(); a > after && found.wants(a) {
			found.add(a)
		}
	}
	return found.done()
}

// A boxesEdit makes one successor. The table it came from stays as it is.
type boxesEdit struct {
	was     *boxes
	rows    *chunksEdit[boxRow]
	names   *refsEdit
	domains map[string]*chunksEdit[struct{}] // those in which one came or went
	locked  map[string]int                   // nil: as it was
}

func (t *boxes) edit() *boxesEdit {
	return &boxesEdit{was: t, rows: t.rows.edit(), names: t.names.edit(), domains: map[string]*chunksEdit[struct{}]{}}
}

// done returns the successor. The edit is to be used no more.
func (e *boxesEdit) done() boxes {
	next := boxes{rows: e.rows.done(), names: e.names.refs, domains: e.was.domains, locked: e.was.locked}
	if len(e.domains) > 0 {
		domains := next.domains.edit()
		for name, ids := range e.domains {
			if c := ids.done(); len(c.all) > 0 {
				domains.set(name, c)
			} else {
				domains.delete(name)
			}
		}
		next.domains = domains.pages
	}
	if e.locked != nil {
		next.locked = e.locked
	}
	return next
}

// domain returns the IDs of a domain, to be changed.
func (e *boxesEdit) domain(name string) *chunksEdit[struct{}] {
	if e.domains[name] == nil {
		ids, _ := e.was.domains.get(name)
		e.domains[name] = ids.edit()
	}
	return e.domains[name]
}

// lock counts a locked mailbox of a domain, or one less.
func (e *boxesEdit) lock(domain string, by int) {
	if e.locked == nil {
		if e.locked = maps.Clone(e.was.locked); e.locked == nil {
			e.locked = map[string]int{}
		}
	}
	if e.locked[domain] += by; e.locked[domain] == 0 {
		delete(e.locked, domain)
	}
}

// put adds a mailbox, or puts it in the place of the one that has its address.
func (e *boxesEdit) put(m *Mailbox) {
	if r, ok := e.names.get([]byte(m.Address)); !ok || r.id != m.ID {
		e.remove(m.Address)
		e.names.set([]byte(m.Address), ref{id: m.ID})
		e.domain(m.Address.Domain()).set(m.ID, struct{}{})
	} else if row, _ := e.rows.get(m.ID); row.mailbox(m.ID).Locked {
		e.lock(m.Address.Domain(), -1)
	}
	if m.Locked {
		e.lock(m.Address.Domain(), 1)
	}
	e.rows.set(m.ID, newBoxRow(m))
}

// remove takes the mailbox out that has an address, if there is one.
func (e *boxesEdit) remove(address mail.Path) {
	r, ok := e.names.get([]byte(address))
	if !ok {
		return
	}
	if row, _ := e.rows.get(r.id); row.mailbox(r.id).Locked {
		e.lock(address.Domain(), -1)
	}
	e.names.delete([]byte(address))
	e.rows.delete(r.id)
	e.domain(address.Domain()).delete(r.id)
}
