package web

import (
	"context"
	"errors"
	"net/http"
	"net/netip"

	"gatepost/internal/access"
	"gatepost/internal/directory"
)

// ErrRecoveryAddress: a text is no address, or leads to the mailbox itself.
var ErrRecoveryAddress = errors.New("no recovery address")

// Recoveries is about owners of mailboxes who have lost their passwords. Links fail with access.ErrNoLink.
type Recoveries interface {
	// Recovery returns where an owner is reached.
	Recovery(ctx context.Context, box int64) (access.Recovery, error)
	// AskRecovery sends a link by which an address is confirmed. It fails with ErrRecoveryAddress or access.ErrManyLinks.
	AskRecovery(ctx context.Context, box int64, address string) error
	// ForgetRecovery has no address from now on.
	ForgetRecovery(ctx context.Context, box int64) error
	// Link returns what a link is about. It changes nothing.
	Link(ctx context.Context, kind access.LinkKind, secret string) (AccountLink, error)
	// Confirm uses a link that confirms an address.
	Confirm(ctx context.Context, secret string) (AccountLink, error)
	// Reset uses a link that sets a password, which ends all sessions. It fails with ErrPassword where the text can't be one.
	Reset(ctx context.Context, secret, password string, from netip.Addr) (AccountLink, error)
	// Lost sends a link to the owner of a mailbox, if there is one who has a recovery address; what it answers, and when, tells
	// nothing of that. It fails with an access.Blocked.
	Lost(name string, from netip.Addr) error
	// PasswordChanged tells an owner that the password was changed.
	PasswordChanged(ctx context.Context, box int64, from netip.Addr)
}

// An AccountLink is what a link is about.
type AccountLink struct {
	Name    string // the mailbox's address
	Address string // that is confirmed
}

func (s *Server) recoveryRoutes() []route {
	return []route{
		{pattern: "GET /lost", action: access.Public, handle: s.unbanned(s.lostForm)},
		{pattern: "POST /lost", action: access.Public, handle: s.unbanned(s.lost), body: 8 << 10},
		{pattern: "GET /reset/{secret}", action: access.Public, handle: s.resetForm},
		{pattern: "POST /reset/{secret}", action: access.Public, handle: s.reset, own: true, body: 8 << 10},
		{pattern: "GET /confirm/{secret}", action: access.Public, handle: s.confirmForm},
		{pattern: "POST /confirm/{secret}", action: access.Public, handle: s.confirm, own: true, body: 8 << 10},
		{pattern: "GET /account/recovery", action: access.MailboxOpen, handle: s.keptHere(s.recoveryForm), page: directory.PagePassword},
		{pattern: "POST /account/recovery", action: access.MailboxOpen, handle: s.keptHere(s.setRecovery), page: directory.PagePassword},
	}
}

// recovers reports whether links to new passwords can be sent: they need an address.
func (s *Server) recovers() bool { return s.Recoveries != nil && s.URL != "" }

// A lostPage asks for a mailbox's address, or says that a link is under way, if there is one.
type lostPage struct{ Asked bool }

func (s *Server) lostForm(w http.ResponseWriter, r *http.Request) error {
	s.greet(w, r)
	return s.page(w, r, http.StatusOK, "lost", lostPage{})
}

func (s *Server) lost(w http.ResponseWriter, r *http.Request) error {
	name := r.PostForm.Get("name")
	if len(name) > maxCredential {
		return errForm
	}
	if err := s.Recoveries.Lost(name, visitOf(r).Client); err != nil {
		return s.blocked(r, err)
	}
	return s.page(w, r, http.StatusOK, "lost", lostPage{Asked: true})
}

// A resetPage is what reset.html shows.
type resetPage struct {
	AccountLink
	State        string // "ready", "done", "unknown"
	Error, Field string // as on a passwordPage
	Least        int
}

func (s *Server) resetPage(w http.ResponseWriter, r *http.Request, status int, page resetPage, err error) error {
	if errors.Is(err, access.ErrNoLink) {
		return s.page(w, r, http.StatusNotFound, "reset", resetPage{State: "unknown"})
	}
	if err != nil {
		return err
	}
	page.Least = s.Passwords.Length
	return s.page(w, r, status, "reset", page)
}

func (s *Server) resetForm(w http.ResponseWriter, r *http.Request) error {
	l, err := s.Recoveries.Link(r.Context(), access.LinkReset, r.PathValue("secret"))
	return s.resetPage(w, r, http.StatusOK, resetPage{AccountLink: l, State: "ready"}, err)
}

// reset uses a link up only where the new password can be taken.
func (s *Server) reset(w http.ResponseWriter, r *http.Request) error {
	l, err := s.Recoveries.Link(r.Context(), access.LinkReset, r.PathValue("secret"))
	if err != nil {
		return s.resetPage(w, r, 0, resetPage{}, err)
	}
	field, key, err := s.unfit(r, l.Name)
	if err == nil && key == "" {
		_, err = s.Recoveries.Reset(r.Context(), r.PathValue("secret"), r.PostForm.Get("new"), visitOf(r).Client)
		if errors.Is(err, ErrPassword) {
			field, key, err = "new", "password.bad", nil
		}
	}
	if err == nil && key != "" {
		return s.resetPage(w, r, http.StatusUnprocessableEntity, resetPage{AccountLink: l, State: "ready", Field: field, Error: key}, nil)
	}
	return s.resetPage(w, r, http.StatusOK, resetPage{AccountLink: l, State: "done"}, err)
}

// A confirmPage is what confirm.html shows.
type confirmPage struct {
	AccountLink
	State string // "ready", "done", "unknown"
}

// confirmForm shows a button. Nothing is done: what reads mail before people do follows links, too.
func (s *Server) confirmForm(w http.ResponseWriter, r *http.Request) error {
	l, err := s.Recoveries.Link(r.Context(), access.LinkConfirm, r.PathValue("secret"))
	return s.confirmPage(w, r, confirmPage{l, "ready"}, err)
}

func (s *Server) confirm(w http.ResponseWriter, r *http.Request) error {
	l, err := s.Recoveries.Confirm(r.Context(), r.PathValue("secret"))
	return s.confirmPage(w, r, confirmPage{l, "done"}, err)
}

func (s *Server) confirmPage(w http.ResponseWriter, r *http.Request, page confirmPage, err error) error {
	if errors.Is(err, access.ErrNoLink) {
		return s.page(w, r, http.StatusNotFound, "confirm", confirmPage{State: "unknown"})
	}
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, "confirm", page)
}

// A recoveryPage is what recovery.html shows.
type recoveryPage struct {
	access.Recovery
	Asked        string
	Error, Field string
}

// keptHere is h where the person's password is kept here, and links can be sent: else none sets it.
func (s *Server) keptHere(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if !s.recovers() || s.Accounts.Elsewhere(visitOf(r).Person) {
			return errNotFound
		}
		return h(w, r)
	}
}

func (s *Server) recoveryForm(w http.ResponseWriter, r *http.Request) error {
	return s.recoveryPage(w, r, http.StatusOK, recoveryPage{})
}

func (s *Server) recoveryPage(w http.ResponseWriter, r *http.Request, status int, page recoveryPage) (err error) {
	if page.Recovery, err = s.Recoveries.Recovery(r.Context(), visitOf(r).Person.Box); err != nil {
		return err
	}
	return s.page(w, r, status, "recovery", page)
}

// setRecovery asks for the password: a browser that was left alone gives the mailbox to nobody.
func (s *Server) setRecovery(w http.ResponseWriter, r *http.Request) error {
	v, address := visitOf(r), r.PostForm.Get("address")
	wrong := func(field, key string) error {
		return s.recoveryPage(w, r, http.StatusUnprocessableEntity, recoveryPage{Asked: address, Field: field, Error: key})
	}
	if len(address) > maxCredential {
		return errForm
	}
	switch err := s.checkPassword(r, r.PostForm.Get("password")); {
	case errors.Is(err, access.ErrLogin):
		return wrong("password", "password.wrong")
	case err != nil:
		return err
	}
	if r.PostForm.Get("act") == "remove" {
		if err := s.Recoveries.ForgetRecovery(r.Context(), v.Person.Box); err != nil {
			return err
		}
		return s.redirect(w, r, "/account", notice{"good", v.T("recovery.removed")})
	}
	switch err := s.Recoveries.AskRecovery(r.Context(), v.Person.Box, address); {
	case errors.Is(err, ErrRecoveryAddress):
		return wrong("address", "recovery.bad")
	case errors.Is(err, access.ErrManyLinks):
		return wrong("address", "recovery.many")
	case err != nil:
		return err
	}
	return s.redirect(w, r, "/account/recovery", notice{"good", v.T("recovery.sent", address)})
}
