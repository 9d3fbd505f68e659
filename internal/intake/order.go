package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/mailbox/sieve"
)

// An order is what the rules of domains made of a recipient's message, before those of his mailboxes are asked. They
// are run once for each recipient as the client named him, whatever he leads to, as the policy is walked.
type order struct {
	keep    bool     // it goes on as if there were none
	folders []string // of his mailboxes that it is filed into, whose own rules are not asked
	copies  []ordered
	steps   []journal.Step
}

// An ordered is a copy for one more address, or for another one.
type ordered struct {
	to     directory.Remote
	domain string // whose rules want it
	beside bool   // the message goes where it would go, too
}

// goesOn reports whether a copy that leaves for where the recipient's mail is does so still. What is filed has no
// other place there.
func (o *order) goesOn() bool { return o.keep || len(o.folders) > 0 }

// A filing is where in a mailbox a copy goes, and whether rules of a domain said so. Then the folder is made where it is
// missing: nobody makes it in a thousand mailboxes.
type filing struct {
	folder string
	filed  bool
}

// A mandate is by whose rules copies are queued; the zero value: by none.
type mandate struct {
	domain string
	beside bool
	tells  bool // its sender may hear by it that the message arrived
}

// copies queues what rules of domains send on. It comes last, and copies beside a message after all: where one address
// has it twice it gets it once, and its sender hears of it what he would without them.
func (p *plan) copies(ctx context.Context) {
	for _, beside := range []bool{false, true} {
		for _, r := range p.t.rcpts {
			tells := !beside && !r.order.goesOn()
			for _, c := range r.order.copies {
				if c.beside == beside && (r.outcome == mail.Delivered || r.outcome == mail.Queued) {
					p.carryTo(ctx, r, []directory.Remote{c.to}, mandate{c.domain, beside, tells})
					tells = false
				}
			}
		}
	}
}

// A law is the rules of one domain that hold for a recipient.
type law struct {
	domain directory.Domain
	way    directory.Direction
}

// text is its script, "" where there is none.
func (l law) text() string { return l.domain.Rules.Of(l.way) }

// String names it as the journal does.
func (l law) String() string { return fmt.Sprintf("%s for mail %s", l.domain.Name, l.way) }

// laws are the rules that hold for a recipient, in the order in which they are asked: those of the domain that sends, and
// then, where it is another one, those of the domain that he is in. Mail to postmaster and abuse meets none (RFC 5321
// §4.5.1): who writes there may ask what became of other mail.
func (t *Transaction) laws(r *recipient) (list []law) {
	if r.way.Role || t.in.complains(r.path, false) {
		return nil
	}
	home, sends := t.snapshot.Domain(t.tx.Client.Login.Domain())
	sends = sends && !t.tx.Client.Login.IsNull()
	to, ours := t.snapshot.Domain(r.path.Domain())
	switch {
	case sends && ours && home.ID == to.ID:
		return []law{{home, directory.Local}}
	case sends:
		list = append(list, law{home, directory.Out})
	}
	if ours {
		list = append(list, law{to, directory.In})
	}
	return list
}

// orders runs the rules of domains over what the policies have let through. An error is none of the rules: the message
// can't be judged now.
func (t *Transaction) orders(ctx context.Context, p *plan) error {
	c := &court{t: t, p: p, begun: t.in.Now(), known: map[string]sieve.Result{}}
	for _, r := range t.rcpts {
		r.order = order{keep: true}
		switch r.outcome {
		case mail.Delivered, mail.Queued, mail.Tagged, mail.Junked:
		default:
			continue
		}
		if r.hasAll() { // with what his rules did
			continue
		}
		for _, l := range t.laws(r) {
			if l.text() == "" || t.in.Rules == nil {
				continue
			}
			if err := c.run(ctx, r, l); err != nil {
				return err
			}
			if !r.order.goesOn() {
				break
			}
		}
		switch {
		case r.order.goesOn():
		case len(r.order.copies) > 0:
			r.outcome = mail.Queued
		default:
			r.outcome = mail.Dropped
		}
	}
	return nil
}

// A court runs rules of domains over the copies of one message.
type court struct {
	t     *Transaction
	p     *plan
	begun time.Time
	known map[string]sieve.Result // what came out, by all that a run could tell
}

// errLong ends what rules of domains may take in all: the client waits.
var errLong = errors.New("the rules of all recipients take too long")

// run has one domain's rules decide about a recipient's message. Where they are at fault it goes where it would go
// without.
func (c *court) run(ctx context.Context, r *recipient, l law) error {
	t := c.t
	script, err := t.in.Rules.Domain(l.text(), l.way != directory.Out)
	if err == nil && r.outcome == mail.Junked && !script.Requires("spamtest") { // where spam goes is the policy's to say
		return nil
	}
	var result sieve.Result
	if err == nil {
		result, err = c.result(ctx, r, l, script)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("intake: rules of %s: %w", l, ctx.Err())
	case err != nil:
		c.fault(ctx, r, l, err)
		return nil
	}
	c.carryOut(r, l, result)
	return nil
}

// result runs a script, once for all recipients that it can't tell from each other.
func (c *court) result(ctx context.Context, r *recipient, l law, script *sieve.Script) (sieve.Result, error) {
	t := c.t
	view := mail.BuildView(c.p.m, t.onward(r, mail.Null, c.p.received), t.forged(), "")
	env := t.in.around(script, l.domain, t.tx.Client, t.judged(r), during)
	env.Message, env.From, env.To, env.Boxes = view.Message(c.p.m), untagged(t.tx.Envelope.ReversePath), r.path, anybodys{}
	key := fmt.Sprintf("%s %v %d\n%s", l, env.Spam, env.Virus, view.Prefix)
	if script.Requires("envelope") {
		key = string(r.path) + " " + key
	}
	if result, ok := c.known[key]; ok {
		return result, nil
	}
	if t.in.Now().Sub(c.begun) > rulesTime {
		return sieve.Result{}, errLong
	}
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	result, err := script.Run(ctx, env)
	if err == nil {
		c.known[key] = result
	}
	return result, err
}

// carryOut turns a script's actions into a recipient's order. Mail that would get lost goes on.
func (c *court) carryOut(r *recipient, l law, result sieve.Result) {
	o, spam := &r.order, c.t.isSpamFor(r)
	keep, lost := false, false
	say := func(result string, line int, format string, args ...any) {
		o.steps = append(o.steps, ruleStep(result, l.String(), line, fmt.Sprintf(format, args...)))
	}
	var copies []ordered
	var folders []string
	for _, a := range result.Actions {
		switch a.Kind {
		case sieve.Keep:
			if keep = true; a.Line > 0 {
				say("keep", a.Line, "kept")
			}
		case sieve.FileInto:
			if len(r.boxes) == 0 {
				lost = true
				say("fileinto", a.Line, "not filed into %s, since no mailbox is here,", clip(a.Folder))
				continue
			}
			if c.t.snapshot.Closed(r.path) && !junks(a.Folder) { // another folder may be shared, with whom is not known here
				lost = true
				say("fileinto", a.Line, "not filed into %s, since the mailbox is locked,", clip(a.Folder))
				continue
			}
			folders = append(folders, a.Folder)
			say("fileinto", a.Line, "filed into %s", clip(a.Folder))
		case sieve.Redirect:
			if why := c.stays(r, l, a.Address, spam); why != "" {
				lost = true
				say("redirect", a.Line, "not sent on to %s, since %s,", a.Address, why)
				continue
			}
			copies = append(copies, ordered{to: c.t.ordersTo(r, l, a.Address), domain: l.domain.Name})
			say("redirect", a.Line, "sent on to %s", a.Address)
		}
	}
	switch {
	case keep || len(folders) > 0:
	case lost:
		keep = true
		say("keep", 0, "kept all the same")
	case len(copies) == 0:
		say("discard", result.Discard, "discarded")
	}
	o.keep, o.folders = keep, append(o.folders, folders...)
	for i := range copies {
		copies[i].beside = keep || len(folders) > 0
	}
	o.copies = append(o.copies, copies...)
}

// isSpamFor reports whether nothing of a recipient's message is to be sent on.
func (t *Transaction) isSpamFor(r *recipient) bool {
	judged := t.judged(r)
	return r.outcome == mail.Tagged || r.outcome == mail.Junked || r.marked || judged.Known && judged.Spam >= spamFrom
}

// canonical is a recipient's address under its domain's own name, without a tag.
func (t *Transaction) canonical(a mail.Path) mail.Path {
	a = a.Fold().Base()
	if dom, ours := t.snapshot.Domain(a.Domain()); ours {
		return mail.Path(a.Local() + "@" + dom.Name)
	}
	return a
}

// ordersTo is the way of a copy. What comes in is sent on by its recipient's address, as a forward of it would be; what goes out leaves
// as its sender's own.
func (t *Transaction) ordersTo(r *recipient, l law, to mail.Path) directory.Remote {
	remote := remote(t.snapshot, to)
	if l.way != directory.Out {
		remote.By = t.canonical(r.path)
	}
	return remote
}

// stays is why a message is not sent on to an address; "": it is.
func (c *court) stays(r *recipient, l law, to mail.Path, spam bool) string {
	t, header := c.t, c.p.m.Header()
	own := t.canonical(r.path)
	switch {
	case t.canonical(to) == own:
		return "it is for that address"
	case t.locked(r):
		return "a mailbox whose mail it is is locked"
	case spam:
		return "it is taken for spam"
	case header.Count("Received") > maxHops, header.Count("Delivered-To") >= maxOnward:
		return "it came a long way"
	case l.way == directory.Out || t.in.passes(c.p.m) == 0: // anybody can write the field
		return ""
	}
	if slices.ContainsFunc(header.All("Delivered-To"), func(v string) bool {
		p, err := mail.ParsePath(strings.Trim(strings.TrimSpace(v), "<>"))
		return err == nil && p.Fold() == own
	}) {
		return "it was sent on from here before"
	}
	return ""
}

// junks reports whether a folder is one for what nobody wants, by its use or by its plain name.
func junks(folder string) bool {
	return slices.ContainsFunc([]mailbox.Use{mailbox.Junk, mailbox.Trash}, func(u mailbox.Use) bool {
		return strings.EqualFold(folder, string(u)) || strings.EqualFold(folder, strings.TrimPrefix(string(u), `\`))
	})
}

// locked reports whether a recipient's message is mail of a locked mailbox, his or that of who sends it: who writes
// a domain's rules reads nothing of it.
func (t *Transaction) locked(r *recipient) bool {
	if t.snapshot.Closed(r.path) {
		return true
	}
	sender, ok := t.snapshot.Mailbox(t.tx.Client.Login)
	return ok && sender.Locked
}

// anybodys are the folders of mailboxes that rules of a domain know nothing of: any is there, since it is made where it is
// missing, and of those with a use the ones that each mailbox is given. It implements sieve.Mailboxes.
type anybodys struct{}

// Exists implements sieve.Mailboxes.
func (anybodys) Exists(_ context.Context, name string) (bool, error) {
	_, err := mailbox.CleanName(name)
	return err == nil, nil
}

// Special implements sieve.Mailboxes: the use itself, which the delivery finds in each mailbox.
func (anybodys) Special(_ context.Context, use string) (string, error) {
	known, _ := mailbox.ParseUse(use)
	return string(known), nil
}
