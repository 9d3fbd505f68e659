package app

import (
	"context"
	"errors"

	"gatepost/internal/web"
	"gatepost/mailbox"
	"gatepost/mailbox/rulebook"
	"gatepost/mailbox/ruleset"
	"gatepost/mailbox/sieve"
)

// ownRulePages are the rules of owners, as web wants them.
type ownRulePages struct{ a *App }

var _ web.OwnRules = ownRulePages{}

// ownScript is the script that rules are written into where a mailbox has none yet.
const ownScript = "rules"

// An ownPlace is the script that an owner's rules are in: the one that is active, or that runs behind what is set in
// simple words.
type ownPlace struct {
	mailbox.Script
	there  bool // it is kept already
	runs   bool // it is in force
	behind bool // ruleset's script is active, and can be told to run it
	away   bool // that forwards all mail without a copy
}

// own finds the script.
func (o settler) own(ctx context.Context, box int64) (p ownPlace, err error) {
	set, active, _, err := o.read(ctx, box)
	edited := errors.Is(err, ruleset.ErrEdited)
	if err != nil && !edited {
		return p, err
	}
	switch p.Name = active; {
	case active == "":
		p.Name = ownScript
	case active == ruleset.Name && !edited:
		p.behind, p.runs, p.away = true, set.Then != "", set.Forward != nil && !set.Forward.Keep
		if p.Name = set.Then; p.Name == "" {
			p.Name = ownScript
		}
	default:
		p.runs = true
	}
	kept, err := o.scripts.Script(ctx, box, p.Name)
	if errors.Is(err, mailbox.ErrNoScript) {
		return p, nil
	}
	p.there, p.Content = true, kept.Content
	return p, err
}

// run puts the script in force.
func (o settler) run(ctx context.Context, box int64, p ownPlace) error {
	switch {
	case p.runs:
		return nil
	case p.behind:
		return o.change(ctx, box, func(s *ruleset.Settings) { s.Then = p.Name })
	}
	return o.scripts.ActivateScript(ctx, box, p.Name)
}

// readBook reads a script as rules.
func readBook(script string, may rulebook.Acts) (*rulebook.Book, error) {
	book, err := rulebook.ReadFor(script, may)
	if err != nil { // the script is odd, or too long
		return nil, errors.Join(web.ErrRules, err)
	}
	return book, nil
}

// rewrite has change change the rules of a script.
func rewrite(script string, may rulebook.Acts, change func(*rulebook.Book) error) (string, error) {
	book, err := readBook(script, may)
	if err == nil {
		err = change(book)
	}
	if err != nil {
		return "", err
	}
	text, err := book.Script()
	if len(sieve.Faults(err)) > 0 { // it was so before
		err = errors.Join(web.ErrRules, err)
	}
	return text, err
}

// OwnRules implements web.OwnRules.
func (r ownRulePages) OwnRules(ctx context.Context, box int64) (b web.OwnBook, err error) {
	p, err := settler{r.a.rules, r.a.now}.own(ctx, box)
	if err == nil {
		b.Book, err = readBook(p.Content, rulebook.AllActs())
	}
	if err != nil {
		return b, err
	}
	switch b.Script = p.Name; {
	case p.away:
		b.State = "forwarded"
	case p.there && !p.runs:
		b.State = "idle"
	}
	folders, err := r.a.mailboxes.Folders(ctx, box)
	for _, f := range folders {
		if f.Use.Fixed() == nil {
			b.Folders = append(b.Folders, f.Name)
		}
	}
	return b, err
}

// ChangeOwnRules implements web.OwnRules. A script that is new is put in force; one that its owner has laid aside is not.
func (r ownRulePages) ChangeOwnRules(ctx context.Context, box int64, change func(*rulebook.Book) error) error {
	return r.together(ctx, box, func(o settler, p ownPlace) error {
		text, err := rewrite(p.Content, rulebook.AllActs(), change)
		if err != nil {
			return err
		}
		p.Content, p.Changed = text, o.now()
		err = o.scripts.PutScript(ctx, box, p.Script)
		if errors.Is(err, mailbox.ErrScriptQuota) {
			return web.ErrRulesFull
		}
		if err == nil && !p.there {
			err = o.run(ctx, box, p)
		}
		return err
	})
}

// RunOwnRules implements web.OwnRules.
func (r ownRulePages) RunOwnRules(ctx context.Context, box int64) error {
	return r.together(ctx, box, func(o settler, p ownPlace) error {
		if !p.there {
			return nil
		}
		return o.run(ctx, box, p)
	})
}

func (r ownRulePages) together(ctx context.Context, box int64, f func(o settler, p ownPlace) error) error {
	return r.a.rules.Together(ctx, box, func(s mailbox.Scripts) error {
		o := settler{s, r.a.now}
		p, err := o.own(ctx, box)
		if err != nil {
			return err
		}
		return f(o, p)
	})
}
