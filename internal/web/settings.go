package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/directory"
)

// Settings knows what is set for a mailbox, and changes it.
type Settings interface {
	// Settings returns ErrNoMailbox where the address has none.
	Settings(ctx context.Context, address string) (MailboxSettings, error)
	// SetSettings changes the fields that people set.
	SetSettings(ctx context.Context, m MailboxSettings) error
	// SetLock locks a mailbox or unlocks it, and notes by whom.
	SetLock(ctx context.Context, address string, locked bool, by access.Person) error
}

// ErrNoMailbox: there is no mailbox with the address.
var ErrNoMailbox = errors.New("no such mailbox")

// MailboxSettings is what is set for a mailbox. The first fields say whose it is and what
// holds around it.
type MailboxSettings struct {
	Address           string
	Domain            string
	Box               int64
	DomainDisposition string
	DigestHours       []int // of the domain, in its zone; none: no digests
	Zone              string
	Open              []string // what counts for the mailbox itself: "disposition", "level", "digest"; and "lock"
	Locked            bool
	LockedBy          string    // who did it
	LockedSince       time.Time // zero: it is not known

	Language    string // "": of the browser, the domain, the node
	Disposition string // "quarantine", "junk", "tag"; "": the domain's
	Level       int    // 1 (strict) to 7; 0: the policy's own
	Digest      bool
}

func (m MailboxSettings) object() access.Object { return access.Object{Domain: m.Domain, Box: m.Box} }

const maxLevel = 7

func (s *Server) settingsRoutes() []route {
	return []route{
		{pattern: "GET /settings", action: access.SettingsView, handle: s.settings},
		{pattern: "POST /settings", action: access.SettingsSet, handle: s.setSettings},
		{pattern: "POST /settings/lock", action: access.LockSet, handle: s.setLock},
	}
}

// A settingsPage has no mailbox where one is still to be named.
type settingsPage struct {
	MailboxSettings
	Found     bool
	Asked     string // the address that was asked for
	Owner     bool   // it is the person's own
	May       bool   // it may be changed
	Lock      bool   // it may be locked and unlocked
	Languages []string
	Programs  bool // there is a page for mail programs
	Shut      bool // what is done with spam is not the owner's to set
}

// Leaves reports whether a field can be changed here. What the domain does not leave to
// owners would not count, whoever set it.
func (p settingsPage) Leaves(what string) bool {
	return p.May && !p.Shut && slices.Contains(p.Open, what)
}

// Levels are those that there are.
func (settingsPage) Levels() []int { return []int{0, 1, 2, 3, 4, 5, 6, 7} }

// Dispositions are those that there are.
func (settingsPage) Dispositions() []string { return []string{"quarantine", "junk", "tag"} }

// settings shows an owner the own mailbox, and admins one of theirs, by address.
func (s *Server) settings(w http.ResponseWriter, r *http.Request) error {
	page, err := s.settingsOf(r, r.URL.Query().Get("mailbox"))
	if err != nil {
		return err
	}
	status := http.StatusOK
	if page.Asked != "" && !page.Found {
		status = http.StatusNotFound
	}
	return s.page(w, r, status, "settings", page)
}

// settingsOf finds what is set for an address, or for the person's own mailbox. Who asks
// for a mailbox that he may not see is told that there is none.
func (s *Server) settingsOf(r *http.Request, address string) (settingsPage, error) {
	v := visitOf(r)
	page := settingsPage{Languages: s.words.Languages(), Owner: v.Person.Role == access.Owner, Programs: s.Programs != nil}
	if page.Owner {
		address = v.Person.Name
	}
	if page.Asked = address; address == "" {
		return page, nil
	}
	m, err := s.Settings.Settings(r.Context(), address)
	if err == nil {
		err = s.allow(r, m.object())
	}
	switch {
	case errors.Is(err, ErrNoMailbox), errors.Is(err, errNotFound):
		return page, nil
	case err != nil:
		return page, err
	}
	page.Shut = v.open(directory.PageAntiSpam) != nil
	page.MailboxSettings, page.Found, page.May = m, true, s.may(r, access.SettingsSet, m.object())
	page.Lock = s.may(r, access.LockSet, m.object()) && (!page.Owner || slices.Contains(m.Open, "lock"))
	return page, nil
}

// setLock locks a mailbox or unlocks it. Owners may where their domain leaves it to them.
func (s *Server) setLock(w http.ResponseWriter, r *http.Request) error {
	page, err := s.settingsOf(r, r.PostForm.Get("mailbox"))
	switch {
	case err != nil:
		return err
	case !page.Found:
		return errNotFound
	case !page.Lock:
		return s.redirect(w, r, page.path(), notice{"bad", visitOf(r).T("lock.theirs")})
	}
	lock, key := false, "lock.undone"
	switch r.PostForm.Get("lock") {
	case "yes":
		lock, key = true, "lock.done"
	case "no":
	default: // what says nothing opens nothing
		return errForm
	}
	if err := s.Settings.SetLock(r.Context(), page.Address, lock, visitOf(r).Person); err != nil {
		return err
	}
	return s.redirect(w, r, page.path(), notice{"good", word(visitOf(r), key)})
}

// path is that of the page.
func (p settingsPage) path() string {
	if p.Owner {
		return "/settings"
	}
	return "/settings?mailbox=" + url.QueryEscape(p.Address)
}

func (s *Server) setSettings(w http.ResponseWriter, r *http.Request) error {
	page, err := s.settingsOf(r, r.PostForm.Get("mailbox"))
	switch {
	case err != nil:
		return err
	case !page.Found:
		return errNotFound
	}
	if r.PostForm.Has("disposition") || r.PostForm.Has("level") || r.PostForm.Has("digest") {
		if err := visitOf(r).open(directory.PageAntiSpam); err != nil {
			return err
		}
	}
	next, ok := page.changed(r.PostForm)
	if !ok {
		return errForm
	}
	if err := s.Settings.SetSettings(r.Context(), next); err != nil {
		return err
	}
	return s.redirect(w, r, page.path(), notice{"good", visitOf(r).T("settings.done")})
}

// changed returns what a form wants, in the fields that are open; false where it has what
// no page offers.
func (p settingsPage) changed(form url.Values) (MailboxSettings, bool) {
	next := p.MailboxSettings
	if lang := form.Get("language"); lang == "" || slices.Contains(p.Languages, lang) {
		next.Language = lang
	} else {
		return next, false
	}
	if p.Leaves("disposition") {
		if next.Disposition = form.Get("disposition"); next.Disposition != "" && !slices.Contains(p.Dispositions(), next.Disposition) {
			return next, false
		}
	}
	if p.Leaves("level") {
		level, err := strconv.Atoi(form.Get("level"))
		if err != nil || level < 0 || level > maxLevel {
			return next, false
		}
		next.Level = level
	}
	if p.Leaves("digest") {
		next.Digest = form.Get("digest") == "on"
	}
	return next, true
}
