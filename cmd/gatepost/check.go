package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"gatepost/internal/config"
	"gatepost/internal/control/ops"
)

func (p *program) check() *cobra.Command {
	c := &cobra.Command{
		Use:   "check",
		Short: "Tell what is wrong with the configuration, or the store",
		Long: `Reads the configuration as serve would and tells every mistake with file and line.
Nothing is opened or changed, but that an object is put into the bucket of content.s3,
where one is set, and removed. ` + "`check store`" + ` looks for damage in the store.`,
		Example: `  gatepost check --config new.yaml
  gatepost check store`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown thing to check: %q; there are the configuration (no argument) and the store", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return p.checkConfig(cmd.Context()) },
	}
	c.AddCommand(p.checkStore())
	return c
}

// A verdict is check's result.
type verdict struct {
	OK       bool     `json:"ok"`
	Problems []string `json:"problems"`
	Warnings []string `json:"warnings"`
}

// tryTime bounds what check tries of the world outside.
const tryTime = 20 * time.Second

func (p *program) checkConfig(ctx context.Context) error {
	p.started = true
	cfg, err := p.load()
	v := verdict{Problems: []string{}, Warnings: []string{}}
	if err == nil {
		v.Warnings = append(v.Warnings, cfg.Warnings()...)
		err = p.node.check(cfg)
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, tryTime)
		defer cancel()
		err = p.node.try(ctx, cfg)
	}
	v.OK = err == nil
	v.Problems = append(v.Problems, lines(err)...)
	if printed := p.print(v, func() { p.showVerdict(v) }); printed != nil {
		return printed
	}
	return err
}

func (p *program) showVerdict(v verdict) {
	for _, w := range v.Warnings {
		p.say("warning: %s", w)
	}
	if v.OK {
		p.say("the configuration is fine")
	}
}

// lines returns each of the errors that err is made of.
func lines(err error) (texts []string) {
	var problems config.Problems
	switch {
	case errors.As(err, &problems):
		for _, problem := range problems {
			texts = append(texts, problem.Error())
		}
	case err != nil:
		texts = append(texts, err.Error())
	}
	return texts
}

func (p *program) checkStore() *cobra.Command {
	return &cobra.Command{
		Use:     "store",
		Short:   "Look for damage in the store",
		Long:    "Reads everything that is stored and names what is damaged or missing. Mail is served meanwhile.",
		Example: `  gatepost check store --json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var report ops.StoreReport
			if err := p.do(cmd.Context(), ops.CheckStore{}, &report); err != nil {
				return err
			}
			if report.Damage == nil {
				report.Damage = []string{}
			}
			err := p.print(report, func() {
				for _, d := range report.Damage {
					p.say("damaged: %s", printable(d))
				}
				p.say("%d messages, %d bytes: %d damaged", report.Messages, report.Bytes, len(report.Damage))
				if report.Unreferenced > 0 {
					p.say("%d contents are nobody's and will be removed", report.Unreferenced)
				}
			})
			if err == nil && len(report.Damage) > 0 {
				err = errors.New("the store is damaged")
			}
			return err
		},
	}
}
