package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/blob/segment"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/privacy"
)

func (a *App) privacyOps(h control.Handlers) {
	control.On(h, a.exportPerson)
	control.On(h, a.erasePerson)
	control.On(h, a.privacyLog)
}

// notKnownHere is what a person may want to know that is in no row.
func notKnownHere() []string {
	return []string{
		"Mail in mailboxes and archives is their owners' and is not here: gatepost mailbox export writes a mailbox's own.",
		"Reasons of filters are left out, since they may name traps and patterns; so are passwords, keys, numbers of rows, and what tells of others.",
		"Counters in the memory of nodes forget within days and are no rows; nor are the log lines of the service manager, which keeps them as it is told to.",
		"Backups have what was known when they were made, for as long as they are kept.",
	}
}

func (a *App) exportPerson(ctx context.Context, q ops.PrivacyExport) (ops.PrivacyPage, error) {
	return a.askedFor(ctx, q.Address, "export", q.Next, func(ctx context.Context, s privacy.Subject, after string) (privacy.Page, error) {
		return a.store.Privacy().Find(ctx, s, after)
	})
}

func (a *App) erasePerson(ctx context.Context, q ops.PrivacyErase) (ops.PrivacyPage, error) {
	if !q.Confirm {
		page, err := a.askedFor(ctx, q.Address, "", q.Next, func(ctx context.Context, s privacy.Subject, after string) (privacy.Page, error) {
			s.Choices = q.Choices
			return a.store.Privacy().Find(ctx, s, after)
		})
		return withoutRows(page), err
	}
	if q.Next == nil {
		if err := a.erasable(q.Address); err != nil {
			return ops.PrivacyPage{}, err
		}
		// What waits in memory is to be rows, or it would become some afterwards.
		if err := errors.Join(a.journal.Flush(ctx), a.greylist.Flush(ctx), a.trust.Flush(ctx)); err != nil {
			return ops.PrivacyPage{}, err
		}
	}
	page, err := a.askedFor(ctx, q.Address, "erase", q.Next, func(ctx context.Context, s privacy.Subject, after string) (privacy.Page, error) {
		s.Choices = q.Choices
		return a.store.Privacy().Erase(ctx, s, after)
	})
	if err == nil && page.Next == nil {
		page.Pending, err = a.scrubEvidence(ctx)
	}
	return withoutRows(page), err
}

func withoutRows(page ops.PrivacyPage) ops.PrivacyPage {
	for i := range page.Parts {
		page.Parts[i].Rows = nil
	}
	return page
}

// erasable refuses to erase who has an account here: he is known for as long as he has it.
func (a *App) erasable(address string) error {
	p, err := path(address)
	if err != nil {
		return err
	}
	s := a.directory.Snapshot()
	what, command := "", ""
	if m, ok := s.Mailbox(p); ok {
		what, command = "a mailbox here", "gatepost mailbox remove "+string(m.Address)
	} else if _, ok := s.Alias(p); ok {
		what, command = "an alias, a forward or a list here", "gatepost alias remove, forward remove or distribution remove "+string(p)
	} else if _, ok := s.Sender(p); ok {
		what, command = "the log-in of a server or device here", "gatepost sender remove "+string(p)
	} else if _, ok := s.Admin(string(p)); ok {
		what, command = "an admin here", "gatepost admin remove "+string(p)
	}
	if what == "" {
		return nil
	}
	return control.Misused("%s is %s, and known for as long as it is; have that removed first: %s", p, what, command)
}

// askedFor does a page of what was asked, and notes it.
func (a *App) askedFor(ctx context.Context, address, what string, next *ops.PrivacyNext, do func(context.Context, privacy.Subject, string) (privacy.Page, error)) (out ops.PrivacyPage, err error) {
	s, err := a.subject(address)
	if err != nil {
		return out, err
	}
	out = ops.PrivacyPage{Address: string(s.Address), Parts: []ops.PrivacyPart{}}
	at := ops.PrivacyNext{}
	if next == nil {
		out.Notes, out.Related = notKnownHere(), a.related(s.Address)
	} else {
		at = *next
	}
	act := privacy.Act{ID: at.Act, Time: a.now(), Who: control.Person(ctx), What: what, Found: at.Found}
	if act.Subject, err = a.subjectNumber(ctx, s.Address); err != nil {
		return out, err
	}
	if act.ID == "" && what != "" {
		act.ID = mail.NewID(act.Time)
		if err := a.store.Privacy().Note(ctx, act); err != nil {
			return out, err
		}
	}
	page, err := do(ctx, s, at.After)
	if err != nil {
		return out, err
	}
	for _, p := range page.Parts {
		out.Parts = append(out.Parts, ops.PrivacyPart{Table: p.Table, About: p.About, Fate: string(p.Fate), Why: p.Why, Count: p.Count, Rows: p.Rows})
		act.Found += p.Count
	}
	if page.Next != "" {
		out.Next = &ops.PrivacyNext{After: page.Next, Act: act.ID, Found: act.Found}
		return out, nil
	}
	if what == "" {
		return out, nil
	}
	act.Ended = a.now()
	a.log.Info("what is known of a person was asked for", "what", what, "by", act.Who, "rows", act.Found, "subject", act.Subject[:16])
	return out, a.store.Privacy().Note(ctx, act)
}

func (a *App) subject(address string) (s privacy.Subject, err error) {
	p, err := path(address)
	if err != nil {
		return s, err
	}
	s.Address = p.Unsigned()
	snapshot := a.directory.Snapshot()
	if m, ok := snapshot.Mailbox(s.Address); ok {
		s.Box = m.ID
	}
	_, s.Tagged = snapshot.Domain(s.Address.Domain())
	sender, recipient := a.greylist.Numbers(s.Address)
	s.Numbers = []int64{sender, recipient}
	return s, nil
}

// subjectNumber is by which it is noted whom something was about: who has the address finds it, and nobody else learns it.
func (a *App) subjectNumber(ctx context.Context, address mail.Path) (string, error) {
	key, err := a.store.Secret(ctx, "privacy")
	if err != nil {
		return "", err
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(address))
	return hex.EncodeToString(h.Sum(nil)), nil
}

// related are the aliases that lead to the mailbox of an address and to nobody else.
func (a *App) related(address mail.Path) (list []string) {
	s := a.directory.Snapshot()
	if _, ok := s.Mailbox(address); !ok {
		return nil
	}
	for _, d := range s.Domains() {
		for _, alias := range s.Aliases(d.Name) {
			if len(alias.Targets) == 1 && alias.Targets[0].Fold() == address {
				list = append(list, string(alias.Address))
			}
		}
	}
	return list
}

func (a *App) privacyLog(ctx context.Context, q ops.PrivacyLog) ([]ops.PrivacyAct, error) {
	subject := ""
	if q.Address != "" {
		p, err := path(q.Address)
		if err != nil {
			return nil, err
		}
		if subject, err = a.subjectNumber(ctx, p.Unsigned()); err != nil {
			return nil, err
		}
	}
	if q.Limit <= 0 || q.Limit > directory.MaxPage {
		q.Limit = 100
	}
	acts, err := a.store.Privacy().Acts(ctx, subject, q.Limit)
	list := []ops.PrivacyAct{}
	for _, one := range acts {
		list = append(list, ops.PrivacyAct{Time: one.Time.UTC(), Who: one.Who, What: one.What, Subject: one.Subject, Found: one.Found, Ended: maybe(one.Ended)})
	}
	return list, err
}

// Bounds of erasing evidence.
const (
	scrubSome = 5000 // pointers at a time
	scrubTime = 10 * time.Minute
)

// scrubEvidence erases the evidence that is to go and is this node's, and returns how much is left: other nodes', and
// what a backup is copying.
func (a *App) scrubEvidence(ctx context.Context) (left int, err error) {
	ctx, cancel := context.WithTimeout(ctx, scrubTime)
	defer cancel()
	after := ""
	for {
		all, err := a.store.Privacy().Scrubs(ctx, after, scrubSome)
		if err != nil || len(all) == 0 {
			return left, err
		}
		after = all[len(all)-1].Evidence
		var mine []privacy.Scrub
		pointers := map[string]string{}
		for _, one := range all {
			if a.ownEvidence(one.Evidence) {
				mine, pointers[one.Evidence] = append(mine, one), one.Tx
			}
		}
		left += len(all) - len(mine)
		switch err := a.journal.Scrub(ctx, pointers); {
		case errors.Is(err, segment.ErrHeld):
			left += len(mine)
		case err != nil:
			return left + len(mine), fmt.Errorf("evidence is not erased yet, and is tried again each hour: %w", err)
		default:
			if err := a.store.Privacy().Scrubbed(ctx, mine); err != nil {
				return left, err
			}
		}
	}
}

// ownEvidence reports whether a pointer leads to this node.
func (a *App) ownEvidence(pointer string) bool {
	_, node, named := strings.Cut(pointer, "@")
	node, _, _ = strings.Cut(node, "/")
	return !named || node == a.nodeName
}
