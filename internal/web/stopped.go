package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/allowance"
	"gatepost/internal/mail"
	"gatepost/internal/web/safe"
)

// Stops is whose log-ins may send nothing, since they asked for too much or somebody said so.
type Stops interface {
	// Stopped are those that are stopped, the last ones first, whose names have the part in them and whose domains may be
	// seen; no more than most.
	Stopped(ctx context.Context, part string, most int, may func(domain string) bool) ([]StoppedLogin, error)
	// Stop returns that of a mailbox, if it is stopped.
	Stop(box int64) (allowance.Stop, bool)
	// Sends finds who logs in by a name, as it is kept; false: nobody does.
	Sends(name string) (mail.Path, bool)
	// StopNow has a log-in send nothing. It fails with ErrReason.
	StopNow(ctx context.Context, name mail.Path, reason, who string) error
	// Resume lets it send again. It fails with ErrNotStopped.
	Resume(ctx context.Context, name mail.Path, who string) error
}

// Why a log-in is not stopped, or not let go on.
var (
	ErrReason     = errors.New("no reason can be like that")
	ErrNotStopped = errors.New("the log-in is not stopped")
)

// A StoppedLogin is one that is stopped, and what it did within a day.
type StoppedLogin struct {
	allowance.Stop
	Name    mail.Path
	Machine bool // it is a sender without a person
	Count   allowance.Count
	Clients []access.Login // from where it logged in last to send, the last one first
}

func (s *Server) stopRoutes() []route {
	return []route{
		{pattern: "GET /stopped", action: access.StopView, handle: s.stopped},
		{pattern: "POST /stopped/resume", action: access.StopChange, handle: s.resumeLogin},
		{pattern: "POST /stopped/stop", action: access.StopChange, handle: s.stopLogin},
	}
}

// stoppedOnPage is how many stopped log-ins the page has; of more it is asked which.
const stoppedOnPage = 50

// A stoppedPage is who is stopped.
type stoppedPage struct {
	Part string // of names that were looked for
	Rows []stoppedRow
	More bool // there are more than are shown
	May  bool // stop somebody

	Error          string // key of a text: what was wrong with the form below
	Address, Cause string // what was filled in there
}

// A stoppedRow is one as it is shown.
type stoppedRow struct {
	StoppedLogin
	why
	Shown string // its name
	May   bool   // let it go on
	Sent  string // the way to what it sent; "": there is none
}

// why is for what somebody is stopped, as it is shown.
type why struct {
	Passed *allowance.Over // nil: somebody said so
	Cause  string          // what that one said
}

// Limit names the limit.
func (w why) Limit() string {
	switch w.Passed.What {
	case allowance.InHour:
		return "hour"
	case allowance.InDay:
		return "day"
	}
	return "recipients"
}

func whyStopped(s allowance.Stop) (w why) {
	if o, limit := s.Over(); limit {
		w.Passed = &o
	}
	w.Cause = safe.Line(s.Reason)
	return w
}

// stopped lists who is stopped.
func (s *Server) stopped(w http.ResponseWriter, r *http.Request) error {
	return s.stoppedPage(w, r, http.StatusOK, stoppedPage{Part: strings.TrimSpace(cutTo(r.URL.Query().Get("name"), maxField))})
}

func (s *Server) stoppedPage(w http.ResponseWriter, r *http.Request, status int, page stoppedPage) error {
	may := func(domain string) bool { return s.may(r, access.StopView, access.Object{Domain: domain}) }
	list, err := s.Stops.Stopped(r.Context(), page.Part, stoppedOnPage+1, may)
	if err != nil {
		return err
	}
	page.May = access.MayAny(visitOf(r).Person, access.StopChange)
	list, page.More = pageful(list, stoppedOnPage)
	for _, l := range list {
		row := stoppedRow{StoppedLogin: l, Shown: ownAddress(l.Name), why: whyStopped(l.Stop), May: s.may(r, access.StopChange, access.Object{Domain: l.Name.Domain()})}
		row.Who = safe.Line(l.Who)
		if s.Messages != nil {
			row.Sent = "/messages?" + url.Values{"sender": {string(l.Name)}}.Encode()
		}
		page.Rows = append(page.Rows, row)
	}
	return s.page(w, r, status, "stopped", page)
}

// sends is the log-in that a form names, where the person may do what the route is for.
func (s *Server) sends(r *http.Request) (mail.Path, error) {
	name, found := s.Stops.Sends(strings.TrimSpace(cutTo(r.PostForm.Get("name"), maxField)))
	if !found {
		return mail.Null, errNotFound
	}
	return name, s.allow(r, access.Object{Domain: name.Domain()})
}

// resumeLogin lets one send again. Who stole its password would go on where it was not changed: so that is asked.
func (s *Server) resumeLogin(w http.ResponseWriter, r *http.Request) error {
	name, err := s.sends(r)
	if err != nil {
		return err
	}
	v := visitOf(r)
	if r.PostForm.Get("changed") != "yes" {
		return s.redirect(w, r, "/stopped", notice{"bad", v.T("stopped.unchanged")})
	}
	switch err := s.Stops.Resume(r.Context(), name, v.Person.Name); {
	case errors.Is(err, ErrNotStopped):
		return s.redirect(w, r, "/stopped", notice{"info", v.T("stopped.over")})
	case err != nil:
		return err
	}
	return s.redirect(w, r, "/stopped", notice{"good", v.T("stopped.resumed", ownAddress(name))})
}

// stopLogin has one send nothing.
func (s *Server) stopLogin(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	page := stoppedPage{Address: cutTo(r.PostForm.Get("name"), maxField), Cause: cutTo(r.PostForm.Get("reason"), maxField)}
	name, err := s.sends(r)
	if err != nil {
		page.Error = "stopped.nobody"
		return s.stoppedPage(w, r, http.StatusNotFound, page)
	}
	switch err := s.Stops.StopNow(r.Context(), name, strings.TrimSpace(page.Cause), v.Person.Name); {
	case errors.Is(err, ErrReason):
		page.Error = "stopped.reason.bad"
		return s.stoppedPage(w, r, http.StatusUnprocessableEntity, page)
	case err != nil:
		return err
	}
	return s.redirect(w, r, "/stopped", notice{"good", v.T("stopped.done", ownAddress(name))})
}

// An ownStop tells an owner that he may send nothing.
type ownStop struct {
	allowance.Stop
	why
}

// ownStop is the visitor's, where he is stopped.
func (s *Server) ownStop(r *http.Request) *ownStop {
	box := visitOf(r).Person.Box
	if s.Stops == nil || box == 0 {
		return nil
	}
	stop, stopped := s.Stops.Stop(box)
	if !stopped {
		return nil
	}
	return &ownStop{stop, whyStopped(stop)}
}
