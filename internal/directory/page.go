package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/mail"
)

// A Page is something that owners of mailboxes set for themselves, and that can be shut to them: on the pages, and at every other
// door that leads to the same. What was set before stays in force, and admins and commands change it as ever.
type Page string

// Pages.
const (
	PageForwards Page = "forwards"  // rules that send mail on; other rules stay open
	PageRules    Page = "rules"     // all of them
	PageVacation Page = "vacation"  //
	PagePassword Page = "password"  // the password, those of programs, and the ways to another that was lost
	PageAntiSpam Page = "anti-spam" // whom they allow and block, what is done with spam, how strict the filters are
	PageShares   Page = "shares"    // folders that they share, and that are shared with them
)

// Pages are all of them.
func Pages() []Page {
	return []Page{PageForwards, PageRules, PageVacation, PagePassword, PageAntiSpam, PageShares}
}

// ShutBy says who has shut a page; "" is nobody: it is open.
type ShutBy string

// Who shuts pages.
const (
	ShutByDomain  ShutBy = "domain"  // to all of its mailboxes
	ShutByMailbox ShutBy = "mailbox" // to its owner
)

// PageShut says who has shut a page to the owner of a mailbox. What the domain shuts no mailbox opens. To one that is gone all is open:
// nobody asks for it.
func (s *Snapshot) PageShut(box int64, page Page) ShutBy {
	m, ok := s.Box(box)
	if !ok {
		return ""
	}
	if d, ok := s.Domain(m.Address.Domain()); ok && slices.Contains(d.ShutPages, page) {
		return ShutByDomain
	}
	if slices.Contains(m.ShutPages, page) {
		return ShutByMailbox
	}
	return ""
}

// scriptsShut reports whether a page is shut that a script could stand for: a script files, sends on and answers, and which of it one
// does is not known before it runs.
func (s *Snapshot) scriptsShut(box int64) bool {
	return slices.ContainsFunc([]Page{PageRules, PageForwards, PageVacation}, func(p Page) bool { return s.PageShut(box, p) != "" })
}

// CheckedPages returns pages in their order, each once. It fails with ErrInvalid where one is not there.
func CheckedPages(list []Page) (clean []Page, err error) {
	for _, one := range list {
		if err := oneOf("page", one, Pages()...); err != nil {
			return nil, err
		}
	}
	for _, one := range Pages() {
		if slices.Contains(list, one) {
			clean = append(clean, one)
		}
	}
	return clean, nil
}

// NotePages is what is noted of pages that were shut or opened, about those that are shut from then on.
const NotePages = "pages"

// ShutPages shuts pages to the owner of a mailbox, and opens all others, and notes by whom. Where it is so already nothing is done.
func (d *Directory) ShutPages(ctx context.Context, address mail.Path, pages []Page, who string) (Mailbox, error) {
	address = address.Fold()
	s, err := d.updateMailbox(ctx, address, func(s *Snapshot, m Mailbox) ([]Change, error) {
		changes, err := d.shutPages(&m.ShutPages, pages, who, string(m.Address))
		if err != nil || changes == nil {
			return nil, err
		}
		return append(changes, Change{Mailbox: &m}), nil
	})
	if err != nil {
		return Mailbox{}, fmt.Errorf("directory: shut pages to mailbox %s: %w", address, err)
	}
	m, _ := s.Mailbox(address)
	return m, nil
}

// ShutDomainPages is ShutPages for all mailboxes of a domain.
func (d *Directory) ShutDomainPages(ctx context.Context, name string, pages []Page, who string) (Domain, error) {
	s, err := d.updateDomain(ctx, &name, func(s *Snapshot, dom Domain) ([]Change, error) {
		changes, err := d.shutPages(&dom.ShutPages, pages, who, dom.Name)
		if err != nil || changes == nil {
			return nil, err
		}
		return append(changes, Change{Domain: &dom}), nil
	})
	if err != nil {
		return Domain{}, fmt.Errorf("directory: shut pages in domain %s: %w", name, err)
	}
	dom, _ := s.Domain(name)
	return dom, nil
}

// shutPages sets which pages are shut, and returns the note of it; none where they were already.
func (d *Directory) shutPages(of *[]Page, pages []Page, who, whose string) ([]Change, error) {
	clean, err := CheckedPages(pages)
	if err != nil || slices.Equal(*of, clean) {
		return nil, err
	}
	*of = clean
	names := make([]string, len(clean))
	for i, p := range clean {
		names[i] = string(p)
	}
	return []Change{{Note: &Note{Time: d.now(), Who: who, What: NotePages, Whom: whose, About: strings.Join(names, ", ")}}}, nil
}
