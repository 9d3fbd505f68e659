package filters

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// script measures how much of what somebody wrote is in one script, such as Cyrillic or Han: one
// entry a script, in the policies of those domains that want it. Letters count as they are read,
// whatever the message says of its charset; look-alikes in Latin words are few, and what is quoted
// and signatures are left out. A recipient who has written or released mail in that script, or
// whose domain has, reads it: for him the result is `read`, which decides nothing. That is kept as
// trust in a sender `SCRIPT@script.invalid`, so that it fades as trust does, and `gatepost trust`
// shows, gives and takes it.
type script struct {
	trust Trust
	scriptOptions
	tables []*unicode.RangeTable
}

type scriptOptions struct {
	Script  string  `setting:"script" doc:"which one: cyrillic, han, arabic, hangul, kana, hebrew, greek, thai, devanagari, or another by its name in Unicode"`
	Share   float64 `setting:"share" doc:"share of the letters of the subject, or of a body, from which on it counts, above 0 and up to 1"`
	Letters int     `setting:"letters" doc:"letters in that script that there are at least, in a body; a third of them in a subject"`
	Scope   string  `setting:"in" doc:"where to look: subject, body, or both"`
}

func scriptKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "script", Stage: pipeline.Data, Scope: pipeline.PerRecipient,
		Results: []pipeline.Result{
			{Word: "match", Effect: "spam", Doc: "much of it is in that script"},
			{Word: "read", Effect: "none", Doc: "the same, but the recipient has written or released mail in that script"},
			{Word: "none", Effect: "none", Doc: "little or nothing is"},
		},
		Options: func() any { return &scriptOptions{Script: "cyrillic", Share: 0.3, Letters: 30, Scope: "both"} },
		New: func(options any) (pipeline.Filter, error) {
			return newScript(*options.(*scriptOptions), d.Trust)
		},
	}
}

func newScript(o scriptOptions, t Trust) (pipeline.Filter, error) {
	o.Script = strings.ToLower(o.Script)
	tables := scriptTables(o.Script)
	switch {
	case len(tables) == 0:
		return nil, fmt.Errorf("there is no script %q", o.Script)
	case !(o.Share > 0 && o.Share <= 1):
		return nil, fmt.Errorf("share %v is not above 0 and up to 1", o.Share)
	case o.Letters < 1:
		return nil, fmt.Errorf("letters %d is below 1", o.Letters)
	case o.Scope != "subject" && o.Scope != "body" && o.Scope != "both":
		return nil, fmt.Errorf("in: %q is neither subject nor body nor both", o.Scope)
	}
	return script{t, o, tables}, nil
}

// scriptTables returns the letters of a script, nil if there is none of the name.
func scriptTables(name string) []*unicode.RangeTable {
	if name == "kana" {
		return []*unicode.RangeTable{unicode.Hiragana, unicode.Katakana}
	}
	for full, table := range unicode.Scripts {
		if strings.EqualFold(full, name) {
			return []*unicode.RangeTable{table}
		}
	}
	return nil
}

// scriptSender is the sender under whom it is kept that somebody reads a script. No mail can
// be from there (RFC 2606 §2).
func scriptSender(name string) mail.Path { return mail.Path(name + "@script.invalid") }

// isScriptSender reports whether somebody calls himself so all the same.
func isScriptSender(p mail.Path) bool { return strings.EqualFold(p.Domain(), "script.invalid") }

// Check implements pipeline.Filter.
func (s script) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	w, err := writtenFact(ctx, q.Tx)
	if err != nil {
		return pipeline.Finding{}, fmt.Errorf("script: %w", err)
	}
	f := pipeline.Finding{Result: "none"}
	where, share := s.measure(w)
	if w.cut {
		f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "cut", Value: "the message has more text than was looked at"})
	}
	if where == "" {
		return f, nil
	}
	f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "share", Value: fmt.Sprintf("%.0f %% of the %s", 100*share, where)})
	f.Result, f.Reason = "match", fmt.Sprintf("%.0f %% of the letters in the %s are %s", 100*share, where, s.Script)
	if s.trust == nil {
		return f, nil
	}
	_, known, err := s.trust.Weigh(ctx, q.Recipient, scriptSender(s.Script), q.Tx.Time)
	if err != nil {
		return pipeline.Finding{}, fmt.Errorf("script: %w", err)
	}
	if known {
		f.Result = "read"
		f.Reason += "; the recipient reads that"
	}
	return f, nil
}

// measure returns where so much is in the script, and how much; "" where it is nowhere.
func (s script) measure(w writing) (where string, share float64) {
	if s.Scope != "body" {
		if share, ok := s.enough(w.subject, (s.Letters+2)/3); ok {
			return "subject", share
		}
	}
	if s.Scope != "subject" {
		for _, text := range w.texts {
			if share, ok := s.enough(text, s.Letters); ok {
				return "body", share
			}
		}
	}
	return "", 0
}

func (s script) enough(text string, least int) (float64, bool) {
	all, those := letters(text, s.tables)
	if those == 0 {
		return 0, false
	}
	share := float64(those) / float64(all)
	return share, those >= least && share >= s.Share
}

// Record implements pipeline.Recorder: what is known was of use, and does not fade.
func (s script) Record(ctx context.Context, q pipeline.Query, f pipeline.Finding) error {
	if f.Result != "read" {
		return nil
	}
	e, known, err := s.trust.Weigh(ctx, q.Recipient, scriptSender(s.Script), q.Tx.Time)
	if known {
		s.trust.Use(e, q.Tx.Time)
	}
	return err
}

// Scripts returns, as senders that trust is kept of, the scripts other than Latin in which a good
// part of a message is written: who writes or releases it reads them.
func Scripts(m *mail.Message) (senders []mail.Path) {
	w := written(m)
	for _, name := range []string{"cyrillic", "han", "arabic", "hangul", "kana", "hebrew", "greek", "thai", "devanagari"} {
		s := script{scriptOptions: scriptOptions{Script: name, Share: 0.1, Letters: 12, Scope: "both"}, tables: scriptTables(name)}
		if where, _ := s.measure(w); where != "" {
			senders = append(senders, scriptSender(name))
		}
	}
	return senders
}
