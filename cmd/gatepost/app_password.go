package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) appPassword() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "app-password",
		Short: "Passwords of single programs of a mailbox's owner",
		Long: `Makes, lists and takes away passwords that one program each uses for IMAP, POP3,
ManageSieve and submission. None of them logs in to the pages. One is shown when it is
made, and never again; what is taken away logs nobody in any more.`,
		Example: `  gatepost mailbox app-password add ann@example.org --name "Ann's phone"`,
	})
	c.AddCommand(p.appPasswordAdd(), p.appPasswordList(), p.appPasswordRemove())
	return c
}

func (p *program) appPasswordAdd() *cobra.Command {
	var r ops.AppPasswordAdd
	c := &cobra.Command{
		Use:     "add ADDRESS --name NAME",
		Short:   "Make a password for one program, and show it once",
		Example: `  gatepost mailbox app-password add ann@example.org --name "Ann's phone"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Address = args[0]
			if r.Name == "" {
				return usage("give the password a --name, such as the program's")
			}
			return ask(p, cmd, r, func(a ops.AppPassword) { p.say("%s", a.Password) })
		},
	}
	c.Flags().StringVar(&r.Name, "name", "", "by which it is known, such as the program's `name`")
	return c
}

func (p *program) appPasswordList() *cobra.Command {
	return &cobra.Command{
		Use:     "list ADDRESS",
		Short:   "List them, and when each was used last",
		Example: `  gatepost mailbox app-password list ann@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return askList(p, cmd, ops.AppPasswordList{Address: args[0]}, listing[ops.AppPassword]{"no application passwords", []string{"NAME", "CREATED", "USED"}, func(a ops.AppPassword) []any {
				return []any{a.Name, a.Created, a.Used}
			}})
		},
	}
}

func (p *program) appPasswordRemove() *cobra.Command {
	var r ops.AppPasswordRemove
	c := &cobra.Command{
		Use:     "remove ADDRESS --name NAME",
		Short:   "Take one away",
		Long:    "Takes one away. Nobody logs in with it from then on; sessions that are open go on to their end.",
		Example: `  gatepost mailbox app-password remove ann@example.org --name "Ann's phone"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Address = args[0]
			if r.Name == "" {
				return usage("say which one by --name")
			}
			return ask(p, cmd, r, func(ops.Nothing) { p.say("removed %s", printable(r.Name)) })
		},
	}
	c.Flags().StringVar(&r.Name, "name", "", "its `name`")
	return c
}
