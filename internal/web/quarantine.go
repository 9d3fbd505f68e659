package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/web/safe"
	"gatepost/quarantine"
)

// A HeldReader finds held messages; *quarantine.Quarantine is one.
type HeldReader interface {
	Find(ctx context.Context, q quarantine.Query) (quarantine.Page, error)
	// Count stops at most, and says whether there may be more.
	Count(ctx context.Context, q quarantine.Query, most int) (n int, more bool, err error)
	Show(ctx context.Context, id string) (quarantine.Held, error)
	Tallies(ctx context.Context, since time.Time) ([]quarantine.Tally, error)
}

// A HeldActor does what people want done to held messages. Who may is asked before.
type HeldActor interface {
	Act(ctx context.Context, id string, by quarantine.By, act HeldAct) (quarantine.Held, error)
	// Bulk is quarantine.Bulk.
	Bulk(ctx context.Context, q quarantine.Query, limit int, do func(context.Context, quarantine.Held) error) (quarantine.Bulk, error)
	// Allowable returns nil, or why a message's sender can't be allowed.
	Allowable(h quarantine.Held) error
}

// HeldContent has what belongs to a held message and is kept elsewhere.
type HeldContent interface {
	// Open returns the message as it would be delivered, and what ends reading it; or
	// ErrGone.
	Open(ctx context.Context, h quarantine.Held) (m *mail.Message, end func(), err error)
	// Walks returns how it was judged: the gate's walk and its recipient's; or ErrGone.
	Walks(ctx context.Context, h quarantine.Held) ([]journal.Walk, error)
	// Passes names the filters that an allow entry for its sender would not pass, in
	// their order: mail of the sender is judged by them all the same.
	Passes(h quarantine.Held) []string
}

// Held is all that the pages of held messages ask.
type Held interface {
	HeldReader
	HeldActor
	HeldContent
}

// ErrGone: it was kept, and is not any more.
var ErrGone = errors.New("not kept any more")

// A HeldAct is something that people do to a held message.
type HeldAct struct {
	What   string // one of the acts below
	Choice quarantine.Choice
}

// Acts on held messages.
const (
	heldRelease = "release"
	heldAllow   = "allow" // and release
	heldDelete  = "delete"
	heldBlock   = "block" // and delete
	heldAsk     = "ask"
)

// needs are the actions that an act needs: one for the message, and one for the lists of
// which it becomes an entry, "" where of none.
func needs(act string) (held, entry access.Action, ok bool) {
	switch act {
	case heldRelease:
		return access.HeldRelease, "", true
	case heldAllow:
		return access.HeldRelease, access.EntryChange, true
	case heldDelete:
		return access.HeldDelete, "", true
	case heldBlock:
		return access.HeldDelete, access.EntryChange, true
	case heldAsk:
		return access.HeldAsk, "", true
	}
	return "", "", false
}

func (s *Server) quarantineRoutes() []route {
	return []route{
		{pattern: "GET /quarantine", action: access.HeldView, handle: s.listHeld},
		{pattern: "POST /quarantine", action: access.HeldView, handle: s.actOnMany},
		{pattern: "GET /quarantine/filters", action: access.HeldView, handle: s.showTallies},
		{pattern: "GET /quarantine/{id}", action: access.HeldView, handle: s.showHeld},
		{pattern: "GET /quarantine/{id}/view", action: access.HeldView, handle: s.viewHeld},
		{pattern: "GET /quarantine/{id}/source", action: access.HeldView, handle: s.showSource},
		{pattern: "GET /quarantine/{id}/message.eml", action: access.HeldView, handle: s.downloadHeld},
		{pattern: "POST /quarantine/{id}/message.eml", action: access.HeldView, handle: s.downloadHeld},
		{pattern: "POST /quarantine/{id}/{act}", action: access.HeldView, handle: s.actOnOne},
	}
}

// objectOf is a held message as package access sees it. One that is for no one mailbox here may come from
// a locked one's: its owner sent it, it is a copy of what is sent on from there, or what another server would not take of it.
func (s *Server) objectOf(h quarantine.Held) access.Object {
	if h.Gone { // the name may be somebody else's by now
		return access.Object{Guarded: h.Guarded}
	}
	o := access.Object{Domain: h.Domain, Box: max(h.Box, 0), Guarded: h.Guarded}
	if o.Box == 0 {
		locks := s.locks()
		o.Locked = locks.Closed(h.Recipient) || h.Filter == quarantine.Undeliverable && locks.Locks(h.Domain) || h.Proof == "log-in" && sentLocked(locks, h)
	}
	return o
}

// sentLocked reports whether what somebody sent who had logged in may be a locked mailbox's: it is from an address of one, or, as
// mail programs' receipts are, from nobody, and its domain has one; or one sent it under an address that others have, too.
func sentLocked(locks Locks, h quarantine.Held) bool {
	sender := h.Sender.Unsigned()
	return h.By > 0 && locks.Locked(h.By) || locks.Closed(sender) || sender.IsNull() && locks.Locks(h.Domain)
}

// held returns the message that a request names, if the person may see it: one that is
// not there and one that is another's are the same.
func (s *Server) held(r *http.Request) (quarantine.Held, error) {
	h, err := s.Held.Show(r.Context(), r.PathValue("id"))
	if errors.Is(err, quarantine.ErrUnknown) {
		return h, errNotFound
	}
	if err != nil {
		return h, err
	}
	if !s.may(r, access.HeldView, s.objectOf(h)) {
		return quarantine.Held{}, errNotFound
	}
	return h, nil
}

// findable narrows a search to what the person may see, row by row where there are locked mailboxes, in whatever domain: who logged in
// there may have sent under an address of the person's.
func (s *Server) findable(r *http.Request, q quarantine.Query) (quarantine.Query, bool) {
	q, ok := mine(visitOf(r).Person, q)
	if ok && q.Unlocked && s.locks().SomeLocked() {
		q.Only = func(h *quarantine.Held) bool { return s.may(r, access.HeldView, s.objectOf(*h)) }
	}
	return q, ok
}

// mine narrows a search to what the person may see. It is false where that is nothing:
// an empty field of a Query asks for all.
func mine(p access.Person, q quarantine.Query) (quarantine.Query, bool) {
	switch p.Role {
	case access.Operator:
		return q, true
	case access.Admin, access.Helpdesk, access.Reader:
		q.Domains, q.Unlocked = p.Domains, true
		return q, len(p.Domains) > 0 && (q.Domain == "" || slices.Contains(p.Domains, q.Domain))
	case access.Owner:
		q.Box = p.Box
		return q, p.Box > 0
	}
	return q, false
}

// by is who acts.
func by(p access.Person) quarantine.By {
	return quarantine.By{Who: p.By(), Person: p.Name, Operator: p.Role == access.Operator}
}

// filterName is what a filter is called on pages: in words where there are some, else as
// the policy calls it.
func (s *Server) filterName(v *visit, entry string) string {
	if key := "filter." + entry; s.words.Has(key) {
		return v.T(key)
	}
	return safe.Line(entry)
}

// why puts an error of an act in words. Those nobody planned are in the log.
func (s *Server) why(r *http.Request, id string, err error) string {
	v := visitOf(r)
	var ended *quarantine.NotHeldError
	switch {
	case errors.As(err, &ended):
		return v.T("held.why.ended", word(v, "state."+string(ended.Act.What)), s.who(v, ended.Act.Who), moment(v, ended.Act.When, "time.minute"))
	case errors.Is(err, quarantine.ErrNotHeld), errors.Is(err, quarantine.ErrUnknown):
		return v.T("held.why.gone")
	case errors.Is(err, quarantine.ErrGuarded):
		return v.T("held.why.guarded")
	case errors.Is(err, quarantine.ErrUnproven):
		return v.T("held.why.unproven")
	case errors.Is(err, quarantine.ErrOwn):
		return v.T("held.why.own")
	case errors.Is(err, quarantine.ErrNobody):
		return v.T("held.why.nobody")
	case errors.Is(err, quarantine.ErrNowhere):
		return v.T("held.why.nowhere")
	case errors.Is(err, quarantine.ErrFull):
		return v.T("held.why.full")
	case errors.Is(err, errForbidden):
		return v.T("held.why.right")
	}
	s.Log.Warn("act on a held message failed", "id", v.ID, "held", id, "error", err)
	return v.T("held.why.failed", v.ID)
}

// who is somebody who acted, in words where it was nobody with a name.
func (s *Server) who(v *visit, name string) string {
	if key := "who." + name; s.words.Has(key) {
		return v.T(key)
	}
	return safe.Line(name)
}

// A cursor in an address is the microseconds and the id, with a dot between.
func cursorText(c quarantine.Cursor) string {
	return strconv.FormatInt(c.Time.UnixMicro(), 36) + "." + c.ID
}

func readCursor(text string) (quarantine.Cursor, bool) {
	micros, id, ok := strings.Cut(text, ".")
	n, err := strconv.ParseInt(micros, 36, 64)
	if !ok || err != nil || id == "" || len(id) > 64 {
		return quarantine.Cursor{}, false
	}
	return quarantine.Cursor{Time: time.UnixMicro(n).UTC(), ID: id}, true
}

// word is a text whose key is put together.
func word(v *visit, key string) string { return v.T(key) }
