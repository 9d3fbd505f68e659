package directory

import (
	"fmt"
	"slices"
	"time"
)

// MaxLevel is the most lenient level of a mailbox; 1 is the strictest.
const MaxLevel = 7

// Leaves reports whether the domain leaves something to its mailboxes' owners.
func (d Domain) Leaves(m May) bool { return slices.Contains(d.Owners, m) }

// DispositionOf returns what becomes of a mailbox's spam: as its owner wants it, where
// the domain leaves that open.
func (d Domain) DispositionOf(m Mailbox) Disposition {
	if m.Disposition != "" && d.Leaves(MayDisposition) {
		return m.Disposition
	}
	return d.Disposition
}

// LevelOf returns a mailbox's level, 1 to MaxLevel, or 0 for the policy's own: as its
// owner wants it, where the domain leaves that open.
func (d Domain) LevelOf(m Mailbox) int {
	if d.Leaves(MayLevel) {
		return m.Level
	}
	return 0
}

// checkChoices makes canonical what a domain says about digests, challenges and its
// owners, and refuses what means nothing.
func (*Snapshot) checkChoices(dom *Domain) error {
	if !language.MatchString(dom.Language) {
		return badLanguage(dom.Language)
	}
	if err := checkZone(dom.Zone); err != nil {
		return err
	}
	if err := oneOf("challenge allows", dom.Challenged, "", AllowedDomain, AllowedMailbox, AllowedNone); err != nil {
		return err
	}
	for _, hour := range dom.DigestHours {
		if hour < 0 || hour > 23 {
			return fmt.Errorf("%w: digest hour %d is not between 0 and 23", ErrInvalid, hour)
		}
	}
	for _, m := range dom.Owners {
		if err := oneOf("owners may set", m, MayDisposition, MayLevel, MayDigest, MayLock, MayCollect); err != nil {
			return err
		}
	}
	dom.DigestHours, dom.Owners = sorted(dom.DigestHours), sorted(dom.Owners)
	return nil
}

// sorted returns a list in order, each once; an empty one stays what it is, since nil
// may mean something else.
func sorted[T int | May](list []T) []T {
	if len(list) == 0 {
		return list
	}
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

// maxZone bounds the name of a time zone, in octets.
const maxZone = 64

// checkZone refuses what is not in the IANA time zone database. "Local" is the zone of
// whichever machine reads it.
func checkZone(name string) error {
	if _, err := time.LoadLocation(name); err != nil || name == "Local" || len(name) > maxZone {
		return fmt.Errorf("%w: time zone %q; write a name such as Europe/Paris", ErrInvalid, name)
	}
	return nil
}

// checkChoices refuses what an owner can't want. Whether it counts is for the domain to say.
func (m *Mailbox) checkChoices() error {
	if m.Level < 0 || m.Level > MaxLevel {
		return fmt.Errorf("%w: level %d is not between 1 and %d, or 0 for the policy's own", ErrInvalid, m.Level, MaxLevel)
	}
	return oneOf("disposition", m.Disposition, "", Quarantine, Junk, Tag)
}
