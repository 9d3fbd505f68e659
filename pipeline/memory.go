package pipeline

import (
	"context"
	"slices"
	"sync"
)

// A memory keeps what was found out in one transaction: findings under (entry's
// settings, scope) and facts under their names. Whoever asks first starts the
// work; the rest wait for it. The work belongs to the transaction, not to its first
// asker, and is cancelled when nobody wants it any more.
type memory struct {
	own    own // of the work
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	calls []*call           // the first maxListed; nil: dropped
	more  map[callKey]*call // the others
	fresh []call            // for the next ones
	waits []wait            // for the next of those that may wait
	chunk int               // how many are made next
	facts map[string]any    // *fact[T]
	once  []string          // few
	after []func()          // run by close
	over  bool
}

// own is the context of what a memory has done, and tells whose it is.
type own struct {
	context.Context
	m *memory
}

type memoryKey struct{}

// Value implements context.Context.
func (o *own) Value(key any) any {
	if key == (memoryKey{}) {
		return o.m
	}
	return o.Context.Value(key)
}

type callKey struct {
	entry   string // Entry.Key
	scope   string // whom the finding is for
	walk    *Walk  // of scope PerWalk; held, so that no later walk has its address
	unknown bool   // Query.Unknown
}

// maxListed is how many calls are found by looking at each, which costs a message to one
// recipient less than a map does.
const maxListed = 64

// find returns the call of a key, and where it is among the first; nil: there is none.
// The caller holds mu.
func (m *memory) find(key *callKey) (c *call, at int) {
	for i, c := range m.calls {
		if c != nil && c.key == *key {
			return c, i
		}
	}
	return m.more[*key], -1
}

// add takes a call in, in the place of the one of its key. The caller holds mu.
func (m *memory) add(c *call, at int, room int) {
	switch {
	case at >= 0:
		m.calls[at] = c
	case len(m.calls) < maxListed:
		if m.calls == nil {
			m.calls = make([]*call, 0, min(room, maxListed))
		}
		m.calls = append(m.calls, c)
	default:
		if m.more == nil {
			m.more = map[callKey]*call{}
		}
		m.more[c.key] = c
	}
}

// forget lets go of a call. The caller holds mu.
func (m *memory) forget(c *call) {
	if was, at := m.find(&c.key); was != c {
		return
	} else if at >= 0 {
		m.calls[at] = nil
		return
	}
	delete(m.more, c.key)
}

func newMemory(ctx context.Context) *memory {
	m := &memory{facts: map[string]any{}, chunk: 1}
	m.own.m = m
	m.own.Context, m.cancel = context.WithCancel(ctx)
	return m
}

func (m *memory) close() {
	m.cancel()
	m.wg.Wait()
	m.mu.Lock()
	after := m.after
	m.after, m.over = nil, true
	m.mu.Unlock()
	for _, f := range after {
		f()
	}
}

// atClose has f run when the memory is closed: now, if it is.
func (m *memory) atClose(f func()) {
	m.mu.Lock()
	over := m.over
	if !over {
		m.after = append(m.after, f)
	}
	m.mu.Unlock()
	if over {
		f()
	}
}

// first reports whether key is asked for the first time.
func (m *memory) first(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.Contains(m.once, key) {
		return false
	}
	m.once = append(m.once, key)
	return true
}

func (m *memory) asked(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.once, key)
}

// scopeOf names those who share e's finding with w.
func scopeOf(e *Entry, w *Walk) string {
	switch e.Kind.Scope {
	case PerDomain:
		return w.Recipient.Domain()
	case PerRecipient:
		return string(w.Recipient)
	}
	return ""
}

// want returns the call for e, begun if need be, and counts w among those who
// want it. A finding made at one stage is good at those that follow, unless it was Wait
// or Later: then the filter is asked again, once a stage. A new call is put into the batch,
// which the caller starts; where there is none it is run at once.
func (m *memory) want(tx *Transaction, e *Entry, w *Walk, b *batch) *call {
	key := callKey{entry: e.Key, scope: scopeOf(e, w), unknown: w.Unknown}
	if e.Kind.Scope == PerWalk {
		key.walk, key.entry = w, e.Name // two entries alike see different scores
	}
	m.mu.Lock()
	c, at := m.find(&key)
	if c != nil && (!c.waits() || c.stage >= tx.Stage) {
		c.wants++
		m.mu.Unlock()
		return c
	}
	c = m.newCall(len(w.Policy.Entries))
	c.key, c.stage, c.wants, c.entry = key, tx.Stage, 1, e
	if e.Kind.Waits {
		c.wait = m.newWait()
		c.wait.query, c.wait.gate, c.wait.ctx.parent = e.query(tx, w), w.isGate(), &m.own
	}
	m.add(c, at, len(w.Policy.Entries))
	m.mu.Unlock()
	switch {
	case b != nil:
		b.add(m, c)
	case e.Kind.Waits:
		c.await()
	default: // has no use for a context of its own
		c.run(&m.own, e.query(tx, w), w.isGate())
	}
	return c
}

// newCall makes several at once for a list of so many entries, but not many more than are
// asked. The caller holds mu.
func (m *memory) newCall(entries int) *call {
	if len(m.fresh) == 0 {
		m.fresh = make([]call, min(entries, 6))
	}
	c := &m.fresh[0]
	m.fresh = m.fresh[1:]
	return c
}

// newWait makes several at once, but one for the first, which is often alone in the gate. The
// caller holds mu.
func (m *memory) newWait() *wait {
	if len(m.waits) == 0 {
		m.waits = make([]wait, m.chunk)
		m.chunk = 4
	}
	w := &m.waits[0]
	m.waits = m.waits[1:]
	return w
}

// drop counts one walk less; the last one cancels what is still under way and
// forgets it, so that a walk which comes to it later asks anew.
func (m *memory) drop(c *call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c.wants--
	if c.wants > 0 {
		return
	}
	if !c.done.isClosed() {
		if c.wait != nil {
			c.wait.ctx.stop()
		}
		m.forget(c)
	}
}
