package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/web/safe"
)

// Entries are the lists of those who are allowed and blocked; *directory.Directory has
// most of it.
type Entries interface {
	Entries(ctx context.Context, q directory.EntryQuery) ([]directory.Entry, error)
	Entry(ctx context.Context, id int64) (directory.Entry, error)
	AddEntry(ctx context.Context, e directory.Entry) (directory.Entry, error)
	ChangeEntry(ctx context.Context, id int64, change func(*directory.Entry) error) (directory.Entry, error)
	RemoveEntry(ctx context.Context, id int64) error
	ExportEntries(ctx context.Context, q directory.EntryQuery, w io.Writer) error
	ImportEntries(ctx context.Context, r io.Reader, how directory.Import) (directory.Imported, error)
	// BoxOf returns the number of the mailbox with an address, 0 where there is none.
	BoxOf(address mail.Path) int64
	// Before names the filters that can decide about a message before the entry is asked
	// for, and asked is false where nothing asks for it.
	Before(e directory.Entry) (filters []string, asked bool)
}

// maxImport bounds a list that is read from a page, in octets.
const maxImport = 2 << 20

func (s *Server) listRoutes() []route {
	return []route{
		{pattern: "GET /lists", action: access.EntryView, handle: s.listEntries},
		{pattern: "POST /lists", action: access.EntryChange, handle: s.addEntry},
		{pattern: "POST /lists/remove", action: access.EntryChange, handle: s.removeEntries},
		{pattern: "GET /lists.csv", action: access.EntryView, handle: s.exportEntries},
		{pattern: "GET /lists/import", action: access.EntryChange, handle: s.importForm},
		{pattern: "POST /lists/import", action: access.EntryChange, handle: s.importEntries, body: maxImport},
		{pattern: "GET /lists/{id}", action: access.EntryView, handle: s.showEntry},
		{pattern: "POST /lists/{id}", action: access.EntryChange, handle: s.changeEntry},
	}
}

// scopeObject is what a scope is to package access.
func (s *Server) scopeObject(scope directory.Scope) access.Object {
	switch scope.Kind {
	case directory.DomainScope:
		return access.Object{Domain: scope.Name}
	case directory.MailboxScope:
		address := mail.Path(scope.Name)
		return access.Object{Domain: address.Domain(), Box: s.Entries.BoxOf(address)}
	}
	return access.Object{}
}

// An entrySearch is what somebody looks for in the lists.
type entrySearch struct {
	List, Part, Scope string
	Wrong             string // key of why the scope can't be looked for
	after             int64
}

const entryPage = 100 // rows of a page

func readEntrySearch(v url.Values) entrySearch {
	cut := func(name string, n int) string { return strings.TrimSpace(cutTo(v.Get(name), n)) }
	f := entrySearch{List: cut("list", maxField), Part: cut("part", directory.MaxPart), Scope: cut("scope", maxField)}
	if !slices.Contains(directory.Lists(), directory.List(f.List)) {
		f.List = ""
	}
	f.after, _ = strconv.ParseInt(v.Get("after"), 10, 64) // what is no number is the beginning
	return f
}

func (f entrySearch) path(base string, after int64) string {
	v := url.Values{}
	for name, value := range map[string]string{"list": f.List, "part": f.Part, "scope": f.Scope} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if after > 0 {
		v.Set("after", strconv.FormatInt(after, 10))
	}
	if len(v) == 0 {
		return base
	}
	return base + "?" + v.Encode()
}

// Any reports whether anything narrows the search.
func (f entrySearch) Any() bool { return f.List != "" || f.Part != "" || f.Scope != "" }

// entryQuery narrows a search to what the person may see. It fails with errNotFound where
// the scope that is asked for is not the person's, and is false where nothing is.
func (s *Server) entryQuery(r *http.Request, f *entrySearch) (q directory.EntryQuery, ok bool, err error) {
	p := visitOf(r).Person
	q = directory.EntryQuery{List: directory.List(f.List), Part: f.Part, After: f.after, Limit: entryPage + 1}
	switch {
	case p.Role == access.Owner:
		q.Scopes = []directory.Scope{{Kind: directory.MailboxScope, Name: p.Name}}
		return q, true, nil
	case f.Scope != "":
		scope, err := directory.ParseScope(f.Scope)
		if err != nil {
			f.Wrong = "list.wrong.scope"
			return q, false, nil
		}
		if err := s.allow(r, s.scopeObject(scope)); err != nil {
			return q, false, err
		}
		q.Scopes = []directory.Scope{scope}
		return q, true, nil
	case p.Role == access.Operator:
		return q, true, nil
	}
	q.Domains, q.Unlocked = p.Domains, true
	if len(q.Domains) > directory.MaxScopes { // a search can name no more
		f.Wrong = "list.wrong.many"
		return q, false, nil
	}
	return q, len(p.Domains) > 0, nil
}

// An entryRow is an entry in a list.
type entryRow struct {
	directory.Entry
	Kinds, Origins, For string    // in words
	LastDay             time.Time // on which it counts
	Over                bool
	May                 bool // be changed
}

func (s *Server) entryRow(r *http.Request, e directory.Entry) entryRow {
	v := visitOf(r)
	row := entryRow{Entry: e, Kinds: word(v, "list.kind."+string(e.Kind)), Origins: safe.Line(e.Origin), For: e.Scope.Name}
	switch e.Scope.Kind {
	case directory.DomainScope:
		row.For = mail.ShownDomain(e.Scope.Name)
	case directory.MailboxScope:
		row.For = ownAddress(mail.Path(e.Scope.Name))
	}
	if key := "list.origin." + e.Origin; s.words.Has(key) {
		row.Origins = v.T(key)
	}
	if e.Scope.Kind == directory.GlobalScope {
		row.For = v.T("list.global")
	}
	row.Value, row.Note = safe.Line(e.Value), safe.Line(e.Note)
	row.Over = !e.Expires.IsZero() && e.Expires.Before(v.Now)
	if !e.Expires.IsZero() {
		row.LastDay = e.Expires.Add(-time.Second)
	}
	row.May = s.may(r, access.EntryChange, s.scopeObject(e.Scope))
	return row
}

type entryList struct {
	Search      entrySearch
	Rows        []entryRow
	Next, First string
	CSV         string
	Owner       bool
	All         bool // the node's own lists, too
	May         bool // add
	Scopes      []string
	Add         entryForm
}

// An entryForm is a new entry as it was written.
type entryForm struct {
	List, Value, Scope, Note, Expires string

	Author bool
	Wrong  map[string]string // by field: the key of why
}

func (s *Server) listEntries(w http.ResponseWriter, r *http.Request) error {
	f := readEntrySearch(r.URL.Query())
	return s.showEntries(w, r, http.StatusOK, f, entryForm{List: f.List, Scope: f.Scope})
}

// showEntries is the list with the form for a new entry below it.
func (s *Server) showEntries(w http.ResponseWriter, r *http.Request, status int, f entrySearch, add entryForm) error {
	p := visitOf(r).Person
	q, ok, err := s.entryQuery(r, &f)
	if err != nil {
		return err
	}
	data := entryList{
		Search: f, Owner: p.Role == access.Owner, All: s.may(r, access.EntryView, s.scopeObject(directory.Global)),
		May: access.MayAny(p, access.EntryChange), CSV: f.path("/lists.csv", 0), Add: add,
	}
	if p.Role != access.Owner {
		data.Scopes = p.Domains
	}
	if ok {
		list, err := s.Entries.Entries(r.Context(), q)
		if err != nil {
			return err
		}
		if len(list) > entryPage {
			list = list[:entryPage]
			data.Next = f.path("/lists", list[entryPage-1].ID)
		}
		for _, e := range list {
			data.Rows = append(data.Rows, s.entryRow(r, e))
		}
	}
	if f.after > 0 {
		data.First = f.path("/lists", 0)
	}
	return s.page(w, r, status, "lists", data)
}

// addEntry adds one; a field that is wrong is shown again with what was written.
func (s *Server) addEntry(w http.ResponseWriter, r *http.Request) error {
	v, form := visitOf(r), r.PostForm
	cut := func(name string, n int) string { return strings.TrimSpace(firstOctets(form.Get(name), n)) }
	add := entryForm{
		List: cut("list", 10), Value: cut("value", maxField), Scope: cut("scope", maxField), Note: strings.TrimSpace(cutTo(form.Get("note"), directory.MaxNote)),
		Expires: cut("expires", 20), Author: form.Get("author") != "", Wrong: map[string]string{},
	}
	e := directory.Entry{List: directory.List(add.List), Value: add.Value, Note: add.Note, Origin: "admin"}
	if add.Author {
		e.Kind = directory.Author
	}
	if v.Person.Role == access.Owner {
		e.Origin, add.Scope = "owner", v.Person.Name
	}
	var err error
	if e.Scope, err = directory.ParseScope(add.Scope); err != nil {
		add.Wrong["scope"] = "list.wrong.scope"
	} else if err := s.allow(r, s.scopeObject(e.Scope)); err != nil {
		return err
	}
	if e.Expires, err = day(add.Expires, v.Zone); err != nil {
		add.Wrong["expires"] = "list.wrong.day"
	}
	if len(add.Wrong) == 0 {
		if e, err = s.Entries.AddEntry(r.Context(), e); err == nil {
			return s.redirect(w, r, "/lists", notice{"good", s.added(v, e)})
		}
		if field, key := entryWrong(err); key != "" {
			add.Wrong[field] = key
		} else {
			return err
		}
	}
	f := entrySearch{}
	return s.showEntries(w, r, http.StatusUnprocessableEntity, f, add)
}

// entryWrong says which field an error is about.
func entryWrong(err error) (field, key string) {
	switch {
	case errors.Is(err, directory.ErrExists):
		return "value", "list.wrong.exists"
	case errors.Is(err, directory.ErrFull):
		return "value", "list.wrong.full"
	case errors.Is(err, directory.ErrOutranked):
		return "value", "list.wrong.outranked"
	case errors.Is(err, directory.ErrInUse):
		return "value", "list.wrong.used"
	case errors.Is(err, directory.ErrNoDomain), errors.Is(err, directory.ErrNoMailbox):
		return "scope", "list.wrong.nobody"
	case errors.Is(err, directory.ErrInvalid), errors.Is(err, mail.ErrPath):
		return "value", "list.wrong.value"
	}
	return "", ""
}

// day reads the last day on which an entry counts, and returns its end.
func day(text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, text, zone)
	if err == nil && (t.Year() < 2000 || t.Year() > 9000) {
		err = directory.ErrInvalid
	}
	return t.AddDate(0, 0, 1), err
}

// added says that an entry counts from now on, and what comes before it.
func (s *Server) added(v *visit, e directory.Entry) string {
	text := v.T("list.added", safe.Line(e.Value))
	before, asked := s.Entries.Before(e)
	switch {
	case !asked:
		text += " " + v.T("list.unasked")
	case len(before) > 0:
		text += " " + v.T("list.before", s.filterNames(v, before))
	}
	return text
}

func (s *Server) filterNames(v *visit, entries []string) string {
	var names []string
	for _, name := range entries {
		names = append(names, s.filterName(v, strings.TrimPrefix(name, "gate ")))
	}
	return strings.Join(slices.Compact(names), ", ")
}

// entry returns the one that a request names, if the person may do what the route is for.
func (s *Server) entry(r *http.Request) (directory.Entry, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return directory.Entry{}, errNotFound
	}
	return s.entryByID(r, id)
}

func (s *Server) entryByID(r *http.Request, id int64) (directory.Entry, error) {
	e, err := s.Entries.Entry(r.Context(), id)
	if errors.Is(err, directory.ErrNoEntry) {
		return e, errNotFound
	}
	if err == nil {
		err = s.allow(r, s.scopeObject(e.Scope))
	}
	return e, err
}

type entryView struct {
	entryRow
	ExpiresDay string
	Before     string
	Asked      bool
	Wrong      string
}

func (s *Server) showEntry(w http.ResponseWriter, r *http.Request) error {
	e, err := s.entry(r)
	if err != nil {
		return err
	}
	return s.entryPage(w, r, http.StatusOK, e, "")
}

func (s *Server) entryPage(w http.ResponseWriter, r *http.Request, status int, e directory.Entry, wrong string) error {
	v := visitOf(r)
	data := entryView{entryRow: s.entryRow(r, e), Wrong: wrong}
	if !e.Expires.IsZero() {
		data.ExpiresDay = data.LastDay.In(v.Zone).Format(time.DateOnly)
	}
	before, asked := s.Entries.Before(e)
	data.Before, data.Asked = s.filterNames(v, before), asked
	return s.page(w, r, status, "entry", data)
}

// changeEntry sets note and expiry.
func (s *Server) changeEntry(w http.ResponseWriter, r *http.Request) error {
	e, err := s.entry(r)
	if err != nil {
		return err
	}
	expires, err := day(strings.TrimSpace(r.PostForm.Get("expires")), visitOf(r).Zone)
	if err != nil {
		return s.entryPage(w, r, http.StatusUnprocessableEntity, e, "list.wrong.day")
	}
	note := strings.TrimSpace(cutTo(r.PostForm.Get("note"), directory.MaxNote))
	_, err = s.Entries.ChangeEntry(r.Context(), e.ID, func(e *directory.Entry) error {
		e.Note, e.Expires = note, expires
		return nil
	})
	if errors.Is(err, directory.ErrNoEntry) {
		return errNotFound
	}
	if err != nil {
		return err
	}
	return s.redirect(w, r, "/lists", notice{"good", visitOf(r).T("list.changed", safe.Line(e.Value))})
}

// removeEntries removes those that are named. Those of others are as good as gone.
func (s *Server) removeEntries(w http.ResponseWriter, r *http.Request) error {
	v, n := visitOf(r), 0
	ids := r.PostForm["id"]
	if len(ids) > maxTicked {
		return errTooLarge
	}
	for _, text := range ids {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return errForm
		}
		if _, err = s.entryByID(r, id); err == nil {
			err = s.Entries.RemoveEntry(r.Context(), id)
		}
		switch {
		case err == nil:
			n++
		case !errors.Is(err, errNotFound) && !errors.Is(err, directory.ErrNoEntry):
			return err
		}
	}
	kind := "good"
	if n == 0 {
		kind = "info"
	}
	return s.redirect(w, r, "/lists", notice{kind, v.T("list.removed", n)})
}
