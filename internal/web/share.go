package web

import (
	"context"
	"errors"
	"net/http"

	"gatepost/internal/access"
	"gatepost/internal/mail"
	"gatepost/internal/web/safe"
)

// ErrNoShare: a link was used before, is too old, or what it is about is not shared any more.
var ErrNoShare = errors.New("no such share")

// Shares is what the links in shares' mails lead to. Its methods fail with ErrNoShare.
type Shares interface {
	// Share returns what a link is about. It changes nothing.
	Share(ctx context.Context, secret string) (ShareLink, error)
	// Answer accepts or declines it, which uses the link up.
	Answer(ctx context.Context, secret string, accept bool) (ShareLink, error)
}

// A ShareLink is a share that can be answered.
type ShareLink struct {
	To   mail.Path // with whom it is shared
	By   mail.Path // whose folder it is
	All  bool      // all folders of the mailbox
	Name string    // as the receiver sees it
	May  string    // "read", "write", "manage"
}

func (s *Server) shareRoutes() []route {
	return []route{
		{pattern: "GET /share/{secret}", action: access.Public, handle: s.shareLink},
		{pattern: "POST /share/{secret}", action: access.Public, handle: s.shareAnswer, own: true, body: digestForm},
	}
}

// A sharePage is what share.html shows.
type sharePage struct {
	ShareLink
	State string // "ready", "accepted", "declined", "unknown"
}

// shareLink shows what is shared, with two buttons. Nothing is done: what reads mail before people do
// follows links, too.
func (s *Server) shareLink(w http.ResponseWriter, r *http.Request) error {
	l, err := s.Shares.Share(r.Context(), r.PathValue("secret"))
	return s.sharePage(w, r, l, "ready", err)
}

// shareAnswer does what the button says.
func (s *Server) shareAnswer(w http.ResponseWriter, r *http.Request) error {
	answer := r.PostForm.Get("answer")
	if answer != "accepted" && answer != "declined" {
		return errForm
	}
	l, err := s.Shares.Answer(r.Context(), r.PathValue("secret"), answer == "accepted")
	return s.sharePage(w, r, l, answer, err)
}

func (s *Server) sharePage(w http.ResponseWriter, r *http.Request, l ShareLink, state string, err error) error {
	if errors.Is(err, ErrNoShare) {
		return s.page(w, r, http.StatusNotFound, "share", sharePage{State: "unknown"})
	}
	if err != nil {
		return err
	}
	l.Name = safe.Line(l.Name)
	return s.page(w, r, http.StatusOK, "share", sharePage{l, state})
}
