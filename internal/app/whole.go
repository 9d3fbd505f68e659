package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"gatepost/internal/collector"
	"gatepost/internal/remote"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

// wholePatience is how long a server may take to list a large folder.
const wholePatience = 5 * time.Minute

// dialWhole logs in to an account that is brought as a whole.
func (a *App) dialWhole(ctx context.Context, acc *collector.Account) (collector.Source, error) {
	box, ok := a.directory.Snapshot().Box(acc.Box)
	if !ok {
		return nil, errors.New("its mailbox is gone")
	}
	if err := a.openBox(ctx, box); err != nil {
		return nil, err
	}
	server, err := a.serverOf(ctx, acc)
	if err != nil {
		return nil, err
	}
	c, err := remote.DialIMAP(ctx, server)
	if err != nil {
		return nil, err
	}
	c.Patient(wholePatience)
	return wholeSource{c}, nil
}

// wholeSource implements collector.Source.
type wholeSource struct{ c *remote.IMAP }

func (s wholeSource) Places() ([]collector.Place, error) {
	list, err := s.c.List(mailbox.MaxFolders)
	if err != nil {
		return nil, err
	}
	return placesOf(list), nil
}

// virtual are folders that show what is in others.
var virtual = [...]string{`\All`, `\Flagged`, `\Important`}

// placesOf are the account's own folders that hold messages, by the names that they get here. Where all are beneath INBOX, as Courier and Cyrus
// have them, they stand beside it here.
func placesOf(list []remote.Listed) (places []collector.Place) {
	beneath := true
	list = slices.DeleteFunc(slices.Clone(list), func(l remote.Listed) bool { return l.Others })
	for _, l := range list {
		first, _, deeper := strings.Cut(l.Name, l.Delimiter)
		beneath = beneath && strings.EqualFold(first, mailbox.Inbox) && (deeper || l.Delimiter != "")
	}
	taken := map[string]bool{}
	for _, l := range list {
		if l.Has(`\Noselect`) || l.Has(`\NonExistent`) || slices.ContainsFunc(virtual[:], l.Has) {
			continue
		}
		p := collector.Place{Name: localName(l, beneath), Wire: l.Name, Subscribed: l.Subscribed}
		for n := 2; taken[p.Name]; n++ { // two names there that are one here
			p.Name = fmt.Sprint(localName(l, beneath), " ", n)
		}
		taken[p.Name] = true
		for _, attribute := range l.Attributes {
			if use, ok := mailbox.ParseUse(attribute); ok && p.Name != mailbox.Inbox {
				p.Use = string(use)
			}
		}
		places = append(places, p)
	}
	return places
}

// localName is a folder's name here: in UTF-8, its levels with "/" between, and "_" for what no name here can have.
func localName(l remote.Listed, beneath bool) string {
	name := l.Name
	if decoded, ok := imap.DecodeName(name); ok {
		name = decoded
	}
	name = strings.ToValidUTF8(name, "_")
	levels := []string{name}
	if l.Delimiter != "" {
		levels = strings.Split(name, l.Delimiter)
	}
	if beneath && len(levels) > 1 {
		levels = levels[1:]
	}
	levels = levels[:min(len(levels), mailbox.MaxDepth)]
	for n, level := range levels {
		level = strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f || strings.ContainsRune(`*%/`, r) {
				return '_'
			}
			return r
		}, level)
		if levels[n] = level; level == "" {
			levels[n] = "_"
		}
	}
	joined := strings.Join(levels, mailbox.Separator)
	if strings.HasPrefix(joined, `\`) {
		joined = "_" + joined
	}
	if clean, err := mailbox.CleanName(joined); err == nil {
		return clean
	}
	if clean, err := mailbox.CleanName(strings.ToValidUTF8(joined[:min(len(joined), mailbox.MaxName/2)], "")); err == nil {
		return clean
	}
	return "Imported"
}

func (s wholeSource) Open(p collector.Place) (collector.Look, error) {
	l, err := s.c.Look(p.Wire)
	if remote.Refused(err) {
		return collector.Look{}, fmt.Errorf("%w: %w", collector.ErrRefused, err)
	}
	look := collector.Look{Validity: l.Validity, Messages: int(l.Exists)}
	if l.ModSeq != "" && l.Next != 0 {
		look.State = fmt.Sprintf("%d messages, next %d, modseq %s", l.Exists, l.Next, l.ModSeq)
	}
	return look, err
}

// maxWhole bounds the messages of one folder of an account that is brought.
const maxWhole = 1_000_000

func (s wholeSource) Items() ([]collector.Item, error) {
	entries, err := s.c.Items(maxWhole)
	list := make([]collector.Item, len(entries))
	for n, e := range entries {
		list[n] = collector.Item{UID: e.UID, Size: e.Size, Date: e.Date, Flags: e.Flags}
	}
	return list, err
}

func (s wholeSource) Some(uids []uint32, most int64, each func(uint32, []byte, error) error) error {
	return fetchFault(s.c.Some(uids, most, func(uid uint32, content []byte, err error) error { return each(uid, content, fetchFault(err)) }))
}

func (s wholeSource) Fetch(uid uint32, w io.Writer, most int64) error {
	return fetchFault(s.c.Fetch(uid, w, most))
}

func (s wholeSource) End() error   { return s.c.Logout() }
func (s wholeSource) Close() error { return s.c.Close() }

// wholeHome implements collector.Home.
type wholeHome struct{ app *App }

func (h wholeHome) Open(ctx context.Context, acc *collector.Account, p collector.Place) (int64, string, error) {
	f, err := h.app.folderFor(ctx, acc.Box, p.Name, mailbox.Use(p.Use))
	if errors.Is(err, mailbox.ErrQuarantine) { // here that name is taken by what is held
		f, err = h.app.folderFor(ctx, acc.Box, p.Name+" 2", mailbox.Use(p.Use))
	}
	var stop stopped
	switch {
	case errors.As(err, &stop):
		return 0, "", stop.cause
	case err != nil:
		return 0, "", fmt.Errorf("%w: %w", collector.ErrRefused, err)
	}
	if p.Subscribed && !f.Subscribed {
		if err := h.app.mailboxes.Subscribe(ctx, acc.Box, f.Name, true); err != nil {
			return 0, "", err
		}
	}
	return f.ID, f.Name, nil
}

// Flags leaves out what no mailbox here keeps.
func (h wholeHome) Flags(names []string) string {
	var kept []string
	for _, name := range names {
		if _, err := mailbox.ParseFlags(append(kept, name)); err == nil {
			kept = append(kept, name)
		}
	}
	f, err := mailbox.ParseFlags(kept)
	if err != nil {
		return ""
	}
	return string(f.Append(nil))
}

// putAtOnce is how many contents are stored at the same time: they share a sync.
const putAtOnce = 16

func (h wholeHome) Take(ctx context.Context, acc *collector.Account, _ int64, name string, list []collector.Arrival) error {
	deliveries, marks := make([]*mailbox.Delivery, len(list)), make([]collector.Mark, len(list))
	var all mailbox.Usage
	for n, arrival := range list {
		date := arrival.Date
		if date.IsZero() || date.Unix() <= 0 {
			date = h.app.now()
		}
		d := mailbox.Prepare(acc.Box, name, arrival.Content, date.UTC())
		d.Flags = strings.Fields(arrival.Mark.Flags)
		deliveries[n], marks[n] = &d, arrival.Mark
		all.Messages++
		all.Bytes += d.Size
	}
	if err := h.app.quotas.Fits(ctx, acc.Box, all); err != nil {
		return err
	}
	var puts errgroup.Group
	puts.SetLimit(putAtOnce)
	for n, arrival := range list {
		puts.Go(func() error {
			id, err := h.app.blobs.Put(ctx, arrival.Content.Reader(), arrival.Content.Size())
			deliveries[n].Blob = string(id)
			return err
		})
	}
	if err := puts.Wait(); err != nil {
		return err
	}
	defer h.app.changes.Notify(acc.Box)
	return h.app.store.Collectors().Bring(ctx, deliveries, marks)
}

func (h wholeHome) Follow(ctx context.Context, acc *collector.Account, folder int64, list []collector.Following) (changed, removed int, err error) {
	slices.SortFunc(list, func(a, b collector.Following) int { return cmp.Compare(a.Mark.UID, b.Mark.UID) })
	var set mailbox.UIDSet
	for _, f := range list {
		if f.Mark.UID != 0 {
			set = set.Add(mailbox.UID(f.Mark.UID))
		}
	}
	here := map[uint32]string{}
	messages, err := h.app.mailboxes.Messages(ctx, folder, set, mailbox.Marks)
	if err != nil {
		return 0, 0, err
	}
	for _, m := range messages {
		here[uint32(m.UID)] = string(m.Flags.Append(nil))
	}
	var remark, forget []collector.Mark
	for _, f := range list {
		flags, there := here[f.Mark.UID]
		as := there && flags == f.Mark.Flags // it is as it came
		one := mailbox.UIDSet{{First: mailbox.UID(f.Mark.UID), Last: mailbox.UID(f.Mark.UID)}}
		switch {
		case f.Gone && as:
			if err := h.remove(ctx, folder, one); err != nil {
				return changed, removed, err
			}
			removed++
			forget = append(forget, f.Mark)
		case f.Gone:
			forget = append(forget, f.Mark)
		default:
			if as {
				to, err := mailbox.ParseFlags(strings.Fields(f.Flags))
				if err == nil {
					_, err = h.app.mailboxes.SetFlags(ctx, folder, one, mailbox.FlagChange{How: mailbox.Replace, Flags: to})
				}
				if err != nil {
					return changed, removed, err
				}
				changed++
			}
			f.Mark.Flags = f.Flags
			remark = append(remark, f.Mark)
		}
	}
	defer h.app.changes.Notify(acc.Box)
	return changed, removed, errors.Join(h.app.store.Collectors().Remark(ctx, remark), h.app.store.Collectors().Forget(ctx, forget))
}

// remove has a message be where deleted mail is, from which its owner can bring it back.
func (h wholeHome) remove(ctx context.Context, folder int64, one mailbox.UIDSet) error {
	deleted, err := mailbox.ParseFlags([]string{`\Deleted`})
	if err == nil {
		_, err = h.app.mailboxes.SetFlags(ctx, folder, one, mailbox.FlagChange{How: mailbox.Add, Flags: deleted})
	}
	if err == nil {
		err = h.app.mailboxes.Expunge(ctx, folder, one)
	}
	return err
}
