package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) packs() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "packs",
		Short: "Patterns and rules that come from files or the web",
		Long: `Shows the packs of this node (packs: in the configuration) that the filters keywords,
keyword-allow and logic use, and their versions; looks for new ones, and goes back to older ones.`,
		Example: `  gatepost packs list
  gatepost packs rollback invoices`,
	})
	c.AddCommand(p.packsList(),
		p.packsOne("show", "Show a pack and its versions", "Shows where a pack comes from, when it was looked for, and its versions, the newest first.",
			func(name string) control.Request { return ops.PackShow{Name: name} }),
		p.packsOne("refresh", "Look for a new version of a pack now", "Looks for a new version now. One that can't be read is told, and does not take the place of the one that is there.",
			func(name string) control.Request { return ops.PackRefresh{Name: name} }),
		p.packsOne("rollback", "Go back to the version before", "Puts the version before the one in force back. The one that is rolled back is not taken again; another is.",
			func(name string) control.Request { return ops.PackRollback{Name: name} }))
	return c
}

func (p *program) packsList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List packs and the versions in force",
		Long:    "Lists packs by name, with the version in force, since when, and what it has.",
		Example: `  gatepost packs list`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			head := []string{"NAME", "VERSION", "TITLE", "SINCE", "PATTERNS", "RULES", "LOOKED", "NEXT", "TROUBLE"}
			return askList(p, cmd, ops.PackList{}, listing[ops.Pack]{"no packs are named", head, func(k ops.Pack) []any {
				v := inForce(k)
				return []any{k.Name, versionName(v), v.Title, v.Came, v.Patterns, v.Rules, k.Looked, k.Next, k.Error}
			}})
		},
	}
}

// inForce is the version in force, an empty one where none is.
func inForce(k ops.Pack) ops.PackVersion {
	for _, v := range k.Versions {
		if v.InForce {
			return v
		}
	}
	return ops.PackVersion{}
}

func versionName(v ops.PackVersion) any {
	switch {
	case v.Number == 0:
		return "none yet"
	case v.Version != "":
		return v.Version
	}
	return v.Number
}

func (p *program) packsOne(verb, short, long string, request func(name string) control.Request) *cobra.Command {
	return &cobra.Command{
		Use:     verb + " NAME",
		Short:   short,
		Long:    long,
		Example: "  gatepost packs " + verb + " invoices",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, request(args[0]), p.showPack)
		},
	}
}

func (p *program) showPack(k ops.Pack) {
	p.record("name", k.Name, "source", k.Source, "looked", k.Looked, "next", k.Next, "trouble", k.Error)
	p.say("")
	t := p.table("NUMBER", "VERSION", "TITLE", "CAME", "PATTERNS", "RULES", "STATE")
	for _, v := range k.Versions {
		t.row(v.Number, versionName(v), v.Title, v.Came, v.Patterns, v.Rules, versionState(v))
	}
	t.flush()
}

func versionState(v ops.PackVersion) string {
	switch {
	case v.InForce:
		return "in force"
	case v.RolledBack:
		return "rolled back"
	}
	return ""
}
