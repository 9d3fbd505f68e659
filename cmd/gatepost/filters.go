package main

import (
	"strings"

	"github.com/spf13/cobra"

	"gatepost/pipeline"
)

// A filter is a kind of filter as scripts see it.
type filter struct {
	Name     string             `json:"name"`
	Stage    string             `json:"stage"`
	Scope    string             `json:"scope"`
	Gate     bool               `json:"gate"`
	Always   bool               `json:"always"`
	Needs    []string           `json:"needs"`
	Results  []result           `json:"results"`
	Settings []pipeline.Setting `json:"settings"`
	Doc      string             `json:"doc"`
}

type result struct {
	Result string `json:"result"`
	Effect string `json:"effect"`
	Doc    string `json:"doc"`
}

func (p *program) filters() *cobra.Command {
	return &cobra.Command{
		Use:   "filters [NAME]",
		Short: "List the filters with their results and settings",
		Long: `Lists the filters that can stand in a policy: the stage of the SMTP transaction at
which each can answer, for whom its answer holds, its results with their usual
effects, and its settings. With a name it tells all of that filter.`,
		Example: `  gatepost filters
  gatepost filters dnsbl`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := p.load()
			if err != nil {
				return err
			}
			list := []filter{}
			for _, k := range p.node.catalog(cfg) {
				if len(args) == 0 || k.Name == args[0] {
					list = append(list, describe(k))
				}
			}
			if len(args) > 0 && len(list) == 0 {
				return usage("no filter is named %q", args[0])
			}
			return p.print(list, func() { p.showFilters(list, len(args) > 0) })
		},
	}
}

func describe(k pipeline.Kind) filter {
	f := filter{
		Name: k.Name, Stage: k.Stage.String(), Scope: k.Scope.String(), Gate: k.Gate, Always: k.Always,
		Needs: append([]string{}, k.Needs...), Results: []result{}, Settings: k.Settings(), Doc: strings.TrimSpace(k.Doc),
	}
	for _, r := range k.Results {
		f.Results = append(f.Results, result{r.Word, r.Effect, r.Doc})
	}
	return f
}

func (p *program) showFilters(list []filter, full bool) {
	if full {
		p.showFilter(list[0])
		return
	}
	t := p.table("FILTER", "STAGE", "SCOPE", "RESULTS")
	for _, f := range list {
		results := make([]string, len(f.Results))
		for i, r := range f.Results {
			results[i] = r.Result
		}
		t.row(f.Name, f.Stage, f.Scope, strings.Join(results, ", "))
	}
	t.flush()
}

func (p *program) showFilter(f filter) {
	p.say("%s\n", wrap(f.Doc))
	p.record("stage", f.Stage, "scope", f.Scope, "gate", f.Gate, "always", f.Always, "needs", join(f.Needs))
	p.say("")
	t := p.table("RESULT", "EFFECT", "MEANING")
	t.wide = true
	for _, r := range f.Results {
		t.row(r.Result, r.Effect, r.Doc)
	}
	t.flush()
	if len(f.Settings) == 0 {
		return
	}
	p.say("")
	t = p.table("SETTING", "DEFAULT", "MEANING")
	t.wide = true
	for _, s := range f.Settings {
		t.row(s.Name, s.Default, s.Doc)
	}
	t.flush()
}
