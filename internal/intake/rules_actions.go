package intake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
	"gatepost/mailbox/sieve"
)

// carryOut makes of a script's actions what the commit is to hold. Mail that would get lost stays
// in the mailbox: what can't be sent on, what somebody released, what would loop.
func (in *Intake) carryOut(ctx context.Context, f *filed, env *sieve.Env, result sieve.Result) {
	p := f.mine
	lost := false // something that stood for keeping it could not be done
	had := false  // or need not be, since it was
	for _, a := range result.Actions {
		switch a.Kind {
		case sieve.Keep:
			folder := p.d.Folder
			if a.Line > 0 { // a script that asks for it means the inbox
				folder = ""
				f.step("keep", a.Line, a.In, "kept in the inbox")
			} else if len(a.Flags) > 0 || a.Header != nil {
				f.step("keep", 0, "", "kept, with changes,")
			}
			f.deliver(a, folder)
		case sieve.FileInto:
			f.step("fileinto", a.Line, a.In, "filed into %s", clip(a.Folder))
			f.deliver(a, a.Folder)
		case sieve.Redirect:
			why := in.redirect(ctx, f, env, a)
			switch why {
			case "":
				f.step("redirect", a.Line, a.In, "sent on to %s", a.Address)
				continue
			case hasIt:
				had = true
			default:
				lost = true
			}
			f.step("redirect", a.Line, a.In, "not sent on to %s, since %s,", a.Address, why)
		case sieve.Reject:
			if p.released {
				lost = true
				continue
			}
			f.reject = &a
		case sieve.Vacation:
			if why := in.vacation(ctx, f, env, a.Away); why != "" {
				f.step("vacation", a.Line, a.In, "no answer, since %s,", why)
				continue
			}
			f.step("vacation", a.Line, a.In, "answered")
		}
	}
	for i, tr := range f.transfers { // success is told once
		if len(f.deliveries) > 0 || i > 0 {
			tr.Params = silentSuccess(tr.Params)
		}
	}
	for _, m := range result.Remember {
		f.remember = append(f.remember, mailbox.Memory{Box: p.d.Box, ID: seenID(m.ID), Time: env.Now, Expires: env.Now.Add(m.For), New: !m.Seen})
	}
	switch {
	case len(f.deliveries)+len(f.transfers) > 0 && (!lost || len(f.deliveries) > 0), f.reject != nil:
	case lost || p.released:
		f.keep()
		f.step("keep", 0, "", "kept all the same")
	case had:
	default:
		f.step("discard", result.Discard, "", "discarded")
	}
}

// deliver puts the piece into a folder.
func (f *filed) deliver(a sieve.Action, folder string) {
	d := *f.mine.d
	d.Folder, d.Create, d.Flags = folder, a.Create, flagsOf(a.Flags)
	if a.Header != nil {
		view, served := f.mine.edited(a.Header)
		d = mailbox.Prepare(d.Box, folder, served, d.Time)
		d.Blob, d.View, d.Create, d.Flags = f.mine.d.Blob, view, a.Create, flagsOf(a.Flags)
	}
	if n := len(f.deliveries); n > 0 {
		before := f.deliveries[n-1]
		d.Again = before.View.Skip == d.View.Skip && slices.Equal(before.View.Prefix, d.View.Prefix)
	}
	f.deliveries = append(f.deliveries, &d)
}

// flagsOf leaves out what no message can have as a flag: it must not keep mail from coming.
func flagsOf(list []string) (good []string) {
	for _, flag := range list {
		if _, err := mailbox.ParseFlags(append(slices.Clip(good), flag)); err == nil {
			good = append(good, flag)
		}
	}
	return good
}

// edited is how a piece is served whose header a script has changed (RFC 5293): content.Header()
// and all before it is replaced.
func (p *piece) edited(header []byte) (mail.View, *mail.Message) {
	old := p.served.Header().Size
	view := mail.View{Prefix: header, Skip: p.d.View.Skip + max(0, old-int64(len(p.d.View.Prefix)))}
	return view, mail.View{Prefix: header, Skip: old}.Message(p.served)
}

// Bounds of how far a message may have come that is sent on once more: by servers, and by mailboxes,
// each of which may have made four of one.
const (
	maxHops   = 40
	maxOnward = 10
)

// hasIt is why something is not sent on that was: where mailboxes send to each other, each four times,
// one message would become thousands.
const hasIt = "it was sent there from here already"

// onwardFor is how long a mailbox remembers what it sent on. Copies within one node take seconds.
const onwardFor = 24 * time.Hour

// once is by what a mailbox remembers that it sent a message on to an address. Reports about a
// transaction have its ID, and a Message-ID each.
func (p *piece) once(to mail.Path, now time.Time) mailbox.Memory {
	sum := sha256.Sum256([]byte(p.served.Header().Get("Message-ID") + "\n" + string(to.Fold())))
	return mailbox.Memory{Box: p.d.Box, ID: "onward " + p.tx + " " + hex.EncodeToString(sum[:16]), Time: now, Expires: now.Add(onwardFor), New: p.comesBack()}
}

// comesBack reports whether a piece may have been in the mailbox before: it was sent on from here. What
// somebody released is sent on once more.
func (p *piece) comesBack() bool {
	return p.phase == post && !p.released && p.served.Header().Count("Delivered-To") > 0
}

// redirect queues a copy for another address, as a forward of the mailbox would; else it says why
// it is not sent on.
func (in *Intake) redirect(ctx context.Context, f *filed, env *sieve.Env, a sieve.Action) string {
	p := f.mine
	once := p.once(a.Address, env.Now)
	if p.comesBack() {
		// Where that can't be told the commit can, and the rules are asked again.
		if had, err := in.Rules.Recalls(ctx, once.Box, once.ID, once.Time); err == nil && had {
			return hasIt
		}
	}
	switch {
	case slices.ContainsFunc(env.Owner, func(own mail.Path) bool { return own.Fold() == a.Address.Fold().Base() }):
		return "it is the mailbox itself"
	case p.isSpam():
		return "it is taken for spam"
	case p.served.Header().Count("Received") > maxHops, p.served.Header().Count("Delivered-To") >= maxOnward:
		return "it came a long way"
	case in.wasHere(p):
		return "it was sent on from here before"
	}
	if why := in.goesOn(p.box.ID, a.Address); why != "" {
		return why
	}
	view, served := p.d.View, p.served
	if a.Header != nil {
		view, served = p.edited(a.Header)
	}
	above := mail.BuildView(served, mail.AppendStructured(nil, "Delivered-To", string(p.box.Address)), in.leaving(p.served, served), "")
	view = onTop(view, in.signed(ctx, p.snapshot, above, served, p.box.Address.Domain()))
	now, home := in.Now(), p.box.Address.Domain()
	size := p.served.Size() - int64(len(p.d.View.Prefix)) + p.d.View.Skip // of the content
	to := directory.Remote{Address: a.Address, By: p.box.Address}
	sender := in.leaves(p.snapshot, p.sender, to)
	if submitted(in.ownFindings(p.served)) {
		sender = in.signedReturn(ctx, p.snapshot, sender, to, in.Now())
	}
	m := &queue.Message{
		ID: mail.NewID(now), Tx: p.tx, Sender: sender,
		Blob: p.d.Blob, View: view, Size: view.Size(size), Params: p.params,
		Created: now, Expires: now.Add(in.config().Lifetime),
	}
	f.remember = append(f.remember, once)
	judged := p.judged
	judged.Proof = p.proof()
	// Who is not proven to be the sender hears nothing: what is refused then is held here.
	f.transfers = append(f.transfers, &queue.Transfer{
		Message: m, Recipient: a.Address, For: []mail.Path{p.rcpt.Fold()}, Home: home, Destination: in.Router.Destination(a.Address, home),
		Params: p.wishes, Hold: p.sender.IsNull() || judged.Proof == "", Judged: judged,
	})
	return ""
}

// leaving tells the fields that a copy loses when rules send it on: the mailbox's own, and, of a header that
// they changed, what would say in our name of other authors, or of nobody, that somebody had logged in: who
// may sign for whom is read there.
func (in *Intake) leaving(came, served *mail.Message) func(mail.Field) bool {
	found := came.Header().All("Authentication-Results")
	other := func(name string) bool { return !slices.Equal(came.Header().All(name), served.Header().All(name)) }
	others, hosts := other("From") || other("Sender"), in.hosts()
	return func(f mail.Field) bool {
		if !strings.EqualFold(f.Name, "Authentication-Results") || !ownResults(f.Value(), hosts) {
			return ownFields(f)
		}
		return others || !slices.Contains(found, f.Value())
	}
}

// ownFields tells the fields of a copy in a mailbox that no other is to have.
func ownFields(f mail.Field) bool {
	return strings.EqualFold(f.Name, "Return-Path") || strings.EqualFold(f.Name, "X-Gatepost-Recipient")
}

// onTop is a view of what another view serves, as one.
func onTop(below, above mail.View) mail.View {
	n := int64(len(below.Prefix))
	if above.Skip > n {
		return mail.View{Prefix: above.Prefix, Skip: below.Skip + above.Skip - n}
	}
	return mail.View{Prefix: slices.Concat(above.Prefix, below.Prefix[above.Skip:]), Skip: below.Skip}
}

// wasHere reports whether the mailbox's rules sent the message on before: the copy says so. While
// it comes in the field may be anybody's claim, unless the message was here before.
func (in *Intake) wasHere(p *piece) bool {
	if p.phase == during && in.passes(p.served) < 2 { // this time is one
		return false
	}
	for _, v := range p.served.Header().All("Delivered-To") {
		if to, err := mail.ParsePath(strings.Trim(strings.TrimSpace(v), "<>")); err == nil && to.Fold() == p.box.Address.Fold() {
			return true
		}
	}
	return false
}
