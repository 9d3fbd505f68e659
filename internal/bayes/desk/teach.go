package desk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"gatepost/internal/bayes"
)

const (
	maxWaiting = 1024 // lessons that wait, with their features
	manyWait   = 128  // lessons that are not left to wait for the next turn
	maxBatch   = 32   // lessons of one entry
	tries      = 20   // to append one before another node
	longest    = 100 * time.Millisecond
	batchTime  = 20 * time.Second
)

// A job is a lesson that waits.
type job struct {
	lesson Lesson
	taught Taught
	err    error
	done   chan struct{} // closed when it was learnt, or can't be; nil: nobody waits
}

// Teach has a lesson learnt and kept, and returns when it counts. One and the same changes nothing; the
// opposite of what its person said of the message before takes its place. An error means that nothing was learnt, but for a
// context's: then it may be.
func (d *Desk) Teach(ctx context.Context, l Lesson) (Taught, error) {
	list, err := d.TeachNow(ctx, l)
	if err != nil {
		return Taught{}, err
	}
	return list[0], nil
}

// TeachNow is Teach for many. Where it fails it returns what became of those before.
func (d *Desk) TeachNow(ctx context.Context, list ...Lesson) (taught []Taught, err error) {
	for len(list) > 0 {
		n := min(len(list), maxBatch)
		some, err := d.teachSome(ctx, list[:n])
		if taught = append(taught, some...); err != nil {
			return taught, err
		}
		list = list[n:]
	}
	return taught, nil
}

// teachSome teaches no more than a batch.
func (d *Desk) teachSome(ctx context.Context, list []Lesson) (taught []Taught, err error) {
	var jobs []*job
	for _, l := range list {
		j := &job{lesson: l, done: make(chan struct{})}
		if err = d.enqueue(j); err != nil {
			break
		}
		jobs = append(jobs, j)
	}
	for _, j := range jobs {
		if failed := d.wait(ctx, j); failed != nil {
			return taught, failed
		}
		taught = append(taught, j.taught)
	}
	return taught, err
}

// wait returns when a job is done: with others', or by who waits for it first.
func (d *Desk) wait(ctx context.Context, j *job) error {
	select {
	case <-j.done:
		return j.err
	case d.turn <- struct{}{}:
		err := d.learnAll(context.WithoutCancel(ctx)) // each has its error
		<-d.turn
		if d.leave(j) {
			return fmt.Errorf("desk: %s: %w", j.lesson.Message, cmp.Or(err, ErrFull))
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	<-j.done
	return j.err
}

// leave takes a job off what waits; false where it does not wait any more. It must not be learnt after its giver was told that it
// is not.
func (d *Desk) leave(j *job) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.Index(d.waiting, j)
	if i < 0 {
		return false
	}
	d.waiting = slices.Delete(d.waiting, i, i+1)
	return true
}

// TeachSoon has lessons learnt within about a second; it waits for nothing. In a flood what comes on top of
// what the desk takes is lost, and counted.
func (d *Desk) TeachSoon(list ...Lesson) {
	for _, l := range list {
		err := d.enqueue(&job{lesson: l})
		d.mu.Lock()
		if errors.Is(err, ErrFull) {
			d.dropped++
		} else if err != nil {
			d.c.Log.Error("bayes lesson refused", "id", l.Message, "error", err)
		}
		d.mu.Unlock()
	}
}

func (d *Desk) enqueue(j *job) error {
	l := &j.lesson
	l.clean()
	if !l.Source.known() {
		return fmt.Errorf("desk: %s: %q is not what lessons come by", l.Message, l.Source)
	}
	if l.Features == nil || l.Message == "" {
		return fmt.Errorf("desk: %s: a lesson needs its message", l.Message)
	}
	if l.Time.IsZero() {
		l.Time = d.c.Now()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) >= maxWaiting {
		return ErrFull
	}
	d.waiting = append(d.waiting, j)
	if len(d.waiting) >= manyWait {
		select {
		case d.wake <- struct{}{}:
		default: // it is awake
		}
	}
	return nil
}

// Flush learns what waits.
func (d *Desk) Flush(ctx context.Context) error {
	give, err := d.take(ctx)
	if err != nil {
		return err
	}
	defer give()
	if err := d.learnAll(ctx); err != nil {
		return err
	}
	return d.follow(ctx)
}

// learnAll learns all that waits now; the caller has the turn. Lessons that nobody waits for go on
// waiting where it fails.
func (d *Desk) learnAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, batchTime)
	defer cancel()
	for {
		jobs := d.pick()
		if len(jobs) == 0 {
			return nil
		}
		d.morning(ctx)
		err := d.batch(ctx, jobs)
		d.finish(jobs, err)
		if err != nil {
			return err
		}
	}
}

// pick takes a batch off what waits: of one person and message the first alone, since a lesson
// must be in rows before the next about it.
func (d *Desk) pick() (jobs []*job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var rest []*job
	taken := map[[2]string]bool{}
	for _, j := range d.waiting {
		k := [2]string{j.lesson.Message, j.lesson.Person}
		if len(jobs) == maxBatch || taken[k] {
			rest = append(rest, j)
			continue
		}
		taken[k] = true
		jobs = append(jobs, j)
	}
	d.waiting = rest
	return jobs
}

func (d *Desk) finish(jobs []*job, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var again []*job
	for _, j := range jobs {
		switch {
		case j.done != nil:
			if err != nil {
				j.taught, j.err = Taught{}, err
			}
			close(j.done)
		case err != nil:
			again = append(again, j)
		}
	}
	d.waiting = append(again, d.waiting...)
}

// batch learns lessons and appends what they changed, on top of all that others have.
func (d *Desk) batch(ctx context.Context, jobs []*job) error {
	list := make([]Lesson, len(jobs))
	for i, j := range jobs {
		list[i] = j.lesson
	}
	for range tries {
		if err := d.follow(ctx); err != nil {
			return err
		}
		before, err := d.c.Rows.Before(ctx, list)
		if err != nil {
			return fmt.Errorf("desk: teach: %w", err)
		}
		if before.Head.Seq != d.seq {
			continue
		}
		c := d.newCourse(before)
		c.teach(jobs)
		if err := c.append(ctx); !errors.Is(err, ErrBehind) {
			return err
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("desk: teach: %w", ErrBehind)
}

// pause waits a moment, of another length on each node.
func pause(ctx context.Context) error {
	t := time.NewTimer(rand.N(longest))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Forget takes back what was said of a message: by a person, or "" by all. It returns the lessons that ended, or ErrNone, ErrGone
// or ErrChanged.
func (d *Desk) Forget(ctx context.Context, message, person, who string) ([]Lesson, error) {
	return d.ForgetBrought(ctx, message, person, who, nil)
}

// ForgetBrought is Forget by who brings the message again: f are its features.
func (d *Desk) ForgetBrought(ctx context.Context, message, person, who string, f *bayes.Features) (list []Lesson, err error) {
	if message == "" {
		return nil, errors.New("desk: forget: no message is named")
	}
	give, err := d.take(ctx)
	if err != nil {
		return nil, err
	}
	defer give()
	if err := d.learnAll(ctx); err != nil { // it may be one that waits
		return nil, err
	}
	for range tries {
		list, err = d.forget(ctx, message, person, who, f)
		if !errors.Is(err, ErrBehind) {
			break
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, fmt.Errorf("desk: forget %s: %w", message, err)
	}
	return list, nil
}

func (d *Desk) forget(ctx context.Context, message, person, who string, f *bayes.Features) ([]Lesson, error) {
	if err := d.follow(ctx); err != nil {
		return nil, err
	}
	before, err := d.c.Rows.Before(ctx, []Lesson{{Message: message, Person: person}})
	if err != nil {
		return nil, err
	}
	if before.Head.Seq != d.seq {
		return nil, ErrBehind
	}
	c := d.newCourse(before)
	list, err := c.forget(ctx, message, person, who, f)
	if err != nil {
		c.back()
		return nil, err
	}
	return list, c.append(ctx)
}

// features finds a message's again.
func (d *Desk) features(ctx context.Context, message string) (*bayes.Features, error) {
	if d.c.Contents == nil {
		return nil, ErrGone
	}
	return d.c.Contents.Features(ctx, message)
}
