package sent

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"gatepost/internal/mail"
)

// A Mark is what was sent as the ledger has it: the first half of an HMAC (RFC 2104, SHA-256)
// with the ledger's key over the address to which reports about it come, and its Message-ID.
type Mark [16]byte

// A Day is a day (UTC), counted from 1970.
type Day int64

// DayOf returns the day of a time.
func DayOf(t time.Time) Day { return Day(t.Unix() / (24 * 60 * 60)) }

// Rows keeps the marks of what was sent. They are put by whoever queues the message, in
// the same commit.
type Rows interface {
	// Known returns those of some marks, at most MaxRefs, that were put on a day from
	// first to last.
	Known(ctx context.Context, marks []Mark, first, last Day) ([]Mark, error)
	// Purge removes up to limit marks that were put before a day, and returns how many.
	Purge(ctx context.Context, before Day, limit int) (int, error)
}

// A Config is what a Ledger needs.
type Config struct {
	Rows Rows
	Key  []byte               // of the marks; whoever has it can look Message-IDs up
	Keep func() time.Duration // how long marks are kept; at least a day
	Log  *slog.Logger         // nil: silent
	Now  func() time.Time     // nil: time.Now
	// Old returns the time by which Run tells what is old, and whether it may go by it
	// now; nil: Now, always.
	Old func(context.Context) (time.Time, bool)
}

// A Ledger knows the Message-IDs of what this system sent. It is safe for use by many
// goroutines.
type Ledger struct{ c Config }

// New returns a Ledger. The caller runs Run beside it.
func New(c Config) *Ledger {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Old == nil {
		c.Old = func(context.Context) (time.Time, bool) { return c.Now(), true }
	}
	return &Ledger{c}
}

// Mark returns the mark of a message that leaves under a reverse-path, 16 octets, for the
// commit that queues it; nil where it has no Message-ID, or the path is null: no report
// comes back to that.
func (l *Ledger) Mark(sender mail.Path, m *mail.Message) []byte {
	id := normal(m.Header().Get("Message-ID"))
	if id == "" || sender.IsNull() {
		return nil
	}
	mark := l.mark(sender, id)
	return mark[:]
}

// mark is of one address: who was sent a message knows its Message-ID, and is not to prove
// by it what he writes to others. A tag (BATV) is none of the address.
func (l *Ledger) mark(sender mail.Path, id string) (m Mark) {
	plain, _ := Unsigned(sender)
	h := hmac.New(sha256.New, l.c.Key)
	h.Write([]byte(plain.Fold()))
	h.Write([]byte{0})
	h.Write([]byte(id))
	var sum [sha256.Size]byte
	copy(m[:], h.Sum(sum[:0]))
	return m
}

// Sent returns the first of some Message-IDs, as Refers returns them, that this system
// sent under the reverse-path to which a report came, or "". IDs beyond MaxRefs are not
// looked up.
func (l *Ledger) Sent(ctx context.Context, rcpt mail.Path, ids []string) (string, error) {
	ids = ids[:min(len(ids), MaxRefs)]
	if len(ids) == 0 {
		return "", nil
	}
	marks := make([]Mark, len(ids))
	for i, id := range ids {
		marks[i] = l.mark(rcpt, id)
	}
	now := l.c.Now()
	// A day more at each end: of days that began, and of other nodes' clocks.
	known, err := l.c.Rows.Known(ctx, marks, DayOf(now.Add(-l.c.Keep()))-1, DayOf(now)+1)
	if err != nil {
		return "", fmt.Errorf("sent: look up: %w", err)
	}
	for i, m := range marks {
		if slices.Contains(known, m) {
			return ids[i], nil
		}
	}
	return "", nil
}

// Marks are purged in small commits, each followed by a rest of some times its own time, so
// that mail does not wait for it.
const (
	purgeEvery = time.Hour
	purgeSome  = 500
	purgeRests = 12
)

// Purge removes what was sent longer ago than it is kept, at now, in its own pace, and
// returns how many marks.
func (l *Ledger) Purge(ctx context.Context, now time.Time) (total int, err error) {
	before := DayOf(now.Add(-l.c.Keep())) - 1
	for {
		began := time.Now()
		n, err := l.c.Rows.Purge(ctx, before, purgeSome)
		total += n
		if err != nil {
			return total, fmt.Errorf("sent: purge: %w", err)
		}
		if n < purgeSome {
			return total, nil
		}
		select {
		case <-time.After(purgeRests * time.Since(began)):
		case <-ctx.Done():
			return total, ctx.Err()
		}
	}
}

// Run purges, each hour, until ctx ends. An error is logged, and the next turn tries again.
func (l *Ledger) Run(ctx context.Context) {
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		if now, ok := l.c.Old(ctx); ok {
			if _, err := l.Purge(ctx, now); err != nil && !errors.Is(err, context.Canceled) {
				l.c.Log.Error("sent: marks not purged", "error", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
