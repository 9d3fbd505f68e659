package pipeline

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// A call is one Check, under way or done.
type call struct {
	key   callKey
	stage Stage // at which it was asked
	wants int   // walks that wait or may yet; guarded by memory.mu
	entry *Entry
	wait  *wait // nil: the filter never waits

	done latch
	// Set before done is closed:
	finding Finding
	err     error // why the finding is TempError, for the log
	micros  int64

	record sync.Once
}

// A wait is what the call of a filter needs that may wait.
type wait struct {
	query Query
	gate  bool // asked by the gate
	ctx   limited
	batch *batch      // nil: the walk runs it
	late  *time.Timer // guarded by the call's done
}

// waits reports whether the call has ended without an answer that holds at later stages.
func (c *call) waits() bool { return c.done.isClosed() && (c.finding.Wait || c.finding.Later) }

var (
	errTimeout = errors.New("time limit reached")
	errDropped = errors.New("nobody wants to know any more")
)

// grace is how long after its limit a filter may still say what it knows. Then it is
// taken to have no answer: it may be busy with a fact that others want, too, and have longer.
const grace = 100 * time.Millisecond

// await runs the call of a filter that may wait, in its turn in a batch or by itself.
func (c *call) await() {
	ctx := &c.wait.ctx
	ctx.deadline, ctx.cause, ctx.waiting = time.Now().Add(c.entry.timeout()), errTimeout, c
	ctx.shorten()
	defer ctx.stop()
	if ctx.Err() != nil {
		c.answer(Finding{}, errDropped, 0)
		return
	}
	c.run(ctx, c.wait.query, c.wait.gate)
}

// begins is called when the filter begins to wait: what stands behind it in a batch need not.
func (c *call) begins() {
	if c.wait.batch != nil {
		c.wait.batch.handOver()
	}
	c.done.mu.Lock()
	defer c.done.mu.Unlock()
	if limit := c.entry.timeout(); !c.done.closed {
		c.wait.late = time.AfterFunc(time.Until(c.wait.ctx.deadline)+grace, func() { c.answer(Finding{}, errTimeout, limit) })
	}
}

// run asks the filter once, within its time limit, and turns whatever goes
// wrong into the result TempError.
func (c *call) run(ctx context.Context, q Query, gate bool) {
	begin := time.Now()
	f, err := check(ctx, c.entry, q, gate)
	took := time.Since(begin)
	switch own, limited := ctx.(*limited); {
	case limited && own.Err() != nil && (err == nil || errors.Is(err, context.DeadlineExceeded)):
		err = own.why() // it answered, but too late
	case !limited && ctx.Err() != nil && err == nil:
		err = context.Cause(ctx)
	case took > c.entry.timeout() && err == nil:
		err = errTimeout
	}
	c.answer(f, err, took)
}

// answer ends the call, unless it has ended.
func (c *call) answer(f Finding, err error, took time.Duration) {
	if err != nil {
		f = Finding{Result: TempError, Reason: reasonOf(c.entry, err)}
	}
	c.done.mu.Lock()
	defer c.done.mu.Unlock()
	if c.done.closed {
		return
	}
	c.finding, c.err, c.micros = f, err, took.Microseconds()
	if c.wait != nil && c.wait.late != nil {
		c.wait.late.Stop()
	}
	c.done.close()
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
