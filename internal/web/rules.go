package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
)

// DomainRules are the rules of domains. Its methods fail with ErrNoDomain.
type DomainRules interface {
	// Rules returns those of a domain, with its own name, by any of its names.
	Rules(ctx context.Context, domain string) (name string, rules directory.Rules, err error)
	// Check says what keeps rules from running; nothing: they can.
	Check(way directory.Direction, text string) []RuleFault
	// SetRules puts rules in their place that can run; "" removes them.
	SetRules(ctx context.Context, domain string, way directory.Direction, text string) error
}

// ErrNoDomain: there is no such domain here.
var ErrNoDomain = errors.New("no such domain")

// A RuleFault is what is wrong with rules, and where.
type RuleFault struct {
	Line, Column int // from 1
	Text         string
}

func (s *Server) ruleRoutes() []route {
	return []route{
		{pattern: "GET /rules", action: access.RulesChange, handle: s.rules},
		{pattern: "POST /rules", action: access.RulesChange, handle: s.setRules, body: 4 * directory.MaxRules},
	}
}

// A rulesPage has no Domain where one is still to be named.
type rulesPage struct {
	Asked   string
	Domain  string
	Domains []string // the person's; none: all
	Ways    []wayRules
}

// A wayRules is a script as it stands, or was written.
type wayRules struct {
	Way    directory.Direction
	Text   string
	Faults []RuleFault
	Fits   bool // it was looked at, and can run
}

// rules shows those of a domain: the one that is asked for, or the only one of the person.
func (s *Server) rules(w http.ResponseWriter, r *http.Request) error {
	return s.rulesPage(w, r, r.URL.Query().Get("domain"), nil)
}

// rulesPage shows a domain's rules, one of them as it was just written. Who asks for a domain that is not his is
// told that there is none.
func (s *Server) rulesPage(w http.ResponseWriter, r *http.Request, domain string, written *wayRules) error {
	page := rulesPage{Asked: strings.TrimSpace(domain), Domains: visitOf(r).Person.Domains}
	if page.Asked == "" && len(page.Domains) == 1 {
		page.Asked = page.Domains[0]
	}
	status := http.StatusOK
	if page.Asked != "" {
		name, rules, err := s.rulesOf(r, page.Asked)
		switch {
		case errors.Is(err, errNotFound):
			status = http.StatusNotFound
		case err != nil:
			return err
		default:
			page.Domain = name
			for _, way := range directory.Directions() {
				one := wayRules{Way: way, Text: rules.Of(way)}
				if written != nil && written.Way == way {
					one = *written
				}
				page.Ways = append(page.Ways, one)
			}
		}
	}
	if written != nil && len(written.Faults) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return s.page(w, r, status, "rules", page)
}

// rulesOf finds a domain's rules, with errNotFound where the person has none of that name.
func (s *Server) rulesOf(r *http.Request, domain string) (name string, rules directory.Rules, err error) {
	name, rules, err = s.Rules.Rules(r.Context(), domain)
	if errors.Is(err, ErrNoDomain) {
		return "", rules, errNotFound
	}
	if err == nil {
		err = s.allow(r, access.Object{Domain: name})
	}
	return name, rules, err
}

// setRules checks rules, and keeps them where that is what the button says. What can't run is shown again, with what is
// wrong.
func (s *Server) setRules(w http.ResponseWriter, r *http.Request) error {
	form := r.PostForm
	name, _, err := s.rulesOf(r, form.Get("domain"))
	if err != nil {
		return err
	}
	one := wayRules{Way: directory.Direction(form.Get("way")), Text: strings.ReplaceAll(form.Get("text"), "\r\n", "\n")}
	if !one.Way.Is() || len(one.Text) > directory.MaxRules {
		return errForm
	}
	one.Faults = s.Rules.Check(one.Way, one.Text)
	if one.Fits = len(one.Faults) == 0; !one.Fits || form.Get("do") != "save" {
		return s.rulesPage(w, r, name, &one)
	}
	if err := s.Rules.SetRules(r.Context(), name, one.Way, one.Text); err != nil {
		return err
	}
	v := visitOf(r)
	s.Log.Info("rules of a domain changed on a page", "by", v.Person.Name, "domain", name, "direction", one.Way)
	return s.redirect(w, r, "/rules?domain="+url.QueryEscape(name), notice{"good", v.T("rules.done", word(v, "rules."+string(one.Way)), mail.ShownDomain(name))})
}
