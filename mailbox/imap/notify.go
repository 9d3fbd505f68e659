package imap

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"gatepost/mailbox"
)

// NOTIFY (RFC 5465): a client that says what it wants to hear of is told so at any time, of folders that
// are not selected too. Their source is the store: one number says whether anything in the
// box changed since, and the folders' counters say what.

var notifyCommands = []command{
	{name: "NOTIFY", states: inside, run: (*conn).setNotify},
}

// maxNews is how many responses about other folders one look may come to; beyond it the client has to
// look for itself (RFC 5465 §5.8).
const maxNews = 1000

// errAbroad: others' folders are not watched, and a client that would rely on it has to hear so
// (RFC 5465 §5.8).
var errAbroad = no("NOTIFICATIONOVERFLOW", "Of others' folders only the selected one is told of")

// A watch is what NOTIFY asked for, and what the client was told of the folders.
type watch struct {
	selected *eventGroup // nil: nothing is wanted of what is selected
	others   []eventGroup

	latest     mailbox.ModSeq // of the box, when it was looked at
	folders    map[int64]mailbox.Folder
	subscribed map[string]bool
}

// setNotify: RFC 5465 §3.1.
func (c *conn) setNotify(ctx context.Context, r *request) (reply, error) {
	r.space()
	w, status := &watch{}, false
	switch r.word() {
	case "NONE":
	case "SET":
		r.space()
		if status = r.takeFold("STATUS "); r.err != nil {
			break
		}
		for _, g := range r.eventGroups() {
			switch {
			case !g.selects():
				w.others = append(w.others, g)
			case g.events != 0:
				w.selected = &g
			}
		}
	default:
		r.fail("Expected SET or NONE")
	}
	if err := r.end(); err != nil {
		return reply{}, err
	}
	if c.sharing() && slices.ContainsFunc(w.others, eventGroup.abroad) {
		return reply{}, errAbroad
	}
	if err := w.look(ctx, c); err != nil {
		return reply{}, err
	}
	c.watch = w
	if status {
		c.statusOfWatched()
	}
	if c.view != nil && w.selected != nil {
		return reply{}, c.sync(ctx, true, true) // an implicit NOOP
	}
	return reply{}, nil
}

// look takes down how all folders are.
func (w *watch) look(ctx context.Context, c *conn) error {
	if len(w.others) == 0 {
		return nil
	}
	latest, err := c.srv.Store.Latest(ctx, []int64{c.box})
	if err != nil {
		return err
	}
	w.latest = latest[c.box] // before the rest: what happens meanwhile is seen again
	folders, err := c.srv.Store.Folders(ctx, c.box)
	if err != nil {
		return err
	}
	names, err := c.srv.Store.Subscriptions(ctx, c.box)
	if err != nil {
		return err
	}
	w.folders, w.subscribed = make(map[int64]mailbox.Folder, len(folders)), make(map[string]bool, len(names))
	for _, f := range folders {
		w.folders[f.ID] = f
	}
	for _, name := range names {
		w.subscribed[name] = true
	}
	return nil
}

// wants returns the events that are wanted of a folder which is not selected.
func (w *watch) wants(name string) (e events) {
	for i := range w.others {
		if g := &w.others[i]; g.matches(name, w.subscribed[name]) {
			e |= g.events
		}
	}
	return e
}

// byName lists the folders of a watch.
func (w *watch) byName() []mailbox.Folder {
	return slices.SortedFunc(maps.Values(w.folders), func(a, b mailbox.Folder) int { return cmp.Compare(a.Name, b.Name) })
}

// statusOfWatched is what NOTIFY SET STATUS tells first.
func (c *conn) statusOfWatched() {
	for _, f := range c.watch.byName() {
		e := c.watch.wants(f.Name) & messageEvents
		if e == 0 || c.view != nil && c.view.folder.ID == f.ID {
			continue
		}
		items := []string{"MESSAGES", "UIDNEXT", "UIDVALIDITY"}
		if e&flagChange != 0 || c.condstore {
			items = append(items, "HIGHESTMODSEQ")
		}
		c.statusLine(f, items, 0)
		c.out.flushIfFull()
	}
}

// quietly reports whether the client wants to hear nothing of what is selected: only commands that
// are about it tell (RFC 5465 §3.1).
func (c *conn) quietly() bool { return c.watch != nil && c.watch.selected == nil }

// wantsFlags reports whether changes of flags in the selected folder are told.
func (c *conn) wantsFlags() bool {
	return c.watch == nil || c.watch.selected == nil || c.watch.selected.events&flagChange != 0
}

// syncNew is sync, with what NOTIFY wants fetched of new messages, but for those that the client
// made itself (RFC 5465 §5.2).
func (c *conn) syncNew(ctx context.Context, expunges, must, own bool) error {
	last := c.view.lastTold()
	if err := c.sync(ctx, expunges, must); err != nil || c.view == nil {
		return err
	}
	if own || c.view.lazy || c.watch == nil || c.watch.selected == nil || !c.watch.selected.fetch {
		return nil
	}
	first, found := c.view.find(last)
	if found {
		first++
	}
	if first >= c.view.told {
		return nil
	}
	f := fetcher{conn: c, items: c.watch.selected.items}
	return f.run(ctx, []span{{first, c.view.told}})
}

// tellOthers tells what happened in the folders that are not selected.
func (c *conn) tellOthers(ctx context.Context) error {
	if c.watch == nil || len(c.watch.others) == 0 {
		return nil
	}
	latest, err := c.srv.Store.Latest(ctx, []int64{c.box})
	if err != nil || latest[c.box] == c.watch.latest {
		return err
	}
	before, now := c.watch, &watch{selected: c.watch.selected, others: c.watch.others}
	if err := now.look(ctx, c); err != nil {
		return err
	}
	c.watch = now
	n := news{conn: c, before: before, now: now, told: map[string]bool{}}
	n.folders()
	n.subscriptions()
	if n.overflow {
		c.watch = &watch{} // as after NOTIFY NONE
		c.out.untagged("OK [NOTIFICATIONOVERFLOW] Too much happened, look for yourself")
		return nil
	}
	for _, tell := range n.lines {
		tell()
		c.out.flushIfFull()
	}
	return nil
}

// news is what happened between two looks.
type news struct {
	*conn
	before, now *watch
	lines       []func()
	told        map[string]bool // names of which LIST tells
	overflow    bool
}

func (n *news) add(tell func()) {
	if n.overflow = n.overflow || len(n.lines) == maxNews; !n.overflow {
		n.lines = append(n.lines, tell)
	}
}

// folders compares them one by one. A folder is known by its number, so that one that is made
// anew under a name is another.
func (n *news) folders() {
	var renamed [][2]string
	for _, f := range n.now.byName() {
		old, there := n.before.folders[f.ID]
		switch {
		case !there:
			n.named(f.Name, "")
			n.parent(f.Name)
		case old.Name != f.Name && !slices.ContainsFunc(renamed, func(r [2]string) bool { return beneath(old.Name, f.Name, r) }):
			renamed = append(renamed, [2]string{old.Name, f.Name})
			n.named(f.Name, old.Name)
		}
		if !there && f.Messages > 0 || there {
			n.messages(old, f)
		}
	}
	for _, f := range n.before.byName() {
		if _, there := n.now.folders[f.ID]; !there {
			n.named(f.Name, "")
			n.parent(f.Name)
		}
	}
}

// beneath reports whether a folder has its new name because one above it was renamed.
func beneath(old, name string, above [2]string) bool {
	rest, ok := strings.CutPrefix(old, above[0]+mailbox.Separator)
	return ok && name == above[1]+mailbox.Separator+rest
}

// named tells that a name is one of a folder now, or is no more (RFC 5465 §5.4).
func (n *news) named(name, old string) {
	if (n.now.wants(name)|n.before.wants(name))&mailboxName != 0 {
		n.list(name, old)
	}
}

// parent: a name above counts as affected, too.
func (n *news) parent(name string) {
	if above := mailbox.Parents(name); len(above) > 0 {
		n.named(above[len(above)-1], "")
	}
}

// list tells how a name is.
func (n *news) list(name, old string) {
	if n.told[name] {
		return
	}
	n.told[name] = true
	n.add(func() {
		nd := node{subscribed: n.now.subscribed[name]}
		for _, f := range n.now.folders {
			if f.Name == name {
				nd.folder = &f
			}
			nd.children = nd.children || strings.HasPrefix(f.Name, name+mailbox.Separator)
		}
		n.out.text("* LIST (", nd.attributes(true), `) "/" `)
		n.name(name)
		if old != "" {
			n.out.text(` ("OLDNAME" (`)
			n.name(old)
			n.out.text("))")
		}
		n.out.text("\r\n")
	})
}

// messages tells what happened to the messages of a folder (RFC 5465 §5.1 to §5.3).
func (n *news) messages(old, f mailbox.Folder) {
	e := n.now.wants(f.Name)
	var items []string
	if (old.UIDNext != f.UIDNext || old.Messages != f.Messages) && e&(messageNew|messageExpunge) != 0 {
		items = append(items, "UIDNEXT", "MESSAGES")
	}
	if e&flagChange != 0 && old.HighestModSeq != f.HighestModSeq {
		items = append(items, "UIDVALIDITY", "UNSEEN")
	}
	if len(items) == 0 || n.view != nil && n.view.folder.ID == f.ID {
		return
	}
	if n.condstore {
		items = append(items, "HIGHESTMODSEQ")
	}
	n.add(func() { n.statusLine(f, items, 0) })
}

// subscriptions: RFC 5465 §5.5.
func (n *news) subscriptions() {
	changed := map[string]bool{}
	for name := range n.now.subscribed {
		changed[name] = !n.before.subscribed[name]
	}
	for name := range n.before.subscribed {
		changed[name] = !n.now.subscribed[name]
	}
	for _, name := range slices.Sorted(maps.Keys(changed)) {
		if changed[name] && (n.now.wants(name)|n.before.wants(name))&subscriptionChange != 0 {
			n.list(name, "")
		}
	}
}

// await waits for the next command and tells meanwhile what NOTIFY wants told.
func (c *conn) await(ctx context.Context) error {
	line := make(chan error, 1)
	go func() {
		_, err := c.in.r.Peek(1) // nobody else reads until it is here
		line <- err
	}()
	poll := time.NewTicker(c.limits.Poll)
	defer poll.Stop()
	for must := false; ; must = true {
		select { // what is here is answered first
		case err := <-line:
			return err
		default:
		}
		delayed := c.watch.selected != nil && c.watch.selected.filter == ofSelectedDelayed
		if err := c.tell(ctx, !delayed, must); errors.Is(err, errGone) || c.out.err != nil {
			c.Interrupt()
			<-line
			return errGone
		} else if err != nil && ctx.Err() == nil {
			c.log.Error("synchronising failed", "error", err)
		}
		select {
		case err := <-line:
			return err
		case <-c.hints:
		case <-poll.C:
		}
	}
}
