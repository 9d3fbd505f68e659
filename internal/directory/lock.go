package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// A mailbox that is locked is closed to those who look after its domain: what it stores,
// what is held for it, its lists, and the lines that the journal has of its mail. Operators
// and its owner see it as before. Package access has the rule; here is what it asks.

// A Note says what was done to who may do what. It is written in the commit that does it.
type Note struct {
	ID    string // sorts by time; given by the store
	Time  time.Time
	Who   string // a mailbox's address, an admin's name; "admin (ann)" by command
	What  string // one of those below
	Whom  string // the mailbox, admin or mail host that it was done to
	About string // in a line, at most MaxAbout octets
}

// What is noted.
const (
	NoteLocked    = "locked"
	NoteUnlocked  = "unlocked"
	NoteCollected = "collected" // a mailbox: from an account elsewhere, which its owner set up or changed
	NoteLeft      = "left"      // a mailbox: such an account was removed
	NoteIdentity  = "identity"  // a mailbox: its owner may send as the address of such an account

	NoteRights = "rights" // of an admin: the role, and what of it was chosen

	NoteAdded     = "added"     // an admin, with his role
	NoteRemoved   = "removed"   //
	NoteDomains   = "domains"   // of an admin: those that he looks after from then on
	NoteSuspended = "suspended" // an admin
	NoteActive    = "active"    // one who was suspended
	NotePassword  = "password"  // a mailbox, or an admin from somebody else, got another; how, where that is not by hand

	NoteResetLink = "reset-link" // of a mailbox: a link for a lost password is shown, or sent, to whom

	NoteSupportGiven = "support-given" // of a mailbox: its owner gives support access, until when
	NoteSupportUsed  = "support-used"  // somebody uses it, from where
	NoteSupportEnded = "support-ended" // it ends
	NoteSupportReads = "support-reads" // who has it looks at a held message, which
	NoteSupportActs  = "support-acts"  // who has it changes something, where on the pages

	NoteShared       = "shared"          // of a mailbox: what somebody may do in a folder from then on
	NoteSendAsked    = "send-asked"      // of a mailbox: somebody asks to send for it
	NoteSendDeclined = "send-declined"   // that was declined
	NoteSendTaken    = "send-taken-back" // that its asker took back
	NoteSending      = "sending"         // how somebody may send for it from then on: as, on-behalf, no
)

// What is noted of mail hosts, with what they are from then on; of one that is removed, what it was.
const (
	NoteHostAdded   = "host-added"
	NoteHostChanged = "host-changed"
	NoteHostRemoved = "host-removed"
)

// MaxAbout bounds what a Note is about, in octets.
const MaxAbout = 500

// AboutText cuts a text to what a Note takes, at the end of a character: a database refuses part of one.
func AboutText(text string) string { return strings.ToValidUTF8(text[:min(len(text), MaxAbout)], "") }

// KeepNotes is for how long a Note is kept.
const KeepNotes = 10 * 365 * 24 * time.Hour

// SetLock locks a mailbox, or unlocks it, and notes by whom. Where it is so already nothing
// is done.
func (d *Directory) SetLock(ctx context.Context, address mail.Path, locked bool, who string) (Mailbox, error) {
	address = address.Fold()
	what := NoteUnlocked
	if locked {
		what = NoteLocked
	}
	s, err := d.updateMailbox(ctx, address, func(_ *Snapshot, m Mailbox) ([]Change, error) {
		if m.Locked == locked {
			return nil, nil
		}
		m.Locked = locked
		return []Change{{Mailbox: &m}, {Note: &Note{Time: d.now(), Who: who, What: what, Whom: string(m.Address)}}}, nil
	})
	if err != nil {
		return Mailbox{}, fmt.Errorf("directory: lock of mailbox %s: %w", address, err)
	}
	m, _ := s.Mailbox(address)
	return m, nil
}

// Locked reports whether a mailbox is locked; one that is not there is not.
func (s *Snapshot) Locked(box int64) bool {
	m, ok := s.Box(box)
	return ok && m.Locked
}

// Closed reports whether mail to an address is for locked mailboxes alone, of all that are
// here: such as a locked mailbox's own address, under any of its domain's names and with any
// tag, an alias of it, or any address that its domain's catch-all gets. Mailboxes that have copies
// of a locked one's mail don't open it.
func (s *Snapshot) Closed(rcpt mail.Path) bool {
	if rcpt.IsNull() {
		return false
	}
	own := s.canonical(rcpt.Fold())
	for _, address := range forms(own) {
		if m, ok := s.Mailbox(address); ok {
			if m.Locked { // also where it takes no mail any more
				return true
			}
			break
		}
	}
	found, err := s.resolved(rcpt)
	if err != nil { // of what led to mailboxes that take no mail any more, too
		return s.ledToClosed(own, map[mail.Path]bool{})
	}
	some := false
	for _, m := range found.Boxes {
		if _, copied := found.copyOf[m.ID]; copied {
			continue
		}
		if !m.Locked {
			return false
		}
		some = true
	}
	return some
}

// ledToClosed is Closed of what leads nowhere now. seen are the addresses behind it that were looked at.
func (s *Snapshot) ledToClosed(address mail.Path, seen map[mail.Path]bool) bool {
	if seen[address] {
		return true
	}
	seen[address] = true
	box, alias := s.holder(address)
	switch {
	case box != nil:
		return box.Locked
	case alias != nil:
		return !slices.ContainsFunc(alias.Targets, func(to mail.Path) bool { return !s.ledToClosed(s.canonical(to), seen) })
	}
	return false
}

// Locks reports whether any mailbox of a domain is locked.
func (s *Snapshot) Locks(domain string) bool {
	return s.boxes.locked[domain] > 0
}

// SomeLocked reports whether any mailbox is locked.
func (s *Snapshot) SomeLocked() bool {
	return len(s.boxes.locked) > 0
}
