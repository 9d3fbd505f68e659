package directory

import (
	"gatepost/internal/mail"
)

// maxGroups bounds the aliases through which one mailbox is looked for.
const maxGroups = 1000

// Groups returns the aliases and distribution lists that lead to a mailbox's address,
// directly or through others. Whom mail is only copied to is in no group for that.
func (s *Snapshot) Groups(address mail.Path) []mail.Path {
	var found []mail.Path
	seen := map[mail.Path]bool{}
	for next := []mail.Path{address.Fold()}; len(next) > 0 && len(found) < maxGroups; next = next[1:] {
		for a := range rows[Alias](s, aliases, byTarget, targetKey(next[0])) {
			if !seen[a.Address] && a.Kind != Forward && a.hasTarget(next[0]) {
				seen[a.Address] = true
				found = append(found, a.Address)
				next = append(next, a.Address)
			}
		}
	}
	return found
}

// hasTarget: an alias also leads to its owner, who need not be a member.
func (a Alias) hasTarget(address mail.Path) bool {
	for _, t := range a.Targets {
		if samePerson(t, address) {
			return true
		}
	}
	return false
}

// Members returns the mailboxes that have an alias or distribution list among their Groups, by ID.
func (s *Snapshot) Members(group mail.Path) map[int64]bool {
	boxes, seen := map[int64]bool{}, map[mail.Path]bool{}
	start, ok := s.Alias(group)
	if !ok {
		return boxes
	}
	for next := []Alias{start}; len(next) > 0 && len(seen) < maxGroups; next = next[1:] {
		if a := next[0]; a.Kind != Forward && !seen[a.Address] {
			seen[a.Address] = true
			for _, t := range a.Targets {
				switch box, alias := s.holder(t.Fold()); {
				case box != nil:
					boxes[box.ID] = true
				case alias != nil:
					next = append(next, *alias)
				}
			}
		}
	}
	return boxes
}
