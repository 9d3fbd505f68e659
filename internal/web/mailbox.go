package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/directory"
	"gatepost/internal/web/safe"
)

// Why something of a mailbox is not set.
var (
	ErrVacation = errors.New("an answer can't be like that")
	ErrRules    = errors.New("the rules were edited elsewhere")
	ErrAppName  = errors.New("no name for an application password, or there are too many")
)

// Mailboxes is what owners do with their mailboxes beside reading mail.
type Mailboxes interface {
	// Use returns how full a mailbox is.
	Use(ctx context.Context, box int64) (MailboxUse, error)
	// Vacation returns the answer that is set. It fails with ErrRules.
	Vacation(ctx context.Context, box int64) (Vacation, error)
	// SetVacation sets one, or ends it where there is no text; where Every is "" that stays as it was. It fails with ErrVacation or ErrRules.
	SetVacation(ctx context.Context, box int64, v Vacation) error
	// Apps are the passwords of programs.
	Apps(ctx context.Context, box int64) ([]App, error)
	// AddApp makes one, which is shown once. It fails with ErrAppName.
	AddApp(ctx context.Context, box int64, name string) (password string, err error)
	// RemoveApp takes one away, if it is there.
	RemoveApp(ctx context.Context, box int64, name string) error
	// Deleted is a page of the mail that can be brought back, the latest first; after is the ID of the last one before it.
	Deleted(ctx context.Context, box int64, after string, limit int) ([]Deleted, error)
	// Recover brings messages back, and reports how many, and whether the mailbox is over its quota now.
	Recover(ctx context.Context, box int64, ids []string) (n int64, full bool, err error)
}

// MailboxUse is how much a mailbox holds; a limit of 0 is none.
type MailboxUse struct {
	Bytes, MaxBytes       int64
	Messages, MaxMessages int64
	Percent               int   // of the limit that is nearest
	Kept                  int64 // octets of deleted mail that can be brought back; they don't count
}

// A Vacation is the answer to who writes while the owner is away. Days are as 2026-12-24.
type Vacation struct {
	From, To, Subject, Text string
	Every                   string   // days until a sender is answered again
	Except                  []string // addresses and domains that are not answered
	Runs                    bool     // it is in force, on its days
}

// Stage is where the answer is on a day: "later" before the first of its own, "over" behind the last, else "on".
func (v Vacation) Stage(day string) string {
	switch {
	case v.From > day:
		return "later"
	case v.To != "" && v.To < day:
		return "over"
	}
	return "on"
}

// An App is a password of one program.
type App struct {
	Name          string
	Created, Used time.Time
}

// Deleted is a message that was deleted.
type Deleted struct {
	ID                    string
	When, Date            time.Time
	Folder, From, Subject string
	Size                  int64
}

func (s *Server) mailboxRoutes() []route {
	use, open := access.MailboxUse, access.MailboxOpen
	return []route{
		{pattern: "GET /mailbox", action: use, handle: s.mailbox},
		{pattern: "POST /mailbox/vacation", action: use, handle: s.setVacation, page: directory.PageVacation},
		{pattern: "GET /mailbox/passwords", action: open, handle: s.apps, page: directory.PagePassword},
		{pattern: "POST /mailbox/passwords", action: open, handle: s.addApp, page: directory.PagePassword},
		{pattern: "POST /mailbox/passwords/remove", action: open, handle: s.removeApp, page: directory.PagePassword},
		{pattern: "GET /mailbox/deleted", action: use, handle: s.deleted},
		{pattern: "POST /mailbox/deleted", action: use, handle: s.bringBack},
	}
}

// A mailboxPage has how full a mailbox is, and its vacation.
type mailboxPage struct {
	MailboxUse
	Vacation Vacation
	Today    string   // where the owner is
	Edited   bool     // the rules were edited elsewhere: nothing can be set here
	Error    string   // key of a text
	Opens    bool     // the person may open the mailbox to others: it is no support access
	Rules    bool     // there is a page for them
	Shares   bool     // there is a page of them
	Collects bool     // the owner may set up accounts elsewhere
	Listed   bool     // there is an address list that the owner may see
	Stop     *ownStop // nil: the owner may send
	Headers  bool     // there is a page that explains them
}

func (s *Server) mailbox(w http.ResponseWriter, r *http.Request) error {
	v, err := s.Mailboxes.Vacation(r.Context(), visitOf(r).Person.Box)
	edited := errors.Is(err, ErrRules)
	if err != nil && !edited {
		return err
	}
	return s.mailboxPage(w, r, http.StatusOK, mailboxPage{Vacation: v, Edited: edited})
}

func (s *Server) mailboxPage(w http.ResponseWriter, r *http.Request, status int, page mailboxPage) (err error) {
	page.Rules, page.Shares, page.Headers, page.Stop = s.OwnRules != nil, s.OwnShares != nil, s.Hosts != nil, s.ownStop(r)
	page.Today = visitOf(r).Now.In(visitOf(r).Zone).Format(time.DateOnly)
	page.Opens = access.MayAny(visitOf(r).Person, access.MailboxOpen)
	page.Collects = page.Opens && s.Collected != nil && s.Collected.Collects(visitOf(r).Person.Box)
	page.Listed = s.Addresses != nil && s.Addresses.HasAddresses(visitOf(r).Person.Box)
	if page.MailboxUse, err = s.Mailboxes.Use(r.Context(), visitOf(r).Person.Box); err != nil {
		return err
	}
	return s.page(w, r, status, "mailbox", page)
}

func (s *Server) setVacation(w http.ResponseWriter, r *http.Request) error {
	v, get := visitOf(r), r.PostForm.Get
	away := Vacation{From: get("from"), To: get("to"), Subject: strings.TrimSpace(get("subject")), Text: strings.TrimSpace(get("text")), Every: strings.TrimSpace(get("every")), Except: trimmed(get("except"))}
	done := "vacation.done"
	if get("act") == "end" {
		away, done = Vacation{}, "vacation.ended"
	} else if away.Text == "" {
		return s.mailboxPage(w, r, http.StatusUnprocessableEntity, mailboxPage{Vacation: away, Error: "vacation.empty"})
	}
	switch err := s.Mailboxes.SetVacation(r.Context(), v.Person.Box, away); {
	case errors.Is(err, ErrVacation):
		return s.mailboxPage(w, r, http.StatusUnprocessableEntity, mailboxPage{Vacation: away, Error: "vacation.bad"})
	case errors.Is(err, ErrRules):
		return s.mailboxPage(w, r, http.StatusConflict, mailboxPage{Edited: true})
	case err != nil:
		return err
	}
	return s.redirect(w, r, "/mailbox", notice{"good", v.T(done)})
}

// An appsPage lists passwords of programs; Password is one that was made just now.
type appsPage struct {
	Apps           []App
	Password, Name string
	Error, Field   string
}

func (s *Server) apps(w http.ResponseWriter, r *http.Request) error {
	return s.appsPage(w, r, http.StatusOK, appsPage{})
}

func (s *Server) appsPage(w http.ResponseWriter, r *http.Request, status int, page appsPage) (err error) {
	if page.Apps, err = s.Mailboxes.Apps(r.Context(), visitOf(r).Person.Box); err != nil {
		return err
	}
	return s.page(w, r, status, "passwords", page)
}

// addApp asks for the password: a browser that was left alone gives nobody another way in.
func (s *Server) addApp(w http.ResponseWriter, r *http.Request) error {
	v, name := visitOf(r), strings.TrimSpace(r.PostForm.Get("name"))
	wrong := func(field, key string) error {
		return s.appsPage(w, r, http.StatusUnprocessableEntity, appsPage{Name: name, Field: field, Error: key})
	}
	switch err := s.checkPassword(r, r.PostForm.Get("password")); {
	case errors.Is(err, access.ErrLogin):
		return wrong("password", "password.wrong")
	case err != nil:
		return err
	}
	made, err := s.Mailboxes.AddApp(r.Context(), v.Person.Box, name)
	if errors.Is(err, ErrAppName) {
		return wrong("name", "apps.bad")
	}
	if err != nil {
		return err
	}
	s.Log.Info("application password made", "person", v.Person.Name, "client", v.Client)
	return s.appsPage(w, r, http.StatusOK, appsPage{Password: made, Name: name})
}

func (s *Server) removeApp(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	if err := s.Mailboxes.RemoveApp(r.Context(), v.Person.Box, r.PostForm.Get("name")); err != nil {
		return err
	}
	return s.redirect(w, r, "/mailbox/passwords", notice{"good", v.T("apps.removed")})
}

const deletedPage = 50 // messages on a page

// A deletedMail page lists what can be brought back.
type deletedMail struct {
	List []Deleted
	Next string // the page behind it; "": there is none
}

func (s *Server) deleted(w http.ResponseWriter, r *http.Request) error {
	after := r.URL.Query().Get("after")
	if n, err := strconv.ParseUint(after, 10, 63); after != "" && (err != nil || n == 0) {
		return errNotFound
	}
	list, err := s.Mailboxes.Deleted(r.Context(), visitOf(r).Person.Box, after, deletedPage)
	if err != nil {
		return err
	}
	page := deletedMail{List: list}
	for i := range list {
		list[i].From, list[i].Subject, list[i].Folder = safe.Line(list[i].From), safe.Line(list[i].Subject), safe.Line(list[i].Folder)
	}
	if len(list) == deletedPage {
		page.Next = list[deletedPage-1].ID
	}
	return s.page(w, r, http.StatusOK, "deleted", page)
}

func (s *Server) bringBack(w http.ResponseWriter, r *http.Request) error {
	v, ids := visitOf(r), r.PostForm["id"]
	if len(ids) > deletedPage {
		return errForm
	}
	for _, id := range ids {
		if n, err := strconv.ParseInt(id, 10, 64); err != nil || n <= 0 {
			return errForm
		}
	}
	if len(ids) == 0 {
		return s.redirect(w, r, "/mailbox/deleted", notice{"bad", v.T("deleted.nothing")})
	}
	n, full, err := s.Mailboxes.Recover(r.Context(), v.Person.Box, ids)
	if err != nil {
		return err
	}
	text, kind := v.T("deleted.done", n), "good"
	if full {
		text, kind = text+" "+v.T("deleted.full"), "warn"
	}
	return s.redirect(w, r, "/mailbox/deleted", notice{kind, text})
}
