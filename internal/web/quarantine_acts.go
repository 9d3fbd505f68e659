package web

import (
	"context"
	"net/http"

	"gatepost/internal/access"
	"gatepost/internal/mail"
	"gatepost/quarantine"
)

// A heldConfirm is a page that asks once more.
type heldConfirm struct {
	Act     string
	Row     heldRow // where it is one message
	Domain  string  // the sender's
	Ours    string  // the recipient's domain
	Wide    bool    // the entry may be for all of it
	Boxed   bool    // or for the mailbox alone
	Guarded bool

	Many    int // messages; 0: one, Row
	More    bool
	All     bool
	IDs     []string
	Fields  []formField
	Until   int64 // microseconds: what comes later is not meant
	After   string
	Before  heldBulk // what was done until now, where it goes on
	Samples []heldRow
}

// actOnOne does something to one message. What can't be undone asks once more.
func (s *Server) actOnOne(w http.ResponseWriter, r *http.Request) error {
	h, err := s.held(r)
	if err != nil {
		return err
	}
	act := s.readAct(r, r.PathValue("act")).fit(h)
	if _, _, ok := needs(act.What); !ok {
		return errNotFound
	}
	if err := s.mayAct(r, h, act); err != nil {
		return err
	}
	if s.asks(r, h, act) {
		o := s.objectOf(h)
		var fields []formField
		if act.Choice.Wide && act.What == heldAllow { // chosen already
			fields = append(fields, formField{"wide", "yes"})
		}
		return s.page(w, r, http.StatusOK, "held-confirm", heldConfirm{
			Act: act.What, Fields: fields, Row: s.heldRow(visitOf(r), h), Domain: h.Sender.Domain(), Ours: mail.ShownDomain(h.Domain), Boxed: h.Box > 0, Guarded: h.Guarded,
			Wide: s.may(r, access.EntryChange, access.Object{Domain: o.Domain}),
		})
	}
	back := "/quarantine/" + h.ID
	after, err := s.Held.Act(r.Context(), h.ID, by(visitOf(r).Person), act)
	if err != nil {
		return s.redirect(w, r, back, notice{"bad", s.why(r, h.ID, err)})
	}
	if act.What == heldDelete || act.What == heldBlock {
		back = "/quarantine"
	}
	return s.redirect(w, r, back, notice{"good", s.done(visitOf(r), act, after)})
}

// readAct takes what the form says about an act.
func (s *Server) readAct(r *http.Request, what string) HeldAct {
	form := r.PostForm
	if what == heldRelease && form.Get("allow") == "yes" {
		what = heldAllow
	}
	act := HeldAct{What: what, Choice: quarantine.Choice{Domain: form.Get("whole") == "yes", Wide: form.Get("wide") == "yes"}}
	if visitOf(r).Person.Kind == access.KindAdmin {
		act.Choice.Origin = "admin"
	}
	return act
}

// fit makes an act one for a message: an entry for a message that is for no one mailbox
// here can only be the domain's.
func (a HeldAct) fit(h quarantine.Held) HeldAct {
	_, entry, _ := needs(a.What)
	a.Choice.Wide = entry != "" && (a.Choice.Wide || h.Box <= 0)
	return a
}

// mayAct asks for the message, and for the list in which an entry is to be made.
func (s *Server) mayAct(r *http.Request, h quarantine.Held, act HeldAct) error {
	held, entry, _ := needs(act.What)
	if err := visitOf(r).open(pageOf(entry)); err != nil {
		return err
	}
	o := s.objectOf(h)
	if !s.may(r, held, o) {
		return errForbidden
	}
	list := access.Object{Domain: o.Domain, Box: o.Box}
	if act.Choice.Wide {
		list.Box = 0
	}
	if entry != "" && !s.may(r, entry, list) {
		return errForbidden
	}
	return nil
}

// asks reports whether a person is to confirm first.
func (s *Server) asks(r *http.Request, h quarantine.Held, act HeldAct) bool {
	if r.PostForm.Get("confirm") == "yes" {
		return false
	}
	return act.What == heldDelete || act.What == heldBlock || h.Guarded && (act.What == heldRelease || act.What == heldAllow)
}

// done says what was done.
func (s *Server) done(v *visit, act HeldAct, h quarantine.Held) string {
	switch act.What {
	case heldRelease, heldAllow:
		key := "held.done." + act.What
		if len(h.Ways) > 0 || h.Box <= 0 {
			key += ".onward"
		}
		return v.T(key, ownAddress(h.Recipient))
	}
	return word(v, "held.done."+act.What)
}

// actOn does to one of many what was asked for, if that is the person's to do.
func (s *Server) actOn(r *http.Request, act HeldAct) func(context.Context, quarantine.Held) error {
	return func(ctx context.Context, h quarantine.Held) error {
		if !s.may(r, access.HeldView, s.objectOf(h)) {
			return quarantine.ErrUnknown
		}
		one := act.fit(h)
		if h.Guarded && (one.What == heldRelease || one.What == heldAllow) {
			return quarantine.ErrGuarded // each by itself, under its warning
		}
		err := s.mayAct(r, h, one)
		if err == nil {
			_, err = s.Held.Act(ctx, h.ID, by(visitOf(r).Person), one)
		}
		return err
	}
}
