package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/scripts"
	"gatepost/internal/web"
	"gatepost/mailbox/rulebook"
	"gatepost/mailbox/sieve"
)

func (a *App) domainRulesOps(h control.Handlers) {
	control.On(h, func(_ context.Context, q ops.DomainRulesShow) (ops.DomainRules, error) {
		d, way, err := a.domainWay(q.Domain, q.Direction)
		if err != nil {
			return ops.DomainRules{}, err
		}
		text := d.Rules.Of(way)
		if text == "" {
			return ops.DomainRules{}, control.NotFound("domain %s has no rules for mail %s", d.Name, way)
		}
		return ops.DomainRules{Domain: d.Name, Direction: string(way), Content: text}, nil
	})
	control.On(h, func(_ context.Context, q ops.DomainRulesCheck) (ops.Nothing, error) {
		way, err := direction(q.Direction)
		if err == nil {
			err = compileDomain(way, q.Content)
		}
		return ops.Nothing{}, err
	})
	control.On(h, func(ctx context.Context, q ops.DomainRulesPut) (ops.DomainRules, error) {
		d, way, err := a.domainWay(q.Domain, q.Direction)
		if err == nil {
			err = compileDomain(way, q.Content)
		}
		if err == nil && strings.TrimSpace(q.Content) == "" {
			err = control.Misused("the rules are empty: to have none, remove them")
		}
		if err == nil {
			err = told(a.changeDomainRules(ctx, d.Name, way, byCommand(ctx), func(string) (string, error) { return q.Content, nil }))
		}
		return ops.DomainRules{Domain: d.Name, Direction: string(way), Content: q.Content}, err
	})
	control.On(h, func(ctx context.Context, q ops.DomainRulesRemove) (ops.Nothing, error) {
		d, way, err := a.domainWay(q.Domain, q.Direction)
		switch {
		case err != nil:
		case d.Rules.Of(way) == "":
			err = control.NotFound("domain %s has no rules for mail %s", d.Name, way)
		default:
			err = told(a.changeDomainRules(ctx, d.Name, way, byCommand(ctx), func(string) (string, error) { return "", nil }))
		}
		return ops.Nothing{}, err
	})
}

// direction reads one.
func direction(word string) (directory.Direction, error) {
	way := directory.Direction(word)
	if !way.Is() {
		return "", control.Misused("mail %q; it is in, out or local", word)
	}
	return way, nil
}

// domainWay finds a domain whose rules are asked for.
func (a *App) domainWay(name, word string) (d directory.Domain, way directory.Direction, err error) {
	if way, err = direction(word); err != nil {
		return d, way, err
	}
	if name, err = domainName(name); err != nil {
		return d, way, err
	}
	d, ok := a.directory.Snapshot().Domain(name)
	if !ok {
		return d, way, control.NotFound("domain %s: %v", name, directory.ErrNoDomain)
	}
	return d, way, nil
}

// changeDomainRules has change make rules that can run of those that stand; "" removes them.
func (a *App) changeDomainRules(ctx context.Context, domain string, way directory.Direction, who string, change func(text string) (string, error)) error {
	octets := 0
	err := a.directory.ChangeRules(ctx, domain, way, who, func(text string) (string, error) {
		text, err := change(text)
		octets = len(text)
		return text, err
	})
	if err == nil {
		a.log.Info("rules of a domain changed", "domain", domain, "direction", way, "octets", octets, "by", who)
	}
	return err
}

// files reports whether rules for a direction may file mail: it is for mailboxes here.
func files(way directory.Direction) bool { return way != directory.Out }

// ruleFaults is what keeps rules of a domain from running.
func ruleFaults(way directory.Direction, text string) (list []web.RuleFault) {
	_, err := scripts.CompileDomain(text, files(way))
	for _, f := range sieve.Faults(err) {
		list = append(list, web.RuleFault{Line: f.Line, Column: f.Column, Text: f.Text})
	}
	return list
}

// compileDomain refuses rules that could not run, with the place of each error.
func compileDomain(way directory.Direction, text string) error {
	var lines []string
	for _, f := range ruleFaults(way, text) {
		lines = append(lines, fmt.Sprintf("line %d, column %d: %s", f.Line, f.Column, f.Text))
	}
	if lines != nil {
		return control.Misused("the rules can't run:\n%s", strings.Join(lines, "\n"))
	}
	return nil
}

// rulePages are the rules of domains, as web wants them.
type rulePages struct{ a *App }

var _ web.DomainRules = rulePages{}

// Rules implements web.DomainRules.
func (p rulePages) Rules(_ context.Context, domain string) (name string, rules directory.Rules, err error) {
	d, _, err := p.a.domainWay(domain, string(directory.In))
	if err != nil {
		return "", directory.Rules{}, web.ErrNoDomain
	}
	return d.Name, d.Rules, nil
}

// Check implements web.DomainRules.
func (rulePages) Check(way directory.Direction, text string) []web.RuleFault {
	return ruleFaults(way, text)
}

// SetRules implements web.DomainRules.
func (p rulePages) SetRules(ctx context.Context, domain string, way directory.Direction, was, text, who string) error {
	return p.change(ctx, domain, way, who, func(stands string) (string, error) {
		if stands != was {
			return "", web.ErrRulesChanged
		}
		return text, nil
	})
}

func (p rulePages) change(ctx context.Context, domain string, way directory.Direction, who string, change func(text string) (string, error)) error {
	err := p.a.changeDomainRules(ctx, domain, way, who, change)
	if errors.Is(err, directory.ErrNoDomain) {
		return web.ErrNoDomain
	}
	return err
}

// Book implements web.DomainRules.
func (rulePages) Book(way directory.Direction, text string) (*rulebook.Book, error) {
	return readBook(text, rulebook.Acts{File: files(way)})
}

// ChangeRules implements web.DomainRules.
func (p rulePages) ChangeRules(ctx context.Context, domain string, way directory.Direction, who string, change func(*rulebook.Book) error) error {
	return p.change(ctx, domain, way, who, func(text string) (string, error) {
		text, err := rewrite(text, rulebook.Acts{File: files(way)}, change)
		switch {
		case err != nil:
			return "", err
		case len(text) > directory.MaxRules:
			return "", web.ErrRulesFull
		case ruleFaults(way, text) != nil: // it was so before: a release has changed what may stand there
			return "", web.ErrRules
		}
		return text, nil
	})
}
