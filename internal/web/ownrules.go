package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"gatepost/internal/access"
	"gatepost/internal/directory"
	"gatepost/mailbox/rulebook"
)

// OwnRules are the rules of owners. They are a Sieve script, so each method fails with ErrRules where that can't be shown as
// rules at all.
type OwnRules interface {
	// OwnRules returns those of a mailbox.
	OwnRules(ctx context.Context, box int64) (OwnBook, error)
	// ChangeOwnRules has change change them, in one commit; it may run again, and its error comes back. It fails with
	// ErrRulesFull, too, and with rulebook.ErrUnwritable.
	ChangeOwnRules(ctx context.Context, box int64, change func(*rulebook.Book) error) error
	// RunOwnRules puts them in force.
	RunOwnRules(ctx context.Context, box int64) error
}

// An OwnBook is the rules of a mailbox.
type OwnBook struct {
	RuleBook
	Script string // the name under which mail programs see them
	State  string // "idle": they are not in force; "forwarded": all mail is forwarded before; "": they are
}

func (s *Server) ownRuleRoutes() []route {
	use, page := access.MailboxUse, directory.PageRules
	return []route{
		{pattern: "GET /mailbox/rules", action: use, handle: s.ownRules, page: page},
		{pattern: "POST /mailbox/rules", action: use, handle: s.changeOwnRules, page: page},
		{pattern: "GET /mailbox/rules/edit", action: use, handle: s.ownRule, page: page},
		{pattern: "POST /mailbox/rules/edit", action: use, handle: s.setOwnRule, page: page},
	}
}

// ownPlace is where the rules of who visits stand.
func (s *Server) ownPlace(r *http.Request) rulePlace {
	v := visitOf(r)
	return rulePlace{
		read: func(ctx context.Context) (RuleBook, error) {
			book, err := s.OwnRules.OwnRules(ctx, v.Person.Box)
			return book.RuleBook, err
		},
		change: func(ctx context.Context, change func(*rulebook.Book) error) error {
			return s.OwnRules.ChangeOwnRules(ctx, v.Person.Box, change)
		},
		told: func(act string) { s.Log.Info("own rules changed on a page", "person", v.Person.By(), "act", act) },
	}
}

// An ownRulesPage lists rules, and what else stands among them.
type ownRulesPage struct {
	OwnBook
	Place   rulePlace
	Rows    []ruleRow
	Unshown bool // the script can't be shown as rules
}

func (s *Server) ownRules(w http.ResponseWriter, r *http.Request) error {
	v, p := visitOf(r), s.ownPlace(r)
	book, err := s.OwnRules.OwnRules(r.Context(), v.Person.Box)
	if errors.Is(err, ErrRules) {
		return s.page(w, r, http.StatusOK, "own-rules", ownRulesPage{Place: p, Unshown: true})
	}
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, "own-rules", ownRulesPage{OwnBook: book, Place: p, Rows: p.rows(v, book.RuleBook)})
}

// changeOwnRules does what a button beside a rule says, or above all of them.
func (s *Server) changeOwnRules(w http.ResponseWriter, r *http.Request) error {
	if r.PostForm.Get("do") != "run" {
		return s.changeRules(w, r, s.ownPlace(r))
	}
	v := visitOf(r) // a script that was laid aside may send on and answer
	if err := cmp.Or(v.open(directory.PageForwards), v.open(directory.PageVacation)); err != nil {
		return err
	}
	if err := s.OwnRules.RunOwnRules(r.Context(), v.Person.Box); err != nil && !errors.Is(err, ErrRules) {
		return err
	}
	return s.redirect(w, r, "/mailbox/rules", notice{"good", v.T("own.done.run")})
}

func (s *Server) ownRule(w http.ResponseWriter, r *http.Request) error {
	return s.rulePage(w, r, s.ownPlace(r))
}

func (s *Server) setOwnRule(w http.ResponseWriter, r *http.Request) error {
	return s.setRule(w, r, s.ownPlace(r))
}
