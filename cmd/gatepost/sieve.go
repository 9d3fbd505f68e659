package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) sieve() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "sieve",
		Short: "Rules of mailboxes, as Sieve scripts",
		Long: `Lists, shows, puts, checks, activates and deletes the Sieve scripts of a mailbox: the
same that its owner edits by ManageSieve. One is active and decides about new mail.`,
		Example: `  gatepost sieve put ann@example.org main rules.sieve --activate`,
	})
	c.AddCommand(p.sieveList(), p.sieveShow(), p.sievePut(), p.sieveCheck(), p.sieveActivate(), p.sieveDelete())
	return c
}

func (p *program) sieveList() *cobra.Command {
	return &cobra.Command{
		Use:     "list ADDRESS",
		Short:   "List a mailbox's scripts",
		Example: `  gatepost sieve list ann@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return askList(p, cmd, ops.SieveList{Address: args[0]}, listing[ops.Script]{"no scripts", []string{"SCRIPT", "ACTIVE", "CHANGED"}, func(s ops.Script) []any {
				return []any{s.Name, yesOrNo(s.Active), s.Changed}
			}})
		},
	}
}

func yesOrNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func (p *program) sieveShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ADDRESS [NAME]",
		Short:   "Write a script to standard output; without NAME the active one",
		Example: `  gatepost sieve show ann@example.org main`,
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			r := ops.SieveShow{Address: args[0]}
			if len(args) == 2 {
				r.Name = args[1]
			}
			return ask(p, cmd, r, func(s ops.Script) { p.script(s.Content) })
		},
	}
}

func mapped(list []string, f func(string) string) []string {
	for i, s := range list {
		list[i] = f(s)
	}
	return list
}

// maxScript bounds a script, in bytes.
const maxScript = 256 << 10

// readScript reads a file; "-" is standard input.
func (p *program) readScript(file string) (string, error) {
	in := p.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", fmt.Errorf("read the script: %w", err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxScript+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("read the script: %w", err)
	case len(b) > maxScript:
		return "", usage("the script is longer than %d bytes", maxScript)
	}
	return string(b), nil
}

func (p *program) sievePut() *cobra.Command {
	var r ops.SievePut
	c := &cobra.Command{
		Use:     "put ADDRESS NAME FILE",
		Short:   "Put a script in place",
		Long:    "Puts a script in place, from a file, or from standard input where FILE is \"-\". One that could not run is refused, with the line of each error.",
		Example: `  gatepost sieve put ann@example.org main rules.sieve --activate`,
		Args:    cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			r.Address, r.Name = args[0], args[1]
			if r.Content, err = p.readScript(args[2]); err != nil {
				return err
			}
			return ask(p, cmd, r, func(s ops.Script) {
				p.say("put %s", printable(s.Name))
				p.warn(s.Warnings)
			})
		},
	}
	c.Flags().BoolVar(&r.Activate, "activate", false, "make it the one that decides about new mail")
	return c
}

func (p *program) sieveCheck() *cobra.Command {
	return &cobra.Command{
		Use:     "check FILE",
		Short:   "Say whether a script could run",
		Example: `  gatepost sieve check rules.sieve`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			content, err := p.readScript(args[0])
			if err != nil {
				return err
			}
			return ask(p, cmd, ops.SieveCheck{Content: content}, func(ops.Nothing) { p.say("it can run") })
		},
	}
}

func (p *program) sieveActivate() *cobra.Command {
	var none bool
	c := &cobra.Command{
		Use:     "activate ADDRESS NAME",
		Short:   "Have a script decide about new mail",
		Example: "  gatepost sieve activate ann@example.org main\n  gatepost sieve activate ann@example.org --none",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			r := ops.SieveActivate{Address: args[0]}
			if none == (len(args) == 2) {
				return usage("name a script, or give --none")
			}
			if none {
				return ask(p, cmd, r, func(ops.Nothing) { p.say("no script is active") })
			}
			r.Name = args[1]
			return ask(p, cmd, r, func(ops.Nothing) { p.say("%s is active", printable(r.Name)) })
		},
	}
	c.Flags().BoolVar(&none, "none", false, "no script: all new mail goes to the inbox")
	return c
}

func (p *program) sieveDelete() *cobra.Command {
	return &cobra.Command{
		Use:     "delete ADDRESS NAME",
		Short:   "Delete a script that is not active",
		Example: `  gatepost sieve delete ann@example.org old`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.SieveDelete{Address: args[0], Name: args[1]}, func(ops.Nothing) { p.say("deleted %s", printable(args[1])) })
		},
	}
}
