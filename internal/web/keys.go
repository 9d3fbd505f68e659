package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/web/safe"
)

// Keys is with what the mail of domains is signed (DKIM).
type Keys interface {
	// Domains names those here whose name has the part in it, this node's own name among them, that may be seen; no
	// more than most.
	Domains(part string, most int, may func(name string) bool) []string
	// Of returns a domain's keys, by selector, and its name as it is kept; false where it is not here.
	Of(domain string) (name string, list []SigningKey, found bool)
	// NewKeys makes a key of each kind, ReplaceKeys makes those that take over, DropKey removes one at once, and
	// CheckKeys looks into the DNS now. They fail with ErrHasKeys, ErrNoKeys and ErrKeysWait.
	NewKeys(ctx context.Context, domain string) error
	ReplaceKeys(ctx context.Context, domain string) error
	DropKey(ctx context.Context, domain, selector string) error
	CheckKeys(ctx context.Context, domain string) error
}

// What keys can't be made or dropped for.
var (
	ErrHasKeys  = errors.New("the domain has keys already")
	ErrNoKeys   = errors.New("there is no such key")
	ErrKeysWait = errors.New("new keys wait for their records already")
)

// A SigningKey is one key of a domain: never the private part.
type SigningKey struct {
	Selector, Kind string
	State          string // waiting, active, old, spent
	Since          time.Time
	Problem        string // what is wrong with its record; "": nothing
	Name, Data     string // of its record in the DNS, as zone files have it
}

func (s *Server) keyRoutes() []route {
	return []route{
		{pattern: "GET /keys", action: access.KeyView, handle: s.keys},
		{pattern: "POST /keys/new", action: access.KeyChange, handle: s.keyAct(s.Keys.NewKeys, "keys.made")},
		{pattern: "POST /keys/replace", action: access.KeyChange, handle: s.keyAct(s.Keys.ReplaceKeys, "keys.made")},
		{pattern: "POST /keys/check", action: access.KeyChange, handle: s.keyAct(s.Keys.CheckKeys, "keys.checked")},
		{pattern: "POST /keys/drop", action: access.KeyChange, handle: s.dropKey},
	}
}

// keyDomains is how many domains the page names; of more it is asked which.
const keyDomains = 100

// A keysPage is one domain's keys, or the domains there are.
type keysPage struct {
	Domain  string // "": which?
	Part    string // of names that were looked for
	Absent  bool   // the person has no domain of the name that was asked for
	Domains []string
	More    bool // there are more than are named
	Keys    []SigningKey
	May     bool
}

// Signs reports whether some key signs, or will.
func (p keysPage) Signs() bool { return p.some("active") || p.Waits() }

// Waits reports whether some key waits for its record.
func (p keysPage) Waits() bool { return p.some("waiting") }

func (p keysPage) some(state string) bool {
	return slices.ContainsFunc(p.Keys, func(k SigningKey) bool { return k.State == state })
}

// Path is that of a domain's page.
func (keysPage) Path(domain string) string { return keysPath(domain) }

func keysPath(domain string) string { return "/keys?" + url.Values{"domain": {domain}}.Encode() }

// keys shows the keys of a domain with their lines for the DNS, or asks which.
func (s *Server) keys(w http.ResponseWriter, r *http.Request) error {
	asked := strings.TrimSpace(cutTo(r.URL.Query().Get("domain"), maxField))
	page := keysPage{Part: asked}
	if name, list, found := s.Keys.Of(asked); asked != "" && found && s.allow(r, access.Object{Domain: name}) == nil {
		page.Domain, page.Keys, page.May = name, list, s.may(r, access.KeyChange, access.Object{Domain: name})
		for n := range page.Keys {
			page.Keys[n].Problem = safe.Line(page.Keys[n].Problem)
		}
		return s.page(w, r, http.StatusOK, "keys", page)
	}
	page.Domains = s.Keys.Domains(asked, keyDomains+1, func(name string) bool { return s.allow(r, access.Object{Domain: name}) == nil })
	if page.More = len(page.Domains) > keyDomains; page.More {
		page.Domains = page.Domains[:keyDomains]
	}
	status := http.StatusOK
	if page.Absent = asked != "" && len(page.Domains) == 0; page.Absent {
		status = http.StatusNotFound
	}
	return s.page(w, r, status, "keys", page)
}

// keyDomain is the domain that a form names, where the person may change its keys.
func (s *Server) keyDomain(r *http.Request) (string, error) {
	name, _, found := s.Keys.Of(strings.TrimSpace(cutTo(r.PostForm.Get("domain"), maxField)))
	if !found {
		return "", errNotFound
	}
	return name, s.allow(r, access.Object{Domain: name})
}

// keyAct does something with a domain's keys, and says so.
func (s *Server) keyAct(act func(context.Context, string) error, done string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		name, err := s.keyDomain(r)
		if err != nil {
			return err
		}
		return s.keyDone(w, r, name, act(r.Context(), name), done)
	}
}

func (s *Server) dropKey(w http.ResponseWriter, r *http.Request) error {
	name, err := s.keyDomain(r)
	if err != nil {
		return err
	}
	selector := cutTo(r.PostForm.Get("selector"), maxField)
	if selector == "" { // it would be all of them
		return errNotFound
	}
	return s.keyDone(w, r, name, s.Keys.DropKey(r.Context(), name, selector), "keys.dropped")
}

func (s *Server) keyDone(w http.ResponseWriter, r *http.Request, domain string, err error, done string) error {
	v, kind, said := visitOf(r), "good", done
	switch {
	case errors.Is(err, ErrHasKeys):
		kind, said = "info", "keys.has"
	case errors.Is(err, ErrNoKeys):
		kind, said = "info", "keys.gone"
	case errors.Is(err, ErrKeysWait):
		kind, said = "info", "keys.wait"
	case err != nil:
		return err
	default:
		s.Log.Info("signing keys changed on the pages", "domain", domain, "by", v.Person.Name, "what", strings.TrimPrefix(done, "keys."))
	}
	return s.redirect(w, r, keysPath(domain), notice{kind, v.T(said)})
}
