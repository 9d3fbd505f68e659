package access

import (
	"maps"
	"slices"
)

// An Action is something that a person does.
type Action string

// Actions.
const (
	Public       Action = "public"        // what needs no person: log-in, links with a token
	SessionUse   Action = "session.use"   // what whoever is logged in does: come in, log out, have pasted header fields explained
	AccountUse   Action = "account.use"   // one's own language, password, second factor, sessions
	LockSet      Action = "lock.set"      // lock a mailbox, and unlock it
	MailboxUse   Action = "mailbox.use"   // what an owner alone does with the mailbox: vacation, rules, deleted mail
	MailboxOpen  Action = "mailbox.open"  // what opens it to others: application passwords, recovery address, sharing, who sends for it, support access
	HeldView     Action = "held.view"     // find held messages and read them
	HeldRelease  Action = "held.release"  // what is guarded: operators only
	HeldDelete   Action = "held.delete"   //
	HeldAsk      Action = "held.ask"      // ask for the release of what is guarded
	EntryView    Action = "entry.view"    // allow and block lists of a mailbox, a domain, the node
	EntryChange  Action = "entry.change"  // add to them, change and remove: "allow", "block"
	SettingsView Action = "settings.view" // of a mailbox
	SettingsSet  Action = "settings.set"  //
	RulesChange  Action = "rules.change"  // the rules of domains
	BlockView    Action = "block.view"    // blocked log-ins
	BlockLift    Action = "block.lift"    //
	Complaints   Action = "complaints"    //
	AdminChange  Action = "admin.change"  // who looks after the node and its domains: see them, add, change and remove them
	NodeReload   Action = "node.reload"   // the configuration
	MessageView  Action = "message.view"  // what became of messages, sent and received; of an owner: sent
	QueueView    Action = "queue.view"    // what waits to be carried on, of the domain whose mail it is
	QueueChange  Action = "queue.change"  // try it now, hold it, let it go on, remove it
	QueueAll     Action = "queue.all"     // how much waits for which destination, of everybody's
	KeyView      Action = "key.view"      // keys that sign mail, of a domain
	KeyChange    Action = "key.change"    // make, replace and drop them
	SenderView   Action = "sender.view"   // servers and devices that send for a domain
	SenderChange Action = "sender.change" // add, change and remove them
	HostView     Action = "host.view"     // mail hosts that are a domain's own
	HostChange   Action = "host.change"   // add, change and remove them
	StopView     Action = "stop.view"     // who may send nothing, of a domain
	StopChange   Action = "stop.change"   // stop somebody, let him go on
)

// Actions returns all of them, sorted.
func Actions() []Action {
	return slices.Sorted(maps.Keys(table()))
}

// Is reports whether the action is one of those that the table knows.
func (a Action) Is() bool { return a == Public || table()[a] != nil }

// A reach is how far a role gets with an action.
type reach int

const (
	none    reach = iota
	self          // what belongs to the person itself, in no domain
	mailbox       // the person's mailbox
	domains       // all that is in the person's domains, and what holds for those
	all
)

// table is role × action. What it does not name is not allowed.
func table() map[Action]map[Role]reach {
	return map[Action]map[Role]reach{
		SessionUse:   {Owner: self, Reader: self, Helpdesk: self, Admin: self, Operator: self},
		AccountUse:   {Owner: self, Reader: self, Helpdesk: self, Admin: self, Operator: self},
		LockSet:      {Owner: mailbox, Operator: all},
		MailboxUse:   {Owner: mailbox},
		MailboxOpen:  {Owner: mailbox},
		HeldView:     {Owner: mailbox, Reader: domains, Helpdesk: domains, Admin: domains, Operator: all},
		HeldRelease:  {Owner: mailbox, Helpdesk: domains, Admin: domains, Operator: all},
		HeldDelete:   {Owner: mailbox, Helpdesk: domains, Admin: domains, Operator: all},
		HeldAsk:      {Owner: mailbox, Helpdesk: domains, Admin: domains},
		EntryView:    {Owner: mailbox, Reader: domains, Helpdesk: domains, Admin: domains, Operator: all},
		EntryChange:  {Owner: mailbox, Admin: domains, Operator: all},
		SettingsView: {Owner: mailbox, Reader: domains, Helpdesk: domains, Admin: domains, Operator: all},
		SettingsSet:  {Owner: mailbox, Admin: domains, Operator: all},
		RulesChange:  {Admin: domains, Operator: all},
		BlockView:    {Operator: all},
		BlockLift:    {Operator: all},
		Complaints:   {Operator: all},
		AdminChange:  {Operator: all},
		NodeReload:   {Operator: all},
		MessageView:  {Owner: mailbox, Reader: domains, Helpdesk: domains, Admin: domains, Operator: all},
		QueueView:    {Reader: domains, Helpdesk: domains, Admin: domains, Operator: all},
		QueueChange:  {Helpdesk: domains, Admin: domains, Operator: all},
		QueueAll:     {Operator: all},
		KeyView:      {Reader: domains, Helpdesk: domains, Admin: domains, Operator: all},
		KeyChange:    {Admin: domains, Operator: all},
		SenderView:   {Reader: domains, Helpdesk: domains, Admin: domains, Operator: all},
		SenderChange: {Admin: domains, Operator: all},
		HostView:     {Reader: domains, Helpdesk: domains, Admin: domains, Operator: all},
		HostChange:   {Admin: domains, Operator: all},
		StopView:     {Reader: domains, Helpdesk: domains, Admin: domains, Operator: all},
		StopChange:   {Admin: domains, Operator: all},
	}
}

// unlocked reports whether an action is left to those who look after a domain where a mailbox is locked:
// what tells nothing of its mail, and opens no way to it.
func unlocked(a Action) bool {
	switch a {
	case SettingsView, SettingsSet: // language, disposition, level and digests, which go to its owner
		return true
	case StopView, StopChange: // whether its log-in may send: of what it sent there are counts
		return true
	}
	return false
}

// supports reports whether an action of an owner's is open to who has support access: reading and releasing what is held, which he is
// given it for, and what he can be asked to set right. It is neither what opens the mailbox for longer than that access lasts or to others
// nor what locks its owner out.
func supports(a Action) bool {
	switch a {
	case SessionUse, MailboxUse, HeldView, HeldRelease, HeldDelete, HeldAsk, EntryView, EntryChange, SettingsView, SettingsSet, MessageView:
		return true
	}
	return false
}
