package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
)

// lookAtDomains warns the postmasters of domains of which all mailboxes together are nearly full: none of them gets mail
// then, and no owner sees why.
func (w *quotaWarner) lookAtDomains(ctx context.Context, whole map[string]bool, all bool) {
	s := w.app.directory.Snapshot()
	if all {
		whole = maps.Clone(whole)
		for _, d := range s.Domains() {
			whole[d.Name] = true
		}
	}
	for name := range whole {
		dom, ok := s.Domain(name)
		if !ok || !dom.Total.Any() {
			continue
		}
		if err := w.lookAtDomain(ctx, dom); err != nil && ctx.Err() == nil {
			w.app.log.Error("postmaster not warned of a full domain", "domain", name, "error", err)
		}
	}
}

func (w *quotaWarner) lookAtDomain(ctx context.Context, dom directory.Domain) error {
	percent := w.app.config.Load().Quota.Warn
	if percent == 0 {
		return nil
	}
	there, err := w.app.mailboxes.DomainUsage(ctx, dom.ID)
	if err != nil || quotaOf(dom.Total).Share(there) < percent {
		return err
	}
	found, err := w.app.directory.Snapshot().Resolve(mail.Path("postmaster@" + dom.Name))
	if err != nil {
		return err
	}
	for _, box := range found.Boxes {
		if !box.State.Takes() {
			continue
		}
		if err := w.warnDomain(ctx, box, dom, there); err != nil {
			return err
		}
	}
	return nil
}

// warnDomain delivers the letter, whatever the quota, unless there was one within a day.
func (w *quotaWarner) warnDomain(ctx context.Context, box directory.Mailbox, dom directory.Domain, there mailbox.Usage) error {
	a, now := w.app, w.app.now()
	memory := mailbox.Memory{Box: box.ID, ID: fmt.Sprint("full ", dom.ID), Time: now, Expires: now.Add(warnEvery), New: true}
	if told, err := a.rules.Recalls(ctx, box.ID, memory.ID, now); err != nil || told {
		return err
	}
	content := a.letters.quota(cmp.Or(box.Language, dom.Language, a.config.Load().Digest.Language), quotaState{
		to: box.Address, domain: dom.Name, whole: true, hostname: a.config.Load().Hostname, limit: quotaOf(dom.Total), there: there,
		refuses: a.config.Load().Quota.Over == "refuse", now: now,
	})
	d, err := a.inboxLetter(ctx, box.ID, queue.Letter{To: box.Address, Content: content, Kind: "quota"}, now)
	if err != nil {
		return err
	}
	done, err := a.mailboxes.DeliverOnce(ctx, &d, memory)
	if err != nil || !done { // another node was faster
		return err
	}
	a.changes.Notify(box.ID)
	a.log.Warn("postmaster warned of a full domain", "domain", dom.Name, "mailbox", box.Address, "percent", quotaOf(dom.Total).Share(there))
	return nil
}
