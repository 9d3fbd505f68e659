package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) distribution() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "distribution",
		Short: "Distribution lists: addresses whose mail goes to their members",
		Long: `Adds, lists, shows, changes and removes distribution lists: addresses whose mail
goes to up to 10,000 members. Bounces go to the list's owner. --post says who may post,
judged by the reverse-path; a list within a list asks, too. Delivery reports post only
to lists for all.`,
		Example: `  gatepost distribution add staff@example.org ann@example.org bob@example.org --post domain --owner ann@example.org`,
	})
	c.AddCommand(p.distributionAdd(), p.distributionList(), p.distributionShow(), p.distributionSet(), p.distributionRemove())
	return c
}

const postUsage = "who may post: `all`, domain (the list's) or members"

func (p *program) distributionAdd() *cobra.Command {
	var r ops.DistributionAdd
	var file string
	c := &cobra.Command{
		Use:   "add ADDRESS [MEMBER...] --owner ADDRESS",
		Short: "Add a distribution list",
		Long:  "Adds a distribution list. Members may come from a file, too, one a line; what follows # is a remark.",
		Example: `  gatepost distribution add staff@example.org ann@example.org bob@example.org --owner ann@example.org
  gatepost distribution add news@example.org --owner ann@example.org --members-file - < members`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			r.Address = args[0]
			if r.Members, err = p.members(args[1:], file); err != nil {
				return err
			}
			if len(r.Members) == 0 {
				return usage("a list needs members: name them, or give --members-file")
			}
			return ask(p, cmd, r, p.showDistribution)
		},
	}
	c.Flags().StringVar(&r.Post, "post", "", postUsage)
	c.Flags().StringVar(&r.Owner, "owner", "", "`address` that gets the bounces")
	membersFlag(c, &file)
	require(c, "owner")
	return c
}

func membersFlag(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "members-file", "", "`file` with members, one a line; - is standard input")
}

// maxMembersFile bounds a file of members: a list's 10,000, with remarks.
const maxMembersFile = 8 << 20

// members returns those that are named and those in a file.
func (p *program) members(named []string, file string) ([]string, error) {
	if file == "" {
		return named, nil
	}
	in := p.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("members: %w", err)
		}
		defer f.Close()
		in = f
	}
	more, err := readMembers(in)
	return append(named, more...), err
}

// readMembers reads one member a line; what follows a # at its beginning or after a
// blank is a remark.
func readMembers(in io.Reader) (members []string, err error) {
	lines := bufio.NewScanner(io.LimitReader(in, maxMembersFile+1))
	read := 0
	for lines.Scan() {
		read += len(lines.Bytes()) + 1
		if line := withoutRemark(lines.Text()); line != "" {
			members = append(members, line)
		}
	}
	switch {
	case lines.Err() != nil:
		return nil, fmt.Errorf("members: %w", lines.Err())
	case read > maxMembersFile:
		return nil, usage("the file of members is longer than %d bytes", maxMembersFile)
	}
	return members, nil
}

// withoutRemark cuts what follows a # that begins a word: within one it is an
// address's.
func withoutRemark(line string) string {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			line = line[:i]
			break
		}
	}
	return strings.TrimSpace(line)
}

func (p *program) distributionList() *cobra.Command {
	var r ops.DistributionList
	var page ops.Page
	c := &cobra.Command{
		Use:     "list [--domain NAME]",
		Short:   "List the distribution lists",
		Example: `  gatepost distribution list --domain example.org`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request {
				r.Page = at
				return r
			}
			id := func(d ops.Distribution) string { return d.Address }
			head := []string{"LIST", "MEMBERS", "POST", "OWNER"}
			return askPages(p, cmd, page, search[ops.Distribution]{request, id}, listing[ops.Distribution]{"no distribution lists", head, func(d ops.Distribution) []any {
				return []any{d.Address, d.Size, d.Post, d.Owner}
			}})
		},
	}
	c.Flags().StringVar(&r.Domain, "domain", "", "only those of this domain (`name`)")
	paging(c, &page)
	return c
}

func (p *program) distributionShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ADDRESS",
		Short:   "Show a distribution list with its members",
		Example: `  gatepost distribution show staff@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.DistributionShow{Address: args[0]}, func(d ops.DistributionDetail) {
				p.showDistribution(d.Distribution)
				for _, m := range d.Members {
					p.say("  %s", printable(m))
				}
			})
		},
	}
}

func (p *program) distributionSet() *cobra.Command {
	var r ops.DistributionSet
	var post, owner, file string
	c := &cobra.Command{
		Use:   "set ADDRESS [MEMBER...]",
		Short: "Change a distribution list",
		Long: `Changes what the arguments and flags name, and nothing else. Members that are named,
or in a file, stand instead of those that were there; --add and --drop change some.`,
		Example: `  gatepost distribution set staff@example.org --add carl@example.org --drop bob@example.org
  gatepost distribution set staff@example.org --post members`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f := cmd.Flags()
			r.Address, r.Post, r.Owner = args[0], changed(f, "post", &post), changed(f, "owner", &owner)
			members, err := p.members(args[1:], file)
			if err != nil {
				return err
			}
			if len(members) > 0 || file != "" {
				r.Members = &members
			}
			if r.Post == nil && r.Owner == nil && r.Members == nil && len(r.Add)+len(r.Drop) == 0 {
				return usage("nothing to change: name members, or give --members-file, --add, --drop, --post or --owner")
			}
			return ask(p, cmd, r, p.showDistribution)
		},
	}
	f := c.Flags()
	f.StringVar(&post, "post", "", postUsage)
	f.StringVar(&owner, "owner", "", "`address` that gets the bounces")
	f.StringArrayVar(&r.Add, "add", nil, "member to add (`address`); repeatable")
	f.StringArrayVar(&r.Drop, "drop", nil, "member to take off (`address`); repeatable")
	membersFlag(c, &file)
	return c
}

func (p *program) distributionRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove ADDRESS",
		Short:   "Remove a distribution list",
		Long:    "Removes a distribution list that nothing leads to.",
		Example: `  gatepost distribution remove staff@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.DistributionRemove{Address: args[0]}, func(ops.Nothing) { p.say("removed %s", printable(args[0])) })
		},
	}
}

func (p *program) showDistribution(d ops.Distribution) {
	p.record("list", d.Address, "post", d.Post, "owner", d.Owner, "members", d.Size, "created", d.Created)
}
