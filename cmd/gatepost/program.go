// Command gatepost is the whole node in one program: `gatepost serve` runs it,
// every other subcommand looks into it or changes it. A file a subcommand.
//
// A subcommand turns its flags into a request of package ops and prints the
// result as a table or, with --json, as it is. runner.go brings the request to the
// process that serves the data directory, or, where none does, to a node opened
// for that one request.
//
// Exit status: 0 fine, 1 failed, 2 misused.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatepost/internal/app"
	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/systemd"
	"gatepost/pipeline"
)

// A node is what package app has for commands.
type node struct {
	open    func(context.Context, *config.Config, *slog.Logger) (machine, error)
	check   func(*config.Config) error
	try     func(context.Context, *config.Config) error
	catalog func(*config.Config) []pipeline.Kind
	demo    func(context.Context, *config.Config, *slog.Logger, io.Writer) error
	restore func(ctx context.Context, cfg *config.Config, dir string, log *slog.Logger) (ops.Restored, error)
}

// A machine is a node that was opened: it owns its data directory until Close.
type machine interface {
	Run(context.Context) error // serves until ctx ends
	SupervisedBy(systemd.Supervisor)
	ReloadFrom(load func() (*config.Config, error), applied func(*config.Config))
	LogsFrom(*slog.LevelVar)
	Alive(context.Context) error
	HandsOver(app.Handover)
	Successor() *app.Successor // who takes over, once Run has returned; nil: nobody
	control.Machine
}

// A program is one run of gatepost.
type program struct {
	in        io.Reader
	out, errs io.Writer
	env       []string
	now       func() time.Time
	zone      *time.Location // in which times are shown and read
	node      node
	self      string   // where the program is, to start another
	args      []string // that it was started with

	configFile, data string // the global flags
	sets             []string
	json             bool
	started          bool // a subcommand was found to be well called
}

// Exit statuses.
const (
	fine    = 0
	failed  = 1
	misused = 2
)

// run does what args say and returns the exit status.
func (p *program) run(ctx context.Context, args []string) int {
	p.args = args
	root := p.root()
	root.SetArgs(args)
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.errs)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return fine
	}
	status := p.status(err)
	fmt.Fprintf(p.errs, "gatepost: %v\n", err)
	if status == misused && !p.started {
		fmt.Fprintf(p.errs, "usage: %s\nSee `%s --help`.\n", cmd.UseLine(), cmd.CommandPath())
	}
	return status
}

// status tells failures from misuse.
func (p *program) status(err error) int {
	if !p.started || control.KindOf(err) == control.Misuse {
		return misused
	}
	var problems config.Problems
	if errors.As(err, &problems) {
		for _, problem := range problems {
			if problem.Flag() {
				return misused
			}
		}
	}
	return failed
}

func (p *program) root() *cobra.Command {
	root := group(&cobra.Command{
		Use:   "gatepost",
		Short: "A mail gateway with filters, quarantine and mailboxes",
		Long: `gatepost takes mail from the Internet, walks it through an ordered list of
filters, and delivers it, holds it or refuses it; it keeps mailboxes, too.

Commands that look into a node or change it work through the one that serves
the data directory, and open the directory themselves where none does.
Exit status: 0 fine, 1 failed, 2 misused.`,
		Example: `  gatepost serve --config /etc/gatepost/config.yaml
  gatepost domain add example.org
  gatepost mailbox add ann@example.org --password-stdin < password`,
		SilenceErrors: true, SilenceUsage: true,
	})
	flags := root.PersistentFlags()
	flags.StringVar(&p.configFile, "config", "", "configuration `file` (default: ./config.yaml, /etc/gatepost/config.yaml or what is built in)")
	flags.StringVar(&p.data, "data", "", "data `directory`; short for --set data=DIR")
	flags.StringArrayVar(&p.sets, "set", nil, "change one setting, `key=value`; a list is comma-separated, empty is off; repeatable")
	flags.BoolVar(&p.json, "json", false, "print the result as JSON")
	root.AddCommand(p.serve(), p.reload(), p.upgrade(), p.logLevel(), p.demo(), p.check(), p.filters(), p.explain(), p.policy(), p.domain(), p.certificate(), p.mailbox(), p.admin(),
		p.session(), p.alias(), p.forward(), p.distribution(), p.host(), p.collector(), p.imports(), p.sender(), p.route(), p.list(), p.ban(), p.greylist(), p.trust(),
		p.complaints(), p.learn(), p.fingerprint(), p.packs(), p.vacation(), p.sieve(), p.share(), p.groups(), p.archives(), p.audit(), p.bayes(),
		p.backup(), p.restore(), p.submission(), p.quarantine(), p.queue(), p.dnsbl(), p.dmarc(), p.engines(), p.journal(), p.privacy(), p.version())
	p.noteStart(root)
	return root
}

// group makes a command of one that only holds others: called by itself, or with a
// name that none of them has, it is misused.
func group(c *cobra.Command) *cobra.Command {
	c.Args = cobra.ArbitraryArgs
	c.SuggestionsMinimumDistance = 2
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s needs a subcommand: %s", cmd.CommandPath(), strings.Join(below(cmd), ", "))
		}
		text := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			text += fmt.Sprintf("; did you mean %q?", near[0])
		}
		return errors.New(text)
	}
	return c
}

// below returns the names of a command's subcommands.
func below(c *cobra.Command) (names []string) {
	for _, s := range c.Commands() {
		if s.IsAvailableCommand() {
			names = append(names, s.Name())
		}
	}
	return names
}

// noteStart has every command that does something note that its call was in order:
// errors before that are misuse.
func (p *program) noteStart(c *cobra.Command) {
	if do := c.RunE; do != nil && !c.HasSubCommands() {
		c.RunE = func(cmd *cobra.Command, args []string) error {
			p.started = true
			return do(cmd, args)
		}
	}
	for _, below := range c.Commands() {
		p.noteStart(below)
	}
}

// load reads the configuration that the global flags name.
func (p *program) load() (*config.Config, error) {
	file := p.configFile
	if file == "" {
		file = config.Find()
	}
	sets := p.sets
	if p.data != "" {
		sets = append(sets[:len(sets):len(sets)], "data="+p.data)
	}
	return config.Load(file, sets, p.env)
}
