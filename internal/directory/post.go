package directory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/mail"
)

// Post fails with ErrPost where a message from sender, a reverse-path, may not go this
// way: one of the distribution lists on it is for the domain's own people or for its
// members, and sender is neither that nor the list's owner. The null path never is.
// A role's address takes mail from all (RFC 5321 §4.5.1).
//
// It is to be asked before the recipient is accepted: the refusal is for all of it.
func (r Resolution) Post(sender mail.Path) error {
	if r.Role {
		return nil
	}
	for _, list := range r.closed {
		if !r.s.mayPost(list, sender) {
			return fmt.Errorf("directory: %s to %s: %w: it takes mail from its %s only", cmp.Or(sender, "the null path"), list.Address, ErrPost, list.Post.whom())
		}
	}
	return nil
}

// Owns reports whether the recipient's address is one of login's, a mailbox here: its
// own, or an alias that leads to it. To be a list's member, or to get copies of
// somebody's mail, is not to speak for them.
func (r Resolution) Owns(login mail.Path) bool {
	login = login.Fold()
	for _, b := range r.Boxes {
		if b.Address == login {
			return r.Bounces[b.ID].IsNull() && !r.Copied(b.ID)
		}
	}
	return false
}

// Copied reports whether one of Boxes gets the mail as a copy of another mailbox's.
func (r Resolution) Copied(box int64) bool { return r.copyOf[box] != 0 }

// CopyOf returns the mailbox of whose mail one of Boxes gets a copy, however many
// addresses lie between; 0: it is the recipient's own.
func (r Resolution) CopyOf(box int64) int64 { return r.copyOf[box] }

// TagsSpam reports whether the recipient lives on mail hosts that want spam, with a mark.
func (r Resolution) TagsSpam() bool {
	if len(r.Boxes) > 0 || len(r.Remotes) != 1 || !r.Remotes[0].By.IsNull() || len(r.Domain.Hosts) == 0 || r.Remotes[0].Home != r.Domain.Name {
		return false
	}
	return !slices.ContainsFunc(r.Domain.Hosts, func(name string) bool {
		h, ok := r.s.Host(name)
		return !ok || h.Spam != SpamTagged
	})
}

// whom says in words whose mail is taken.
func (p Posting) whom() string {
	if p == PostDomain {
		return "own domain"
	}
	return string(p)
}

func (s *Snapshot) mayPost(list Alias, sender mail.Path) bool {
	if sender.IsNull() {
		return false
	}
	sender = s.canonical(unsigned(sender))
	if samePerson(list.Owner, sender) {
		return true
	}
	if list.Post == PostDomain {
		return sender.Domain() == list.Address.Domain()
	}
	return s.member(list, sender, map[mail.Path]bool{})
}

// unsigned takes the tag off a reverse-path that its sender signed for its own bounces
// (BATV, draft-levine-smtp-batv-01 §4: "prvs=tag=local").
func unsigned(p mail.Path) mail.Path {
	local := p.Local()
	if len(local) < 5 || !strings.EqualFold(local[:5], "prvs=") {
		return p
	}
	if _, core, ok := strings.Cut(local[5:], "="); ok && core != "" {
		return mail.Path(core + "@" + p.Domain())
	}
	return p
}

// member reports whether sender is among an alias's targets, or those of the aliases
// among them.
func (s *Snapshot) member(a Alias, sender mail.Path, seen map[mail.Path]bool) bool {
	if seen[a.Address] {
		return false
	}
	seen[a.Address] = true
	for _, t := range a.Targets {
		if samePerson(t, sender) {
			return true
		}
	}
	for _, t := range a.Targets {
		if _, next := s.holder(t.Fold()); next != nil && s.member(*next, sender, seen) {
			return true
		}
	}
	return false
}

// samePerson compares addresses without sub-address and case: of whom others hold
// apart by these, one is a list's member as well as the other.
func samePerson(a, b mail.Path) bool {
	return strings.EqualFold(string(a.Base()), string(b.Base()))
}
