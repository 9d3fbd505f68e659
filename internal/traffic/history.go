package traffic

import (
	"math"
	"math/bits"
	"net/netip"
	"time"

	"gatepost/internal/mail"
)

// A history is what a network's mail was like, in the past week.
type history struct {
	first     time.Duration // good message
	good, bad window
}

// Took notes what was thought of a message of a's network: good is one that was accepted
// and is no spam. What is bad counts for networks that have sent something good before:
// the others have no history to be spoilt, and can't fill the table.
func (t *Traffic) Took(a netip.Addr, good bool) {
	k, now := network(a), t.now()
	if !good {
		if _, known := t.histories.look(k); !known {
			return
		}
	}
	t.histories.update(k, now, func(h *history) {
		switch {
		case !good:
			h.bad.add(now, Past)
			return
		case h.good.sum(now, Past) == 0:
			h.first = now
		}
		h.good.add(now, Past)
	})
}

// fewBad: one bad message in so many good ones leaves a history good. A large provider
// always has some.
const fewBad = 50

// Good reports whether a's network has a good history: within a week enough messages that
// were no spam, the first of them long enough ago, and no more than one bad one for fifty
// of them.
func (t *Traffic) Good(a netip.Addr) bool {
	h, known := t.histories.look(network(a))
	if !known {
		return false
	}
	now := t.now()
	good, bad := h.good.sum(now, Past), h.bad.sum(now, Past)
	return good >= float64(t.cfg.GoodMessages) && now-h.first >= t.cfg.GoodAge && bad*fewBad <= good
}

// tries is what recipients a network has asked for.
type tries struct {
	known, unknown window
	now, before    sketch // of those that were unknown
}

// A sketch counts distinct values: the share of its bits that are still clear tells how
// many there were (linear counting: Whang, Vander-Zanden and Taylor 1990), to within a
// tenth for the few hundred that matter here. It never says more than 1,420.
type sketch [4]uint64

const sketchBits = 256

func (s *sketch) add(hash uint64) { s[hash>>6&3] |= 1 << (hash & 63) }

// distinct estimates how many different values two sketches have together.
func distinct(a, b sketch) float64 {
	set := 0
	for i := range a {
		set += bits.OnesCount64(a[i] | b[i])
	}
	return sketchBits * math.Log(sketchBits/float64(max(sketchBits-set, 1)))
}

// Tried counts a recipient that a client has asked for.
func (t *Traffic) Tried(a netip.Addr, rcpt mail.Path, unknown bool) {
	now := t.now()
	hash := t.cfg.Hash(string(rcpt.Fold()))
	t.tries.update(network(a), now, func(v *tries) {
		if !unknown {
			v.known.add(now, Harvest)
			return
		}
		switch v.unknown.roll(now, Harvest) {
		case 0:
		case 1:
			v.before, v.now = v.now, sketch{}
		default:
			v.before, v.now = sketch{}, sketch{}
		}
		v.unknown.add(now, Harvest)
		v.now.add(hash)
	})
}

// A Tally is what recipients a network has asked for.
type Tally struct {
	Known   float64 // recipients that exist, within the last hour
	Unknown float64 // different ones that don't, within the last hour or two, about
	Good    float64 // messages of it that were accepted and are no spam, in the past week
}

// Share is what part of all that is known of the network its unknown recipients are, from
// 0 to 1.
func (t Tally) Share() float64 {
	if t.Unknown == 0 {
		return 0
	}
	return t.Unknown / (t.Unknown + t.Known + t.Good)
}

// Tally returns what recipients a's network has asked for.
func (t *Traffic) Tally(a netip.Addr) Tally {
	k, now := network(a), t.now()
	v, _ := t.tries.look(k)
	h, _ := t.histories.look(k)
	tally := Tally{Known: v.known.sum(now, Harvest), Good: h.good.sum(now, Past)}
	switch v.unknown.roll(now, Harvest) {
	case 0:
		tally.Unknown = distinct(v.now, v.before)
	case 1:
		tally.Unknown = distinct(v.now, sketch{})
	}
	return tally
}
