package web

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/mail"
	"gatepost/internal/token"
	"gatepost/internal/web/safe"
	"gatepost/quarantine"
	"gatepost/quarantine/digest"
)

// Digests is what the links in digests lead to. Each method fails with token.ErrToken,
// token.ErrExpired or quarantine.ErrUnknown where a link leads nowhere.
type Digests interface {
	// Link returns what a token is for; the reason in a language. With token.ErrExpired it
	// returns the message, where that is known still.
	Link(ctx context.Context, token, lang string) (DigestLink, error)
	// Do does what a token is for, or a part of it: what is to be released and allowed may
	// only be released. Its other errors are those of package quarantine.
	Do(ctx context.Context, token string, act digest.Act) (quarantine.Held, error)
	// Wants returns whose digests a token ends, and whether they are wanted.
	Wants(ctx context.Context, token string) (to mail.Path, wanted bool, err error)
	// Want says whether they are wanted from now on.
	Want(ctx context.Context, token string, wanted bool) error
}

// A DigestLink is an act on a held message that somebody may do.
type DigestLink struct {
	Act       digest.Act
	Held      quarantine.Held
	Who       mail.Path // whose digest it was
	Why       string    // it is held, in a sentence
	Zone      string    // of the times; "": the node's
	Unallowed error     // why its sender can't be allowed; nil: it can
}

func (s *Server) digestRoutes() []route {
	if s.Digests == nil {
		return nil
	}
	return []route{
		{pattern: "GET /d/{token}", action: access.Public, handle: s.digestLink},
		{pattern: "POST /d/{token}", action: access.Public, handle: s.digestAct, own: true, body: digestForm},
		{pattern: "GET /u/{token}", action: access.Public, handle: s.digestStop},
		{pattern: "POST /u/{token}", action: access.Public, handle: s.digestStopped, own: true, body: digestForm},
	}
}

// digestForm bounds a form of these pages, in octets.
const digestForm = 16 << 10

// A digestPage is what digest.html shows.
type digestPage struct {
	DigestLink
	Onward  bool       // what was released goes on by the queue
	State   string     // "ready", "done", "over", "asked", "guarded", "unproven", "own", "nowhere", "expired", "unknown"
	Offer   digest.Act // what the button does; "": there is none
	Subject string
	From    string
	Path    string // the reverse-path, where it is another than From
	Over    string // who ended the hold, when and how; "": it is held
}

// digestLink shows what a link is for, with a button. Nothing is done: what reads mail
// before people do follows links, too.
func (s *Server) digestLink(w http.ResponseWriter, r *http.Request) error {
	link, err := s.Digests.Link(r.Context(), r.PathValue("token"), visitOf(r).Lang)
	if status, state := digestFailure(err); state != "" {
		return s.page(w, r, status, "digest", s.digestNowhere(r, link, state))
	}
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, "digest", s.digestPage(r, link))
}

// digestFailure tells a link that leads nowhere from what fails.
func digestFailure(err error) (status int, state string) {
	switch {
	case errors.Is(err, token.ErrExpired):
		return http.StatusGone, "expired"
	case errors.Is(err, token.ErrToken), errors.Is(err, quarantine.ErrUnknown):
		return http.StatusNotFound, "unknown"
	}
	return 0, ""
}

// digestNowhere is the page of a link that can't be used. One that is too old says what
// became of the message, and no more.
func (s *Server) digestNowhere(r *http.Request, l DigestLink, state string) digestPage {
	p := digestPage{State: state}
	if state == "expired" && l.Held.ID != "" && l.Held.State != quarantine.StateHeld {
		p.Over = s.digestOver(visitOf(r), l.Held)
	}
	return p
}

func (s *Server) digestPage(r *http.Request, l DigestLink) digestPage {
	v, h := visitOf(r), l.Held
	if l.Zone != "" {
		v.Zone = s.zones.get(l.Zone)
	}
	p := digestPage{DigestLink: l, Subject: safe.Line(h.Subject), From: safe.Line(h.Author)}
	if path := safe.Line(string(h.Sender)); p.From == "" {
		p.From = path
	} else if !strings.Contains(p.From, path) {
		p.Path = path
	}
	if h.State != quarantine.StateHeld {
		p.Over = s.digestOver(v, h)
	}
	p.State, p.Offer = digestState(l)
	return p
}

// digestState says what can still be done.
func digestState(l DigestLink) (state string, offer digest.Act) {
	h := l.Held
	held := h.State == quarantine.StateHeld
	noted := func(what quarantine.State) bool {
		return slices.ContainsFunc(h.Acts, func(a quarantine.Act) bool { return a.What == what })
	}
	switch {
	case l.Act == digest.Ask && held && !h.Asked.IsZero():
		return "asked", ""
	case (l.Act == digest.Release || l.Act == digest.Allow) && held && h.Guarded:
		return "guarded", ""
	case l.Act == digest.Allow && l.Unallowed != nil && !held:
		return "over", ""
	case l.Act == digest.Allow && errors.Is(l.Unallowed, quarantine.ErrOwn):
		return "own", digest.Release
	case l.Act == digest.Allow && l.Unallowed != nil:
		return "unproven", digest.Release
	case held,
		l.Act == digest.Allow && h.State == quarantine.StateReleased && !noted(quarantine.ActAllowed),
		l.Act == digest.Block && h.State != quarantine.StateReleased && !noted(quarantine.ActBlocked):
		return "ready", l.Act
	}
	return "over", ""
}

// digestOver says how a hold ended.
func (s *Server) digestOver(v *visit, h quarantine.Held) string {
	act := quarantine.Act{Who: "somebody", What: h.State}
	for _, a := range h.Acts {
		if a.What == h.State {
			act = a
		}
	}
	key, when := "digest.over."+string(h.State), moment(v, act.When, "time.minute")
	if h.State == quarantine.StateExpired {
		return v.T(key, when)
	}
	return v.T(key, when, s.who(v, act.Who))
}

// digestAct does what the button says.
func (s *Server) digestAct(w http.ResponseWriter, r *http.Request) error {
	text, lang := r.PathValue("token"), visitOf(r).Lang
	_, err := s.Digests.Do(r.Context(), text, digest.Act(r.PostForm.Get("act")))
	if status, state := digestFailure(err); state != "" {
		link, _ := s.Digests.Link(r.Context(), text, lang) // fails alike
		return s.page(w, r, status, "digest", s.digestNowhere(r, link, state))
	}
	refused := false // what came in between is shown, as it would be on opening the link now
	for _, known := range []error{
		quarantine.ErrNotHeld, quarantine.ErrGuarded, quarantine.ErrUnproven, quarantine.ErrOwn, quarantine.ErrNobody, quarantine.ErrNowhere, quarantine.ErrFull,
	} {
		refused = refused || errors.Is(err, known)
	}
	if err != nil && !refused {
		return err
	}
	nowhere, full := errors.Is(err, quarantine.ErrNowhere), errors.Is(err, quarantine.ErrFull)
	link, err := s.Digests.Link(r.Context(), text, lang)
	if err != nil {
		return err
	}
	p := s.digestPage(r, link)
	if nowhere { // opening the link can't tell: who gets it is asked at the release
		p.State, p.Offer = "nowhere", ""
	}
	if full {
		p.State, p.Offer = "full", ""
	}
	if refused {
		return s.page(w, r, http.StatusConflict, "digest", p)
	}
	if act := digest.Act(r.PostForm.Get("act")); act != "" {
		p.Act = act
	}
	p.State, p.Offer = "done", ""
	p.Onward = (p.Act == digest.Release || p.Act == digest.Allow) && (link.Held.Box <= 0 || len(link.Held.Ways) > 0)
	return s.page(w, r, http.StatusOK, "digest", p)
}

// A stopPage is what unsubscribe.html shows.
type stopPage struct {
	State string // "wanted", "stopped", "expired", "unknown"
	To    mail.Path
	Done  bool // it was changed just now
}

// digestStop asks whether digests are to end. It ends none.
func (s *Server) digestStop(w http.ResponseWriter, r *http.Request) error {
	return s.stopPage(w, r, false)
}

func (s *Server) stopPage(w http.ResponseWriter, r *http.Request, done bool) error {
	to, wanted, err := s.Digests.Wants(r.Context(), r.PathValue("token"))
	if status, state := digestFailure(err); state != "" {
		return s.page(w, r, status, "unsubscribe", stopPage{State: state})
	}
	if err != nil {
		return err
	}
	state := "stopped"
	if wanted {
		state = "wanted"
	}
	return s.page(w, r, http.StatusOK, "unsubscribe", stopPage{state, to, done})
}

// digestStopped ends digests, or has them sent again. A mail program does the first by
// itself, as its user asks it to (RFC 8058 §3.2): without a cookie, and in one of two
// forms.
func (s *Server) digestStopped(w http.ResponseWriter, r *http.Request) error {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		if err := r.ParseMultipartForm(digestForm); err != nil {
			return errForm
		}
	}
	again := r.PostFormValue("act") == "again"
	if !again && r.PostFormValue("List-Unsubscribe") != "One-Click" {
		return errForm
	}
	err := s.Digests.Want(r.Context(), r.PathValue("token"), again)
	if _, state := digestFailure(err); err != nil && state == "" {
		return err
	}
	return s.stopPage(w, r, true)
}
