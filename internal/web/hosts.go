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

// MailHosts is the servers that mail is handed to: those of domains, and of the node.
type MailHosts interface {
	// MailHosts are those whose name or address has the part in it, which may be seen, by name; no more than most.
	MailHosts(part string, most int, may func(MailHost) bool) []MailHost
	// MailHost finds one; false: there is none.
	MailHost(name string) (MailHost, bool)
	// AddMailHost makes one, where the domain is one that may have it; "" is the node. It fails with a *HostFault.
	AddMailHost(ctx context.Context, f HostForm, may func(domain string) bool, who string) error
	// ChangeMailHost changes one in the same way, but for whose it is, where it may be changed as it is at that moment. It fails with
	// ErrNoHost where it may not, or is gone.
	ChangeMailHost(ctx context.Context, f HostForm, may func(MailHost) bool, who string) error
	// RemoveMailHost removes one. It fails with ErrNoHost, and with a *HostFault while something uses it.
	RemoveMailHost(ctx context.Context, name string, may func(MailHost) bool, who string) error
}

// ErrNoHost: there is no such mail host, any more.
var ErrNoHost = errors.New("there is no such mail host")

// A HostFault is what is wrong with a field of a HostForm.
type HostFault struct {
	Field string // name, domain, address, roles, priority, user, password; "": something uses it, or it is another than the form showed
	Why   string // "bad", "taken": another has it, "not": not the person's, "full": the domain has too many, "reach": it may not be there, "used", "again": it is to be typed again, "moved"
}

// Error names both.
func (f *HostFault) Error() string { return fmt.Sprintf("a mail host's %s: %s", f.Field, f.Why) }

// A MailHost is one as it is shown.
type MailHost struct {
	Name     string
	Domain   string // whose own it is; "": the node's
	Address  string // host:port
	Roles    []string
	Protocol string
	TLS      string
	Priority int
	Spam     string
	User     string
	Login    bool      // it has a password
	Uses     []string  // domains that use it
	Way      bool      // what a domain's people send goes over it
	Node     bool      // so does what leaves the node otherwise
	Down     time.Time // since when it is not reached; zero: nobody knows of it
	Why      string    // it is not reached
	Created  time.Time
	Mark     string // another when any of what a form says is
}

// Used reports whether it can't be removed.
func (h MailHost) Used() bool { return len(h.Uses) > 0 || h.Node }

// Path is that of its page.
func (h MailHost) Path() string { return "/hosts/one?" + url.Values{"name": {h.Name}}.Encode() }

// A HostForm is one as somebody wants it, in his own words.
type HostForm struct {
	Name, Domain, Address string
	Roles                 []string
	Protocol, TLS, Spam   string
	Priority              string
	User, Password        string // no password: as it is
	Mark                  string // of what the form showed
}

// What can be chosen of a mail host.
func hostRoles() []string     { return []string{"smtp-in", "smtp-out", "imap"} }
func hostProtocols() []string { return []string{"smtp", "lmtp"} }
func hostTLS() []string       { return []string{"may", "encrypt", "verify", "never"} }
func hostSpam() []string      { return []string{"hold", "tag"} }

func (s *Server) hostRoutes() []route {
	return []route{
		{pattern: "GET /hosts", action: access.HostView, handle: s.hosts},
		{pattern: "GET /hosts/new", action: access.HostChange, handle: s.newHost},
		{pattern: "GET /hosts/one", action: access.HostChange, handle: s.oneHost},
		{pattern: "POST /hosts/add", action: access.HostChange, handle: s.addHost},
		{pattern: "POST /hosts/change", action: access.HostChange, handle: s.changeHost},
		{pattern: "POST /hosts/remove", action: access.HostChange, handle: s.removeHost},
	}
}

// hostObject is a mail host as an object of actions. What the owner of a locked mailbox sends goes over its domain's way out: who looks
// after the domain would lead it past himself.
func (s *Server) hostObject(h MailHost) access.Object {
	return access.Object{Domain: h.Domain, Locked: h.Way && h.Domain != "" && s.locks().Locks(h.Domain)}
}

// mayChangeHost tells whether the visitor may change one.
func (s *Server) mayChangeHost(r *http.Request) func(MailHost) bool {
	return func(h MailHost) bool { return s.may(r, access.HostChange, s.hostObject(h)) }
}

// hostsOnPage is how many mail hosts the page has; of more it is asked which.
const hostsOnPage = 100

// A hostsPage lists mail hosts.
type hostsPage struct {
	Part string // of names and addresses that were looked for
	Rows []hostRow
	More bool // there are more than are shown
	May  bool // add one
}

// A hostRow is one of them.
type hostRow struct {
	MailHost
	May bool // change it
}

// hosts lists those of the person's domains; to operators all.
func (s *Server) hosts(w http.ResponseWriter, r *http.Request) error {
	page := hostsPage{Part: strings.TrimSpace(cutTo(r.URL.Query().Get("name"), maxField)), May: access.MayAny(visitOf(r).Person, access.HostChange)}
	list := s.MailHosts.MailHosts(page.Part, hostsOnPage+1, func(h MailHost) bool { return s.may(r, access.HostView, access.Object{Domain: h.Domain}) })
	list, page.More = pageful(list, hostsOnPage)
	may := s.mayChangeHost(r)
	for _, h := range list {
		page.Rows = append(page.Rows, hostRow{h, may(h)})
	}
	return s.page(w, r, http.StatusOK, "hosts", page)
}

// A hostPage is the form of one.
type hostPage struct {
	HostForm
	Is      *MailHost // nil: it is to be added
	Domains []string  // one of which it is to be; none: any, or the node
	All     bool      // the person runs the node
	Fault   *HostFault
}

// Wrong is the key of what is wrong with a field; "": nothing is.
func (p hostPage) Wrong(field string) string {
	if p.Fault == nil || p.Fault.Field != field {
		return ""
	}
	return wrongKey("hosts.wrong.", field, p.Fault.Why)
}

// Has reports whether a role is chosen.
func (p hostPage) Has(role string) bool { return slices.Contains(p.Roles, role) }

// RoleWords are the roles that can be chosen; ProtocolWords, TLSWords and SpamWords what can else.
func (hostPage) RoleWords() []string     { return hostRoles() }
func (hostPage) ProtocolWords() []string { return hostProtocols() }
func (hostPage) TLSWords() []string      { return hostTLS() }
func (hostPage) SpamWords() []string     { return hostSpam() }

// formOfHost fills a form in as a mail host is.
func formOfHost(h MailHost) HostForm {
	return HostForm{
		Name: h.Name, Domain: h.Domain, Address: h.Address, Roles: h.Roles, Protocol: h.Protocol, TLS: h.TLS, Spam: h.Spam, Priority: fmt.Sprint(h.Priority),
		User: h.User, Mark: h.Mark,
	}
}

// readHost reads the form.
func readHost(form url.Values) HostForm {
	field := func(name string) string { return strings.TrimSpace(cutTo(form.Get(name), maxField)) }
	return HostForm{
		Name: field("name"), Domain: field("domain"), Address: field("address"), Roles: form["role"][:min(len(form["role"]), len(hostRoles()))],
		Protocol: field("protocol"), TLS: field("tls"), Spam: field("spam"), Priority: field("priority"), User: field("user"), Password: form.Get("password"), Mark: field("mark"),
	}
}

func (s *Server) hostPage(w http.ResponseWriter, r *http.Request, status int, page hostPage) error {
	page.All = s.may(r, access.HostChange, access.Object{})
	if !page.All {
		page.Domains = visitOf(r).Person.Domains
	}
	return s.page(w, r, status, "host", page)
}

func (s *Server) newHost(w http.ResponseWriter, r *http.Request) error {
	return s.hostPage(w, r, http.StatusOK, hostPage{HostForm: HostForm{Roles: []string{"smtp-in"}, TLS: "encrypt", Priority: "0"}})
}

// keptHost is the one of a name, where the person may change it.
func (s *Server) keptHost(r *http.Request, name string) (MailHost, error) {
	h, found := s.MailHosts.MailHost(cutTo(name, maxField))
	if !found {
		return h, errNotFound
	}
	return h, s.allow(r, s.hostObject(h))
}

func (s *Server) oneHost(w http.ResponseWriter, r *http.Request) error {
	h, err := s.keptHost(r, r.URL.Query().Get("name"))
	if err != nil {
		return err
	}
	return s.hostPage(w, r, http.StatusOK, hostPage{HostForm: formOfHost(h), Is: &h})
}

func (s *Server) addHost(w http.ResponseWriter, r *http.Request) error {
	f := readHost(r.PostForm)
	err := s.MailHosts.AddMailHost(r.Context(), f, func(domain string) bool { return s.may(r, access.HostChange, access.Object{Domain: domain}) }, visitOf(r).Person.Name)
	return s.hostDone(w, r, hostPage{HostForm: f}, "hosts.added", err)
}

func (s *Server) changeHost(w http.ResponseWriter, r *http.Request) error {
	f := readHost(r.PostForm)
	h, err := s.keptHost(r, f.Name)
	if err != nil {
		return err
	}
	err = s.MailHosts.ChangeMailHost(r.Context(), f, s.mayChangeHost(r), visitOf(r).Person.Name)
	return s.hostDone(w, r, hostPage{HostForm: f, Is: &h}, "hosts.changed", err)
}

func (s *Server) removeHost(w http.ResponseWriter, r *http.Request) error {
	h, err := s.keptHost(r, r.PostForm.Get("name"))
	if err != nil {
		return err
	}
	err = s.MailHosts.RemoveMailHost(r.Context(), h.Name, s.mayChangeHost(r), visitOf(r).Person.Name)
	return s.hostDone(w, r, hostPage{HostForm: formOfHost(h), Is: &h}, "hosts.removed", err)
}

// hostDone says what was done, or shows the form again with what is wrong in it.
func (s *Server) hostDone(w http.ResponseWriter, r *http.Request, page hostPage, done string, err error) error {
	switch {
	case errors.As(err, &page.Fault):
		if page.Is != nil { // what is shown beside the form is as it is now
			h, err := s.keptHost(r, page.Is.Name)
			if err != nil {
				return err
			}
			page.Is, page.Mark = &h, h.Mark
		}
		return s.hostPage(w, r, http.StatusUnprocessableEntity, page)
	case errors.Is(err, ErrNoHost):
		return errNotFound
	case err != nil:
		return err
	}
	return s.redirect(w, r, "/hosts", notice{"good", visitOf(r).T(done, page.Name)})
}
