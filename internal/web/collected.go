package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/web/safe"
)

// Collected is what owners have fetched from accounts elsewhere into their mailboxes. What names an account fails with ErrNoCollected
// where the owner set up no such one.
type Collected interface {
	// Collects reports whether the owner of a mailbox may set up accounts.
	Collects(box int64) bool
	// Collected returns those of a mailbox, also those that operators set up, and how many he may set up.
	Collected(ctx context.Context, box int64) (list []CollectedAccount, most int, err error)
	// AddCollected sets one up. It fails with a CollectedFault.
	AddCollected(ctx context.Context, box int64, f CollectedForm) error
	// ChangeCollected changes one; an empty password stays. It fails with a CollectedFault.
	ChangeCollected(ctx context.Context, box, id int64, f CollectedForm) error
	// TryCollected has one fetched now, and reports whether that came to an end soon. It fails with ErrCollectedSoon.
	TryCollected(ctx context.Context, box, id int64) (ended bool, err error)
	// StopCollected has one not fetched, or fetched again, which fails with ErrCollectedSoon where it is asked for too often.
	StopCollected(ctx context.Context, box, id int64, stop bool) error
	// RemoveCollected forgets one.
	RemoveCollected(ctx context.Context, box, id int64) error
	// AskIdentity sends a link to the account's address, by which the owner may send as that. It fails with ErrNoIdentity or
	// access.ErrManyLinks.
	AskIdentity(ctx context.Context, box, id int64) (address string, err error)
	// Identity returns the address that such a link is about, and Confirm uses the link up. They fail with access.ErrNoLink, also
	// for links of other mailboxes.
	Identity(ctx context.Context, box int64, secret string) (address string, err error)
	Confirm(ctx context.Context, box int64, secret string) (address string, err error)
}

// Errors by which pages of accounts elsewhere decide.
var (
	ErrNoCollected   = errors.New("no such account elsewhere")
	ErrCollectedSoon = errors.New("the account was fetched a moment ago")
	ErrNoIdentity    = errors.New("nobody may send as that address by a link")
)

// A CollectedFault is what is wrong with a form: the field, "" for none, and the end of a text's key.
type CollectedFault struct{ Field, What string }

// Error implements error.
func (f CollectedFault) Error() string { return "account elsewhere: " + f.Field + " " + f.What }

// A CollectedAccount is an account elsewhere.
type CollectedAccount struct {
	CollectedForm
	ID        int64
	Own       bool // the owner set it up; else he can't change it
	Paused    bool
	Sends     string // "yes": he sends as the address; "no": he may ask to; "": neither
	Last, Due time.Time
	Fault     string // key of what went wrong last; "": nothing did
	Said      string // what the server said to it
	Taken     int64  // messages, in all
	Unfit     int64  // messages that stay there, since they can't be taken
}

// A CollectedForm is what an owner says of one, right or wrong.
type CollectedForm struct {
	Address  string
	Protocol string // "imap", "pop3"
	Server   string // a name or an IP address
	Port     string // "": the protocol's
	Security string // "tls", "starttls"
	User     string // "": the address
	Password string // never shown
	Minutes  string // between two visits
	New      bool   // only what comes from now on
	Remove   string // "never", "at-once", "days"
	Days     string // of those
}

func (s *Server) collectedRoutes() []route {
	use := access.MailboxOpen
	return []route{
		{pattern: "GET /mailbox/collected", action: use, handle: s.collects(s.collected)},
		{pattern: "POST /mailbox/collected", action: use, handle: s.collects(s.actCollected)},
		{pattern: "GET /mailbox/collected/edit", action: use, handle: s.collects(s.collectedForm)},
		{pattern: "POST /mailbox/collected/edit", action: use, handle: s.collects(s.setCollected)},
		{pattern: "GET /mailbox/collected/confirm/{secret}", action: use, handle: s.collects(s.identityForm)},
		{pattern: "POST /mailbox/collected/confirm/{secret}", action: use, handle: s.collects(s.confirmIdentity)},
	}
}

// collects is h for who may set up accounts: to others there are no such pages.
func (s *Server) collects(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if !s.Collected.Collects(visitOf(r).Person.Box) {
			return errNotFound
		}
		return h(w, r)
	}
}

// A collectedPage lists accounts.
type collectedPage struct {
	Rows []CollectedAccount
	Most int
	Room bool // for another
}

func (s *Server) collected(w http.ResponseWriter, r *http.Request) error {
	list, most, err := s.Collected.Collected(r.Context(), visitOf(r).Person.Box)
	if err != nil {
		return err
	}
	own := 0
	for i := range list {
		list[i].Said = safe.Line(list[i].Said)
		if list[i].Own {
			own++
		}
	}
	return s.page(w, r, http.StatusOK, "collected", collectedPage{Rows: list, Most: most, Room: own < most})
}

// collectedID reads which account is meant.
func collectedID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, errNotFound
	}
	return id, nil
}

// collectedGone is errNotFound of an account that is not the person's, or was removed.
func collectedGone(err error) error {
	if errors.Is(err, ErrNoCollected) {
		return errNotFound
	}
	return err
}

// actCollected does what a button beside an account says.
func (s *Server) actCollected(w http.ResponseWriter, r *http.Request) error {
	v, do := visitOf(r), r.PostForm.Get("do")
	id, err := collectedID(r.PostForm.Get("id"))
	if err != nil {
		return err
	}
	said := notice{Kind: "good"}
	switch ctx, box := r.Context(), v.Person.Box; do {
	case "try":
		said, err = s.tryCollected(r, id)
	case "stop", "start":
		err = s.Collected.StopCollected(ctx, box, id, do == "stop")
		if said.Text = word(v, "collected.done."+do); errors.Is(err, ErrCollectedSoon) {
			said, err = notice{"info", v.T("collected.soon")}, nil
		}
	case "remove":
		err = s.Collected.RemoveCollected(ctx, box, id)
		said.Text = v.T("collected.done.remove")
	case "send":
		var address string
		address, err = s.Collected.AskIdentity(ctx, box, id)
		switch said.Text = v.T("collected.sent", address); {
		case errors.Is(err, access.ErrManyLinks):
			said, err = notice{"bad", v.T("recovery.many")}, nil
		case errors.Is(err, ErrNoIdentity):
			said, err = notice{"bad", v.T("collected.identity.none")}, nil
		}
	default:
		return errForm
	}
	if err != nil {
		return collectedGone(err)
	}
	s.Log.Info("accounts elsewhere changed on a page", "person", v.Person.Name, "act", do)
	return s.redirect(w, r, "/mailbox/collected", said)
}

// tryCollected has an account fetched now. What came of it stands beside it.
func (s *Server) tryCollected(r *http.Request, id int64) (notice, error) {
	v := visitOf(r)
	ended, err := s.Collected.TryCollected(r.Context(), v.Person.Box, id)
	switch {
	case errors.Is(err, ErrCollectedSoon):
		return notice{"info", v.T("collected.soon")}, nil
	case err != nil:
		return notice{}, err
	case !ended:
		return notice{"info", v.T("collected.going")}, nil
	}
	return notice{"info", v.T("collected.tried")}, nil
}

// A collectedFormPage is the form of an account.
type collectedFormPage struct {
	CollectedForm
	ID           int64 // 0: a new one
	Error, Field string
}

// Protocols, Securities and Removals are what can be chosen.
func (collectedFormPage) Protocols() []string { return []string{"imap", "pop3"} }

// Securities are how a connection is made safe.
func (collectedFormPage) Securities() []string { return []string{"tls", "starttls"} }

// Removals are when messages are removed there.
func (collectedFormPage) Removals() []string { return []string{"never", "at-once", "days"} }

func (s *Server) collectedForm(w http.ResponseWriter, r *http.Request) error {
	page := collectedFormPage{CollectedForm: CollectedForm{Protocol: "imap", Security: "tls", Minutes: "15", Remove: "never", Days: "14"}}
	if text := r.URL.Query().Get("id"); text != "" {
		id, err := collectedID(text)
		if err != nil {
			return err
		}
		list, _, err := s.Collected.Collected(r.Context(), visitOf(r).Person.Box)
		if err != nil {
			return err
		}
		for _, a := range list {
			if a.ID == id && a.Own {
				page.CollectedForm, page.ID = a.CollectedForm, id
			}
		}
		if page.ID == 0 {
			return errNotFound
		}
	}
	return s.page(w, r, http.StatusOK, "collected-edit", page)
}

// setCollected sets an account up, or changes it. What can't be is shown again as it was filled in, but for the password.
func (s *Server) setCollected(w http.ResponseWriter, r *http.Request) error {
	v, get := visitOf(r), r.PostForm.Get
	page := collectedFormPage{CollectedForm: CollectedForm{
		Address: get("address"), Protocol: get("protocol"), Server: get("server"), Port: get("port"), Security: get("security"), User: get("user"),
		Password: get("password"), Minutes: get("minutes"), New: get("only") == "new", Remove: get("remove"), Days: get("days"),
	}}
	var err error
	done := "add"
	if text := get("id"); text != "" {
		if page.ID, err = collectedID(text); err != nil {
			return err
		}
		done = "change"
		err = s.Collected.ChangeCollected(r.Context(), v.Person.Box, page.ID, page.CollectedForm)
	} else {
		err = s.Collected.AddCollected(r.Context(), v.Person.Box, page.CollectedForm)
	}
	var wrong CollectedFault
	if errors.As(err, &wrong) {
		page.Password, page.Field, page.Error = "", wrong.Field, "collected.wrong."+wrong.What
		return s.page(w, r, http.StatusUnprocessableEntity, "collected-edit", page)
	}
	if err != nil {
		return collectedGone(err)
	}
	s.Log.Info("accounts elsewhere changed on a page", "person", v.Person.Name, "act", done)
	return s.redirect(w, r, "/mailbox/collected", notice{"good", word(v, "collected.done."+done)})
}

// An identityPage asks whether a person wants to send as an address, which only who is logged in and reads mail there is asked.
type identityPage struct {
	Address string
	State   string // "ready", "done", "unknown"
}

// identityForm shows a button. Nothing is done: what reads mail before people do follows links, too.
func (s *Server) identityForm(w http.ResponseWriter, r *http.Request) error {
	address, err := s.Collected.Identity(r.Context(), visitOf(r).Person.Box, r.PathValue("secret"))
	return s.identityPage(w, r, identityPage{address, "ready"}, err)
}

func (s *Server) confirmIdentity(w http.ResponseWriter, r *http.Request) error {
	address, err := s.Collected.Confirm(r.Context(), visitOf(r).Person.Box, r.PathValue("secret"))
	return s.identityPage(w, r, identityPage{address, "done"}, err)
}

func (s *Server) identityPage(w http.ResponseWriter, r *http.Request, page identityPage, err error) error {
	if errors.Is(err, access.ErrNoLink) {
		return s.page(w, r, http.StatusNotFound, "collected-confirm", identityPage{State: "unknown"})
	}
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, "collected-confirm", page)
}
