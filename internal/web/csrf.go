package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
)

// admitForm reads a form, and makes sure that it is one of our pages that sends it: the
// browser says so (Sec-Fetch-Site, or Origin, where it sends them), and the form has the
// token of the session, or of the visitor's cookie before there is one. Where the address
// itself is a token, and on unsubscribing by one click (RFC 8058), the first is enough.
// A browser that says it does not tell (Origin: null, without Sec-Fetch-Site) is believed
// to have no opinion: the form's token alone decides.
func (s *Server) admitForm(w http.ResponseWriter, r *http.Request, route route) error {
	if err := s.origin.Check(r); err != nil && (route.own || !untold(r)) {
		return errOrigin
	}
	limit := route.body
	if limit == 0 {
		limit = maxBody
	}
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close") // the rest is not read
		return errTooLarge
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	if err := r.ParseForm(); err != nil {
		if f := asFailure(err); f.status == http.StatusRequestEntityTooLarge {
			return f
		}
		return errForm
	}
	if route.own {
		return nil
	}
	if token := visitOf(r).csrf; token == "" || !hmac.Equal([]byte(token), []byte(r.PostForm.Get("csrf"))) {
		return errStale
	}
	return nil
}

// untold reports whether a browser keeps to itself which page sends a form. Some do under
// an extension's or a proxy's Referrer-Policy (Fetch §3.2, "append a request Origin header").
func untold(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "null"
}

// sign makes a code of a value, for a purpose, that nobody else can make.
func (s *Server) sign(purpose, value string) string {
	h := hmac.New(sha256.New, s.Key)
	h.Write([]byte(purpose))
	h.Write([]byte{0})
	h.Write([]byte(value))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:24])
}
