package web

import (
	"errors"
	"net/http"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/mail"
	"gatepost/internal/trace"
	"gatepost/internal/web/safe"
)

// maxPasted is how much a form with a pasted header may have, in octets: one of mail.MaxHeader takes up to
// three times as much in a form, and people paste the message with it.
const maxPasted = 1 << 20

func (s *Server) headerRoutes() []route {
	list := []route{
		{pattern: "GET /headers", action: access.SessionUse, handle: s.askHeaders},
		{pattern: "POST /headers", action: access.SessionUse, handle: s.pastedHeaders, body: maxPasted},
	}
	if s.Held != nil {
		list = append(list, route{pattern: "GET /quarantine/{id}/headers", action: access.HeldView, handle: s.heldHeaders})
	}
	return list
}

// A headersPage asks for a header, or tells what one says, in words.
type headersPage struct {
	Held    *heldRow // whose header it is; nil: it was pasted
	Error   string   // key of a text
	Explain *explained
}

func (s *Server) askHeaders(w http.ResponseWriter, r *http.Request) error {
	return s.page(w, r, http.StatusOK, "headers", headersPage{})
}

// pastedHeaders explains what somebody has copied from a mail program. Nothing of it is kept.
func (s *Server) pastedHeaders(w http.ResponseWriter, r *http.Request) error {
	text := strings.TrimLeft(r.PostForm.Get("text"), "\ufeff \t\r\n")
	h := mail.NewMessage([]byte(text)).Header()
	if !hasFields(h) {
		return s.page(w, r, http.StatusUnprocessableEntity, "headers", headersPage{Error: "headers.none"})
	}
	return s.page(w, r, http.StatusOK, "headers", headersPage{Explain: explain(visitOf(r), trace.Read(h, s.Hosts()))})
}

func hasFields(h *mail.Header) bool {
	for _, f := range h.Fields {
		if f.Name != "" {
			return true
		}
	}
	return false
}

// heldHeaders explains the header of a held message.
func (s *Server) heldHeaders(w http.ResponseWriter, r *http.Request) error {
	h, err := s.held(r)
	if err != nil {
		return err
	}
	v := visitOf(r)
	row := s.heldRow(v, h)
	page := headersPage{Held: &row}
	err = s.views.show(r.Context(), v.Person, func() error {
		return s.open(r, h, func(m *mail.Message) error {
			page.Explain = explain(v, trace.Read(m.Header(), s.Hosts()))
			return m.Err()
		})
	}, func() error { return s.page(w, r, http.StatusOK, "headers", page) })
	if errors.Is(err, ErrGone) {
		return errNotFound
	}
	return err
}

// foreign is a text of strangers as it stands in a sentence of ours: cut, nothing unseen in it, and its direction
// is its own.
func foreign(text string) string { return "\u2068" + safe.Line(firstOctets(text, 300)) + "\u2069" }
