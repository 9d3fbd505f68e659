package web

import "net/http"

// policy is the content security policy: nothing but our own files, no inline script or
// style, nobody frames us; a held message is framed by us and loads nothing.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; " +
	"frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; media-src 'self'"

// protect sets the fields that every answer has. A handler may set narrower ones.
func (s *Server) protect(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // addresses have tokens in them; under no-referrer forms come with Origin: null
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("X-Frame-Options", "DENY") // for what does not know frame-ancestors
	h.Set("Cache-Control", "no-store")
	if s.secure(r) {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}
