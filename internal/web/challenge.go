package web

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/captcha"
)

// Challenges knows held messages by the links that their senders have.
type Challenges interface {
	// Challenge returns the message that a token stands for, or ErrNoChallenge.
	Challenge(ctx context.Context, token string) (Challenge, error)
	// Deliver releases what is still held of a message, and allows its sender from then
	// on. It fails where nothing could be delivered; where a part could, it says so by the
	// log alone, and the rest is still held. Who is second delivers nothing twice.
	Deliver(ctx context.Context, c Challenge, client netip.Addr) error
}

// ErrNoChallenge: the token is none, or not one that we made.
var ErrNoChallenge = errors.New("no such challenge")

// A Challenge is a held message as its sender is told of it: nothing that he does not know
// already, but for how it stands.
type Challenge struct {
	ID      string   // the transaction's; the captcha is bound to it
	Domains []string // the recipients', as people write them
	Subject string   // one line; "": it has none
	Time    time.Time
	Expires time.Time // of what is held longest
	State   ChallengeState
	Part    bool // some recipients have it already, or it is on its way to them
	Back    bool // it went on once, and came back
}

// A ChallengeState is how the message stands.
type ChallengeState string

// How it may stand.
const (
	ChallengeWaits     ChallengeState = "waits"     // for its sender
	ChallengeOnward    ChallengeState = "onward"    // released by whomever, and not there yet
	ChallengeRefused   ChallengeState = "refused"   // released, and refused where it went
	ChallengeDelivered ChallengeState = "delivered" // to whom it was for
	ChallengeExpired   ChallengeState = "expired"
	ChallengeGone      ChallengeState = "gone" // given up by who may
	challengeUnknown   ChallengeState = "unknown"
)

// maxAnswerForm is the size of an answer, in octets: a code, a task, a number.
const maxAnswerForm = 4 << 10

func (s *Server) challengeRoutes() []route {
	if s.Challenges == nil {
		return nil
	}
	return []route{
		{pattern: "GET /c/{token}", action: access.Public, handle: s.challenge},
		{pattern: "POST /c/{token}", action: access.Public, handle: s.answerChallenge, body: maxAnswerForm, own: true},
		{pattern: "GET /captcha/{task}/image", action: access.Public, handle: s.captchaImage},
		{pattern: "GET /captcha/{task}/sound", action: access.Public, handle: s.captchaSound},
	}
}

// A challengePage is the page's data.
type challengePage struct {
	Challenge
	Zone    string // in which its times are, "UTC"
	Task    *captcha.Task
	Problem string        // the key of what went wrong; "": nothing
	After   time.Duration // when to try again; 0: now
	Here    string        // the page itself, in its language
	Others  []otherLanguage
}

// Minutes rounds up.
func (p challengePage) Minutes() int { return int(math.Ceil(p.After.Minutes())) }

// Image is where the task's image is.
func (p challengePage) Image() string { return "/captcha/" + p.Task.ID + "/image" }

// Sound is where its digits are read aloud.
func (p challengePage) Sound() string { return "/captcha/" + p.Task.ID + "/sound" }

// An otherLanguage is a way to the page in another language.
type otherLanguage struct{ Lang, Path string }

// challenge shows the message, and the task where it waits for one. It changes nothing: a
// task is thrown away when nobody does it.
func (s *Server) challenge(w http.ResponseWriter, r *http.Request) error {
	c, err := s.challengeOf(w, r)
	if err != nil {
		return err
	}
	return s.showChallenge(w, r, http.StatusOK, c, "")
}

// challengeOf returns what the address's token stands for. A token that is none stands for
// a message of which nothing is known.
func (s *Server) challengeOf(w http.ResponseWriter, r *http.Request) (Challenge, error) {
	w.Header().Set("X-Robots-Tag", "noindex, nofollow")
	v := visitOf(r)
	if lang := r.URL.Query().Get("lang"); slices.Contains(s.words.Languages(), lang) {
		v.Lang = lang
	}
	c, err := s.Challenges.Challenge(r.Context(), r.PathValue("token"))
	if errors.Is(err, ErrNoChallenge) {
		return Challenge{State: challengeUnknown}, nil
	}
	return c, err
}

// answerChallenge takes an answer. Answers about one message take turns, so that who
// presses the button twice sees what the first did.
func (s *Server) answerChallenge(w http.ResponseWriter, r *http.Request) error {
	c, err := s.challengeOf(w, r)
	if err != nil {
		return err
	}
	if c.State == ChallengeWaits {
		done, err := s.turns.take(r.Context(), c.ID)
		if err != nil {
			return err
		}
		defer done()
		if c, err = s.challengeOf(w, r); err != nil { // what it has become meanwhile
			return err
		}
	}
	if c.State != ChallengeWaits {
		return s.seeChallenge(w, r)
	}
	v := visitOf(r)
	answer := captcha.Answer{
		Task: r.PostForm.Get("task"), Subject: c.ID, Text: r.PostForm.Get("answer"), Proof: r.PostForm.Get("proof"), Client: v.Client,
	}
	var limit *captcha.LimitError
	switch err := s.Captcha.Solve(answer); {
	case errors.Is(err, captcha.ErrWrong):
		s.answered("wrong")
		return s.showChallenge(w, r, http.StatusUnprocessableEntity, c, "challenge.wrong")
	case errors.Is(err, captcha.ErrOver):
		s.answered("over")
		return s.showChallenge(w, r, http.StatusUnprocessableEntity, c, "challenge.over")
	case errors.As(err, &limit):
		s.answered("limited")
		return s.limitChallenge(w, r, c, limit)
	case err != nil:
		return err
	}
	if err := s.Challenges.Deliver(r.Context(), c, v.Client); err != nil {
		s.answered("failed")
		s.Log.Error("challenge solved, but nothing is delivered", "id", c.ID, "request", v.ID, "error", err)
		return s.showChallenge(w, r, http.StatusServiceUnavailable, c, "challenge.failed")
	}
	s.answered("right")
	return s.seeChallenge(w, r)
}

func (s *Server) answered(answer string) {
	if s.Answered != nil {
		s.Answered(answer)
	}
}

// seeChallenge leads to the page that says how the message stands.
func (s *Server) seeChallenge(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, challengePath(r, visitOf(r).Lang), http.StatusSeeOther)
	return nil
}

func challengePath(r *http.Request, lang string) string {
	return "/c/" + url.PathEscape(r.PathValue("token")) + "?lang=" + lang
}

// showChallenge shows the page, with a new task where the message waits for one.
func (s *Server) showChallenge(w http.ResponseWriter, r *http.Request, status int, c Challenge, problem string) error {
	p := s.newChallengePage(r, c)
	p.Problem = problem
	if c.State == challengeUnknown {
		status = http.StatusNotFound
	}
	if c.State == ChallengeWaits && r.Method != http.MethodHead {
		task, err := s.Captcha.Make(c.ID, visitOf(r).Client)
		var limit *captcha.LimitError
		if errors.As(err, &limit) {
			return s.limitChallenge(w, r, c, limit)
		}
		if err != nil {
			return err
		}
		p.Task = &task
	}
	return s.page(w, r, status, "challenge", p)
}

// limitChallenge says when to try again.
func (s *Server) limitChallenge(w http.ResponseWriter, r *http.Request, c Challenge, limit *captcha.LimitError) error {
	p := s.newChallengePage(r, c)
	p.After = max(limit.Again.Sub(visitOf(r).Now), time.Second)
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(p.After.Seconds()))))
	return s.page(w, r, http.StatusTooManyRequests, "challenge", p)
}

func (s *Server) newChallengePage(r *http.Request, c Challenge) challengePage {
	v := visitOf(r)
	p := challengePage{Challenge: c, Zone: c.Time.In(v.Zone).Format("MST"), Here: challengePath(r, v.Lang)}
	for _, lang := range s.words.Languages() {
		if lang != v.Lang {
			p.Others = append(p.Others, otherLanguage{lang, challengePath(r, lang)})
		}
	}
	return p
}

// captchaImage shows a task's digits.
func (s *Server) captchaImage(w http.ResponseWriter, r *http.Request) error {
	b, err := s.Captcha.Image(r.PathValue("task"))
	return s.drawing(w, r, "image/png", b, err)
}

// captchaSound reads them aloud, in the language that is asked for.
func (s *Server) captchaSound(w http.ResponseWriter, r *http.Request) error {
	lang := s.words.Match(r.URL.Query().Get("lang"))
	b, err := s.Captcha.Audio(r.PathValue("task"), lang)
	return s.drawing(w, r, "audio/wav", b, err)
}

// drawing sends a drawing, or the part of it that a player asks for (RFC 9110 §14).
func (s *Server) drawing(w http.ResponseWriter, r *http.Request, kind string, b []byte, err error) error {
	if errors.Is(err, captcha.ErrOver) {
		return errNotFound
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", kind)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	return nil
}
