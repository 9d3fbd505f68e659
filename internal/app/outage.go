package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/mail"
)

// An outage keeps the log short while the database, or the bucket of contents, is away: whatever is
// tried then fails for that one cause, thousands of times a minute where many people are connected. Each
// message is written once in outageEach; the others are counted. Who waits for the answer to one of them
// hears it at his own door.
type outage struct {
	now func() time.Time

	mu   sync.Mutex
	last map[string]time.Time // when a message was written, by its text; as many as there are in the program
	left int64                // lines that were left out since the last end of an outage
	seen time.Time            // the last one, written or not
}

// Of a long outage each message is there again, for who looks at the end of the log only.
const outageEach = 10 * time.Minute

// quietly returns a log that an outage keeps short.
func quietly(log *slog.Logger) (*slog.Logger, *outage) {
	o := &outage{now: time.Now, last: map[string]time.Time{}}
	return slog.New(outageLog{log.Handler(), o, false}), o
}

// wanted reports whether a line that an outage explains is written.
func (o *outage) wanted(message string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = o.now()
	if at, ok := o.last[message]; ok && o.now().Sub(at) < outageEach {
		o.left++
		return false
	}
	o.last[message] = o.now()
	return true
}

// leftOut returns how many lines were left out since it was last asked. What was told is not told anew:
// what had begun before the end of an outage may fail after it.
func (o *outage) leftOut() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	left := o.left
	o.left = 0
	return left
}

// outageOver is how long nobody may have met an outage, for the next one to be told from its beginning.
const outageOver = time.Minute

// over forgets an outage that nobody has met for outageOver, and returns how many lines it has left
// out that leftOut did not tell.
func (o *outage) over() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.now().Sub(o.seen) < outageOver {
		return 0
	}
	left := o.left
	o.left = 0
	clear(o.last)
	return left
}

// An outageLog is a slog.Handler that asks its outage about lines with an error.
type outageLog struct {
	slog.Handler
	outage *outage
	away   bool // an attribute of all its lines is such an error
}

// Handle implements slog.Handler.
func (h outageLog) Handle(ctx context.Context, r slog.Record) error {
	away := h.away
	r.Attrs(func(a slog.Attr) bool {
		away = away || isAway(a)
		return !away
	})
	if away && !h.outage.wanted(r.Message) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h outageLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		h.away = h.away || isAway(a)
	}
	h.Handler = h.Handler.WithAttrs(attrs)
	return h
}

// WithGroup implements slog.Handler.
func (h outageLog) WithGroup(name string) slog.Handler {
	h.Handler = h.Handler.WithGroup(name)
	return h
}

func isAway(a slog.Attr) bool {
	err, ok := a.Value.Any().(error)
	return ok && (errors.Is(err, mail.ErrAway) || errors.Is(err, blob.ErrAway))
}

// storeLook is how often it is asked whether the store is well.
const storeLook = time.Second

// watchStore tells when the store or the place of contents goes, and when all is back.
func (a *App) watchStore(ctx context.Context) error {
	tick := time.NewTicker(storeLook)
	defer tick.Stop()
	var since time.Time
	for {
		since = a.lookAtStore(since)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// lookAtStore takes and returns since when something is away; zero: nothing is.
func (a *App) lookAtStore(since time.Time) time.Time {
	err := errors.Join(a.store.Err(), a.blobs.Err())
	switch {
	case err != nil && since.IsZero():
		a.log.Error("mail can't be stored; clients are asked to come again", "cause", err.Error())
		return time.Now()
	case err == nil && !since.IsZero():
		a.log.Info("mail can be stored again", "after", time.Since(since).Round(time.Second), "lines_left_out", a.outage.leftOut())
		return time.Time{}
	case err == nil: // it was too short to be seen here, or the database answers too late
		if left := a.outage.over(); left > 0 {
			a.log.Info("the database can be reached again", "lines_left_out", left)
		}
	}
	return since
}
