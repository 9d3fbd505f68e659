package web

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
)

// A visit is what is known of one request. Handlers get it by visitOf.
type visit struct {
	ID      string        // of the request, in the log and on pages of failures
	Person  access.Person // who is logged in; zero: nobody
	Session string        // the session's id; "": none
	Client  netip.Addr
	Lang    string         // of the page: "en", "fr"
	Zone    *time.Location // in which times are shown
	Now     time.Time

	csrf   string // the token for forms
	may    func(access.Action, access.Object) bool
	shut   func(directory.Page) directory.ShutBy
	notice *notice
	route  route
	words  interface {
		Text(lang, key string, args ...any) string
	}
}

// T returns a text in the language of the page.
func (v *visit) T(key string, args ...any) string { return v.words.Text(v.Lang, key, args...) }

type visitKey struct{}

// visitOf returns the visit that a request is.
func visitOf(r *http.Request) *visit {
	v, _ := r.Context().Value(visitKey{}).(*visit)
	return v
}

func withVisit(r *http.Request, v *visit) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
}

// allow fails with errNotFound where the person may not do what the route is for to an
// object: who may not see it does not learn that it is there. Every handler whose route
// is for some object asks it.
func (s *Server) allow(r *http.Request, o access.Object) error {
	v := visitOf(r)
	if !v.may(v.route.action, o) {
		return errNotFound
	}
	return nil
}

// may tells a page which of its buttons to show.
func (s *Server) may(r *http.Request, a access.Action, o access.Object) bool {
	return visitOf(r).may(a, o)
}

// Locks knows which mailboxes are locked; *directory.Snapshot does.
type Locks interface {
	// Locked reports whether a mailbox is.
	Locked(box int64) bool
	// Closed reports whether mail to an address is for mailboxes alone that are.
	Closed(rcpt mail.Path) bool
	// Locks reports whether one of a domain's mailboxes is.
	Locks(domain string) bool
	// SomeLocked reports whether any mailbox is.
	SomeLocked() bool
}

// judge makes the question of who may do what, for a visit. It is the one place in which pages ask package
// access, so that no page forgets that a mailbox is locked, or what is shut to its owner.
func (s *Server) judge(v *visit) func(access.Action, access.Object) bool {
	return func(a access.Action, o access.Object) bool {
		o.Locked = o.Locked || o.Box > 0 && s.locks().Locked(o.Box)
		return access.May(v.Person, a, o) && v.open(pageOf(a)) == nil
	}
}

// locks are those of now: they may change while a page is made.
func (s *Server) locks() Locks {
	if s.Locks == nil { // there are no mailboxes
		return noLocks{}
	}
	return s.Locks()
}

// noLocks is nothing locked.
type noLocks struct{}

// Locked implements Locks.
func (noLocks) Locked(int64) bool { return false }

// Closed implements Locks.
func (noLocks) Closed(mail.Path) bool { return false }

// Locks implements Locks.
func (noLocks) Locks(string) bool { return false }

// SomeLocked implements Locks.
func (noLocks) SomeLocked() bool { return false }
