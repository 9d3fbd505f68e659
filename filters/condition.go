package filters

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"gatepost/pipeline"
	"gatepost/rules"
)

// A Country says where an address is, as two letters of ISO 3166; "" where that is not known.
type Country func(netip.Addr) string

// ruleSetting is a rule as an entry of a policy has it.
type ruleSetting struct {
	Name  string  `setting:"name" json:"name"`
	When  string  `setting:"when" json:"when"`
	Score float64 `setting:"score" json:"score"`
	Then  string  `setting:"then" json:"then"`
}

// readRules reads an entry's rules; what is wrong with one is told at its line. Those of an
// exception have nothing but a name and a condition.
func readRules(settings []ruleSetting, exception bool) (list []rules.Rule, err error) {
	var errs []error
	for i, s := range settings {
		rule, path, err := s.rule(exception)
		if err == nil {
			list = append(list, *rule)
			continue
		}
		line, at := 0, &rules.SyntaxError{}
		if errors.As(err, &at) {
			line = at.Line
		}
		errs = append(errs, pipeline.SettingError{Path: fmt.Sprintf("rules[%d]%s", i, path), Line: line, Err: fmt.Errorf("rule %q: %w", s.Name, err)})
	}
	return list, errors.Join(errs...)
}

// rule returns a rule, or which of its settings is wrong.
func (s ruleSetting) rule(exception bool) (rule *rules.Rule, path string, err error) {
	switch {
	case s.Name == "":
		return nil, "", errors.New("has no name")
	case exception && (s.Then != "" || s.Score != 0):
		return nil, "", errors.New("an exception has neither then nor score")
	case !exception && (s.Then == "") == (s.Score == 0):
		return nil, "", errors.New("has to have either score or then")
	}
	then := s.Then
	if then == "" {
		then = fmt.Sprint(s.Score)
	}
	if rule, err = rules.NewRule(s.Name, then); err != nil {
		return nil, ".then", err
	}
	if rule.Condition, err = rules.ParseCondition(s.When); err != nil {
		return nil, ".when", fmt.Errorf("when: %w", err)
	}
	return rule, "", nil
}

// conditions are what rules ask the world for.
type conditions struct {
	resolver Resolver
	country  Country
}

// input is what conditions are about: a message on one recipient's walk.
func (c conditions) input(ctx context.Context, q pipeline.Query) (*rules.Input, error) {
	tx := q.Tx
	texts, err := textsFact(ctx, tx)
	if err != nil {
		return nil, err
	}
	f := rules.Facts{
		ClientIP: tx.Client.Addr, Helo: tx.Client.Helo, Sender: string(tx.Envelope.ReversePath.Fold()), Texts: texts, Size: tx.Message.Size(),
		Score: q.Walk.Score,
	}
	for _, r := range tx.Envelope.Recipients {
		f.Recipients = append(f.Recipients, string(r.Fold()))
	}
	f.ClientName = func() string {
		if a, err := iprevFact(ctx, tx, c.resolver); err == nil {
			return a.Name
		}
		return ""
	}
	f.Author = func() string {
		if all := authors(tx.Message); len(all) == 1 {
			return string(all[0].Fold())
		}
		return ""
	}
	f.Country = func() string {
		if c.country == nil {
			return ""
		}
		return c.country(tx.Client.Addr)
	}
	f.Finding = func(entry string) string { return findingOf(q.Walk, entry) }
	f.Attachments = func() ([]rules.Attachment, error) { return attachmentsOf(ctx, tx) }
	return rules.NewInput(f), nil
}

// findingOf is the result of an entry above; in shadow, too, since nothing follows from
// looking.
func findingOf(w *pipeline.Walk, entry string) string {
	for i := len(w.Steps) - 1; i >= 0; i-- {
		if strings.EqualFold(w.Steps[i].Entry, entry) {
			return w.Steps[i].Finding.Result
		}
	}
	return ""
}

// attachmentsOf are a message's attachments, and files inside them, as conditions see them.
func attachmentsOf(ctx context.Context, tx *pipeline.Transaction) (list []rules.Attachment, err error) {
	r, err := attachmentsFact(ctx, tx)
	if err != nil {
		return nil, err
	}
	for _, f := range r.Files {
		a := rules.Attachment{Name: f.Name, Type: f.Declared, Size: int(f.Size), Kind: string(f.Kind)}
		if f.Hashed {
			a.SHA256 = hex.EncodeToString(f.Sum[:])
		}
		list = append(list, a)
	}
	return list, nil
}
