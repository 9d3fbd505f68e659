package imap

import (
	"slices"
	"strings"

	"gatepost/mailbox"
)

// events are a set of what a client wants to hear of (RFC 5465 §5).
type events uint8

const (
	messageNew events = 1 << iota
	messageExpunge
	flagChange
	mailboxName
	subscriptionChange

	messageEvents = messageNew | messageExpunge | flagChange
)

// eventNames are in the order of the bits.
var eventNames = [...]string{"MessageNew", "MessageExpunge", "FlagChange", "MailboxName", "SubscriptionChange"}

// Bounds of one NOTIFY.
const (
	maxGroups     = 50
	maxGroupNames = 1000 // of all groups
)

// A filter says which folders a group is about (RFC 5465 §6).
type filter uint8

const (
	ofSelected filter = iota
	ofSelectedDelayed
	ofPersonal // "inboxes" too: a rule may file mail into any folder (§6.3)
	ofSubscribed
	ofSubtree
	ofMailboxes
)

// An eventGroup is one parenthesis of NOTIFY SET.
type eventGroup struct {
	filter filter
	names  []string   // of ofSubtree and ofMailboxes
	events events     // none: NONE
	items  fetchItems // of new messages in the selected folder
	fetch  bool       // items were given
}

// selects reports whether the group is about what is selected.
func (g *eventGroup) selects() bool { return g.filter <= ofSelectedDelayed }

// matches reports whether the group, which does not select, is about a folder.
func (g *eventGroup) matches(name string, subscribed bool) bool {
	switch g.filter {
	case ofPersonal:
		return true
	case ofSubscribed:
		return subscribed
	case ofMailboxes:
		return slices.Contains(g.names, name)
	}
	return slices.ContainsFunc(g.names, func(top string) bool {
		return name == top || strings.HasPrefix(name, top+mailbox.Separator)
	})
}

// abroad reports whether the group names folders of others, and wants to hear of them.
func (g eventGroup) abroad() bool {
	return g.events != 0 && slices.ContainsFunc(g.names, func(name string) bool {
		top := name + mailbox.Separator
		return strings.HasPrefix(top, mailbox.SharedSpace) || strings.HasPrefix(top, mailbox.GroupSpace)
	})
}

// badEvent refuses events that are not served, and names those that are (RFC 5465 §3.1).
func badEvent() error {
	return no("BADEVENT ("+strings.Join(eventNames[:], " ")+")", "Not an event that is served")
}

// eventGroups reads what NOTIFY SET asks for.
func (r *request) eventGroups() (groups []eventGroup) {
	names, unknown, selects := 0, false, 0
	for more := true; more && r.err == nil; more = r.take(' ') {
		g := r.eventGroup(&unknown)
		if names += len(g.names); len(groups) == maxGroups || names > maxGroupNames {
			r.err, r.b = no("NOTIFICATIONOVERFLOW", "Too many groups or mailboxes"), nil
		}
		if groups = append(groups, g); g.selects() {
			selects++
		}
	}
	if selects > 1 {
		r.fail("What is selected can be asked for once")
	}
	if r.end() == nil && unknown {
		r.err = badEvent()
	}
	return groups
}

// eventGroup reads (subtree (a b) (MessageNew MessageExpunge)). That the events stand in no parentheses
// of their own is met, too: examples of the RFC are so.
func (r *request) eventGroup(unknown *bool) (g eventGroup) {
	r.expect('(')
	g.readFilter(r)
	r.space()
	one := func() { g.readEvent(r, unknown) }
	switch {
	case r.takeFold("NONE"):
	case r.peek() == '(':
		r.list(one)
	default:
		for one(); r.err == nil && r.take(' '); {
			one()
		}
	}
	r.expect(')')
	pair := g.events & (messageNew | messageExpunge)
	switch {
	case r.err != nil || *unknown:
	case pair != 0 && pair != messageNew|messageExpunge, g.events&flagChange != 0 && pair == 0: // RFC 5465 §5
		r.fail("MessageNew and MessageExpunge go together, FlagChange with both")
	case g.selects() && g.events&^messageEvents != 0: // §6.1
		r.fail("Only events of messages are for what is selected")
	case g.fetch && !g.selects():
		r.fail("Only of what is selected new messages are fetched")
	}
	return g
}

func (g *eventGroup) readFilter(r *request) {
	switch name := r.word(); name {
	case "SELECTED":
		g.filter = ofSelected
	case "SELECTED-DELAYED":
		g.filter = ofSelectedDelayed
	case "INBOXES", "PERSONAL":
		g.filter = ofPersonal
	case "SUBSCRIBED":
		g.filter = ofSubscribed
	case "SUBTREE", "MAILBOXES":
		if g.filter = ofMailboxes; name == "SUBTREE" {
			g.filter = ofSubtree
		}
		r.space()
		one := func() { g.names = append(g.names, r.folderName()) }
		if r.peek() == '(' {
			r.list(one)
		} else {
			one()
		}
	default:
		r.fail("Unknown mailbox filter")
	}
}

func (g *eventGroup) readEvent(r *request, unknown *bool) {
	name := r.atom()
	i := slices.IndexFunc(eventNames[:], func(known string) bool { return strings.EqualFold(known, name) })
	if i < 0 {
		*unknown = true
		return
	}
	g.events |= 1 << i
	if g.events&messageNew != 0 && i == 0 && strings.HasPrefix(string(r.b), " (") {
		r.space()
		r.list(func() { r.fetchItem(&g.items) })
		g.fetch, g.items.uid = true, true
		for k := range g.items.sections {
			g.items.sections[k].seen = false // nobody has read what is pushed
		}
	}
}
