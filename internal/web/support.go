package web

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/web/safe"
)

// Supports is told what becomes of support access that owners give.
type Supports interface {
	// SupportBegan tells an owner that his link was used; p is who used it.
	SupportBegan(ctx context.Context, p access.Person, from netip.Addr)
	// SupportActs notes that somebody with support access is about to change something, or else to read a held message; where it
	// fails he doesn't. It fails with ErrManyActs.
	SupportActs(ctx context.Context, p access.Person, changes bool, where string) error
}

// ErrManyActs: so much was done with support access within a day that no more can be noted.
var ErrManyActs = errors.New("too much was done with support access")

func (s *Server) supportRoutes() []route {
	return []route{
		{pattern: "GET /account/support", action: access.MailboxOpen, handle: s.supportForm},
		{pattern: "POST /account/support", action: access.MailboxOpen, handle: s.giveSupport},
		{pattern: "GET /support/{secret}", action: access.Public, handle: s.unbanned(s.offeredSupport)},
		{pattern: "POST /support/{secret}", action: access.Public, handle: s.unbanned(s.takeSupport), body: 8 << 10},
	}
}

// supportHours are those that a link may be given for.
func supportHours() (hours []int) {
	for _, d := range access.SupportTimes() {
		hours = append(hours, int(d/time.Hour))
	}
	return hours
}

// A supportPage is the form that gives support access, or the link that was made just now.
type supportPage struct {
	Hours        []int
	Chosen       int
	Link         string
	Until        time.Time
	Error, Field string
}

func (s *Server) supportForm(w http.ResponseWriter, r *http.Request) error {
	return s.supportPage(w, r, http.StatusOK, supportPage{})
}

func (s *Server) supportPage(w http.ResponseWriter, r *http.Request, status int, page supportPage) error {
	page.Hours = supportHours()
	return s.page(w, r, status, "support", page)
}

// giveSupport asks for the password: a browser that was left alone lets nobody in.
func (s *Server) giveSupport(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	hours, err := strconv.Atoi(r.PostForm.Get("hours"))
	if err != nil || !slices.Contains(supportHours(), hours) {
		return errForm
	}
	wrong := func(field, key string) error {
		return s.supportPage(w, r, http.StatusUnprocessableEntity, supportPage{Chosen: hours, Field: field, Error: key})
	}
	switch err := s.checkPassword(r, r.PostForm.Get("password")); {
	case errors.Is(err, access.ErrLogin):
		return wrong("password", "password.wrong")
	case err != nil:
		return err
	}
	secret, until, err := s.Desk.OfferSupport(r.Context(), v.Person, time.Duration(hours)*time.Hour)
	switch {
	case errors.Is(err, access.ErrManySupport):
		return wrong("hours", "support.many")
	case err != nil:
		return err
	}
	return s.supportPage(w, r, http.StatusOK, supportPage{Link: s.root(r) + "/support/" + secret, Until: until})
}

// root is where the pages are: as it is set, or as the browser has it.
func (s *Server) root(r *http.Request) string {
	switch {
	case s.URL != "":
		return strings.TrimSuffix(s.URL, "/")
	case s.secure(r):
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// An offeredPage says whose pages a link opens; nobody's where it was used, or is over.
type offeredPage struct {
	Whose   access.Person
	Instead string // who is logged in with the browser, and is not any more then
}

// offeredSupport shows a button. Nothing is done: what reads mail before people do follows links, too.
func (s *Server) offeredSupport(w http.ResponseWriter, r *http.Request) error {
	p, err := s.Desk.Offered(r.Context(), r.PathValue("secret"))
	if err != nil {
		return s.noSupport(w, r, err)
	}
	s.greet(w, r)
	return s.page(w, r, http.StatusOK, "offered", offeredPage{p, visitOf(r).Person.By()})
}

// takeSupport begins the session that a link is for, instead of what the browser had.
func (s *Server) takeSupport(w http.ResponseWriter, r *http.Request) error {
	ticket, err := s.Desk.TakeSupport(r.Context(), r.PathValue("secret"), s.from(r))
	if err != nil {
		return s.noSupport(w, r, err)
	}
	s.Supports.SupportBegan(r.Context(), ticket.Person, visitOf(r).Client)
	return s.admitted(w, r, ticket, "/")
}

func (s *Server) noSupport(w http.ResponseWriter, r *http.Request, err error) error {
	if errors.Is(err, access.ErrNoSession) {
		return s.page(w, r, http.StatusNotFound, "offered", offeredPage{})
	}
	return err
}

// maxWhere bounds what is noted of a path, in octets.
const maxWhere = 300

// supportActs notes what somebody with support access is about to change, whatever it is and whatever becomes of it, and which held
// message he is about to read. It is asked before each request is handled, so that nothing he does is missing. What is
// nothing of the mailbox's (session.use) is not noted.
func (s *Server) supportActs(r *http.Request, route route) error {
	v := visitOf(r)
	changes := r.Method == http.MethodPost
	reads := route.action == access.HeldView && r.PathValue("id") != ""
	if !v.Person.Support || !changes && !reads || route.action == access.Public || route.action == access.SessionUse {
		return nil
	}
	if s.Supports == nil {
		return errForbidden
	}
	where := cutTo(safe.Line(r.URL.Path), maxWhere)
	err := s.Supports.SupportActs(r.Context(), v.Person, changes, where+" from "+v.Client.String())
	if errors.Is(err, ErrManyActs) {
		return tooMany(time.Hour)
	}
	return err
}
