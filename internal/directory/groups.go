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
