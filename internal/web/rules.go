package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox/rulebook"
)

// DomainRules are the rules of domains. Its methods fail with ErrNoDomain.
type DomainRules interface {
	// Rules returns those of a domain, with its own name, by any of its names.
	Rules(ctx context.Context, domain string) (name string, rules directory.Rules, err error)
	// Check says what keeps rules from running; nothing: they can.
	Check(way directory.Direction, text string) []RuleFault
	// SetRules puts rules in the place of those that were there, which can run; "" removes them. Where others stand by now it fails with
	// ErrRulesChanged.
	SetRules(ctx context.Context, domain string, way directory.Direction, was, text, who string) error
	// Book returns rules as a form has them, with what they may do in a direction. It fails with ErrRules where they can't be
	// shown so.
	Book(way directory.Direction, text string) (*rulebook.Book, error)
	// ChangeRules has change change rules, in one commit; it may run again, and its error comes back. It fails with ErrRules,
	// ErrRulesFull and rulebook.ErrUnwritable.
	ChangeRules(ctx context.Context, domain string, way directory.Direction, who string, change func(*rulebook.Book) error) error
}

// ErrNoDomain: there is no such domain here.
var ErrNoDomain = errors.New("no such domain")

// ErrRulesChanged: somebody else has changed the rules meanwhile.
var ErrRulesChanged = errors.New("the rules were changed meanwhile")

// A RuleFault is what is wrong with rules, and where.
type RuleFault struct {
	Line, Column int // from 1
	Text         string
}

func (s *Server) ruleRoutes() []route {
	change := access.RulesChange
	return []route{
		{pattern: "GET /rules", action: change, handle: s.rules},
		{pattern: "POST /rules", action: change, handle: s.setRules, body: 4 * directory.MaxRules},
		{pattern: "POST /rules/change", action: change, handle: s.changeDomainRules},
		{pattern: "GET /rules/edit", action: change, handle: s.domainRule},
		{pattern: "POST /rules/edit", action: change, handle: s.setDomainRule},
	}
}

// A rulesPage has no Domain where one is still to be named.
type rulesPage struct {
	Asked   string
	Domain  string
	Domains []string // the person's; none: all
	Ways    []wayRules
}

// A wayRules is a script as it stands, or was written, and the rules that stand in it.
type wayRules struct {
	Way       directory.Direction
	Place     rulePlace
	Rows      []ruleRow
	Unshown   bool // the script that stands can't be shown as rules
	Text      string
	Faults    []RuleFault
	Fits      bool   // it was looked at, and can run
	Stands    string // the script that stands
	Meanwhile bool   // another stands by now than when it was written
}

// Mark tells the script that stands from others, to a form that is sent later.
func (w wayRules) Mark() string { return markOf(w.Stands) }

func markOf(script string) string {
	sum := sha256.Sum256([]byte(script))
	return hex.EncodeToString(sum[:16])
}

// Open reports whether there is more to see in the script than in the rules.
func (w wayRules) Open() bool { return w.Unshown || w.Fits || w.Meanwhile || len(w.Faults) > 0 }

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
			if page.Ways, err = s.ways(r, name, rules, written); err != nil {
				return err
			}
		}
	}
	switch {
	case written != nil && len(written.Faults) > 0:
		status = http.StatusUnprocessableEntity
	case written != nil && written.Meanwhile:
		status = http.StatusConflict
	}
	return s.page(w, r, status, "rules", page)
}

// ways are a domain's rules for all directions.
func (s *Server) ways(r *http.Request, domain string, rules directory.Rules, written *wayRules) (list []wayRules, err error) {
	for _, way := range directory.Directions() {
		one := wayRules{Way: way, Text: rules.Of(way)}
		if written != nil && written.Way == way {
			one = *written
		}
		one.Place, one.Stands = s.wayPlace(r, domain, way), rules.Of(way)
		book, err := s.Rules.Book(way, rules.Of(way))
		switch {
		case errors.Is(err, ErrRules):
			one.Unshown = true
		case err != nil:
			return nil, err
		default:
			one.Rows = one.Place.rows(visitOf(r), RuleBook{Book: book, Made: true})
		}
		list = append(list, one)
	}
	return list, nil
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
	name, rules, err := s.rulesOf(r, form.Get("domain"))
	if err != nil {
		return err
	}
	one := wayRules{Way: directory.Direction(form.Get("way")), Text: strings.ReplaceAll(form.Get("text"), "\r\n", "\n")}
	if !one.Way.Is() || len(one.Text) > directory.MaxRules {
		return errForm
	}
	one.Faults = s.Rules.Check(one.Way, one.Text)
	v, p, was := visitOf(r), s.wayPlace(r, name, one.Way), rules.Of(one.Way)
	one.Fits, one.Meanwhile = len(one.Faults) == 0, form.Get("was") != markOf(was)
	if !one.Fits || one.Meanwhile || form.Get("do") != "save" {
		return s.rulesPage(w, r, name, &one)
	}
	err = s.Rules.SetRules(r.Context(), name, one.Way, was, one.Text, v.Person.Name)
	if errors.Is(err, ErrRulesChanged) { // between the two
		one.Meanwhile = true
		return s.rulesPage(w, r, name, &one)
	}
	if err != nil {
		return err
	}
	p.told("script")
	return s.redirect(w, r, p.List(""), notice{"good", v.T("rules.done", word(v, "rules."+string(one.Way)), mail.ShownDomain(name))})
}

// wayPlace is where rules of a domain stand, for one direction of its mail. The domain is the person's.
func (s *Server) wayPlace(r *http.Request, domain string, way directory.Direction) rulePlace {
	v := visitOf(r)
	return rulePlace{
		Domain: domain, Way: way,
		read: func(ctx context.Context) (RuleBook, error) {
			_, rules, err := s.Rules.Rules(ctx, domain)
			if err != nil {
				return RuleBook{}, err
			}
			book, err := s.Rules.Book(way, rules.Of(way))
			return RuleBook{Book: book, Made: true}, err
		},
		change: func(ctx context.Context, change func(*rulebook.Book) error) error {
			return s.Rules.ChangeRules(ctx, domain, way, v.Person.Name, change)
		},
		told: func(act string) {
			s.Log.Info("rules of a domain changed on a page", "by", v.Person.Name, "domain", domain, "direction", way, "act", act)
		},
	}
}

// atPlace has f answer for the rules that a request names, if they are the person's.
func (s *Server) atPlace(w http.ResponseWriter, r *http.Request, get func(string) string, f func(http.ResponseWriter, *http.Request, rulePlace) error) error {
	name, _, err := s.rulesOf(r, get("domain"))
	if err != nil {
		return err
	}
	way := directory.Direction(get("way"))
	if !way.Is() {
		return errForm
	}
	return f(w, r, s.wayPlace(r, name, way))
}

func (s *Server) changeDomainRules(w http.ResponseWriter, r *http.Request) error {
	return s.atPlace(w, r, r.PostForm.Get, s.changeRules)
}

func (s *Server) domainRule(w http.ResponseWriter, r *http.Request) error {
	return s.atPlace(w, r, r.URL.Query().Get, s.rulePage)
}

func (s *Server) setDomainRule(w http.ResponseWriter, r *http.Request) error {
	return s.atPlace(w, r, r.PostForm.Get, s.setRule)
}
