package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) audit() *cobra.Command {
	var r ops.AuditList
	var page ops.Page
	c := &cobra.Command{
		Use:   "audit [--who NAME] [--whom NAME]",
		Short: "Show what was done to who may do what",
		Long: `Shows which mailboxes were locked and unlocked, who was asked to let others send for a mailbox and what came of it, which
admins and mail hosts were added, changed and removed, which accounts elsewhere owners have collected, and by whom, the latest first. It is kept for ten years,
also of mailboxes and admins that are gone. What was done with archives is in archive audit.`,
		Example: `  gatepost audit --whom ann@example.org`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request {
				r.Page = at
				return r
			}
			id := func(n ops.AuditNote) string { return n.ID }
			head := []string{"TIME", "WHO", "WHAT", "WHOM", "ABOUT"}
			return askPages(p, cmd, page, search[ops.AuditNote]{request, id}, listing[ops.AuditNote]{"nothing was done", head, func(n ops.AuditNote) []any {
				return []any{n.Time, n.Who, n.What, n.Whom, n.About}
			}})
		},
	}
	c.Flags().StringVar(&r.Who, "who", "", "only what this person did (`name`)")
	c.Flags().StringVar(&r.Whom, "whom", "", "only what was done to this mailbox, admin or mail host (`name`)")
	paging(c, &page)
	return c
}
