package directory

import (
	"context"
	"fmt"
	"iter"
	"time"

	"gatepost/internal/mail"
)

// MaxArchiveDays bounds for how many days an archive keeps mail, where that is not for ever.
const MaxArchiveDays = 36500

// archiveLocal is the local part of an archive's address, by which its readers see it. No mail
// comes to it.
const archiveLocal = "_archive"

// ArchiveOf returns the mailbox that is a domain's archive, whether it takes mail now or not.
func (s *Snapshot) ArchiveOf(domain string) (Mailbox, bool) {
	m, ok := s.Mailbox(mail.Path(archiveLocal + "@" + domain))
	return m, ok && m.State == Archive
}

// Archives returns all archives.
func (s *Snapshot) Archives() (all []Mailbox) {
	for _, d := range s.Domains() {
		if m, ok := s.ArchiveOf(d.Name); ok {
			all = append(all, m)
		}
	}
	return all
}

// People returns the mailboxes of a domain without its archive, in the order in which they were made.
func (s *Snapshot) People(domain string) iter.Seq[Mailbox] {
	return func(yield func(Mailbox) bool) {
		for m := range s.Mailboxes(domain) {
			if m.State != Archive && !yield(m) {
				return
			}
		}
	}
}

// PeopleCount counts them.
func (s *Snapshot) PeopleCount(domain string) int {
	n := s.boxes.count(domain)
	if _, ok := s.ArchiveOf(domain); ok {
		n--
	}
	return n
}

// newArchive plans the archive of a domain that is to have one and has none.
func (s *Snapshot) newArchive(dom *Domain, now time.Time) ([]Change, error) {
	if _, ok := s.ArchiveOf(dom.Name); ok || dom.ArchiveDays == 0 {
		return nil, nil
	}
	address := mail.Path(archiveLocal + "@" + dom.Name)
	if box, alias := s.holder(address); box != nil || alias != nil {
		return nil, fmt.Errorf("%w: %s is where the archive would be", ErrExists, address)
	}
	return []Change{{Mailbox: &Mailbox{Address: address, State: Archive, Language: dom.Language, Created: now}}}, nil
}

// errArchive refuses to change an archive as mailboxes are changed.
func errArchive(domain string) error {
	return fmt.Errorf("%w: it is the archive of %s, and no mailbox; see gatepost archive", ErrInUse, domain)
}

// RemoveArchive takes an archive away from its domain, which takes no mail into one from then on,
// and returns it. What is stored under its ID is not touched.
func (d *Directory) RemoveArchive(ctx context.Context, domain string) (m Mailbox, err error) {
	_, err = d.updateDomain(ctx, &domain, func(s *Snapshot, dom Domain) ([]Change, error) {
		var ok bool
		if m, ok = s.ArchiveOf(dom.Name); !ok {
			return nil, fmt.Errorf("%w: it has no archive", ErrNoMailbox)
		}
		dom.ArchiveDays = 0
		return []Change{{Domain: &dom}, {Mailbox: &m, Gone: true}}, nil
	})
	if err != nil {
		return m, fmt.Errorf("directory: remove the archive of %s: %w", domain, err)
	}
	return m, nil
}
