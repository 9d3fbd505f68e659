package main

import (
	"strings"

	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) domainRules() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "rules",
		Short: "Rules of a domain, as Sieve scripts",
		Long: `Shows, puts, checks and removes the rules of a domain: a Sieve script for mail from others (in), one
for what its people send to others (out), and one for what they send to its own addresses (local).
They run before the rules of the mailboxes, and may copy, redirect, file and delete.`,
		Example: `  gatepost domain rules put example.org in rules.sieve`,
	})
	c.AddCommand(p.domainRulesShow(), p.domainRulesPut(), p.domainRulesCheck(), p.domainRulesRemove())
	return c
}

func (p *program) domainRulesShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show DOMAIN in|out|local",
		Short:   "Write a domain's rules to standard output",
		Example: `  gatepost domain rules show example.org in`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.DomainRulesShow{Domain: args[0], Direction: args[1]}, func(r ops.DomainRules) { p.script(r.Content) })
		},
	}
}

// script writes a script, without what would steer a terminal.
func (p *program) script(content string) {
	for line := range strings.SplitSeq(strings.TrimSuffix(strings.ReplaceAll(content, "\r\n", "\n"), "\n"), "\n") {
		p.say("%s", strings.Join(mapped(strings.Split(line, "\t"), printable), "\t"))
	}
}

func (p *program) domainRulesPut() *cobra.Command {
	return &cobra.Command{
		Use:     "put DOMAIN in|out|local FILE",
		Short:   "Put rules in place",
		Long:    "Puts rules in place, from a file, or from standard input where FILE is \"-\". Those that could not run are refused, with the place of each error.",
		Example: `  gatepost domain rules put example.org in rules.sieve`,
		Args:    cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			content, err := p.readScript(args[2])
			if err != nil {
				return err
			}
			return ask(p, cmd, ops.DomainRulesPut{Domain: args[0], Direction: args[1], Content: content}, func(r ops.DomainRules) {
				p.say("put rules of %s for mail %s", printable(r.Domain), printable(r.Direction))
			})
		},
	}
}

func (p *program) domainRulesCheck() *cobra.Command {
	return &cobra.Command{
		Use:     "check in|out|local FILE",
		Short:   "Say whether rules could run",
		Example: `  gatepost domain rules check out rules.sieve`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			content, err := p.readScript(args[1])
			if err != nil {
				return err
			}
			return ask(p, cmd, ops.DomainRulesCheck{Direction: args[0], Content: content}, func(ops.Nothing) { p.say("they can run") })
		},
	}
}

func (p *program) domainRulesRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove DOMAIN in|out|local",
		Short:   "Remove a domain's rules",
		Example: `  gatepost domain rules remove example.org in`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.DomainRulesRemove{Domain: args[0], Direction: args[1]}, func(ops.Nothing) {
				p.say("%s has no rules for mail %s", printable(args[0]), printable(args[1]))
			})
		},
	}
}
