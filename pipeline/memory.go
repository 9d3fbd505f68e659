package pipeline

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// A memory keeps what was found out in one transaction: findings under (entry's
// settings, scope) and facts under their names. Whoever asks first starts the
// work; the rest wait for it. The work belongs to the transaction, not to its first
// asker, and is cancelled when nobody wants it any more.
type memory struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	calls map[callKey]*call
	facts map[string]any // *fact[T]
	once  map[string]bool
	after []func() // run by close
	over  bool
}

type callKey struct {
	entry   string // Entry.Key
	scope   string // whom the finding is for
	walk    *Walk  // of scope PerWalk; held, so that no later walk has its address
	unknown bool   // Query.Unknown
}

// A call is one Check, under way or done.
type call struct {
	key    callKey
	stage  Stage              // at which it was asked
	cancel context.CancelFunc // nil: the filter never waits
	done   chan struct{}
	wants  int // walks that wait or may yet; guarded by memory.mu

	// Set before done is closed:
	finding Finding
	err     error // why the finding is TempError, for the log
	micros  int64

	record sync.Once
}

func newMemory(ctx context.Context) *memory {
	ctx, cancel := context.WithCancel(ctx)
	return &memory{ctx: ctx, cancel: cancel, facts: map[string]any{}}
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
	if m.once[key] {
		return false
	}
	if m.once == nil {
		m.once = map[string]bool{}
	}
	m.once[key] = true
	return true
}

func (m *memory) asked(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.once[key]
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
// or Later: then the filter is asked again, once a stage.
func (m *memory) want(tx *Transaction, e *Entry, w *Walk) *call {
	key := callKey{entry: e.Key, scope: scopeOf(e, w), unknown: w.Unknown}
	if e.Kind.Scope == PerWalk {
		key.walk, key.entry = w, e.Name // two entries alike see different scores
	}
	m.mu.Lock()
	if c := m.calls[key]; c != nil && (!c.waits() || c.stage >= tx.Stage) {
		c.wants++
		m.mu.Unlock()
		return c
	}
	c := &call{key: key, stage: tx.Stage, done: make(chan struct{}), wants: 1}
	if m.calls == nil {
		m.calls = make(map[callKey]*call, len(w.Policy.Entries))
	}
	m.calls[key] = c
	q, gate := e.query(tx, w), w.isGate()
	if !e.Kind.Waits { // has no use for a context of its own, which costs more than most such filters
		m.mu.Unlock()
		c.run(m.ctx, e, q, gate)
		return c
	}
	ctx, cancel := context.WithTimeoutCause(m.ctx, e.timeout(), errTimeout)
	c.cancel = cancel
	m.mu.Unlock()
	m.wg.Go(func() {
		defer cancel()
		c.run(ctx, e, q, gate)
	})
	return c
}

// waits reports whether the call has ended without an answer that holds at later stages.
func (c *call) waits() bool {
	select {
	case <-c.done:
		return c.finding.Wait || c.finding.Later
	default:
		return false
	}
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
	select {
	case <-c.done:
	default:
		if c.cancel != nil {
			c.cancel()
		}
		delete(m.calls, c.key)
	}
}

var errTimeout = errors.New("time limit reached")

// run asks the filter once, within its time limit, and turns whatever goes
// wrong into the result TempError.
func (c *call) run(ctx context.Context, e *Entry, q Query, gate bool) {
	defer close(c.done)
	begin := time.Now()
	f, err := check(ctx, e, q, gate)
	took := time.Since(begin)
	c.micros = took.Microseconds()
	switch {
	case ctx.Err() != nil && (err == nil || errors.Is(err, context.DeadlineExceeded)):
		err = context.Cause(ctx) // it answered, but too late
	case took > e.timeout() && err == nil:
		err = errTimeout
	}
	c.finding, c.err = f, err
	if err != nil {
		c.finding = Finding{Result: TempError, Reason: reasonOf(e, err)}
	}
}

// check calls the filter; a panic, a word outside its vocabulary, or a wait for
// what is there already are errors.
func check(ctx context.Context, e *Entry, q Query, gate bool) (f Finding, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, stack: debug.Stack()}
		}
	}()
	f, err = e.Filter.Check(ctx, q)
	switch {
	case err != nil:
	case f.Wait && q.Tx.Stage == Data:
		err = errors.New("waits for the content, which it has")
	case gate && (f.Wait || f.Later) && q.Tx.Stage >= Mail:
		err = errors.New("waits for what the gate never has")
	case f.Later && !gate:
		err = errors.New("answers later, which only the gate can wait for")
	case !f.Wait && !f.Later && !e.Kind.knows(f.Result):
		err = fmt.Errorf("answered %q, which is not among its results", f.Result)
	}
	return f, err
}

type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// reasonOf says in one sentence for a person why e could not tell. A panic's
// stack goes to the log, not into the journal.
func reasonOf(e *Entry, err error) string {
	var p *panicError
	switch {
	case errors.As(err, &p):
		return "the filter failed inside; see the log"
	case errors.Is(err, errTimeout):
		return fmt.Sprintf("no answer within %s", e.timeout())
	}
	return "could not tell: " + err.Error()
}

// wait returns when the call is done, or with ctx's error.
func (c *call) wait(ctx context.Context) error {
	select {
	case <-c.done:
		return nil
	default:
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
