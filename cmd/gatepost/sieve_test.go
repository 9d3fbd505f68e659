package main

import (
	"context"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// ownerHandlers answer for rules and passwords of programs.
func ownerHandlers(h control.Handlers) {
	control.On(h, answer[ops.AppPasswordAdd](ops.AppPassword{Name: "phone", Password: "abcde-fghij-kmnpq-rstuv", Created: at(1)}))
	control.On(h, answer[ops.AppPasswordList]([]ops.AppPassword{{Name: "phone\x1b[2J", Created: at(1), Used: at(9)}, {Name: "mutt", Created: at(2)}}))
	control.On(h, answer[ops.AppPasswordRemove](ops.Nothing{}))
	script := ops.Script{Name: "main", Active: true, Changed: at(3)}
	control.On(h, answer[ops.SieveList]([]ops.Script{script, {Name: "old", Changed: at(2)}}))
	control.On(h, func(_ context.Context, q ops.SieveShow) (ops.Script, error) {
		s := script
		s.Content = "if true {\r\n\tkeep; # \x1b[2J\r\n}\r\n"
		return s, nil
	})
	control.On(h, func(_ context.Context, q ops.SievePut) (ops.Script, error) {
		if q.Content == "kep;\n" {
			return ops.Script{}, control.Misused("the script can't run:\nline 1: the command \"kep\" is not known")
		}
		s := script
		s.Warnings = []string{`it includes "x", which is not there: mail goes to the inbox until it is`}
		return s, nil
	})
	control.On(h, answer[ops.SieveCheck](ops.Nothing{}))
	control.On(h, answer[ops.SieveActivate](ops.Nothing{}))
	control.On(h, answer[ops.SieveDelete](ops.Nothing{}))
	control.On(h, answer[ops.DomainRulesShow](ops.DomainRules{Domain: "example.org", Direction: "in", Content: "discard; # \x1b[2J\r\n"}))
	control.On(h, func(_ context.Context, q ops.DomainRulesPut) (ops.DomainRules, error) {
		if q.Content == "kep;\n" {
			return ops.DomainRules{}, control.Misused("the rules can't run:\nline 1, column 1: the command \"kep\" is not known")
		}
		return ops.DomainRules{Domain: "example.org", Direction: q.Direction, Content: q.Content}, nil
	})
	control.On(h, answer[ops.DomainRulesCheck](ops.Nothing{}))
	control.On(h, answer[ops.DomainRulesRemove](ops.Nothing{}))
	away := ops.Vacation{Set: true, Runs: true, From: "2026-12-24", Subject: "Away", Text: "I am away\nfor long", Days: 3, Except: []string{"example.net"}, Then: "main"}
	control.On(h, answer[ops.VacationSet](away))
	control.On(h, func(_ context.Context, q ops.VacationShow) (ops.Vacation, error) {
		idle := away
		idle.Set, idle.Runs = q.Address == "ann@example.org", false
		return idle, nil
	})
	control.On(h, answer[ops.VacationOff](ops.Nothing{}))
	control.On(h, func(_ context.Context, q ops.MailboxForward) (ops.MailboxForwarding, error) {
		if q.To != nil && len(*q.To) == 0 {
			return ops.MailboxForwarding{To: []string{}}, nil
		}
		return ops.MailboxForwarding{To: []string{"ann@elsewhere.example"}, Keep: true, Runs: true}, nil
	})
}
