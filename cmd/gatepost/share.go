package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) share() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "share",
		Short: "Folders that others may see",
		Long: `Lists, gives and takes rights in folders of mailboxes. Who has some finds the folder
in his mail program as Shared/OWNER/FOLDER. Owners can do the same there (IMAP's ACL).
Who wants to send for somebody asks for it: see ask and requests.`,
		Example: `  gatepost share add ann@example.org Projects bob@example.org --rights write
  gatepost share ask bob@example.org ann@example.org --send on-behalf`,
	})
	c.AddCommand(p.shareAdd(), p.shareList(), p.shareRemove(), p.shareAnswer(), p.shareLeave(), p.shareAsk(), p.shareRequests(), p.shareDecide(true), p.shareDecide(false))
	return c
}

const (
	whoUsage    = "WITH is a mailbox, an alias or a distribution list (all whom it leads to), @ and a domain (all with a mailbox there), or anyone."
	onlyUsage   = "the folder alone, not what is beneath it now"
	rightsUsage = "`read`, write (change what is in it), manage (also its folders, and who else may), or letters of RFC 4314"
)

func (p *program) shareAdd() *cobra.Command {
	var r ops.ShareAdd
	c := &cobra.Command{
		Use:   "add OWNER FOLDER WITH [--rights read]",
		Short: "Share a folder and all beneath it",
		Long: `Gives somebody rights in a folder and in all that is beneath it now; what is made there
later has the rights of the folder above it. With --only what is beneath it now keeps the rights that
it has. "*" is all folders of the mailbox, those to come, too.
` + whoUsage + ` The receiver is told by mail; a whole domain is not.
With --send he may also send for the owner from now on, or may not; see gatepost mailbox senders.`,
		Example: `  gatepost share add ann@example.org Projects bob@example.org --rights write
  gatepost share add ann@example.org INBOX bob@example.org --rights write --send on-behalf
  gatepost share add ann@example.org "*" secretary@example.org --rights manage --quiet`,
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Owner, r.Folder, r.With = args[0], args[1], args[2]
			return ask(p, cmd, r, func(s ops.Share) {
				p.say("shared with %s: %s (%s)", printable(s.With), printable(s.Name), printable(s.Rights))
			})
		},
	}
	c.Flags().StringVar(&r.Rights, "rights", "read", rightsUsage)
	c.Flags().BoolVar(&r.Quiet, "quiet", false, "tell nobody by mail")
	c.Flags().BoolVar(&r.Only, "only", false, onlyUsage)
	c.Flags().StringVar(&r.Send, "send", "", "how he may send for the owner, too: `as` him, on-behalf, or no")
	return c
}

func (p *program) shareList() *cobra.Command {
	var r ops.ShareList
	c := &cobra.Command{
		Use:   "list --owner ADDRESS | --with ADDRESS",
		Short: "List what is shared by a mailbox, or with one",
		Example: `  gatepost share list --owner ann@example.org
  gatepost share list --with bob@example.org`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(p, cmd, r, func(list []ops.Share) {
				if len(list) == 0 {
					p.say("nothing is shared")
					return
				}
				t := p.table()
				t.row("OWNER", "FOLDER", "WITH", "RIGHTS", "ANSWER")
				for _, s := range list {
					t.row(s.Owner, s.Folder, s.With, s.Rights, s.Answer)
				}
				t.flush()
			})
		},
	}
	c.Flags().StringVar(&r.Owner, "owner", "", "what this `mailbox` shares")
	c.Flags().StringVar(&r.With, "with", "", "what reaches this `mailbox`, also through groups")
	return c
}

func (p *program) shareRemove() *cobra.Command {
	var r ops.ShareRemove
	c := &cobra.Command{
		Use:     "remove OWNER FOLDER WITH",
		Short:   "Take back a folder and all beneath it",
		Example: `  gatepost share remove ann@example.org Projects bob@example.org`,
		Args:    cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Owner, r.Folder, r.With = args[0], args[1], args[2]
			return ask(p, cmd, r, func(ops.Nothing) {
				p.say("no longer shared with %s", printable(args[2]))
			})
		},
	}
	c.Flags().BoolVar(&r.Only, "only", false, onlyUsage)
	return c
}

func (p *program) shareAnswer() *cobra.Command {
	return &cobra.Command{
		Use:   "answer READER NAME accept|decline|leave|ask",
		Short: "Accept or decline a share for its receiver",
		Long: `Answers for somebody with whom a folder is shared. What is accepted his mail program shows;
what is declined, or left, it does not list. Rights stay as they are. "ask" takes the answer back.`,
		Example: `  gatepost share answer bob@example.org Shared/ann@example.org/Projects accept`,
		Args:    cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.ShareAnswer{Reader: args[0], Name: args[1], Answer: args[2]}, func(ops.Nothing) {
				p.say("%s: %s", printable(args[1]), printable(args[2]))
			})
		},
	}
}

func (p *program) shareLeave() *cobra.Command {
	return &cobra.Command{
		Use:   "leave READER NAME",
		Short: "Have somebody leave a folder that is shared with him",
		Long: `Takes a folder, and all beneath it, out of its receiver's sight. Whose it is sees that he has left
("share list --owner"). Rights stay as they are: "share remove" takes those away.`,
		Example: `  gatepost share leave bob@example.org Shared/ann@example.org/Projects`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.ShareAnswer{Reader: args[0], Name: args[1], Answer: "leave"}, func(ops.Nothing) {
				p.say("%s has left %s", printable(args[0]), printable(args[1]))
			})
		},
	}
}
