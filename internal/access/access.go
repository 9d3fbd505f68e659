// Package access says who may do what, and knows people again who logged in.
//
// The rules are one table, role × action (table.go): how far each role reaches with each
// action. May answers for a person, an action and the object that the action is for; it
// is pure, and everything that acts for a person asks it: pages today, an interface for
// programs later. A role that can't do a thing to anything at all (MayAny) is not even
// shown the way there.
//
// Who helps an owner may be given the owner's pages for a while (support.go). Of what the owner may those actions alone are
// left that table.go names (supports).
//
// Of what a role may in its domains an operator can choose some for a person (rights.go):
// all else is closed to that one then, also what comes anew.
//
// A mailbox can be locked, by an operator or its owner. Then what it has is closed to
// those who look after its domain, whatever their role: of all actions those alone are left that
// table.go names (unlocked). So an action that comes anew, and nobody thought of, is closed.
//
// A person is the owner of a mailbox or an admin. Who somebody is, and whether the
// password is right, is known elsewhere (People); this package counts the tries
// at all doors (guard.go, throttle.go), asks for the second factor (factor.go) and keeps sessions (session.go).
package access

import (
	"slices"
	"time"
)

// A Role is what a person is here.
type Role string

// Roles.
const (
	Owner    Role = "owner"    // of one mailbox
	Reader   Role = "reader"   // of named domains: sees, changes nothing
	Helpdesk Role = "helpdesk" // of named domains: sees, releases and deletes; sets nothing
	Admin    Role = "admin"    // of named domains
	Operator Role = "operator" // of the node: everything
)

// Roles returns all of them, the least first.
func Roles() []Role { return []Role{Owner, Reader, Helpdesk, Admin, Operator} }

// A Kind tells in which table a person is found.
type Kind string

// Kinds.
const (
	KindMailbox Kind = "mailbox"
	KindAdmin   Kind = "admin"
)

// A Person is somebody who logged in. The zero Person is nobody.
type Person struct {
	Kind     Kind
	ID       int64
	Name     string // an owner's address, an admin's name
	Role     Role
	Domains  []string // A-labels, of admins, helpdesk and readers; an owner's own one
	Box      int64    // an owner's mailbox; 0: none
	Rights   []Action // of those who look after domains: what of the role is theirs; none: all of it
	Language string   // a tag; "": nobody said
	Zone     string   // such as "Europe/Paris"; "": the node's

	Support bool      // it is not the owner, but whom he gave support access
	Until   time.Time // of Support: when it ends
}

// Known reports whether the person is somebody.
func (p Person) Known() bool { return p.Kind != "" && p.ID != 0 && p.Role != "" }

// Delegated reports whether the person looks after some domains for their operators.
func (p Person) Delegated() bool { return p.Kind == KindAdmin && p.Role != Operator }

// An Object is what an action is for: a held message, an entry of a list, settings. A
// mailbox is named by its domain and its number, a domain has Box 0, and the zero Object
// is the node itself, what is global.
type Object struct {
	Domain  string // A-labels
	Box     int64
	Guarded bool // a held message with a virus, say
	Locked  bool // the mailbox is locked, or what is in it comes from one that is
}

// May reports whether a person may do something to an object.
func May(p Person, a Action, o Object) bool {
	if a == Public {
		return true
	}
	if !p.Known() || !p.granted(a) || o.Guarded && a == HeldRelease && p.Role != Operator || o.Locked && p.Delegated() && !unlocked(a) {
		return false
	}
	switch table()[a][p.Role] {
	case all:
		return true
	case domains:
		return o.Domain != "" && slices.Contains(p.Domains, o.Domain)
	case mailbox:
		return o.Box != 0 && o.Box == p.Box
	case self:
		return o == Object{}
	}
	return false
}

// MayAny reports whether there may be an object to which a person may do something.
func MayAny(p Person, a Action) bool {
	if a == Public {
		return true
	}
	return p.Known() && p.granted(a) && table()[a][p.Role] != none
}
