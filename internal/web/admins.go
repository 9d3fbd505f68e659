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
)

// Admins is who looks after the node and its domains, as operators see it.
type Admins interface {
	// Admins are those in whose names, or those of whose domains, a part is, by name; no more than most.
	Admins(ctx context.Context, part string, most int) ([]Admin, error)
	// Admin finds one, or fails with ErrNoAdmin.
	Admin(ctx context.Context, name string) (Admin, error)
	// AddAdmin adds one, as who's doing. The password that was made for him is returned, and never again. It fails
	// with an *AdminFault.
	AddAdmin(ctx context.Context, f AdminForm, who string) (password string, err error)
	// ChangeAdmin changes one in the same way; where no password is to be made it returns none. It fails with
	// ErrNoAdmin, too.
	ChangeAdmin(ctx context.Context, f AdminForm, who string) (password string, err error)
	// RemoveAdmin removes one. It fails with ErrNoAdmin, and with an *AdminFault.
	RemoveAdmin(ctx context.Context, name, who string) error
}

// ErrNoAdmin: there is no such admin, any more.
var ErrNoAdmin = errors.New("there is no such admin")

// An AdminFault is what is wrong with a field of an AdminForm.
type AdminFault struct {
	Field string // name, role, domains, rights, password: the operator's own; "": what was to be done as a whole
	Why   string // "bad", "none", "taken", "last": no operator would be left, "own": nobody does it to himself
	What  string // what of the field: a domain, a right; "": all of it
}

// Error names all three.
func (f *AdminFault) Error() string {
	return strings.TrimSpace(fmt.Sprintf("an admin's %s: %s %s", f.Field, f.Why, f.What))
}

// An Admin is one as he is shown.
type Admin struct {
	Name      string
	Role      access.Role
	Domains   []string        // none of an operator, who has all
	Rights    []access.Action // that were chosen; none: all that the role may
	Language  string
	Suspended bool
	Created   time.Time
	Last      *access.Login // to the pages; nil: none within LoginsFor
}

// Path is that of his page.
func (a Admin) Path() string { return "/admins/one?" + url.Values{"name": {a.Name}}.Encode() }

// An AdminForm is one as an operator wants him.
type AdminForm struct {
	Name      string
	Role      access.Role
	Domains   string          // one on each line; of an operator none are read
	All       bool            // that the role may: Rights is not read
	Rights    []access.Action // of the role
	Language  string
	Suspended bool
	Password  bool // make a new one; who is added gets one anyhow
}

// Has reports whether a right is chosen.
func (f AdminForm) Has(right access.Action) bool { return slices.Contains(f.Rights, right) }

func (s *Server) adminRoutes() []route {
	change := access.AdminChange
	return []route{
		{pattern: "GET /admins", action: change, handle: s.admins},
		{pattern: "GET /admins/new", action: change, handle: s.newAdmin},
		{pattern: "GET /admins/one", action: change, handle: s.oneAdmin},
		{pattern: "POST /admins/add", action: change, handle: s.addAdmin},
		{pattern: "POST /admins/change", action: change, handle: s.changeAdmin},
		{pattern: "POST /admins/remove", action: change, handle: s.removeAdmin},
	}
}

// adminsOnPage is how many admins the page has; of more it is asked which.
const adminsOnPage = 100

// An adminsPage lists admins.
type adminsPage struct {
	Part string // of names that were looked for
	Rows []Admin
	More bool // there are more than are shown
}

func (s *Server) admins(w http.ResponseWriter, r *http.Request) error {
	page := adminsPage{Part: strings.TrimSpace(cutTo(r.URL.Query().Get("name"), maxField))}
	list, err := s.Admins.Admins(r.Context(), page.Part, adminsOnPage+1)
	if err != nil {
		return err
	}
	page.Rows, page.More = pageful(list, adminsOnPage)
	return s.page(w, r, http.StatusOK, "admins", page)
}

// An adminPage is the form of one.
type adminPage struct {
	AdminForm
	Is        *Admin // nil: he is to be added
	Own       bool   // it is who looks at the page: he changes nothing here
	Roles     []access.Role
	Groups    []rightGroup
	Languages []string
	Made      string // the password that was made just now
	Fault     *AdminFault
}

// Wrong is the key of what is wrong with a field; "": nothing is.
func (p adminPage) Wrong(field string) string {
	if p.Fault == nil || p.Fault.Field != field {
		return ""
	}
	return wrongKey("admins.wrong.", field, p.Fault.Why)
}

// A rightGroup is rights of one thing, as they stand together.
type rightGroup struct {
	Name   string
	Rights []access.Action
}

// rightGroups has each right that can be chosen once.
func rightGroups() []rightGroup {
	return []rightGroup{
		{"held", []access.Action{access.HeldView, access.HeldRelease, access.HeldDelete, access.HeldAsk}},
		{"lists", []access.Action{access.EntryView, access.EntryChange, access.SettingsView, access.SettingsSet, access.RulesChange}},
		{"mail", []access.Action{access.MessageView, access.QueueView, access.QueueChange}},
		{"sending", []access.Action{access.KeyView, access.KeyChange, access.SenderView, access.SenderChange, access.HostView, access.HostChange, access.StopView, access.StopChange}},
	}
}

// Least is the role of least reach that has a right.
func (rightGroup) Least(right access.Action) access.Role {
	for _, role := range access.Roles() {
		if slices.Contains(access.Rights(role), right) {
			return role
		}
	}
	return access.Operator
}

// formOfAdmin fills a form in as an admin is.
func formOfAdmin(a Admin) AdminForm {
	return AdminForm{
		Name: a.Name, Role: a.Role, Domains: strings.Join(a.Domains, "\n"), All: len(a.Rights) == 0, Rights: a.Rights, Language: a.Language, Suspended: a.Suspended,
	}
}

func (s *Server) adminPage(w http.ResponseWriter, r *http.Request, status int, page adminPage) error {
	page.Roles = access.Roles()[1:] // an owner is none
	page.Groups, page.Languages = rightGroups(), s.words.Languages()
	page.Own = page.Is != nil && s.isSelf(r, page.Is.Name)
	return s.page(w, r, status, "admin", page)
}

// isSelf reports whether an admin is the visitor.
func (s *Server) isSelf(r *http.Request, name string) bool { return visitOf(r).Person.Name == name }

func (s *Server) newAdmin(w http.ResponseWriter, r *http.Request) error {
	return s.adminPage(w, r, http.StatusOK, adminPage{AdminForm: AdminForm{Role: access.Admin, All: true}})
}

// adminOf is the one of a name.
func (s *Server) adminOf(r *http.Request, name string) (Admin, error) {
	one, err := s.Admins.Admin(r.Context(), cutTo(name, maxField))
	if errors.Is(err, ErrNoAdmin) {
		err = errNotFound
	}
	return one, err
}

func (s *Server) oneAdmin(w http.ResponseWriter, r *http.Request) error {
	one, err := s.adminOf(r, r.URL.Query().Get("name"))
	if err != nil {
		return err
	}
	return s.adminPage(w, r, http.StatusOK, adminPage{AdminForm: formOfAdmin(one), Is: &one})
}

// readAdmin reads the form.
func readAdmin(form url.Values) AdminForm {
	f := AdminForm{
		Name: strings.TrimSpace(cutTo(form.Get("name"), maxField)), Role: access.Role(form.Get("role")), Domains: form.Get("domains"),
		All: form.Get("rights") == "all", Language: form.Get("language"), Suspended: form.Get("suspended") == "yes", Password: form.Get("password") == "new",
	}
	for _, g := range rightGroups() {
		for _, right := range g.Rights {
			if slices.Contains(form["right"], string(right)) {
				f.Rights = append(f.Rights, right)
			}
		}
	}
	return f
}

// check says what is wrong with a form by itself. That nothing is chosen would mean all: so it is refused.
func (f AdminForm) check() error {
	switch {
	case !slices.Contains(access.Roles()[1:], f.Role):
		return &AdminFault{Field: "role", Why: "none"}
	case f.Role == access.Operator || f.All:
		return nil
	case len(f.Rights) == 0:
		return &AdminFault{Field: "rights", Why: "none"}
	}
	for _, right := range f.Rights {
		if !slices.Contains(access.Rights(f.Role), right) {
			return &AdminFault{Field: "rights", Why: "bad", What: string(right)}
		}
	}
	return nil
}

// sure asks the operator for his own password: who finds a page open makes no operator of himself.
func (s *Server) sure(r *http.Request) error {
	password := r.PostForm.Get("confirm")
	if password == "" { // it is no try
		return &AdminFault{Field: "password", Why: "none"}
	}
	err := s.checkPassword(r, password)
	if errors.Is(err, access.ErrLogin) {
		return &AdminFault{Field: "password", Why: "bad"}
	}
	return err
}

func (s *Server) addAdmin(w http.ResponseWriter, r *http.Request) error {
	page := adminPage{AdminForm: readAdmin(r.PostForm)}
	err := page.check()
	if err == nil {
		err = s.sure(r)
	}
	if err == nil {
		page.Made, err = s.Admins.AddAdmin(r.Context(), page.AdminForm, visitOf(r).Person.Name)
	}
	return s.adminDone(w, r, page, "admins.added", err)
}

func (s *Server) changeAdmin(w http.ResponseWriter, r *http.Request) error {
	page := adminPage{AdminForm: readAdmin(r.PostForm)}
	one, err := s.adminOf(r, page.Name)
	if err != nil {
		return err
	}
	page.Is, page.Name = &one, one.Name
	if err = page.check(); s.isSelf(r, one.Name) {
		err = &AdminFault{Why: "own"}
	}
	if err == nil {
		err = s.sure(r)
	}
	if err == nil {
		page.Made, err = s.Admins.ChangeAdmin(r.Context(), page.AdminForm, visitOf(r).Person.Name)
	}
	return s.adminDone(w, r, page, "admins.changed", err)
}

// adminDone says what was done, with the password that was made, or shows the form again with what is wrong in it.
func (s *Server) adminDone(w http.ResponseWriter, r *http.Request, page adminPage, done string, err error) error {
	switch {
	case errors.As(err, &page.Fault):
		return s.adminPage(w, r, http.StatusUnprocessableEntity, page)
	case errors.Is(err, ErrNoAdmin):
		return errNotFound
	case err != nil:
		return err
	case page.Made == "":
		return s.redirect(w, r, "/admins", notice{"good", visitOf(r).T(done, page.Name)})
	}
	one, err := s.adminOf(r, page.Name)
	if err != nil {
		return err
	}
	return s.adminPage(w, r, http.StatusOK, adminPage{AdminForm: formOfAdmin(one), Is: &one, Made: page.Made})
}

func (s *Server) removeAdmin(w http.ResponseWriter, r *http.Request) error {
	one, err := s.adminOf(r, r.PostForm.Get("name"))
	if err != nil {
		return err
	}
	if s.isSelf(r, one.Name) {
		err = &AdminFault{Why: "own"}
	} else {
		err = s.sure(r)
	}
	v := visitOf(r)
	if err == nil {
		err = s.Admins.RemoveAdmin(r.Context(), one.Name, v.Person.Name)
	}
	page := adminPage{AdminForm: formOfAdmin(one), Is: &one}
	return s.adminDone(w, r, page, "admins.removed", err)
}
