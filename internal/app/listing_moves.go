package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

// A lister allows or blocks the senders of messages that owners put into a folder for that, and
// brings the messages where they belong then: what is allowed back to where it came from, and to
// the inbox from Junk; what is blocked to Junk. A message whose sender can't be listed stays, so that
// its owner sees that nothing came of it. The moves are rows, made in the commits that moved.
type lister struct {
	app  *App
	wake chan struct{} // something may have been moved; else rows are looked for every listEvery
}

const (
	listEvery = 5 * time.Second // how often moves of before a start, or of other nodes, are looked for
	listTries = 8               // of one move, with an hour between them at most
)

func (a *App) newLister() *lister { return &lister{app: a, wake: make(chan struct{}, 1)} }

// hint says that something was moved. It does not wait.
func (l *lister) hint() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run looks at what was moved until ctx ends.
func (l *lister) run(ctx context.Context) error {
	tick := time.NewTicker(listEvery)
	defer tick.Stop()
	for {
		if err := l.work(ctx); err != nil && ctx.Err() == nil {
			l.app.log.Error("senders of moved messages not listed", "error", err)
		}
		select {
		case <-l.wake:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// work looks at all moves that are due.
func (l *lister) work(ctx context.Context) error {
	for {
		list, err := l.app.mailboxes.ListingMoves(ctx, l.app.now())
		if len(list) == 0 || err != nil {
			return err
		}
		for _, m := range list {
			err := l.list(ctx, m)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err == nil {
				continue
			}
			l.app.log.Warn("senders of moved messages not listed", "box", m.Box, "tries", m.Tries+1, "error", err)
			if m.Tries+1 >= listTries {
				err = l.app.mailboxes.SettleListing(ctx, m, nil, 0)
			} else {
				err = l.app.mailboxes.PostponeListing(ctx, m, l.app.now().Add(min(time.Minute<<m.Tries, time.Hour)))
			}
			if err != nil {
				return err
			}
		}
	}
}

// list looks at one move, and settles it.
func (l *lister) list(ctx context.Context, move mailbox.ListingMove) error {
	ctx, cancel := context.WithTimeout(ctx, moveTime)
	defer cancel()
	from, into, err := l.folders(ctx, move)
	if err != nil {
		return err
	}
	to, is := mailbox.ListingOf(into)
	box, known := l.app.directory.Snapshot().Box(move.Box)
	if !is || !known {
		return l.app.mailboxes.SettleListing(ctx, move, nil, 0)
	}
	messages, err := l.app.mailboxes.Messages(ctx, into.ID, move.UIDs(), mailbox.Whole)
	if err != nil {
		return err
	}
	var listed mailbox.UIDSet
	for _, m := range messages {
		switch sender, err := l.sender(ctx, box, m, to); {
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			l.app.log.Info("sender not listed", "mailbox", box.Address, "folder", into.Name, "uid", m.UID, "error", err)
		default:
			listed = listed.Add(m.UID)
			l.app.log.Info("sender listed", "mailbox", box.Address, "allow", to.Allow, "sender", sender)
		}
	}
	// Lessons look for the messages where they were moved to.
	lesson := imap.Sorted{Box: move.Box, Address: string(box.Address), From: from, To: into, UIDs: move.UIDs()}
	if err := l.app.moves.learn(ctx, lesson); err != nil {
		return err
	}
	target, err := l.target(ctx, move.Box, from, to)
	if err == nil {
		err = l.app.mailboxes.SettleListing(ctx, move, listed, target)
	}
	l.app.changes.Notify(move.Box)
	return err
}

// folders returns those of a move as they are now; the zero Folder where one is gone.
func (l *lister) folders(ctx context.Context, move mailbox.ListingMove) (from, to mailbox.Folder, err error) {
	all, err := l.app.mailboxes.Folders(ctx, move.Box)
	for _, f := range all {
		switch f.ID {
		case move.From:
			from = f
		case move.To:
			to = f
		}
	}
	return from, to, err
}

// target is the folder where listed messages belong; 0: they stay.
func (l *lister) target(ctx context.Context, box int64, from mailbox.Folder, to mailbox.Listing) (int64, error) {
	if _, is := mailbox.ListingOf(from); to.Allow && from.ID != 0 && from.Use != mailbox.Junk && from.Use != mailbox.Trash && !is {
		return from.ID, nil
	}
	all, err := l.app.mailboxes.Folders(ctx, box)
	for _, f := range all {
		if to.Allow && f.Name == mailbox.Inbox || !to.Allow && f.Use == mailbox.Junk {
			return f.ID, nil
		}
	}
	return 0, err
}

// openListings makes the folders of a new mailbox.
func (a *App) openListings(ctx context.Context, box directory.Mailbox) error {
	return a.mailboxes.GiveListings(ctx, box.ID, a.languageOf(box))
}

// giveListings makes, some times an hour, the folders of mailboxes that were opened by an older
// program, or by the first mail that came.
func (a *App) giveListings(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		if err := a.giveSome(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("folders that list senders not made", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (a *App) giveSome(ctx context.Context) error {
	for {
		boxes, err := a.mailboxes.Unlisted(ctx)
		if len(boxes) == 0 || err != nil {
			return err
		}
		begin := time.Now()
		for _, id := range boxes {
			box, _ := a.directory.Snapshot().Box(id)
			if err := a.mailboxes.GiveListings(ctx, id, a.languageOf(box)); err != nil {
				return err
			}
			a.changes.Notify(id)
		}
		select { // mail goes on beside it
		case <-time.After(time.Since(begin)):
		case <-ctx.Done():
			return nil
		}
	}
}

// Errors for the log: why a sender was not listed.
var (
	errNotOurs   = errors.New("it did not come by this system, or has no sender")
	errNotProven = errors.New("nothing proves that it is from its sender")
	errListsShut = errors.New("lists are shut to the owner (--no-page anti-spam)")
	errOwnSender = errors.New("the sender is the owner's own address or domain, which is never allowed")
)

// sender lists the sender of one message. What the opposite list says of him ends, or the owner's
// last word would not count.
func (l *lister) sender(ctx context.Context, box directory.Mailbox, m mailbox.Message, to mailbox.Listing) (mail.Path, error) {
	sender, proven := writtenBy(m.View)
	switch {
	case l.app.directory.Snapshot().PageShut(box.ID, directory.PageAntiSpam) != "":
		return "", errListsShut
	case sender.IsNull():
		return "", errNotOurs
	case to.Allow && !proven:
		return "", errNotProven
	case to.Allow && !l.app.directory.Snapshot().AutoAllowable(box.Address, sender):
		return "", errOwnSender
	}
	scope, err := directory.ParseScope(string(box.Address))
	if err != nil {
		return "", err
	}
	e := directory.Entry{List: directory.Block, Value: string(sender.Fold()), Scope: scope, Origin: "owner", Note: "a message moved to " + to.Name}
	other := directory.Allow
	if to.Allow {
		e.List, other = directory.Allow, directory.Block
	}
	against, err := l.app.directory.Entries(ctx, directory.EntryQuery{List: other, Value: e.Value, Scopes: []directory.Scope{scope}})
	if err != nil {
		return "", err
	}
	for _, old := range against {
		if err := l.app.directory.RemoveEntry(ctx, old.ID); err != nil && !errors.Is(err, directory.ErrNoEntry) {
			return "", err
		}
	}
	if _, err := l.app.directory.EnsureEntry(ctx, e); err != nil {
		return "", fmt.Errorf("%s: %w", sender, err)
	}
	return sender, nil
}

// writtenBy tells the reverse-path of a message that came by this system, and whether SPF, a DKIM
// signature of its domain or of one above it, or a log-in proved it, by the fields that were put on top then.
// What the sender wrote himself is not among them.
func writtenBy(v mail.View) (sender mail.Path, proven bool) {
	h := mail.NewMessage(append(v.Prefix[:len(v.Prefix):len(v.Prefix)], "\r\n"...)).Header()
	sender, err := mail.ParsePath(h.Get("X-Gatepost-Reverse-Path"))
	if err != nil || h.Get("X-Gatepost-Id") == "" {
		return "", false
	}
	for _, result := range unquotedParts(h.Get("Authentication-Results")) {
		words := strings.Fields(result)
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "spf=pass", "auth=pass":
			return sender, true
		case "dkim=pass":
			for _, w := range words[1:] {
				d, ok := strings.CutPrefix(w, "header.d=")
				if ok && strings.Contains(d, ".") && (d == sender.Domain() || strings.HasSuffix(sender.Domain(), "."+d)) {
					return sender, true
				}
			}
		}
	}
	return sender, false
}

// unquotedParts splits a field at each ";" and leaves out what is in quotes, which a sender may have
// chosen.
func unquotedParts(s string) (parts []string) {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
			b.WriteByte('_')
		case quoted:
		case c == ';':
			parts = append(parts, b.String())
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	return append(parts, b.String())
}
