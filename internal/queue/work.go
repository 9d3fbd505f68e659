package queue

import (
	"context"
	"fmt"
	"time"

	"gatepost/internal/mail"
)

// work is one worker: it takes what is due for a destination, until there is
// nothing more, the destination can't be reached, or the queue ends. ctx ends with
// the queue, work when jobs under way must end too.
func (q *Queue) work(ctx, work context.Context, l *lane) {
	defer func() {
		q.mu.Lock()
		l.running--
		q.mu.Unlock()
		q.nudge()
	}()
	var n notes
	defer n.wait()
	for first := true; ctx.Err() == nil && q.may(l, first); first = false {
		until := q.c.Now().Add(lease - jobTime)
		list, more, err := q.claim(work, l.destination)
		if err != nil {
			q.c.Log.Error("queue: claim", "destination", l.destination, "error", err)
			q.soon(l, rescan)
			return
		}
		if more { // there is work for another one
			q.soon(l, 0)
			q.nudge()
		}
		if len(list) == 0 {
			return
		}
		all := jobs(l.destination, list)
		for i, job := range all {
			// A job ends before its claim does: what is late goes to whoever comes next.
			if ctx.Err() != nil || q.c.Now().After(until) {
				q.giveBack(work, job.Transfers)
				continue
			}
			if q.do(work, l, job, &n) {
				n.wait()
				q.giveUp(work, l, all[i+1:])
				return
			}
		}
	}
	q.soon(l, 0) // there may be more
}

// may reports whether a worker may begin, or go on. One for a destination that is in
// doubt makes room for the others that are, after what it took at once.
func (q *Queue) may(l *lane, begin bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !begin && l.doubtful() && q.load().doubtful >= q.half() {
		return false
	}
	return l.running <= l.allowed && !q.c.Now().Before(l.rests)
}

func (q *Queue) soon(l *lane, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l.soon(q.c.Now().Add(wait))
}

// maxRecipients is how many recipients a job has at most: every server takes as
// many (RFC 5321 §4.5.3.1.8).
const maxRecipients = 100

// jobs groups transfers by message, in their order.
func jobs(d Destination, list []*Transfer) []Job {
	var all []Job
	at := map[string]int{}
	for _, t := range list {
		i, ok := at[t.Message.ID]
		if !ok || len(all[i].Transfers) == maxRecipients || d == Local { // each local transfer is settled by itself
			i = len(all)
			at[t.Message.ID] = i
			all = append(all, Job{Destination: d, Message: t.Message})
		}
		all[i].Transfers = append(all[i].Transfers, t)
	}
	return all
}

// notes settle one job while the next one is carried. They never fall behind by more
// than that: what a crash would have carried twice is what nobody has noted yet.
type notes struct{ last chan struct{} }

// add has f done once the one before is.
func (n *notes) add(f func()) {
	n.wait()
	done := make(chan struct{})
	n.last = done
	go func() {
		defer close(done)
		f()
	}()
}

// wait returns when all is noted.
func (n *notes) wait() {
	if n.last != nil {
		<-n.last
	}
}

// do carries one job and has it settled. unreachable: the destination was at fault.
func (q *Queue) do(ctx context.Context, l *lane, job Job, n *notes) (unreachable bool) {
	limited, cancel := context.WithTimeout(ctx, jobTime)
	defer cancel()
	report := q.measured(l, job, func() (Report, bool) { return q.carry(limited, job), false })
	n.add(func() { q.settle(ctx, l, ending{job: job, results: report.Results}) })
	return report.Unreachable
}

// measured has a job carried, and keeps what that tells of its destination. cut: there
// was less time than a destination may take.
func (q *Queue) measured(l *lane, job Job, carry func() (report Report, cut bool)) Report {
	began := q.c.Now()
	late := time.AfterFunc(slowAfter, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		l.slow = true
	})
	report, cut := carry()
	late.Stop()
	now := q.c.Now()
	q.mu.Lock()
	doubtful := l.doubtful()
	l.slow = now.Sub(began) >= slowAfter
	switch {
	case report.Unreachable && cut: // it might have answered yet
		l.slow = true
	case report.Unreachable:
		l.missed(now)
	default:
		l.reached(now, q.set.Load().Parallel)
	}
	doubtful = doubtful && !l.doubtful()
	q.mu.Unlock()
	if doubtful { // there is room for another one
		q.nudge()
	}
	for i, r := range report.Results {
		q.c.Observer.Attempt(r.Fate.String())
		t := job.Transfers[i]
		q.c.Log.Info("transfer", "id", t.Message.Tx, "transfer", t.ID, "from", t.Message.Sender, "to", t.Recipient, "destination", job.Destination,
			"fate", r.Fate.String(), "host", r.Reply.Host, "code", r.Reply.Code, "status", r.Reply.Enhanced, "reply", r.Reply.Text,
			"attempt", t.Attempts+1, "ms", now.Sub(began).Milliseconds())
	}
	return report
}

// carry opens the content and hands the job to the carrier.
func (q *Queue) carry(ctx context.Context, job Job) Report {
	content, err := q.c.Contents.Open(ctx, job.Message.Blob)
	if err != nil {
		q.c.Log.Error("queue: content can't be read", "message", job.Message.ID, "content", job.Message.Blob, "error", err)
		return job.fail("the message can't be read here")
	}
	defer content.Close()
	job.Content = job.Message.View.Message(mail.NewSpooled(content, content.Size()))
	return q.hand(ctx, job)
}

// hand has the carrier do what it can. A panic there is the job's failure alone.
func (q *Queue) hand(ctx context.Context, job Job) (report Report) {
	defer func() {
		if p := recover(); p != nil {
			q.c.Log.Error("queue: carrier panicked", "message", job.Message.ID, "panic", p)
			report = job.fail("local error")
		}
	}()
	report = q.c.Carrier.Carry(ctx, job)
	if len(report.Results) != len(job.Transfers) {
		return job.fail(fmt.Sprintf("%d results for %d recipients", len(report.Results), len(job.Transfers)))
	}
	return report
}

// fail is the report of a job that failed here.
func (job Job) fail(text string) Report {
	all := Report{Results: make([]Result, len(job.Transfers))}
	for i := range all.Results {
		all.Results[i].Reply = Reply{Enhanced: "4.3.0", Text: text}
	}
	return all
}

// giveBack returns claims that nothing was done with.
func (q *Queue) giveBack(ctx context.Context, list []*Transfer) {
	if len(list) == 0 {
		return
	}
	var back []Settlement
	for _, t := range list {
		back = append(back, Settlement{Transfer: t, Fate: Deferred, Untried: true})
	}
	q.renew(back)
	if _, err := q.c.Rows.Settle(ctx, back); err != nil {
		q.c.Log.Warn("queue: claims not given back; they end by themselves", "error", err)
	}
	q.release(list)
}

// giveUp puts off all that is due for a destination that could not be reached, what was
// claimed of it first: it is not tried for each of them, but each gets nearer to its
// end. It ends when an admin wants the destination tried again.
func (q *Queue) giveUp(ctx context.Context, l *lane, left []Job) {
	for ctx.Err() == nil {
		if !q.rests(l) {
			for _, job := range left {
				q.giveBack(ctx, job.Transfers)
			}
			q.soon(l, 0)
			return
		}
		q.settle(ctx, l, putOff(left)...)
		list, more, err := q.claim(ctx, l.destination)
		if err != nil {
			q.c.Log.Error("queue: claim", "destination", l.destination, "error", err)
			return
		}
		if len(list) == 0 && !more {
			return
		}
		left = jobs(l.destination, list)
	}
}

// putOff is what becomes of jobs that are not tried.
func putOff(list []Job) (all []ending) {
	said := Reply{Enhanced: "4.4.1", Text: "the destination could not be reached a moment ago; this message was not tried"}
	for _, job := range list {
		results := make([]Result, len(job.Transfers))
		for i, t := range job.Transfers {
			results[i].Reply = said
			if t.Last.Text != "" { // what was said when it was tried tells more
				results[i].Reply = t.Last
			}
		}
		all = append(all, ending{job, results, true})
	}
	return all
}

// rests reports whether a destination is left alone.
func (q *Queue) rests(l *lane) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.c.Now().Before(l.rests)
}
