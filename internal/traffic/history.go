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

// tries is what different recipients somebody has asked for.
type tries struct {
	begin          time.Duration // of the present hour
	known, unknown spell
}

// A spell is the values of the present stretch of time and of the one before.
type spell struct{ now, before sketch }

func (s *spell) roll(buckets int) {
	switch buckets {
	case 0:
	case 1:
		s.before, s.now = s.now, sketch{}
	default:
		s.before, s.now = sketch{}, sketch{}
	}
}

func (v *tries) roll(now time.Duration) {
	w := window{begin: v.begin}
	buckets := w.roll(now, Harvest)
	v.begin = w.begin
	v.known.roll(buckets)
	v.unknown.roll(buckets)
}

func (v *tries) add(now time.Duration, hash uint64, unknown bool) {
	v.roll(now)
	if unknown {
		v.unknown.now.add(hash)
		return
	}
	v.known.now.add(hash)
}

func (v tries) tally(now time.Duration) Tally {
	v.roll(now)
	return Tally{Known: distinct(v.known.now, v.known.before), Unknown: distinct(v.unknown.now, v.unknown.before)}
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

// Tried counts a recipient that a client has asked for. The same one again counts for
// nothing, whether it exists or not.
func (t *Traffic) Tried(a netip.Addr, rcpt mail.Path, unknown bool) {
	now, hash := t.now(), t.cfg.Hash(string(rcpt.Fold()))
	count := func(v *tries) { v.add(now, hash, unknown) }
	t.tries.update(network(a), now, count)
	if a.Is4() {
		t.own.update(address(a), now, count)
	}
}

// Knows is Tried for a recipient that exists.
func (t *Traffic) Knows(a netip.Addr, rcpt mail.Path) { t.Tried(a, rcpt, false) }

// A Tally is what different recipients somebody has asked for, within the last hour or two,
// about. No count is above 1,420.
type Tally struct {
	Known   float64 // that exist
	Unknown float64 // that don't
	Good    float64 // messages that were accepted and are no spam, in the past week
}

// MostDistinct is the highest count of a Tally that can be told from a higher one.
const MostDistinct = 1400

// Share is what part of all that is known of somebody his unknown recipients are, from
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
	tally := v.tally(now)
	tally.Good = h.good.sum(now, Past)
	return tally
}

// Own returns what recipients the address alone has asked for, of IPv6 its /64. It has no
// good messages: they are counted for networks.
func (t *Traffic) Own(a netip.Addr) Tally {
	from := &t.own
	if !a.Is4() {
		from = &t.tries
	}
	v, _ := from.look(address(a))
	return v.tally(t.now())
}
