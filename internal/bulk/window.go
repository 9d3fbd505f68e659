package bulk

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"gatepost/internal/sketch"
)

// Config is what a Window needs.
type Config struct {
	Rows   Rows // nil: nobody is told
	Groups int  // fingerprints that are remembered; 0: DefaultGroups. Each takes about 500 octets
	Stop   int  // domains that sign one fingerprint, from which on nothing is said of it; 0: DefaultStop
	Log    *slog.Logger
	Now    func() time.Time
	// Old is Now, and whether rows that are old by it may be removed; nil: they always may.
	Old func(context.Context) (time.Time, bool)
}

// Where nothing else is set.
const (
	DefaultGroups = 50_000
	DefaultStop   = 5
)

// Bounds of one fingerprint.
const (
	// Span is how long a recipient counts.
	Span = 10 * time.Minute
	// MaxOrganisations is up to what number recipients are counted.
	MaxOrganisations = 64
	// signedFor is how long a domain counts that signs a fingerprint, and for how long a fingerprint
	// stays stopped after enough of them did.
	signedFor  = 24 * time.Hour
	maxSigners = 16
)

// A Window counts what came lately. It is safe for use by many goroutines.
type Window struct {
	c Config

	mu     sync.Mutex
	groups []group // by the number of their sketch
	index  sketch.Index
	bySum  map[Sum]uint32
	newest uint32 // ends of the list by last use
	oldest uint32
	dirty  map[uint32]bool // what may have to be told to others
	last   int64           // row that was read
}

// A group is a fingerprint, and those that are near to it.
type group struct {
	sum           Sum
	newer, older  uint32
	organisations []mark
	signers       []mark
	stopped       uint32 // when enough signed it last, in seconds since 1970; 0: never
	told          uint32 // which of that others know
}

// A mark is somebody who was seen.
type mark struct {
	hash uint32
	at   uint32 // seconds since 1970
	told bool   // to other nodes
}

const nobody = ^uint32(0)

// New returns an empty Window.
func New(c Config) *Window {
	if c.Groups <= 0 {
		c.Groups = DefaultGroups
	}
	if c.Stop <= 0 {
		c.Stop = DefaultStop
	}
	c.Stop = min(c.Stop, maxSigners)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Old == nil {
		c.Old = func(context.Context) (time.Time, bool) { return c.Now(), true }
	}
	return &Window{c: c, bySum: map[Sum]uint32{}, newest: nobody, oldest: nobody, dirty: map[uint32]bool{}}
}

// Seen is what a Window knows of a fingerprint.
type Seen struct {
	Organisations int  // of recipients, within Span; MaxOrganisations at most
	Signers       int  // domains of authors that signed it
	Stopped       bool // so many domains sign it that it says nothing
	Near          bool // it is not an exact copy of what was seen first
}

// Look returns what is known of a fingerprint at a time, if it came for these recipients'
// organisations, too. It changes nothing.
func (w *Window) Look(f *Fingerprint, organisations []string, now time.Time) Seen {
	at := seconds(now)
	hashes := make([]uint32, 0, MaxOrganisations) // each once
	count := func(h uint32) {
		if len(hashes) < MaxOrganisations && !slices.Contains(hashes, h) {
			hashes = append(hashes, h)
		}
	}
	for _, o := range organisations {
		count(hash(o))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n, ok := w.find(f)
	if !ok {
		return Seen{Organisations: len(hashes)}
	}
	g := &w.groups[n]
	s := Seen{Stopped: g.stoppedAt(at), Near: g.sum != f.Sum}
	for _, m := range g.organisations {
		if within(m.at, at, Span) {
			count(m.hash)
		}
	}
	for _, m := range g.signers {
		if within(m.at, at, signedFor) {
			s.Signers++
		}
	}
	s.Organisations = len(hashes)
	return s
}

// stoppedAt reports whether a group says nothing at a moment.
func (g *group) stoppedAt(at uint32) bool { return g.stopped > 0 && within(g.stopped, at, signedFor) }

// toTell reports whether others do not know that the group is stopped, or are about to forget it.
func (g *group) toTell() bool { return g.stopped > 0 && (g.told == 0 || g.stopped > g.told+tellAgain) }

// tellAgain is after how many seconds others are told again that a group is stopped.
const tellAgain = 3600

// Add notes that a fingerprint came for a recipient's organisation; signer is the author's domain, where it
// signed the message and is somebody, else "".
func (w *Window) Add(f *Fingerprint, organisation, signer string, now time.Time) {
	if f.Short || f.Sketch.IsZero() {
		return
	}
	at := seconds(now)
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.group(f)
	g := &w.groups[n]
	note(&g.organisations, hash(organisation), at, MaxOrganisations, false)
	if signer != "" {
		note(&g.signers, hash(signer), at, maxSigners, false)
	}
	w.judge(n, at)
	w.dirty[n] = true
}

// judge stops a group that enough domains sign.
func (w *Window) judge(n, at uint32) {
	g := &w.groups[n]
	signers := 0
	for _, m := range g.signers {
		if within(m.at, at, signedFor) {
			signers++
		}
	}
	if signers < w.c.Stop {
		return
	}
	before := g.stoppedAt(at)
	if g.stopped = max(g.stopped, at); !before {
		w.c.Log.Info("a fingerprint is stopped", "sum", g.sum[:], "domains_that_sign_it", signers)
	}
}

// find returns the group that a fingerprint belongs to.
func (w *Window) find(f *Fingerprint) (uint32, bool) {
	if f.Short {
		return 0, false
	}
	if n, ok := w.bySum[f.Sum]; ok {
		return n, true
	}
	n, _, ok := w.index.Nearest(&f.Sketch, sketch.Near)
	return n, ok
}

// group is find, and makes a group where there is none; it is the newest then.
func (w *Window) group(f *Fingerprint) uint32 {
	n, ok := w.find(f)
	if ok {
		w.unlink(n)
		w.link(n)
		return n
	}
	if len(w.bySum) >= w.c.Groups {
		w.forget(w.oldest)
	}
	n = w.index.Put(f.Sketch)
	if int(n) == len(w.groups) {
		w.groups = append(w.groups, group{})
	}
	w.groups[n] = group{sum: f.Sum}
	w.bySum[f.Sum] = n
	w.link(n)
	return n
}

func (w *Window) forget(n uint32) {
	w.unlink(n)
	w.index.Drop(n)
	delete(w.bySum, w.groups[n].sum)
	delete(w.dirty, n)
	w.groups[n] = group{}
}

// link makes a group the newest.
func (w *Window) link(n uint32) {
	g := &w.groups[n]
	g.older, g.newer = w.newest, nobody
	if w.newest != nobody {
		w.groups[w.newest].newer = n
	} else {
		w.oldest = n
	}
	w.newest = n
}

func (w *Window) unlink(n uint32) {
	g := &w.groups[n]
	if g.older != nobody {
		w.groups[g.older].newer = g.newer
	} else {
		w.oldest = g.newer
	}
	if g.newer != nobody {
		w.groups[g.newer].older = g.older
	} else {
		w.newest = g.older
	}
}

// Len returns how many fingerprints are remembered.
func (w *Window) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.bySum)
}

// fresh is for how many seconds it is not noted again that somebody was seen, nor told.
const fresh = 30

// note marks somebody as seen, in the place of who was not seen for longest where there
// are most of them.
func note(list *[]mark, hash, at uint32, most int, told bool) {
	for i := range *list {
		if m := &(*list)[i]; m.hash == hash {
			if at > m.at+fresh { // those who know the old time do not know this one
				m.at, m.told = at, told
			}
			return
		}
	}
	if len(*list) < most {
		*list = append(*list, mark{hash, at, told})
		return
	}
	i := 0
	for j, m := range *list {
		if m.at < (*list)[i].at {
			i = j
		}
	}
	(*list)[i] = mark{hash, at, told}
}

func within(at, now uint32, span time.Duration) bool {
	return int64(now)-int64(at) < int64(span/time.Second)
}

func seconds(t time.Time) uint32 { return uint32(t.Unix()) }

// hash is a name's number. Two names that share one are counted as one: once in
// four milliards.
func hash(name string) uint32 {
	h := uint32(2166136261) // FNV-1a
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	return h
}

// untold returns those whom others have to be told of, and marks them as told.
func untold(list []mark) (hashes []uint32) {
	for i := range list {
		if !list[i].told {
			list[i].told = true
			hashes = append(hashes, list[i].hash)
		}
	}
	slices.Sort(hashes)
	return hashes
}
