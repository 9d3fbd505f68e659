package web

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"gatepost/internal/access"
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
	if !access.May(v.Person, v.route.action, o) {
		return errNotFound
	}
	return nil
}

// may tells a page which of its buttons to show.
func (s *Server) may(r *http.Request, a access.Action, o access.Object) bool {
	return access.May(visitOf(r).Person, a, o)
}
