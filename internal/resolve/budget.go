package resolve

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// A Budget bounds what one message may have looked up, so that one with thousands of
// names costs no more than its share: further questions fail with ErrTemporary, which
// filters report as such. What memory answers is free.
//
// It travels in the context, since that alone goes through every filter and the
// libraries that some of them use for SPF and DKIM; only this package reads it.
type Budget struct {
	Questions int           // to servers, or waited for while somebody else asks
	Time      time.Duration // of waiting; questions under way together are one wait
	Parallel  int           // questions under way at once; more wait their turn
}

// Begin returns a context whose questions, and those of contexts made of it, are paid for
// from one budget.
func (b Budget) Begin(ctx context.Context) context.Context {
	return context.WithValue(ctx, purseKey{}, &purse{budget: b, left: b.Questions, turns: semaphore.NewWeighted(int64(max(b.Parallel, 1)))})
}

type purseKey struct{}

// A purse is what is left of a budget.
type purse struct {
	budget Budget
	turns  *semaphore.Weighted

	mu      sync.Mutex
	left    int           // questions
	waited  time.Duration // in waits that are over
	waiting int           // questions under way
	since   time.Time     // when the wait that goes on began
}

// spend pays for a question, and waits for its turn. done is called when it is answered.
// Without a budget all is free.
func spend(ctx context.Context) (within context.Context, done func(), err error) {
	p, ok := ctx.Value(purseKey{}).(*purse)
	if !ok {
		return ctx, func() {}, nil
	}
	rest, err := p.open()
	if err != nil {
		return ctx, nil, err
	}
	within, cancel := context.WithTimeoutCause(ctx, rest, p.noTime())
	if err := p.turns.Acquire(within, 1); err != nil {
		cancel()
		p.close()
		return ctx, nil, context.Cause(within)
	}
	return within, func() { p.turns.Release(1); cancel(); p.close() }, nil
}

// open takes one question out, and returns for how long it may be waited for.
func (p *purse) open() (rest time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.waiting == 0 {
		p.since = now
	}
	rest = p.budget.Time - p.waited - now.Sub(p.since)
	switch {
	case p.left <= 0:
		return 0, fmt.Errorf("this message has had its %d questions", p.budget.Questions)
	case rest <= 0:
		return 0, p.noTime()
	}
	p.left--
	p.waiting++
	return rest, nil
}

func (p *purse) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting--; p.waiting == 0 {
		p.waited += time.Since(p.since)
	}
}

func (p *purse) noTime() error {
	return fmt.Errorf("this message has waited its %s for the DNS", p.budget.Time)
}
