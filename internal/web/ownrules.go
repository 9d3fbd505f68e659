package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"

	"gatepost/internal/access"
	"gatepost/internal/directory"
	"gatepost/internal/web/safe"
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

// ErrRulesFull: the mailbox can't keep so much.
var ErrRulesFull = errors.New("the rules are too large")

// An OwnBook is the rules of a mailbox.
type OwnBook struct {
	*rulebook.Book
	Script  string   // the name under which mail programs see them
	State   string   // "idle": they are not in force; "forwarded": all mail is forwarded before; "": they are
	Folders []string // into which mail can be filed
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

// An ownRulesPage lists rules, and what else stands among them.
type ownRulesPage struct {
	OwnBook
	Rows    []ownRow
	Unshown bool // the script can't be shown as rules
}

// An ownRow is an item of the list.
type ownRow struct {
	rulebook.Item
	Number      int // from 1
	First, Last bool
	Conditions  []string // in words
	Actions     []string
	Missing     string // a folder that is not there, so that mail stays in the inbox
}

func (s *Server) ownRules(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	book, err := s.OwnRules.OwnRules(r.Context(), v.Person.Box)
	if errors.Is(err, ErrRules) {
		return s.page(w, r, http.StatusOK, "own-rules", ownRulesPage{Unshown: true})
	}
	if err != nil {
		return err
	}
	page := ownRulesPage{OwnBook: book}
	for i, item := range book.Items {
		item.Text = safe.Text(item.Text)
		row := ownRow{Item: item, Number: i + 1, First: i == 0, Last: i == len(book.Items)-1}
		if item.Rule != nil {
			row.Conditions, row.Actions, row.Missing = conditionWords(v, *item.Rule), actionWords(v, *item.Rule), book.missing(*item.Rule)
		}
		page.Rows = append(page.Rows, row)
	}
	return s.page(w, r, http.StatusOK, "own-rules", page)
}

// missing names a folder of a rule that is not there, and is not made either.
func (b OwnBook) missing(r rulebook.Rule) string {
	for _, f := range []rulebook.Folder{r.File, r.Copy} {
		if f.Name != "" && !f.Create && !b.has(f.Name) {
			return f.Name
		}
	}
	return ""
}

// changeOwnRules does what a button beside a rule says.
func (s *Server) changeOwnRules(w http.ResponseWriter, r *http.Request) error {
	v, key, do := visitOf(r), r.PostForm.Get("rule"), r.PostForm.Get("do")
	var change func(*rulebook.Book) error
	switch do {
	case "up", "down":
		change = func(b *rulebook.Book) error { return b.Move(key, do == "up") }
	case "on", "off":
		change = func(b *rulebook.Book) error {
			rule, err := b.Rule(key)
			if err == nil && do == "on" && rule.Forward != nil {
				err = v.open(directory.PageForwards)
			}
			if rule.Off = do == "off"; err == nil {
				err = b.Put(key, rule)
			}
			return err
		}
	case "run": // a script that was laid aside may send on and answer
		if err := cmp.Or(v.open(directory.PageForwards), v.open(directory.PageVacation)); err != nil {
			return err
		}
		if err := s.OwnRules.RunOwnRules(r.Context(), v.Person.Box); err != nil && !errors.Is(err, ErrRules) {
			return err
		}
		return s.redirect(w, r, "/mailbox/rules", notice{"good", v.T("own.done.run")})
	default:
		return errForm
	}
	err := s.OwnRules.ChangeOwnRules(r.Context(), v.Person.Box, change)
	if key := ownWrong(err); key != "" {
		return s.redirect(w, r, "/mailbox/rules", notice{"bad", v.T(key)})
	}
	if err != nil {
		return err
	}
	s.Log.Info("own rules changed on a page", "person", v.Person.Name, "act", do)
	return s.redirect(w, r, "/mailbox/rules#r-"+url.PathEscape(key), notice{"good", word(v, "own.done."+do)})
}

// ownWrong is the key of why rules were not changed; "" where an error is none of a person's doing.
func ownWrong(err error) string {
	var f rulebook.Fault
	switch {
	case errors.As(err, &f):
		return "own.wrong." + string(f.What)
	case errors.Is(err, rulebook.ErrGone):
		return "own.wrong.gone"
	case errors.Is(err, rulebook.ErrFull), errors.Is(err, ErrRulesFull):
		return "own.wrong.full"
	case errors.Is(err, rulebook.ErrUnwritable):
		return "own.wrong.unwritable"
	case errors.Is(err, ErrRules):
		return "own.wrong.unshown"
	}
	return ""
}

// An ownRulePage is the form of one rule.
type ownRulePage struct {
	ownForm
	Folders []string
	Error   string // key of a text
	Row     int    // the condition that it is about, from 1; 0: none
}

func (s *Server) ownRule(w http.ResponseWriter, r *http.Request) error {
	v, key := visitOf(r), r.URL.Query().Get("rule")
	book, err := s.OwnRules.OwnRules(r.Context(), v.Person.Box)
	page := ownRulePage{ownForm: newOwnForm(), Folders: book.Folders}
	if err == nil && key != "" {
		var rule rulebook.Rule
		rule, err = book.Rule(key)
		page.ownForm = ownFormOf(key, rule)
	}
	if wrong := ownWrong(err); wrong != "" {
		return s.redirect(w, r, "/mailbox/rules", notice{"bad", v.T(wrong)})
	}
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, "own-rule", page)
}

// setOwnRule does what a button of the form says. What can't be kept is shown again as it was filled in, with the reason; so is
// a rule that somebody changed elsewhere meanwhile, to be added as another.
func (s *Server) setOwnRule(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	book, err := s.OwnRules.OwnRules(r.Context(), v.Person.Box)
	if wrong := ownWrong(err); wrong != "" {
		return s.redirect(w, r, "/mailbox/rules", notice{"bad", v.T(wrong)})
	}
	if err != nil {
		return err
	}
	form, ok := readOwnForm(r.PostForm)
	if !ok {
		return errForm
	}
	page := ownRulePage{ownForm: form, Folders: book.Folders}
	done := ""
	change := func(b *rulebook.Book) error { return b.Remove(form.Key) }
	switch do := r.PostForm.Get("do"); {
	case do == "more":
		page.more()
		return s.page(w, r, http.StatusOK, "own-rule", page)
	case do == "remove" && form.Key != "":
		done = "own.done.remove"
	case do == "save":
		done = "own.done.save"
		if was, _ := book.Rule(form.Key); was.Forward != nil || lines(form.Forward) != nil {
			if err := v.open(directory.PageForwards); err != nil {
				return err
			}
		}
		rule, err := form.rule(book)
		change = func(b *rulebook.Book) error {
			if err != nil {
				return err
			}
			return b.Put(form.Key, rule)
		}
	default:
		return errForm
	}
	err = s.OwnRules.ChangeOwnRules(r.Context(), v.Person.Box, change)
	if page.Error = ownWrong(err); page.Error != "" {
		return s.ownRuleAgain(w, r, page, err)
	}
	if err != nil {
		return err
	}
	s.Log.Info("own rules changed on a page", "person", v.Person.Name, "act", done)
	return s.redirect(w, r, "/mailbox/rules", notice{"good", v.T(done)})
}

// ownRuleAgain shows a form that was not kept.
func (s *Server) ownRuleAgain(w http.ResponseWriter, r *http.Request, page ownRulePage, err error) error {
	status := http.StatusUnprocessableEntity
	if errors.Is(err, rulebook.ErrGone) || errors.Is(err, ErrRules) {
		status, page.Key = http.StatusConflict, ""
	}
	var f rulebook.Fault
	if errors.As(err, &f) {
		page.Row = page.rowOf(f.Condition)
	}
	return s.page(w, r, status, "own-rule", page)
}
