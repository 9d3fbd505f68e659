package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"gatepost/internal/directory"
	"gatepost/internal/web/safe"
	"gatepost/mailbox/rulebook"
)

// A RuleBook is a script as rules.
type RuleBook struct {
	*rulebook.Book
	Folders []string // into which mail can be filed
	Made    bool     // a folder that is missing is made, whatever a rule says of that
}

// ErrRulesFull: there is no room for such rules.
var ErrRulesFull = errors.New("the rules are too large")

// A rulePlace is where a script stands that pages show as rules: in an owner's mailbox, or in a domain, for one direction of its mail.
type rulePlace struct {
	Domain string // "": a mailbox
	Way    directory.Direction

	read   func(context.Context) (RuleBook, error)
	change func(context.Context, func(*rulebook.Book) error) error // in one commit; it may run again
	told   func(act string)                                        // to the log
}

// Key is that of a text that says of rules of a domain something else than of an owner's.
func (p rulePlace) Key(what string) string {
	if p.Domain != "" {
		return "rules." + what
	}
	return "own." + what
}

// List is the address of the page that lists the rules, with a part of it.
func (p rulePlace) List(part string) string {
	if p.Domain != "" {
		return "/rules?" + url.Values{"domain": {p.Domain}}.Encode() + part
	}
	return "/mailbox/rules" + part
}

// Change is where the buttons beside a rule lead.
func (p rulePlace) Change() string {
	if p.Domain != "" {
		return "/rules/change"
	}
	return "/mailbox/rules"
}

// Save is where the form of a rule leads.
func (p rulePlace) Save() string {
	if p.Domain != "" {
		return "/rules/edit"
	}
	return "/mailbox/rules/edit"
}

// Edit is the address of the form of a rule; of key "": of a new one.
func (p rulePlace) Edit(key string) string {
	q := url.Values{}
	if p.Domain != "" {
		q.Set("domain", p.Domain)
		q.Set("way", string(p.Way))
	}
	if key != "" {
		q.Set("rule", key)
	}
	if len(q) == 0 {
		return p.Save()
	}
	return p.Save() + "?" + q.Encode()
}

// ID is by which the list's page knows the row of a rule: the same rule may stand in several directions.
func (p rulePlace) ID(key string) string {
	if p.Domain != "" {
		return "r-" + string(p.Way) + "-" + key
	}
	return "r-" + key
}

// A ruleRow is an item of a list.
type ruleRow struct {
	rulebook.Item
	Number      int // from 1
	First, Last bool
	Conditions  []string // in words
	Actions     []string
	Missing     string // a folder that is not there, so that mail stays in the inbox
}

// rows are the items of a book, as the list shows them.
func (p rulePlace) rows(v *visit, book RuleBook) (list []ruleRow) {
	for i, item := range book.Items {
		item.Text = safe.Text(item.Text)
		row := ruleRow{Item: item, Number: i + 1, First: i == 0, Last: i == len(book.Items)-1}
		if item.Rule != nil {
			row.Conditions, row.Actions, row.Missing = conditionWords(v, *item.Rule), p.actionWords(v, *item.Rule), book.missing(*item.Rule)
		}
		list = append(list, row)
	}
	return list
}

// missing names a folder of a rule that is not there, and is not made either.
func (b RuleBook) missing(r rulebook.Rule) string {
	for _, f := range []rulebook.Folder{r.File, r.Copy} {
		if f.Name != "" && !f.Create && !b.Made && !b.has(f.Name) {
			return f.Name
		}
	}
	return ""
}

// changeRules does what a button beside a rule says.
func (s *Server) changeRules(w http.ResponseWriter, r *http.Request, p rulePlace) error {
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
	default:
		return errForm
	}
	err := p.change(r.Context(), change)
	if wrong := p.wrong(err); wrong != "" {
		return s.redirect(w, r, p.List(""), notice{"bad", v.T(wrong)})
	}
	if err != nil {
		return err
	}
	p.told(do)
	return s.redirect(w, r, p.List("#"+url.PathEscape(p.ID(key))), notice{"good", word(v, "rule.done."+do)})
}

// wrong is the key of why rules were not changed; "" where an error is none of a person's doing.
func (p rulePlace) wrong(err error) string {
	var f rulebook.Fault
	switch {
	case errors.As(err, &f):
		return "rule.wrong." + string(f.What)
	case errors.Is(err, rulebook.ErrGone):
		return "rule.wrong.gone"
	case errors.Is(err, rulebook.ErrFull), errors.Is(err, ErrRulesFull):
		return p.Key("wrong.full")
	case errors.Is(err, rulebook.ErrUnwritable):
		return "rule.wrong.unwritable"
	case errors.Is(err, ErrRules):
		return p.Key("wrong.unshown")
	}
	return ""
}

// A rulePage is the form of one rule.
type rulePage struct {
	ruleForm
	Place   rulePlace
	Acts    rulebook.Acts
	Folders []string
	Error   string // key of a text
	Row     int    // the condition that it is about, from 1; 0: none
}

// rulePage shows the form of a rule that is named, or of a new one.
func (s *Server) rulePage(w http.ResponseWriter, r *http.Request, p rulePlace) error {
	v, key := visitOf(r), r.URL.Query().Get("rule")
	book, err := p.read(r.Context())
	page := rulePage{ruleForm: newRuleForm(), Place: p, Folders: book.Folders}
	if err == nil {
		page.Acts = book.Acts
	}
	if err == nil && key != "" {
		var rule rulebook.Rule
		rule, err = book.Rule(key)
		page.ruleForm = ruleFormOf(key, rule)
	}
	if wrong := p.wrong(err); wrong != "" {
		return s.redirect(w, r, p.List(""), notice{"bad", v.T(wrong)})
	}
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, "rule", page)
}

// setRule does what a button of the form says. What can't be kept is shown again as it was filled in, with the reason; so is
// a rule that somebody changed elsewhere meanwhile, to be added as another.
func (s *Server) setRule(w http.ResponseWriter, r *http.Request, p rulePlace) error {
	v := visitOf(r)
	book, err := p.read(r.Context())
	if wrong := p.wrong(err); wrong != "" {
		return s.redirect(w, r, p.List(""), notice{"bad", v.T(wrong)})
	}
	if err != nil {
		return err
	}
	form, ok := readRuleForm(r.PostForm)
	if !ok {
		return errForm
	}
	page := rulePage{ruleForm: form, Place: p, Acts: book.Acts, Folders: book.Folders}
	done := r.PostForm.Get("do")
	change := func(b *rulebook.Book) error { return b.Remove(form.Key) }
	switch {
	case done == "more":
		page.more()
		return s.page(w, r, http.StatusOK, "rule", page)
	case done == "remove" && form.Key != "":
	case done == "save":
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
	err = p.change(r.Context(), change)
	if page.Error = p.wrong(err); page.Error != "" {
		return s.ruleAgain(w, r, page, err)
	}
	if err != nil {
		return err
	}
	p.told(done)
	return s.redirect(w, r, p.List(""), notice{"good", word(v, "rule.done."+done)})
}

// ruleAgain shows a form that was not kept.
func (s *Server) ruleAgain(w http.ResponseWriter, r *http.Request, page rulePage, err error) error {
	status := http.StatusUnprocessableEntity
	if errors.Is(err, rulebook.ErrGone) || errors.Is(err, ErrRules) {
		status, page.Key = http.StatusConflict, ""
	}
	var f rulebook.Fault
	if errors.As(err, &f) {
		page.Row = page.rowOf(f.Condition)
	}
	return s.page(w, r, status, "rule", page)
}
