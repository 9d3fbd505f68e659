package access

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"gatepost/internal/mail"
)

// sprays counts from which addresses many accounts are tried: lists of names, with one
// password or several each. Of IPv6 a /64 is one address. One from which somebody has
// logged in within goodFor is an office, a family or a provider's gate: it is never
// named, whatever a guest of it does; the throttle's limits hold it up alone.
type sprays struct {
	tried map[netip.Prefix]*spray
	homes map[netip.Prefix]time.Time // addresses that somebody logged in from, and when
}

// Accounts that are tried from one address within forgetAfter before it is banned.
const (
	sprayUnknown = 20 // of which nobody has one
	sprayAny     = 40
	maxSprays    = 10_000
	maxHomes     = 20_000
)

type spray struct {
	accounts []guess
	last     time.Time
}

type guess struct {
	account [16]byte
	unknown bool
	at      time.Time
}

func newSprays() sprays {
	return sprays{map[netip.Prefix]*spray{}, map[netip.Prefix]time.Time{}}
}

// addressOf is what is banned for a client.
func addressOf(client netip.Addr) netip.Prefix { return around(mail.Unmap(client), 32, 64) }

// home notes that somebody logged in from an address.
func (s *sprays) home(client netip.Addr, now time.Time) {
	at := addressOf(client)
	if _, ok := s.homes[at]; !ok && len(s.homes) >= maxHomes {
		forgetHalf(s.homes, func(t time.Time) time.Time { return t })
	}
	s.homes[at] = now
	delete(s.tried, at)
}

// add counts an account that was tried in vain, and says why the address is to be banned;
// "": it is not.
func (s *sprays) add(client netip.Addr, account [16]byte, unknown bool, now time.Time) (note string) {
	at := addressOf(client)
	if last, ok := s.homes[at]; ok && now.Sub(last) < goodFor {
		return ""
	}
	one := s.tried[at]
	if one == nil {
		if len(s.tried) >= maxSprays {
			forgetHalf(s.tried, func(o *spray) time.Time { return o.last })
		}
		one = &spray{}
		s.tried[at] = one
	}
	one.last = now
	one.accounts = slices.DeleteFunc(one.accounts, func(g guess) bool { return g.account == account || now.Sub(g.at) >= forgetAfter })
	one.accounts = append(one.accounts, guess{account, unknown, now})
	nobodys := 0
	for _, g := range one.accounts {
		if g.unknown {
			nobodys++
		}
	}
	if nobodys < sprayUnknown && len(one.accounts) < sprayAny {
		return ""
	}
	delete(s.tried, at) // the ban begins the next count
	return fmt.Sprintf("log-ins to %d accounts failed, %d of them nobody's", len(one.accounts), nobodys)
}

// forgetHalf makes room: what is older than the middle goes.
func forgetHalf[V any](all map[netip.Prefix]V, age func(V) time.Time) {
	ages := make([]time.Time, 0, len(all))
	for _, v := range all {
		ages = append(ages, age(v))
	}
	slices.SortFunc(ages, time.Time.Compare)
	for at, v := range all {
		if !age(v).After(ages[len(ages)/2]) {
			delete(all, at)
		}
	}
}
