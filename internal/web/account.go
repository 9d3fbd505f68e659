package web

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"

	"github.com/skip2/go-qrcode"

	"gatepost/internal/access"
	"gatepost/internal/directory"
	"gatepost/internal/password"
)

// Accounts changes what persons have set of themselves.
type Accounts interface {
	// SetLanguage sets a tag; "" is the language of the browser.
	SetLanguage(ctx context.Context, p access.Person, lang string) error
	// SetPassword fails with ErrPassword where the text can't be one.
	SetPassword(ctx context.Context, p access.Person, password string) error
	// Elsewhere reports whether the person's password is kept by another directory.
	Elsewhere(p access.Person) bool
	// Has reports whether somebody logs in by a name.
	Has(name string) bool
}

// ErrPassword: a text can't be a password.
var ErrPassword = errors.New("password can't be used")

// ErrElsewhere: the password is kept by another directory, and is changed there.
var ErrElsewhere = errors.New("password is kept elsewhere")

// minPassword is how many characters one has at least where nobody says otherwise (NIST SP 800-63B asks for 8).
const minPassword = 10

func (s *Server) accountRoutes() []route {
	use := access.AccountUse
	return []route{
		{pattern: "GET /account", action: use, handle: s.account},
		{pattern: "POST /account/language", action: use, handle: s.setLanguage},
		{pattern: "GET /account/password", action: use, handle: s.passwordForm, page: directory.PagePassword},
		{pattern: "POST /account/password", action: use, handle: s.setPassword, page: directory.PagePassword},
		{pattern: "POST /account/close", action: use, handle: s.closeSession},
		{pattern: "POST /account/close-others", action: use, handle: s.closeOthers},
		{pattern: "GET /account/factor", action: use, handle: s.factorForm},
		{pattern: "POST /account/factor", action: use, handle: s.takeFactor},
		{pattern: "POST /account/factor/codes", action: use, handle: s.newCodes},
		{pattern: "POST /account/factor/end", action: use, handle: s.endFactor},
	}
}

type accountPage struct {
	Languages []string
	Factor    access.Factor
	Sessions  []access.Session
	Own       string   // the session's ID
	Elsewhere bool     // the password is kept elsewhere
	Stop      *ownStop // nil: the person may send

	Recovery  *access.Recovery // nil: the person has no mailbox, or there is none, or the password is kept elsewhere, or its page is shut
	Supports  bool             // the person may give support access
	HasLogins bool
	Logins    []access.Login
}

func (s *Server) account(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	factor, err := s.Desk.Factor(r.Context(), v.Person)
	if err != nil {
		return err
	}
	sessions, err := s.Desk.Sessions(r.Context(), v.Person)
	if err != nil {
		return err
	}
	page := accountPage{Languages: s.words.Languages(), Factor: factor, Sessions: sessions, Own: v.Session, Elsewhere: s.Accounts.Elsewhere(v.Person), Stop: s.ownStop(r)}
	if err := s.ownersAccount(r, &page); err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, "account", page)
}

// ownersAccount adds what the owner of a mailbox sees.
func (s *Server) ownersAccount(r *http.Request, page *accountPage) (err error) {
	v := visitOf(r)
	if v.Person.Kind != access.KindMailbox {
		return nil
	}
	page.Supports = s.Supports != nil
	if page.HasLogins = s.Logins != nil; page.HasLogins {
		if page.Logins, err = s.Logins.Of(r.Context(), v.Person.Box); err != nil {
			return err
		}
	}
	if s.recovers() && !page.Elsewhere && v.open(directory.PagePassword) == nil {
		known, err := s.Recoveries.Recovery(r.Context(), v.Person.Box)
		page.Recovery = &known
		return err
	}
	return nil
}

// Logins knows from where mailboxes were logged in to.
type Logins interface {
	// Of returns those of a mailbox, the last first.
	Of(ctx context.Context, box int64) ([]access.Login, error)
}

func (s *Server) setLanguage(w http.ResponseWriter, r *http.Request) error {
	v, lang := visitOf(r), r.PostForm.Get("language")
	if lang != "" && !slices.Contains(s.words.Languages(), lang) {
		return errForm
	}
	if err := s.Accounts.SetLanguage(r.Context(), v.Person, lang); err != nil {
		return err
	}
	v.Lang = s.words.Match(lang, r.Header.Get("Accept-Language"), s.Language)
	return s.redirect(w, r, "/account", notice{"good", v.T("account.language.done")})
}

// A passwordPage shows the form; Error is the key of a text, Field which one it is about.
type passwordPage struct {
	Error, Field string
	Least        int
}

func (s *Server) passwordForm(w http.ResponseWriter, r *http.Request) error {
	if s.Accounts.Elsewhere(visitOf(r).Person) {
		return elsewhere{"/account"}
	}
	return s.page(w, r, http.StatusOK, "password", passwordPage{Least: s.Passwords.Length})
}

// setPassword asks for the old one. All other sessions of the person end, and this one
// goes on under another secret.
func (s *Server) setPassword(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	old, fresh := r.PostForm.Get("old"), r.PostForm.Get("new")
	wrong := func(field, key string) error {
		return s.page(w, r, http.StatusUnprocessableEntity, "password", passwordPage{key, field, s.Passwords.Length})
	}
	switch field, key, err := s.unfit(r, v.Person.Name); {
	case err != nil:
		return err
	case key != "":
		return wrong(field, key)
	}
	switch err := s.checkPassword(r, old); {
	case errors.Is(err, access.ErrLogin):
		return wrong("old", "password.wrong")
	case err != nil:
		return err
	}
	switch err := s.Accounts.SetPassword(r.Context(), v.Person, fresh); {
	case errors.Is(err, ErrElsewhere):
		return wrong("new", "password.elsewhere")
	case errors.Is(err, ErrPassword):
		return wrong("new", "password.bad")
	case err != nil:
		return err
	}
	secret, err := s.Desk.Renew(r.Context(), v.Person, s.from(r))
	if err != nil {
		return err
	}
	if s.Recoveries != nil && v.Person.Kind == access.KindMailbox {
		s.Recoveries.PasswordChanged(r.Context(), v.Person.Box, v.Client)
	}
	s.Log.Info("password changed", "person", v.Person.Name, "client", v.Client)
	s.setCookie(w, r, sessionCookie, secret)
	return s.redirect(w, r, "/account", notice{"good", v.T("password.done")})
}

// unfit says what is wrong with the new password of a form, which is typed twice: in which field, by the key of a text.
func (s *Server) unfit(r *http.Request, name string) (field, key string, err error) {
	fresh := r.PostForm.Get("new")
	if len(fresh) > maxCredential {
		return "new", "password.bad", nil
	}
	switch err := s.Passwords.Check(fresh, name); {
	case errors.Is(err, password.ErrShort):
		return "new", "password.short", nil
	case errors.Is(err, password.ErrCommon):
		return "new", "password.common", nil
	case errors.Is(err, password.ErrLeaked):
		return "new", "password.leaked", nil
	case err != nil:
		return "", "", err
	}
	if fresh != r.PostForm.Get("again") {
		return "again", "password.differ", nil
	}
	return "", "", nil
}

func (s *Server) checkPassword(r *http.Request, password string) error {
	if len(password) > maxCredential {
		return access.ErrLogin
	}
	return s.blocked(r, s.Desk.CheckPassword(r.Context(), visitOf(r).Person, password, s.from(r)))
}

func (s *Server) closeSession(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	if err := s.Desk.Close(r.Context(), v.Person, r.PostForm.Get("id"), v.Person.By()); err != nil {
		return err
	}
	return s.redirect(w, r, "/account", notice{"good", v.T("account.closed")})
}

func (s *Server) closeOthers(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	n, err := s.Desk.CloseAll(r.Context(), v.Person, v.Session, v.Person.By())
	if err != nil {
		return err
	}
	return s.redirect(w, r, "/account", notice{"good", v.T("account.closed.others", n)})
}

// A factorPage shows a second factor that is there, one that is offered, or the recovery
// codes of one that was set up just now.
type factorPage struct {
	access.Factor
	Offer access.Offer
	Image template.URL
	Codes []string
	Error string // key of a text
	Field string // which field the error is about
}

func (s *Server) factorForm(w http.ResponseWriter, r *http.Request) error {
	return s.factorPage(w, r, http.StatusOK, factorPage{})
}

// factorPage fills in what the person has, or is offered.
func (s *Server) factorPage(w http.ResponseWriter, r *http.Request, status int, page factorPage) (err error) {
	p := visitOf(r).Person
	if page.Factor, err = s.Desk.Factor(r.Context(), p); err != nil {
		return err
	}
	if !page.Confirmed {
		if page.Offer, err = s.Desk.OfferFactor(r.Context(), p, visitOf(r).Session); err != nil {
			return err
		}
		if page.Image, err = picture(page.Offer.URI); err != nil {
			return err
		}
	}
	return s.page(w, r, status, "factor", page)
}

// picture draws a text as a QR code.
func picture(text string) (template.URL, error) {
	png, err := qrcode.Encode(text, qrcode.Medium, -4) // four dots a module
	if err != nil {
		return "", fmt.Errorf("web: QR code: %w", err)
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(png)), nil
}

// takeFactor asks for the password, too: a browser that was left alone locks nobody out.
func (s *Server) takeFactor(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	switch err := s.checkPassword(r, r.PostForm.Get("password")); {
	case errors.Is(err, access.ErrLogin):
		return s.factorPage(w, r, http.StatusUnprocessableEntity, factorPage{Error: "password.wrong", Field: "password"})
	case err != nil:
		return err
	}
	codes, err := s.Desk.TakeFactor(r.Context(), v.Person, v.Session, r.PostForm.Get("code"))
	return s.codesOr(w, r, codes, err)
}

func (s *Server) newCodes(w http.ResponseWriter, r *http.Request) error {
	codes, err := s.Desk.NewCodes(r.Context(), visitOf(r).Person, r.PostForm.Get("code"), s.from(r))
	return s.codesOr(w, r, codes, err)
}

// codesOr shows recovery codes, which is done once, or what was wrong.
func (s *Server) codesOr(w http.ResponseWriter, r *http.Request, codes []string, err error) error {
	switch {
	case errors.Is(err, access.ErrCode):
		return s.factorPage(w, r, http.StatusUnprocessableEntity, factorPage{Error: "code.wrong", Field: "code"})
	case errors.Is(err, access.ErrNoFactor):
		return elsewhere{"/account/factor"}
	case err != nil:
		return s.blocked(r, err)
	}
	return s.factorPage(w, r, http.StatusOK, factorPage{Codes: codes})
}

func (s *Server) endFactor(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	switch err := s.Desk.EndFactor(r.Context(), v.Person, r.PostForm.Get("code"), s.from(r)); {
	case errors.Is(err, access.ErrCode):
		return s.factorPage(w, r, http.StatusUnprocessableEntity, factorPage{Error: "code.wrong", Field: "end"})
	case err != nil:
		return s.blocked(r, err)
	}
	return s.redirect(w, r, "/account", notice{"good", v.T("factor.ended")})
}
