package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"gatepost/internal/access"
)

// An answer is a ResponseWriter that remembers whether it was begun.
type answer struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write notes that the answer was begun.
func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap lets net/http reach what it offers beside.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// front is what every request passes, those for pages that are not there too.
func (s *Server) front(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), handleTime)
		defer cancel()
		v := &visit{ID: strings.ToLower(rand.Text()[:12]), Client: s.client(r), Now: s.Now(), words: s.words}
		v.may, v.shut = s.judge(v), s.judgeOwner(v)
		w := &answer{ResponseWriter: rw}
		r = withVisit(r.WithContext(ctx), v)
		s.protect(w, r)
		v.Lang, v.Zone = s.words.Match(r.Header.Get("Accept-Language"), s.Language), s.zones.get(s.Zone)
		defer s.recovered(w, r)
		start := time.Now()
		err := s.recognise(r)
		if _, pattern := mux.Handler(r); pattern == "" && err == nil {
			err = s.unrouted(mux, r)
		}
		if err != nil {
			s.failed(w, r, err)
		} else {
			mux.ServeHTTP(w, r)
		}
		// The route, not the address: that may have a token in it.
		s.Log.Debug("request", "id", v.ID, "method", r.Method, "route", v.route.pattern, "status", w.status, "client", v.Client, "duration", time.Since(start))
	})
}

// unrouted tells a path that is not there from a method that it does not take.
func (s *Server) unrouted(mux *http.ServeMux, r *http.Request) error {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" {
			return failure{status: http.StatusMethodNotAllowed, key: "failure.405"}
		}
	}
	return errNotFound
}

// recovered ends a handler's panic as an error of that request.
func (s *Server) recovered(w *answer, r *http.Request) {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		s.failed(w, r, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
	}
}

// serveRoute does for a route what all have in common: who asks, whether the role can do
// that at all, whether a form is ours. It is the one place that does.
func (s *Server) serveRoute(route route) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		w := rw.(*answer)
		visitOf(r).route = route
		err := s.admit(w, r, route)
		if err == nil {
			err = s.supportActs(r, route)
		}
		if err == nil {
			err = s.inTurn(w, r, route)
		}
		var to elsewhere
		switch {
		case errors.As(err, &to):
			http.Redirect(w, r, to.path, http.StatusSeeOther)
		case err != nil:
			s.failed(w, r, err)
		}
	}
}

// inTurn has a route handled. A person who has too many requests under way waits: pages
// are made in memory, and a reader who reads slowly leaves them there.
func (s *Server) inTurn(w http.ResponseWriter, r *http.Request, route route) error {
	p := visitOf(r).Person
	if !p.Known() {
		return route.handle(w, r)
	}
	wait, cancel := context.WithTimeout(r.Context(), viewWait)
	defer cancel()
	done, err := s.visits.take(wait, turnOf(p))
	if err != nil {
		return errBusy(err)
	}
	defer done()
	return route.handle(w, r)
}

func (s *Server) admit(w http.ResponseWriter, r *http.Request, route route) error {
	v := visitOf(r)
	if !access.MayAny(v.Person, route.action) {
		if v.Person.Known() {
			return errForbidden
		}
		return needsLogin(r)
	}
	if err := v.open(route.shuts()); err != nil {
		return err
	}
	if r.Method != http.MethodPost {
		return nil
	}
	return s.admitForm(w, r, route)
}

// recognise finds out who asks.
func (s *Server) recognise(r *http.Request) error {
	if strings.HasPrefix(r.URL.Path, assetRoot) {
		return nil // the same for everybody
	}
	v := visitOf(r)
	if visitor := s.cookie(r, visitorCookie); visitor != "" {
		v.csrf = s.sign("form", visitor)
	}
	secret := s.cookie(r, sessionCookie)
	if secret == "" || s.Sessions == nil {
		return nil
	}
	person, session, err := s.Sessions.Recognise(r.Context(), secret, s.from(r))
	switch {
	case errors.Is(err, access.ErrNoSession):
		return nil
	case err != nil:
		return fmt.Errorf("web: session: %w", err)
	}
	v.Person, v.Session, v.csrf = person, session, s.sign("form", secret)
	v.Lang = s.words.Match(person.Language, r.Header.Get("Accept-Language"), s.Language)
	if person.Zone != "" {
		v.Zone = s.zones.get(person.Zone)
	}
	return nil
}

// needsLogin sends somebody to the log-in page, and back afterwards.
func needsLogin(r *http.Request) error {
	to := "/login"
	if r.Method == http.MethodGet && r.URL.Path != "/" {
		to += "?to=" + url.QueryEscape(r.URL.RequestURI())
	}
	return elsewhere{to}
}

// elsewhere is an error that is answered by a redirect.
type elsewhere struct{ path string }

// Error says where to.
func (e elsewhere) Error() string { return "see " + e.path }
