package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// How a settlement is tried again that can't be written, the store being away.
const (
	settleFirst = time.Second // after the first try, doubling
	settleMost  = 30 * time.Second
	settleFor   = time.Hour       // in all. The claim may end meanwhile: who has it is asked each time
	settleLast  = 5 * time.Second // from when the process is to end
)

// An ending is what became of a job. Silent: nothing was tried, the destination being
// out of reach.
type ending struct {
	job     Job
	results []Result
	silent  bool
}

// settle makes of what became of jobs what the rows are to hold, with what the
// senders are told, in one commit. It ends the claims. What happened has happened: it
// is written though ctx has ended, but then there is not much time for it.
func (q *Queue) settle(ctx context.Context, l *lane, endings ...ending) {
	var list []Settlement
	for _, e := range endings {
		defer q.release(e.job.Transfers)
		list = append(list, q.settlements(context.WithoutCancel(ctx), e)...)
	}
	if len(list) == 0 {
		return
	}
	q.store(ctx, l, list)
	for _, s := range list {
		if s.Notice != nil {
			q.Wake(s.Notice.Destination)
		}
		if s.Fate == Deferred {
			q.soon(l, s.Retry)
		}
	}
}

func (q *Queue) settlements(ctx context.Context, e ending) []Settlement {
	now, job, results := q.c.Now(), e.job, e.results
	_, sure := q.c.Old(ctx)
	list := make([]Settlement, 0, len(job.Transfers))
	told := map[string][]*Settlement{} // into list, which has room for all
	for i, t := range job.Transfers {
		if results[i].Fate == Abandoned || results[i].Settled {
			continue
		}
		s, kind := q.conclude(t, results[i], now, sure)
		s.Silent = e.silent && s.Fate == Deferred
		list = append(list, s)
		if kind != "" {
			told[kind] = append(told[kind], &list[len(list)-1])
		}
	}
	for kind, about := range told {
		q.tell(ctx, kind, job.Message, about, now)
	}
	return list
}

// tell adds one report about several recipients to the first of their settlements.
// Where it can't be made nothing is given up: a failure that nobody hears of would be
// mail that vanished. Where its reader has had too many what failed is held.
func (q *Queue) tell(ctx context.Context, kind string, m *Message, about []*Settlement, now time.Time) {
	notice, err := q.notice(ctx, kind, m, about, now)
	switch {
	case err == nil:
		about[0].Notice = notice
		return
	case errors.Is(err, ErrMany) && kind == failed: // somebody has to have it
		for _, s := range about {
			s.Hold = now.Add(q.set.Load().HoldFor)
		}
		return
	case errors.Is(err, ErrMany):
		return
	}
	q.c.Log.Error("queue: a report could not be stored", "message", m.ID, "sender", m.Sender, "kind", kind, "error", err)
	for _, s := range about {
		switch kind {
		case failed:
			s.Fate, s.Retry = Deferred, q.set.Load().Retry
		case delayed:
			s.Delayed = false
		}
	}
}

// store writes settlements. Where the store is away it goes on, since what was carried
// would be carried again, for as long as anybody may expect, or until the process is to
// end. The worker that waits here holds a place in its lane, and no connection.
func (q *Queue) store(ctx context.Context, l *lane, list []Settlement) {
	stop, end := ctx.Done(), q.c.Now().Add(settleFor)
	for wait := settleFirst; ; wait = min(2*wait, settleMost) {
		q.renew(list)
		lost, err := q.write(ctx, list)
		if err == nil {
			if lost > 0 {
				q.c.Log.Warn("queue: claims were lost; others settled them", "transfers", lost, "message", list[0].Transfer.Message.ID)
			}
			return
		}
		again := q.c.Now().Add(wait).Before(end)
		q.c.Log.Error("queue: not settled", "message", list[0].Transfer.Message.ID, "again", again, "error", err)
		if !again {
			return
		}
		q.waits(l, 1)
		select {
		case <-time.After(wait):
		case <-stop:
			stop, end, wait = nil, q.c.Now().Add(settleLast), settleFirst/2
		}
		q.waits(l, -1)
	}
}

// waits notes that workers more, or fewer, wait for the store.
func (q *Queue) waits(l *lane, workers int) {
	q.mu.Lock()
	l.waiting += workers
	q.mu.Unlock()
	q.nudge()
}

func (q *Queue) write(ctx context.Context, list []Settlement) (lost int, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleMost)
	defer cancel()
	return q.c.Rows.Settle(ctx, list)
}

// Kinds of what a sender is told (RFC 3464 §2.3.3).
const (
	failed  = "failed"
	delayed = "delayed"
	relayed = "relayed"
	done    = "delivered"
)

// conclude decides what one result means, and what the sender is to be told of it,
// "" for nothing. While it is not sure what time it is nothing is too old, or late.
func (q *Queue) conclude(t *Transfer, r Result, now time.Time, sure bool) (s Settlement, kind string) {
	s = Settlement{Transfer: t, Fate: r.Fate, Reply: r.Reply, Delayed: t.Delayed}
	wishes := t.Params.Notify
	switch {
	case r.Fate == Carried && wishes.Wants(mail.NotifySuccess) && !r.Notifies:
		kind = relayed
	case r.Fate == Refused && wishes.Wants(mail.NotifyFailure):
		kind = failed
	case r.Fate == Deferred && !sure:
		s.Retry = jitter(q.backoff(t.Attempts))
	case r.Fate == Deferred && !now.Before(t.Message.Expires): // RFC 5321 §4.5.4.1
		s.Fate = Refused
		if wishes.Wants(mail.NotifyFailure) {
			kind = failed
		}
	case r.Fate == Deferred:
		s.Retry = q.retry(t, r, now)
		late := q.set.Load().DelayNotice > 0 && now.Sub(t.Message.begun()) >= q.set.Load().DelayNotice
		if late && !t.Delayed && wishes.Wants(mail.NotifyDelay) {
			s.Delayed, kind = true, delayed
		}
	}
	if t.Hold { // nobody is told
		kind, s.Delayed = "", t.Delayed
		if s.Fate == Refused {
			s.Hold = now.Add(q.set.Load().HoldFor)
		}
	}
	return s, kind
}

// retry is when a transfer is tried again. It is tried once more as its lifetime
// ends; a first greylisting costs the first interval, without chance.
func (q *Queue) retry(t *Transfer, r Result, now time.Time) time.Duration {
	wait := jitter(q.backoff(t.Attempts))
	if t.Attempts == 0 && r.Reply.Code/10 == 45 && strings.HasPrefix(r.Reply.Enhanced, "4.7.") {
		wait = q.set.Load().Retry
	}
	if left := t.Message.Expires.Sub(now); left < wait {
		wait = max(left, time.Second)
	}
	return wait
}

// notice makes the transfer of a report, its content durable already. It is nil
// where nobody is to be told, and fails with ErrMany.
func (q *Queue) notice(ctx context.Context, kind string, m *Message, about []*Settlement, now time.Time) (*Transfer, error) {
	if m.Sender.IsNull() { // RFC 5321 §4.5.5, §6.1: never a report about a report
		if kind == failed {
			q.c.Observer.Notice("undeliverable")
			q.c.Log.Warn("queue: what has no sender could not be delivered", "message", m.ID, "to", about[0].Transfer.Recipient, "reply", about[0].Reply.Text)
		}
		return nil, nil
	}
	id := mail.NewID(now)
	text := report{kind: kind, id: id, hostname: q.c.Hostname, message: m, about: about, original: q.original(ctx, m), now: now}.build()
	return q.letter(ctx, Letter{To: m.Sender, Content: text, Kind: kind, RequireTLS: m.Params.RequireTLS}, id, m.Tx, now)
}

// Delivered makes the report that a message is in the mailboxes of recipients whose
// sender asked to hear of that. It is nil where none is to be sent. The caller has
// it committed with the delivery, and the content of m is durable.
func (q *Queue) Delivered(ctx context.Context, m *Message, to []*Transfer) (*Transfer, error) {
	about := make([]*Settlement, len(to))
	for i, t := range to {
		about[i] = &Settlement{Transfer: t, Fate: Carried, Reply: Reply{Enhanced: "2.1.5"}}
	}
	notice, err := q.notice(ctx, done, m, about, q.c.Now())
	if errors.Is(err, ErrMany) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("queue: report on %s: %w", m.ID, err)
	}
	return notice, nil
}

// Declined makes the report that the rules of a recipient sent a message back, with his reason
// (RFC 5429 §2.1.2). It is nil where none is to be sent: then the message is not to be dropped. The
// caller has it committed in its place, and the content of m is durable.
func (q *Queue) Declined(ctx context.Context, m *Message, to *Transfer, reason string) (*Transfer, error) {
	about := []*Settlement{{Transfer: to, Fate: Refused, Reply: Reply{Enhanced: "5.7.1", Text: reason}}}
	notice, err := q.notice(ctx, failed, m, about, q.c.Now())
	if err != nil {
		return nil, fmt.Errorf("queue: report on %s: %w", m.ID, err)
	}
	return notice, nil
}

// maxReturned bounds how much of a message goes back with a report.
const maxReturned = 64 << 10

// original returns what goes back to the sender: the header, or all of a short
// message where that was asked for (RFC 3461 §4.3) and nobody asked for care (RFC 8689 §5).
func (q *Queue) original(ctx context.Context, m *Message) returned {
	content, err := q.c.Contents.Open(ctx, m.Blob)
	if err != nil {
		return returned{}
	}
	defer content.Close()
	// As it was received: what was added in front is our own business.
	msg := mail.NewSpooled(content, content.Size())
	id := strings.TrimSpace(msg.Header().Get("Message-ID"))
	if m.Params.Return == "FULL" && !m.Params.RequireTLS && msg.Size() <= maxReturned {
		whole := make([]byte, msg.Size())
		if _, err := msg.ReadAt(whole, 0); err == nil || len(whole) == 0 {
			return returned{octets: whole, whole: true, messageID: id}
		}
	}
	var header []byte
	for _, f := range msg.Header().Fields {
		if len(header)+len(f.Raw) > maxReturned {
			break
		}
		header = append(header, f.Raw...)
	}
	return returned{octets: header, messageID: id}
}
