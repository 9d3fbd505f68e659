package web

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/ban"
	"gatepost/internal/captcha"
)

// Banned knows whether a visitor is kept out. *ban.Bans is one.
type Banned interface {
	// Find returns the ban that keeps an address out now, of those whose cause shuts the
	// door; nil: any.
	Find(client netip.Addr, shuts func(ban.Cause) bool) (ban.Ban, bool)
	// Hit counts a refusal, at a door.
	Hit(b ban.Ban, door string)
	// LiftOwn ends the ban of who asks for it; see ban.Bans for how it fails.
	LiftOwn(ctx context.Context, client netip.Addr, reason string) error
}

func (s *Server) ownBanRoutes() []route {
	return []route{
		{pattern: "GET /ban", action: access.Public, handle: s.ownBan},
		{pattern: "POST /ban", action: access.Public, handle: s.endOwnBan, body: maxAnswerForm},
	}
}

// unbanned lets nobody log in from an address that is banned for that. Who is logged in
// goes on, and pages that need no person are for all: a link in a mail, the page that
// says why.
func (s *Server) unbanned(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v := visitOf(r)
		if s.Banned == nil || v.Person.Known() {
			return h(w, r)
		}
		b, ok := s.Banned.Find(v.Client, ban.Cause.Doors)
		if !ok {
			return h(w, r)
		}
		s.Banned.Hit(b, "web")
		return elsewhere{"/ban"}
	}
}

// An ownBanPage is what somebody is told of the ban of his own address.
type ownBanPage struct {
	Client  netip.Addr
	Banned  bool
	Ban     ban.Ban
	Why     string // the key of it, in general words: no trap is named
	Zone    string // in which its time is
	Contact string
	Link    bool // the contact is a page
	Reason  string
	Problem string // the key of what went wrong; "": nothing
	Task    *captcha.Task
}

// Image is where the task's image is.
func (p ownBanPage) Image() string { return "/captcha/" + p.Task.ID + "/image" }

// Sound is where its digits are read aloud.
func (p ownBanPage) Sound() string { return "/captcha/" + p.Task.ID + "/sound" }

// ownBan shows whether the visitor's address is banned. It changes nothing.
func (s *Server) ownBan(w http.ResponseWriter, r *http.Request) error {
	return s.showOwnBan(w, r, http.StatusOK, "", "")
}

// subjectOf binds a task to the ban that it is about.
func subjectOf(b ban.Ban) string { return "ban of " + b.Network.String() }

func (s *Server) showOwnBan(w http.ResponseWriter, r *http.Request, status int, reason, problem string) error {
	w.Header().Set("X-Robots-Tag", "noindex, nofollow")
	v := visitOf(r)
	s.greet(w, r)
	p := ownBanPage{Client: v.Client, Contact: s.BanContact, Link: strings.Contains(s.BanContact, "://"), Reason: reason, Problem: problem}
	p.Ban, p.Banned = s.Banned.Find(v.Client, ban.Cause.Doors) // which led here, if there is one
	if !p.Banned {
		p.Ban, p.Banned = s.Banned.Find(v.Client, nil)
	}
	if p.Banned {
		p.Zone = p.Ban.Until.In(v.Zone).Format("MST")
		switch p.Ban.Cause {
		case ban.Login, ban.Admin:
			p.Why = "ban.why." + string(p.Ban.Cause)
		default:
			p.Why = "ban.why.mail"
		}
	}
	if p.Banned && p.Ban.Cause == ban.Login && s.Challenges != nil && r.Method != http.MethodHead {
		task, err := s.Captcha.Make(subjectOf(p.Ban), v.Client)
		var limit *captcha.LimitError
		if errors.As(err, &limit) {
			return tooMany(limit.Again.Sub(v.Now))
		}
		if err != nil {
			return err
		}
		p.Task = &task
	}
	return s.page(w, r, status, "ban", p)
}

// endOwnBan lifts a ban for failed log-ins for a person who says why they failed.
func (s *Server) endOwnBan(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	b, ok := s.Banned.Find(v.Client, func(c ban.Cause) bool { return c == ban.Login })
	if !ok {
		return elsewhere{"/ban"}
	}
	reason := strings.TrimSpace(r.PostForm.Get("reason"))
	if reason == "" {
		return s.showOwnBan(w, r, http.StatusUnprocessableEntity, "", "ban.reason.none")
	}
	answer := captcha.Answer{
		Task: r.PostForm.Get("task"), Subject: subjectOf(b), Text: r.PostForm.Get("answer"), Proof: r.PostForm.Get("proof"), Client: v.Client,
	}
	var limit *captcha.LimitError
	switch err := s.Captcha.Solve(answer); {
	case errors.Is(err, captcha.ErrWrong):
		return s.showOwnBan(w, r, http.StatusUnprocessableEntity, reason, "challenge.wrong")
	case errors.Is(err, captcha.ErrOver):
		return s.showOwnBan(w, r, http.StatusUnprocessableEntity, reason, "challenge.over")
	case errors.As(err, &limit):
		return tooMany(limit.Again.Sub(v.Now))
	case err != nil:
		return err
	}
	switch err := s.Banned.LiftOwn(r.Context(), v.Client, reason); {
	case errors.Is(err, ban.ErrOften):
		return s.showOwnBan(w, r, http.StatusUnprocessableEntity, reason, "ban.often")
	case errors.Is(err, ban.ErrNone), errors.Is(err, ban.ErrOther): // it has ended, or another is in its place
		return elsewhere{"/ban"}
	case err != nil:
		return err
	}
	return s.redirect(w, r, "/ban", notice{"good", v.T("ban.ended")})
}
