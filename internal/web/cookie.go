package web

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// Cookies, by what they are for. Where the pages are reached by HTTPS their names begin
// with __Host-: no other host of the domain can set them (RFC 6265bis §4.1.3.2).
const (
	sessionCookie = "gatepost"        // the session
	visitorCookie = "gatepost-visit"  // binds forms to a browser before there is a session
	noticeCookie  = "gatepost-notice" // what the next page says
)

func (s *Server) cookieName(r *http.Request, name string) string {
	if s.secure(r) {
		return "__Host-" + name
	}
	return name
}

func (s *Server) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(s.cookieName(r, name))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie gives the browser a cookie that ends with it; an empty value takes it away.
func (s *Server) setCookie(w http.ResponseWriter, r *http.Request, name, value string) {
	s.keepCookie(w, r, name, value, 0)
}

// keepCookie is setCookie for one that the browser keeps for a while when it is closed; 0: not at all.
func (s *Server) keepCookie(w http.ResponseWriter, r *http.Request, name, value string, keep time.Duration) {
	c := &http.Cookie{
		Name: s.cookieName(r, name), Value: value, Path: "/", Secure: s.secure(r), HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(keep / time.Second),
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// secretSize is how much chance is in a cookie, in octets.
const secretSize = 32

func newSecret() string {
	b := make([]byte, secretSize)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// A notice is a sentence that the next page begins with.
type notice struct {
	Kind string // "good", "bad", "info"
	Text string
}

const (
	noticeFor = 5 * time.Minute
	maxNotice = 1000 // octets
)

// redirect leads on after an act, and has the page there say what became of it.
func (s *Server) redirect(w http.ResponseWriter, r *http.Request, to string, n notice) error {
	if len(n.Text) > maxNotice {
		n.Text = strings.ToValidUTF8(n.Text[:maxNotice], "") + "…"
	}
	value := visitOf(r).Now.Add(noticeFor).UTC().Format(time.RFC3339) + "|" + n.Kind + "|" + n.Text
	s.setCookie(w, r, noticeCookie, base64.RawURLEncoding.EncodeToString([]byte(value))+"."+s.sign("notice", value))
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// takeNotice returns what the last act left to say, once.
func (s *Server) takeNotice(w http.ResponseWriter, r *http.Request) *notice {
	text := s.cookie(r, noticeCookie)
	if text == "" {
		return nil
	}
	s.setCookie(w, r, noticeCookie, "")
	coded, code, _ := strings.Cut(text, ".")
	value, err := base64.RawURLEncoding.DecodeString(coded)
	if err != nil || !hmac.Equal([]byte(code), []byte(s.sign("notice", string(value)))) {
		return nil
	}
	parts := strings.SplitN(string(value), "|", 3)
	until, err := time.Parse(time.RFC3339, parts[0])
	if err != nil || len(parts) != 3 || visitOf(r).Now.After(until) {
		return nil
	}
	return &notice{Kind: parts[1], Text: parts[2]}
}
