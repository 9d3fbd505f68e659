package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

// A lister allows or blocks the senders of messages that owners put into a folder for that, and
// brings the messages where they belong then: what is allowed back to where it came from, and to
// the inbox from Junk; what is blocked to Junk. A message whose sender can't be listed stays, so that
// its owner sees that nothing came of it.
type lister struct{ app *App }

// openListings makes the folders of a new mailbox.
func (a *App) openListings(ctx context.Context, box directory.Mailbox) error {
	for _, l := range mailbox.Listings(box.Language) {
		_, err := a.mailboxes.CreateFolder(ctx, box.ID, l.Name, "")
		if err != nil && !errors.Is(err, mailbox.ErrFolderExists) {
			return err
		}
		if err := a.mailboxes.Subscribe(ctx, box.ID, l.Name, true); err != nil {
			return err
		}
	}
	return nil
}

// Errors for the log: why a sender was not listed.
var (
	errNotOurs   = errors.New("it did not come by this system, or has no sender")
	errNotProven = errors.New("nothing proves that it is from its sender")
	errOwnSender = errors.New("the sender is the owner's own address or domain, which is never allowed")
)

// list looks at what was moved. Others to whom the folder is shared list nobody for its owner.
func (l lister) list(ctx context.Context, s imap.Sorted) error {
	to, is := mailbox.ListingOf(s.To)
	box, known := l.app.directory.Snapshot().Box(s.Box)
	if !is || !known || !strings.EqualFold(string(box.Address), s.Address) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, moveTime)
	defer cancel()
	messages, err := l.app.mailboxes.Messages(ctx, s.To.ID, firstOf(s.UIDs, maxMoved), mailbox.Whole)
	if err != nil {
		return err
	}
	target, err := l.target(ctx, s, to)
	if err != nil {
		return err
	}
	var listed mailbox.UIDSet
	for _, m := range messages {
		switch sender, err := l.sender(ctx, box, m, to); {
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			l.app.log.Info("sender not listed", "mailbox", box.Address, "folder", s.To.Name, "uid", m.UID, "error", err)
		default:
			listed = listed.Add(m.UID)
			l.app.log.Info("sender listed", "mailbox", box.Address, "allow", to.Allow, "sender", sender)
		}
	}
	if len(listed) == 0 || target == 0 {
		return nil
	}
	_, err = l.app.mailboxes.Move(ctx, s.To.ID, listed, target)
	l.app.changes.Notify(s.Box)
	return err
}

// target is the folder where listed messages belong; 0: they stay.
func (l lister) target(ctx context.Context, s imap.Sorted, to mailbox.Listing) (int64, error) {
	if to.Allow && s.From.Use != mailbox.Junk {
		if _, is := mailbox.ListingOf(s.From); !is && s.From.Use != mailbox.Trash {
			return s.From.ID, nil
		}
	}
	all, err := l.app.mailboxes.Folders(ctx, s.Box)
	for _, f := range all {
		if to.Allow && f.Name == mailbox.Inbox || !to.Allow && f.Use == mailbox.Junk {
			return f.ID, nil
		}
	}
	return 0, err
}

// sender lists the sender of one message. What the opposite list says of him ends, or the owner's
// last word would not count.
func (l lister) sender(ctx context.Context, box directory.Mailbox, m mailbox.Message, to mailbox.Listing) (mail.Path, error) {
	sender, proven := writtenBy(m.View)
	switch {
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
