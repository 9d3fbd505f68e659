package access

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A Block is one that is in force.
type Block struct {
	ID       string // for Lift
	Kind     BlockKind
	Account  string       // "": of a network
	Network  netip.Prefix // zero: of an account
	Code     bool         // it is the second factor that was wrong
	Failures int
	Last     time.Time
	Until    time.Time
}

// Blocks are those in force, the last to end first.
func (d *Desk) Blocks() []Block {
	t := d.guard.throttle
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	var blocks []Block
	for id, n := range t.all() {
		if n.until.After(now) {
			account, code := strings.CutPrefix(id.account, codeOf)
			blocks = append(blocks, Block{t.name(id), id.kind, account, id.network, code, n.failures, n.last, n.until})
		}
	}
	slices.SortFunc(blocks, func(a, b Block) int { return cmp.Or(b.Until.Compare(a.Until), cmp.Compare(a.ID, b.ID)) })
	return blocks
}

// Lift ends a block, and forgets its failures; false: it was over.
func (d *Desk) Lift(id string) bool {
	t := d.guard.throttle
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, n := range t.all() {
		if n.until.After(t.now()) && t.name(key) == id {
			delete(t.byID[key.kind], key)
			return true
		}
	}
	return false
}

// all yields what is counted.
func (t *throttle) all() iter.Seq2[blockID, *tally] {
	return func(yield func(blockID, *tally) bool) {
		for _, kind := range t.byID {
			for id, n := range kind {
				if !yield(id, n) {
					return
				}
			}
		}
	}
}

// name is how a block is named in a form.
func (t *throttle) name(id blockID) string {
	sum := tag(t.key[:], string(id.kind)+"\x00"+id.account+"\x00"+id.network.String())
	return base32Plain.EncodeToString(sum[:])
}
