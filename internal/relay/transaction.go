package relay

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// A batch is a job on its way through the addresses of its destination: what is
// known of each recipient, and which are open still.
type batch struct {
	job     queue.Job
	results []queue.Result
	open    []int // indexes of recipients without a final answer, in order
	// final: the content was sent whole, and what became of it for those that are
	// open is known to nobody. Another server must not get it now.
	final bool
	// unable: what servers that can't take a message at all, or not for a recipient, would say to that, the first one's by
	// index. Another server of the destination may take it.
	unable map[int]queue.Reply
	able   map[int]bool // of those for whom a server was tried that can, or may
}

func newBatch(job queue.Job) *batch {
	b := &batch{job: job, results: make([]queue.Result, len(job.Transfers)), unable: map[int]queue.Reply{}, able: map[int]bool{}}
	for i := range job.Transfers {
		b.open = append(b.open, i)
	}
	return b
}

// all notes one result for all that are open.
func (b *batch) all(fate queue.Fate, said queue.Reply) {
	for _, i := range b.open {
		b.results[i] = queue.Result{Fate: fate, Reply: said}
	}
	if fate != queue.Deferred {
		b.open = nil
	}
}

// cannot notes of some recipients that a server can't take the message for them.
func (b *batch) cannot(of []int, said queue.Reply) {
	for _, i := range of {
		if _, known := b.unable[i]; !known {
			b.unable[i] = said
		}
	}
}

// passed notes of some recipients that a server was tried which can take the message for them, for all that is known.
func (b *batch) passed(of []int) {
	for _, i := range of {
		b.able[i] = true
	}
}

// refuseUnable ends what is open and no server of the destination can take.
func (b *batch) refuseUnable() {
	for _, i := range b.open {
		if said, unable := b.unable[i]; unable && !b.able[i] {
			b.results[i] = queue.Result{Fate: queue.Refused, Reply: said}
		}
	}
	b.close()
}

// noted sets the result of one recipient from the reply to a command.
func (b *batch) noted(i int, r reply, said queue.Reply) {
	fate := queue.Deferred
	if r.class() == 5 {
		fate = queue.Refused
	}
	b.results[i] = queue.Result{Fate: fate, Reply: said}
}

// maxRcpts is how many recipients every server takes (RFC 5321 §4.5.3.1.8).
const maxRcpts = 100

// transact does one transaction for the recipients that are open, and leaves open
// those that another address may still take. An error means that the connection is of
// no more use.
func (c *client) transact(b *batch) error {
	if said, ok := c.unfit(b.job); !ok {
		b.cannot(b.open, said)
		return nil
	}
	if !c.has("SMTPUTF8") {
		left := b.leaveOut(c.target)
		defer func() { b.open = append(b.open, left...) }()
		if len(b.open) == 0 {
			return nil
		}
	}
	b.passed(b.open)
	if c.dirty {
		if r, err := c.do("RSET", "RSET"); err != nil || r.class() != 2 {
			return stopped(err, "RSET", r)
		}
	}
	c.dirty = true
	accepted, err := c.envelope(b)
	if err != nil || len(accepted) == 0 {
		return err
	}
	r, err := c.do("DATA", "DATA")
	if err != nil {
		return err
	}
	if r.code != 354 {
		if r.class() < 4 {
			return &stop{command: "DATA", reply: r, err: errReply}
		}
		c.answer(b, accepted, r, "DATA")
		return nil
	}
	return c.content(b, accepted)
}

func stopped(err error, command string, r reply) error {
	if err != nil {
		return err
	}
	return &stop{command: command, reply: r}
}

// unfit says why the server can't take a message at all.
func (c *client) unfit(job queue.Job) (queue.Reply, bool) {
	m := job.Message
	if m.Params.RequireTLS {
		if said, lacks := c.noRequireTLS(); lacks {
			return said, false
		}
	}
	if limit := c.number("SIZE"); limit > 0 && job.Content.Size() > limit { // RFC 1870 §6
		return queue.Reply{
			Host: c.target.String(), Enhanced: "5.3.4", Command: "EHLO",
			Text: fmt.Sprintf("the message has %d octets, the server takes at most %d", job.Content.Size(), limit),
		}, false
	}
	// RFC 6531 §3.2. A header that came with octets beyond ASCII and without SMTPUTF8 was never
	// right, and goes on as it is.
	if !c.has("SMTPUTF8") && (m.Sender.NeedsUTF8() || m.Params.SMTPUTF8 && job.Content.NeedsUTF8()) {
		return noUTF8(c.target, "the message from "+m.Sender.String()+" has addresses or header fields that are not ASCII"), false
	}
	return queue.Reply{}, true
}

// leaveOut takes from the open recipients those whose addresses only SMTPUTF8 can carry, and returns them: the others get the
// message.
func (b *batch) leaveOut(t target) (left []int) {
	var open []int
	for _, i := range b.open {
		if b.job.Transfers[i].Recipient.NeedsUTF8() {
			left = append(left, i)
		} else {
			open = append(open, i)
		}
	}
	b.open = open
	b.cannot(left, noUTF8(t, "the address is not ASCII"))
	return left
}

func noUTF8(t target, what string) queue.Reply {
	return queue.Reply{Host: t.String(), Enhanced: "5.6.7", Command: "EHLO", Text: what + ", and the server can't take that: it does not offer SMTPUTF8"}
}

// wantsUTF8 reports whether MAIL has the parameter SMTPUTF8.
func (c *client) wantsUTF8(b *batch) bool {
	if !c.has("SMTPUTF8") {
		return false
	}
	m := b.job.Message
	return m.Params.SMTPUTF8 || m.Sender.NeedsUTF8() || slices.ContainsFunc(b.open, func(i int) bool { return b.job.Transfers[i].Recipient.NeedsUTF8() })
}

// envelope sends MAIL and all RCPTs, together where the server can take that (RFC
// 2920), and returns the recipients that it took.
func (c *client) envelope(b *batch) (accepted []int, err error) {
	together := c.has("PIPELINING")
	c.mayWrite(commandTime)
	fmt.Fprintf(c.w, "MAIL FROM:<%s>%s\r\n", b.job.Message.Sender, c.mailParams(b))
	open := b.open
	if n := c.rcptMax(); len(open) > n {
		open = open[:n]
	}
	if together {
		for _, i := range open {
			c.writeRcpt(b.job.Transfers[i])
		}
	}
	if err := c.w.Flush(); err != nil {
		return nil, &stop{command: "MAIL", err: plainError(err)}
	}
	r, err := c.wait("MAIL", commandTime)
	if err != nil {
		return nil, err
	}
	c.answered = true
	taken := r.class() == 2
	if !taken {
		fate := queue.Deferred
		if r.class() == 5 {
			fate = queue.Refused
		}
		b.all(fate, r.said(c.target, "MAIL"))
		if !together {
			return nil, nil
		}
	}
	for _, i := range open {
		t := b.job.Transfers[i]
		if !together {
			c.writeRcpt(t)
			if err := c.w.Flush(); err != nil {
				return nil, &stop{command: "RCPT", err: plainError(err)}
			}
		}
		r, err := c.wait("RCPT", commandTime)
		if err != nil {
			return nil, err
		}
		switch {
		case !taken: // "503 need MAIL"
		case r.class() == 2:
			accepted = append(accepted, i)
		default:
			b.noted(i, r, r.said(c.target, "RCPT"))
		}
	}
	if taken {
		b.close()
	}
	return accepted, nil
}

// close takes from the open those that have a final answer.
func (b *batch) close() {
	open := b.open[:0]
	for _, i := range b.open {
		if b.results[i].Fate == queue.Deferred {
			open = append(open, i)
		}
	}
	b.open = open
}

// rcptMax is how many recipients go into one transaction (RFC 9422).
func (c *client) rcptMax() int {
	for word := range strings.FieldsSeq(strings.ToUpper(c.words["LIMITS"])) {
		var n int
		if _, err := fmt.Sscanf(word, "RCPTMAX=%d", &n); err == nil && n > 0 {
			return min(n, maxRcpts)
		}
	}
	return maxRcpts
}

func (c *client) mailParams(b *batch) string {
	var s strings.Builder
	job, p := b.job, b.job.Message.Params
	if c.has("SIZE") {
		fmt.Fprintf(&s, " SIZE=%d", job.Content.Size())
	}
	if c.has("8BITMIME") && p.Body == "8BITMIME" {
		s.WriteString(" BODY=8BITMIME")
	}
	if c.wantsUTF8(b) {
		s.WriteString(" SMTPUTF8")
	}
	if p.RequireTLS { // unfit saw to it that the server has it
		s.WriteString(" REQUIRETLS")
	}
	if c.has("DSN") { // RFC 3461 §4.3, §4.4
		if p.Return != "" {
			s.WriteString(" RET=" + p.Return)
		}
		if p.EnvelopeID != "" {
			s.WriteString(" ENVID=" + xtext(p.EnvelopeID))
		}
	}
	return s.String()
}

func (c *client) writeRcpt(t *queue.Transfer) {
	fmt.Fprintf(c.w, "RCPT TO:<%s>", t.Recipient)
	if c.has("DSN") { // RFC 3461 §4.1, §4.2
		if n := notify(t.Params.Notify); n != "" {
			c.w.WriteString(" NOTIFY=" + n)
		}
		if kind, address, ok := strings.Cut(t.Params.Original, ";"); ok {
			encode := xtext
			if kind == "utf-8" {
				encode = mail.AddrXtext
			}
			c.w.WriteString(" ORCPT=" + kind + ";" + encode(address))
		}
	}
	c.w.WriteString("\r\n")
}

func notify(n mail.Notify) string {
	if n&mail.NotifyNever != 0 {
		return "NEVER"
	}
	var words []string
	for _, w := range []struct {
		bit  mail.Notify
		word string
	}{{mail.NotifySuccess, "SUCCESS"}, {mail.NotifyFailure, "FAILURE"}, {mail.NotifyDelay, "DELAY"}} {
		if n&w.bit != 0 {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, ",")
}

// xtext encodes a text for a parameter (RFC 3461 §4).
func xtext(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < '!' || c > '~' || c == '+' || c == '=' {
			fmt.Fprintf(&b, "+%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// content sends the message and hears what becomes of it: in SMTP one answer for
// all, in LMTP one for each recipient that was taken (RFC 2033 §4.2).
func (c *client) content(b *batch, accepted []int) error {
	c.mayWrite(blockTime + time.Duration(b.job.Content.Size()/10_000)*time.Second)
	if err := writeContent(c.w, b.job.Content.Reader()); err != nil {
		return &stop{command: "content", err: plainError(err)}
	}
	// From here on the server may have the message.
	for n, i := range accepted {
		if n > 0 && !c.target.lmtp {
			break
		}
		r, err := c.wait("end of data", endTime)
		if err != nil {
			s := err.(*stop)
			b.final = s.reply.code == 0
			return err
		}
		of := accepted
		if c.target.lmtp {
			of = []int{i}
		}
		c.answer(b, of, r, "end of data")
	}
	c.dirty = false
	c.carried++
	return nil
}

// answer notes one reply for several recipients.
func (c *client) answer(b *batch, of []int, r reply, command string) {
	said := r.said(c.target, command)
	for _, i := range of {
		if r.class() == 2 {
			b.results[i] = queue.Result{Fate: queue.Carried, Reply: said, Notifies: c.has("DSN")}
		} else {
			b.noted(i, r, said)
		}
	}
	b.close()
}
