package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/mail"
)

// Senders is who sends without a person: servers and devices of domains.
type Senders interface {
	// Senders are those whose names have the part in them and that may be seen, by name; no more than most.
	Senders(part string, most int, may func(Sender) bool) []Sender
	// Sender finds one; false: there is none.
	Sender(name string) (Sender, bool)
	// AddSender makes one. A password that was made is returned, and never again. It fails with a *SenderFault.
	AddSender(ctx context.Context, s SenderForm, by Keeper) (password string, err error)
	// ChangeSender changes one in the same way. It fails with ErrNoSender where it is gone.
	ChangeSender(ctx context.Context, s SenderForm, by Keeper) (password string, err error)
	// RemoveSender removes one. It fails with ErrNoSender, and with a *SenderFault.
	RemoveSender(ctx context.Context, name mail.Path, by Keeper) error
}

// ErrNoSender: there is no such sender, any more.
var ErrNoSender = errors.New("there is no such sender")

// A SenderFault is what is wrong with a field of a SenderForm.
type SenderFault struct {
	Field string // name, also, keys, networks; "": nothing tells who it is, or what tells may not be added to
	// Why is "bad", "taken": another has it, "wide": an operator alone may say so, "not": not the keeper's, "foreign": it sends as what is not the
	// keeper's, "barred": an operator switched it off.
	Why string
}

// Error names both.
func (f *SenderFault) Error() string { return fmt.Sprintf("a sender's %s: %s", f.Field, f.Why) }

// A Keeper is who changes a sender.
type Keeper struct {
	Name string
	May  func(domain string) bool // have senders send as it
	Wide bool                     // say what takes an operator: networks that are hardly one customer's, and what is barred
}

// MayAll tells whether he may have senders send as each of the domains. Who may not gives a sender that does so nothing new by which it
// is known, a password, a certificate or a network: he would send as another's domain himself.
func (k Keeper) MayAll(domains []string) bool {
	return !slices.ContainsFunc(domains, func(d string) bool { return !k.May(d) })
}

// A Sender is one as it is shown.
type Sender struct {
	Name     mail.Path
	Domains  []string // as which it sends, its own first
	Login    bool     // it has a password
	Keys     []string // SHA-256 of its certificates' keys
	Networks []string
	Off      bool // it sends nothing for now
	Barred   bool // only an operator can change that, and it
	Created  time.Time
}

// Shown is its name for people.
func (s Sender) Shown() string { return ownAddress(s.Name) }

// Path is that of its page.
func (s Sender) Path() string {
	return "/senders/one?" + url.Values{"name": {string(s.Name)}}.Encode()
}

// A SenderForm is one as somebody wants it, in his own words.
type SenderForm struct {
	Name           string
	Also, Networks string // one on each line
	Keys           string // certificates in PEM, and the SHA-256 of keys on lines of their own
	Login          string // "new": make a password; "none"; else: as it is
	Off, Barred    bool
}

func (s *Server) senderRoutes() []route {
	return []route{
		{pattern: "GET /senders", action: access.SenderView, handle: s.senders},
		{pattern: "GET /senders/new", action: access.SenderChange, handle: s.newSender},
		{pattern: "GET /senders/one", action: access.SenderChange, handle: s.oneSender},
		{pattern: "POST /senders/add", action: access.SenderChange, handle: s.addSender},
		{pattern: "POST /senders/change", action: access.SenderChange, handle: s.changeSender},
		{pattern: "POST /senders/remove", action: access.SenderChange, handle: s.removeSender},
	}
}

// sendersOnPage is how many senders the page has; of more it is asked which.
const sendersOnPage = 100

// A sendersPage lists senders.
type sendersPage struct {
	Part string // of names that were looked for
	Rows []senderRow
	More bool // there are more than are shown
	May  bool // add one
}

// A senderRow is one of them.
type senderRow struct {
	Sender
	May bool // change it
}

// senders lists those of the person's domains, and those that send as one.
func (s *Server) senders(w http.ResponseWriter, r *http.Request) error {
	page := sendersPage{Part: strings.TrimSpace(cutTo(r.URL.Query().Get("name"), maxField)), May: access.MayAny(visitOf(r).Person, access.SenderChange)}
	list := s.Senders.Senders(page.Part, sendersOnPage+1, func(one Sender) bool {
		return slices.ContainsFunc(one.Domains, func(d string) bool { return s.may(r, access.SenderView, access.Object{Domain: d}) })
	})
	list, page.More = pageful(list, sendersOnPage)
	for _, one := range list {
		page.Rows = append(page.Rows, senderRow{one, s.may(r, access.SenderChange, access.Object{Domain: one.Name.Domain()})})
	}
	return s.page(w, r, http.StatusOK, "senders", page)
}

// A senderPage is the form of one.
type senderPage struct {
	SenderForm
	Is       *Sender // nil: it is to be added
	Title    string  // its name, once there is one
	Domains  []string
	Foreign  bool   // it sends as what is not the person's: he can only take from it
	Wide     bool   // he is an operator
	Password string // that was made just now
	Fault    *SenderFault
}

// Wrong is the key of what is wrong with a field; "": nothing is.
func (p senderPage) Wrong(field string) string {
	if p.Fault == nil || p.Fault.Field != field {
		return ""
	}
	return wrongKey("senders.wrong.", field, p.Fault.Why)
}

// formOf fills a form in as a sender is.
func formOf(one Sender) SenderForm {
	return SenderForm{
		Name: string(one.Name), Also: strings.Join(one.Domains[1:], "\n"), Networks: strings.Join(one.Networks, "\n"), Keys: strings.Join(one.Keys, "\n"), Off: one.Off, Barred: one.Barred,
	}
}

func (s *Server) senderPage(w http.ResponseWriter, r *http.Request, status int, page senderPage) error {
	k := s.keeper(r)
	page.Domains, page.Wide = visitOf(r).Person.Domains, k.Wide
	if page.Is != nil {
		page.Title = page.Is.Shown()
		if page.Foreign = !k.MayAll(page.Is.Domains); page.Foreign && page.Login == "new" {
			page.Login = ""
		}
	}
	return s.page(w, r, status, "sender", page)
}

func (s *Server) newSender(w http.ResponseWriter, r *http.Request) error {
	return s.senderPage(w, r, http.StatusOK, senderPage{})
}

// Fixed tells whether an operator alone may change the sender, and the person is none.
func (p senderPage) Fixed() bool { return p.Is != nil && p.Is.Barred && !p.Wide }

// keptSender is the one of a name, where the person may change it.
func (s *Server) keptSender(r *http.Request, name string) (Sender, error) {
	one, found := s.Senders.Sender(cutTo(name, maxField))
	if !found {
		return one, errNotFound
	}
	return one, s.allow(r, access.Object{Domain: one.Name.Domain()})
}

func (s *Server) oneSender(w http.ResponseWriter, r *http.Request) error {
	one, err := s.keptSender(r, r.URL.Query().Get("name"))
	if err != nil {
		return err
	}
	return s.senderPage(w, r, http.StatusOK, senderPage{SenderForm: formOf(one), Is: &one})
}

// keeper is the visitor.
func (s *Server) keeper(r *http.Request) Keeper {
	return Keeper{
		Name: visitOf(r).Person.Name, Wide: s.may(r, access.SenderChange, access.Object{}),
		May: func(domain string) bool { return s.may(r, access.SenderChange, access.Object{Domain: domain}) },
	}
}

// readSender reads the form.
func readSender(form url.Values) SenderForm {
	return SenderForm{
		Name: strings.TrimSpace(cutTo(form.Get("name"), maxField)), Also: form.Get("also"), Networks: form.Get("networks"), Keys: form.Get("keys"),
		Login: form.Get("login"), Off: form.Get("off") != "", Barred: form.Get("off") == "barred",
	}
}

func (s *Server) addSender(w http.ResponseWriter, r *http.Request) error {
	f := readSender(r.PostForm)
	password, err := s.Senders.AddSender(r.Context(), f, s.keeper(r))
	return s.senderDone(w, r, senderPage{SenderForm: f, Password: password}, "senders.added", err)
}

func (s *Server) changeSender(w http.ResponseWriter, r *http.Request) error {
	f := readSender(r.PostForm)
	one, err := s.keptSender(r, f.Name)
	if err != nil {
		return err
	}
	password, err := s.Senders.ChangeSender(r.Context(), f, s.keeper(r))
	return s.senderDone(w, r, senderPage{SenderForm: f, Is: &one, Password: password}, "senders.changed", err)
}

// senderDone says what was done, with the password that was made, or shows the form again with what is wrong in it.
func (s *Server) senderDone(w http.ResponseWriter, r *http.Request, page senderPage, done string, err error) error {
	switch {
	case errors.As(err, &page.Fault):
		return s.senderPage(w, r, http.StatusUnprocessableEntity, page)
	case errors.Is(err, ErrNoSender):
		return errNotFound
	case err != nil:
		return err
	case page.Password == "":
		return s.redirect(w, r, "/senders", notice{"good", visitOf(r).T(done, page.Name)})
	}
	one, err := s.keptSender(r, page.Name)
	if err != nil {
		return err
	}
	return s.senderPage(w, r, http.StatusOK, senderPage{SenderForm: formOf(one), Is: &one, Password: page.Password})
}

func (s *Server) removeSender(w http.ResponseWriter, r *http.Request) error {
	one, err := s.keptSender(r, r.PostForm.Get("name"))
	if err != nil {
		return err
	}
	var fault *SenderFault
	switch err := s.Senders.RemoveSender(r.Context(), one.Name, s.keeper(r)); {
	case errors.As(err, &fault):
		return s.senderPage(w, r, http.StatusUnprocessableEntity, senderPage{SenderForm: formOf(one), Is: &one, Fault: fault})
	case err != nil && !errors.Is(err, ErrNoSender):
		return err
	}
	return s.redirect(w, r, "/senders", notice{"good", visitOf(r).T("senders.removed", one.Shown())})
}
