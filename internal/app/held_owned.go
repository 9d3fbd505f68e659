package app

import (
	"context"

	"gatepost/internal/directory"
	"gatepost/quarantine"
)

// ownedHeld reads held messages, and keeps those of a removed domain or mailbox from who
// gets the name next. Until a chore has ended them they look as if it had: deleted, and
// nobody's but the operators'.
type ownedHeld struct {
	quarantine.Reader
	directory *directory.Directory
}

// Find implements quarantine.Reader. What is gone is of no domain any more.
func (r ownedHeld) Find(ctx context.Context, q quarantine.Query) (quarantine.Page, error) {
	page, err := r.Reader.Find(ctx, q)
	if err != nil {
		return quarantine.Page{}, err
	}
	s := r.directory.Snapshot()
	rows := page.Rows[:0]
	byDomain := q.Domain != "" || len(q.Domains) > 0
	for _, row := range page.Rows {
		h := disowned(s, row)
		if byDomain && (h.Gone || h.Domain != row.Domain) || h.Gone && q.State != "" && q.State != h.State {
			continue
		}
		rows = append(rows, h)
	}
	if len(rows) < len(page.Rows) && page.More && page.Until.IsZero() {
		page.Until = page.Next.Time // there is more, though the page is not full
	}
	page.Rows = rows
	return page, nil
}

// Show implements quarantine.Reader.
func (r ownedHeld) Show(ctx context.Context, id string) (quarantine.Held, error) {
	h, err := r.Reader.Show(ctx, id)
	if err != nil {
		return quarantine.Held{}, err
	}
	return disowned(r.directory.Snapshot(), h), nil
}

// disowned is a held message as it stands with the directory. A domain's number is never
// used again; a message without one is taken for that of the domain with the name. What is
// held for a mailbox stays its owner's, though the name that it came by may be gone: it is
// of the mailbox's domain then.
func disowned(s *directory.Snapshot, h quarantine.Held) quarantine.Held {
	dom, ok := s.Domain(h.Domain)
	other := !ok || dom.Name != h.Domain || h.DomainID != 0 && h.DomainID != dom.ID
	box, there := s.Box(h.Box)
	if h.Gone = other; h.Box > 0 {
		h.Gone = !there
	}
	if h.Box > 0 && there && other {
		h.Domain = box.Address.Domain()
	}
	if h.Gone && h.State == quarantine.StateHeld {
		h.State = quarantine.StateDeleted
	}
	return h
}
