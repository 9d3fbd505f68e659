package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"gatepost/internal/access"
)

// stepCookie has the secret of a session that waits for its second factor: the second
// step of a log-in is bound to the first.
const stepCookie = "gatepost-step"

// maxCredential bounds a name, a password and a code, in octets.
const maxCredential = 1024

func (s *Server) loginRoutes() []route {
	return []route{
		{pattern: "GET /login", action: access.Public, handle: s.unbanned(s.loginForm)},
		{pattern: "POST /login", action: access.Public, handle: s.unbanned(s.login), body: 8 << 10},
		{pattern: "GET /login/code", action: access.Public, handle: s.unbanned(s.codeForm)},
		{pattern: "POST /login/code", action: access.Public, handle: s.unbanned(s.code), body: 8 << 10},
		{pattern: "POST /logout", action: access.SessionUse, handle: s.logout},
	}
}

// A loginPage is what the two forms of a log-in show.
type loginPage struct {
	To    string // where to go afterwards
	Name  string
	Error string // key of a text
	Stay  bool   // the browser is to stay logged in
	Lost  bool   // there is a page for lost passwords
}

// greet gives a browser without a session a cookie, to which its forms are bound.
func (s *Server) greet(w http.ResponseWriter, r *http.Request) {
	v := visitOf(r)
	if v.csrf != "" {
		return
	}
	secret := newSecret()
	s.setCookie(w, r, visitorCookie, secret)
	v.csrf = s.sign("form", secret)
}

func (s *Server) loginForm(w http.ResponseWriter, r *http.Request) error {
	to := inside(r.URL.Query().Get("to"))
	if visitOf(r).Person.Known() {
		return elsewhere{to}
	}
	s.greet(w, r)
	return s.page(w, r, http.StatusOK, "login", loginPage{To: to, Lost: s.recovers()})
}

// login is the first step, by name and password. The session gets a secret that nobody
// can know who had a hand in the cookies before.
func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	name, password, to := r.PostForm.Get("name"), r.PostForm.Get("password"), inside(r.PostForm.Get("to"))
	if len(name) > maxCredential || len(password) > maxCredential {
		name, password = "", ""
	}
	from := s.from(r)
	from.Stays = r.PostForm.Get("stay") != ""
	ticket, err := s.Desk.LogIn(r.Context(), strings.TrimSpace(name), password, from)
	switch {
	case errors.Is(err, access.ErrLogin):
		return s.page(w, r, http.StatusUnprocessableEntity, "login", loginPage{To: to, Name: name, Error: "login.wrong", Stay: from.Stays, Lost: s.recovers()})
	case errors.Is(err, access.ErrSuspended):
		return s.page(w, r, http.StatusUnprocessableEntity, "login", loginPage{To: to, Name: name, Error: "login.suspended", Stay: from.Stays, Lost: s.recovers()})
	case err != nil:
		return s.blocked(r, err)
	}
	if ticket.Waits {
		s.setCookie(w, r, stepCookie, ticket.Secret)
		return elsewhere{"/login/code?to=" + url.QueryEscape(to)}
	}
	return s.admitted(w, r, ticket, to)
}

// codeForm is the second step, where the account has one.
func (s *Server) codeForm(w http.ResponseWriter, r *http.Request) error {
	if s.cookie(r, stepCookie) == "" {
		return elsewhere{"/login"}
	}
	s.greet(w, r)
	return s.page(w, r, http.StatusOK, "code", loginPage{To: inside(r.URL.Query().Get("to"))})
}

func (s *Server) code(w http.ResponseWriter, r *http.Request) error {
	code, to := r.PostForm.Get("code"), inside(r.PostForm.Get("to"))
	if len(code) > maxCredential {
		code = ""
	}
	ticket, err := s.Desk.Confirm(r.Context(), s.cookie(r, stepCookie), code, s.from(r))
	switch {
	case errors.Is(err, access.ErrNoSession):
		s.setCookie(w, r, stepCookie, "")
		return s.redirect(w, r, "/login", notice{"bad", visitOf(r).T("login.again")})
	case errors.Is(err, access.ErrCode):
		return s.page(w, r, http.StatusUnprocessableEntity, "code", loginPage{To: to, Error: "code.wrong"})
	case err != nil:
		return s.blocked(r, err)
	}
	return s.admitted(w, r, ticket, to)
}

// admitted gives the browser its session, instead of all that it had.
func (s *Server) admitted(w http.ResponseWriter, r *http.Request, ticket access.Ticket, to string) error {
	if old := s.cookie(r, sessionCookie); old != "" {
		if err := s.Desk.LogOut(r.Context(), old); err != nil {
			return err
		}
	}
	for _, name := range []string{visitorCookie, stepCookie} {
		if s.cookie(r, name) != "" {
			s.setCookie(w, r, name, "")
		}
	}
	if ticket.Stays {
		s.keepCookie(w, r, sessionCookie, ticket.Secret, access.StaysFor)
	} else {
		s.setCookie(w, r, sessionCookie, ticket.Secret)
	}
	return elsewhere{to}
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	if err := s.Desk.LogOut(r.Context(), s.cookie(r, sessionCookie)); err != nil {
		return err
	}
	s.setCookie(w, r, sessionCookie, "")
	return s.redirect(w, r, "/login", notice{"good", visitOf(r).T("login.out")})
}

// from is where the person is, for the list of sessions.
func (s *Server) from(r *http.Request) access.Client {
	return access.Client{Addr: visitOf(r).Client, Agent: r.UserAgent()}
}

// blocked tells a block, which is a page of its own, from what went wrong.
func (s *Server) blocked(r *http.Request, err error) error {
	var b access.Blocked
	if errors.As(err, &b) {
		return tooMany(b.Until.Sub(visitOf(r).Now))
	}
	return err
}

// inside lets a way lead to a page of ours only; "/" where it does not.
func inside(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(to, "/") ||
		strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") || len(to) > maxCredential {
		return "/"
	}
	return to
}
