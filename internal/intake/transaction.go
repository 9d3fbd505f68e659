package intake

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/pipeline"
	"gatepost/quarantine/challenge"
)

// A Transaction is one mail transaction, from MAIL to the answer after the end of
// data. It ends with Data or Abort, whichever is called first. The edge calls it
// from one goroutine at a time.
type Transaction struct {
	in        *Intake
	conv      *Conversation // nil where only an explanation is wanted
	policies  *Policies
	snapshot  *directory.Snapshot
	tx        *pipeline.Transaction
	gate      *pipeline.Walk
	began     time.Time
	rcpts     []*recipient
	refused   []*recipient // at RCPT, kept for the journal
	shut      mail.Verdict // the gate's, which answers each RCPT where it is not OK
	settled   bool         // the recipients' outcomes hold
	relay     netip.Addr   // of ours that brought it for somebody else; invalid: the client speaks for itself
	blind     bool         // relay does not say whom it brought the message for
	collected *Collected   // from an account elsewhere, which relay is then; nil: it was not
	sender    sender
	content   *challenge.Content // nil: nobody asked
	origin    string             // challenge.Origin
	known     map[string]Known   // what came before and may be the same, by challenge.Key
	unheard   string             // origin, taken for one that nothing is remembered of: the commit sees to that
	twice     bool               // something is remembered of it, perhaps: that is asked before the commit now
}

// maxRefused bounds how many refused recipients one transaction keeps for the
// journal; the edge's error budget ends the connection soon after.
const maxRefused = 100

// A recipient is one accepted or refused forward-path.
type recipient struct {
	path    mail.Path
	folded  mail.Path // as others of the transaction are compared with it
	domain  directory.Domain
	boxes   []directory.Mailbox
	remotes []directory.Remote
	way     directory.Resolution // that led to both
	params  mail.RcptParams
	loop    bool    // it was sent on from here before
	marked  bool    // it goes on as spam
	full    []int64 // of boxes, those without room at RCPT
	policy  *pipeline.Policy
	walk    *pipeline.Walk
	shadow  *pipeline.Walk // nil where the policy has none
	answer  mail.Answer    // at RCPT
	outcome mail.Outcome   // after the end of data

	keys map[int64]string // what the message would be known by, for each of places; nil: it is not asked
	has  map[int64]Known  // of places, those to which it was released before
	ends []Known          // what is held of it, and is delivered now
	same []Known          // what is held of it, and stays so

	fresh bool // some of it is held that was not before

	order order          // what rules of domains made of it
	ruled []journal.Step // what mailboxes' rules did
}

// ID names the transaction in replies, headers, log and journal.
func (t *Transaction) ID() string { return t.tx.ID }

// nothing is the policy of mail that no policy judges: what complains of mail has that
// mail in it.
var nothing = &pipeline.Policy{Name: "none"}

// judge is the policy by which a recipient's mail is judged, or the part of it. Nobody at
// postmaster and abuse needs a virus, but who asks there why his mail was held has that in
// it, and has to be heard. Who has logged in is no stranger, but his machine may be
// somebody else's, and what he sends may not be for others. found.Domain of a recipient that
// is none of ours is the sender's own. Where there is a policy for what is sent it is the
// sender's domain's, whoever the recipient is.
func (t *Transaction) judge(found directory.Resolution, rcpt mail.Path) *pipeline.Policy {
	policy := t.policies.of(found.Domain)
	switch {
	case t.in.complains(rcpt, false):
		return nothing
	case found.Role:
		return cmp.Or(policy.Roles, nothing)
	case !t.tx.Client.Login.IsNull():
		return cmp.Or(t.outgoing(), policy.Users, nothing)
	}
	return policy
}

// outgoing is the policy for what the log-in sends, nil where there is none.
func (t *Transaction) outgoing() *pipeline.Policy {
	if t.tx.Client.Login.IsNull() {
		return nil
	}
	home, _ := t.snapshot.Domain(t.tx.Client.Login.Domain())
	return t.policies.outgoing(home)
}

// Rcpt judges one forward-path.
func (t *Transaction) Rcpt(ctx context.Context, to mail.Path, p mail.RcptParams) mail.Verdict {
	folded := to.Fold()
	if slices.ContainsFunc(t.rcpts, func(r *recipient) bool { return r.folded == folded }) {
		return mail.Verdict{ID: t.ID()}
	}
	r := &recipient{path: to, folded: folded, params: p}
	v := t.rcpt(ctx, r)
	v.ID = t.ID()
	r.answer = v.Answer
	switch {
	case v.Answer == mail.OK:
		t.rcpts = append(t.rcpts, r)
	case len(t.refused) < maxRefused:
		t.refused = append(t.refused, r)
	}
	return v
}

func (t *Transaction) rcpt(ctx context.Context, r *recipient) mail.Verdict {
	if t.shut.Answer != mail.OK && !t.heard(r.path) {
		return t.shut
	}
	found, v := t.in.route(ctx, t.snapshot, t.tx.Envelope.ReversePath, r.path, t.tx.Client.Login)
	limit := t.in.allows(t.tx.Client.Login, r.path, v.Answer)
	switch v.Answer {
	case mail.OK:
		if limit.Answer != mail.OK {
			return limit
		}
	case mail.NoSuchMailbox:
		return t.stranger(ctx, r, v)
	default:
		return v
	}
	r.domain, r.boxes, r.remotes, r.way = found.Domain, found.Boxes, found.Remotes, found
	if t.spreads(r) {
		return mail.Verdict{Answer: mail.TooManyRecipients}
	}
	// Not by a filter of the walk, which what stands above it may keep from it: of a
	// correspondent who is deferred or held only what he got wrong would be counted.
	if t.in.Histories != nil && t.tx.Client.Login.IsNull() && !t.relay.IsValid() {
		t.in.Histories.Knows(t.tx.Client.Addr, r.path)
	}
	policy := t.judge(found, r.path)
	// A mail program takes an answer to RCPT for the last word: it is asked no second time.
	if t.in.config().SplitRecipients && t.tx.Client.Login.IsNull() && len(t.rcpts) > 0 && t.rcpts[0].policy != policy {
		return mail.Verdict{Answer: mail.OtherPolicy}
	}
	t.begin(r, policy, true)
	if t.relay.IsValid() { // who the client is stands in the content
		return t.room(ctx, r)
	}
	if err := r.walk.Advance(ctx, t.tx.WithRcpt()); err != nil {
		r.walk.Release(t.tx)
		return mail.Verdict{Answer: mail.Failed, Reason: "no time left"}
	}
	if r.walk.Done() {
		if v := decided(r.walk.Decision); v.Answer != mail.OK {
			return v
		}
	}
	v = t.room(ctx, r)
	if v.Answer != mail.OK {
		r.walk.Release(t.tx)
	}
	return v
}

// heard reports whether a recipient has to be heard of though the gate puts the transaction off:
// what limits of clients and senders hold up is not what is wrong with the mail, and who sends too
// much may ask why (RFC 5321 §4.5.1). A client that is banned or blocked is not let in for them.
func (t *Transaction) heard(rcpt mail.Path) bool {
	if t.gate.Decision.Action != pipeline.Defer {
		return false
	}
	found, err := t.snapshot.Resolve(rcpt)
	return err == nil && found.Role
}

// maxSpread bounds to how many addresses all recipients of one transaction lead, which one commit
// writes: as many as one recipient may lead to.
const maxSpread = 20_000

// spreads reports whether a recipient is to come in a transaction of his own, since he and those before
// him lead to more addresses than one commit should write.
func (t *Transaction) spreads(r *recipient) bool {
	if len(t.rcpts) == 0 {
		return false
	}
	n := len(r.boxes) + len(r.remotes)
	for _, o := range t.rcpts {
		n += len(o.boxes) + len(o.remotes)
	}
	return n > maxSpread
}

// unknown turns the directory's word into the edge's.
func unknown(err error) mail.Verdict {
	switch {
	case errors.Is(err, directory.ErrNoDomain):
		return mail.Verdict{Answer: mail.NoRelay}
	case errors.Is(err, directory.ErrNoMailbox):
		return mail.Verdict{Answer: mail.NoSuchMailbox}
	case errors.Is(err, directory.ErrClosed):
		return mail.Verdict{Answer: mail.MailboxClosed}
	}
	return mail.Verdict{Answer: mail.Failed}
}

// decided is the answer to RCPT of a walk that ended there. A message to be
// discarded is taken like any other: who sent it must not learn of it.
func decided(d pipeline.Decision) mail.Verdict {
	switch d.Action {
	case pipeline.Reject:
		return told(mail.Refused, d)
	case pipeline.Defer:
		return told(mail.Deferred, d)
	}
	return mail.Verdict{}
}

// told is a verdict with as much of its reason as a sender may know.
func told(a mail.Answer, d pipeline.Decision) mail.Verdict {
	v := mail.Verdict{Answer: a, Reply: d.Reply}
	if d.Told {
		v.Reason = d.Reason
	}
	return v
}

// Abort ends a transaction that was never judged as a whole: the edge refused its
// content with an answer, or the client went away (mail.OK). One that goes away
// because nobody it asked for could be reached was refused, not lost. One that asked for
// nobody leaves no record: it is counted in the line that its connection leaves.
func (t *Transaction) Abort(answer mail.Answer, cause string) {
	v := mail.Verdict{Answer: answer, ID: t.ID(), Reason: cause}
	switch {
	case answer != mail.OK:
		t.finish(v, answer.String())
	case len(t.rcpts) == 0 && len(t.refused) > 0:
		v.Answer, v.Reason = t.refused[0].answer, ""
		t.finish(v, v.Answer.String())
	case len(t.rcpts) == 0:
		t.conv.empty++
		t.conv.last = t.tx.Envelope.ReversePath
		t.close("aborted")
	default:
		t.finish(v, "aborted: "+cause)
	}
}

// refuse ends a transaction that never began.
func (t *Transaction) refuse(v mail.Verdict) mail.Verdict {
	t.finish(v, v.Answer.String())
	return v
}

// finish journals a transaction that left nothing behind, and lets go of it.
func (t *Transaction) finish(v mail.Verdict, state string) {
	t.in.Journal.Note(t.record(v, state))
	t.conclude(v, state)
}

// conclude logs, counts and closes.
func (t *Transaction) conclude(v mail.Verdict, state string) {
	label, _, _ := strings.Cut(state, ":") // what follows is free text
	t.close(label)
	t.log(v, state)
}

// close counts a transaction under a label, and lets go of it.
func (t *Transaction) close(label string) {
	t.tx.Close()
	t.remember()
	t.in.observe(t.gate)
	for _, r := range slices.Concat(t.rcpts, t.refused) {
		if r.walk != nil {
			t.in.observe(r.walk)
		}
	}
	t.in.Observer.Transaction(label, t.in.Now().Sub(t.began).Seconds())
}
