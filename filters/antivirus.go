package filters

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"gatepost/internal/engine"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// antivirus has virus scanners look at the message: clamd over a unix socket or TCP, or any
// command with exit codes; several side by side. It is off until an engine is named. What one finds
// counts, whatever the others say; where one of them answers it does not matter that another
// can't, unless `need` is all. Where none can tell the result is temperror and the message
// is deferred: it is never delivered unscanned. A message that scanners decline, since it is larger or
// deeper than they look, would be so again: it is held. What antivirus holds an operator
// alone may release, and the sender is offered nothing. It runs after an accept, too, for postmaster@ and abuse@, and on what people here send. Where clamd's own
// limit (StreamMaxLength) is below `limits.message_size`, set it higher, or large mail is held.
type antivirus struct {
	engines []antivirusEngine
	all     bool
	largest octets
}

type antivirusEngine struct {
	name string
	Scanner
}

type antivirusOptions struct {
	Engines []scannerOptions `setting:"engines" doc:"side by side, each with clamd (addresses, of which the first that is well is asked) or run (a program and its arguments; {} is a file with the message, else it is on standard input) with exit codes clean (0), infected (1) and unscanned; name; memory (4 GiB) of a program"`
	Need    string           `setting:"need" doc:"how many engines have to answer: one, or all"`
	MaxSize octets           `setting:"max_size" doc:"larger messages are not sent to engines: unscanned; 0 is no limit but theirs"`
}

type scannerOptions struct {
	Name      string    `setting:"name" json:"name"`
	Clamd     addresses `setting:"clamd" json:"clamd"`
	Run       []string  `setting:"run" json:"run"`
	Clean     []int     `setting:"clean" json:"clean"`
	Infected  []int     `setting:"infected" json:"infected"`
	Unscanned []int     `setting:"unscanned" json:"unscanned"`
	Memory    octets    `setting:"memory" json:"memory"`
}

// maxEngines bounds the engines of one entry.
const maxEngines = 8

func antivirusKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "antivirus", Stage: pipeline.Data, Scope: pipeline.PerMessage, Waits: true, Always: true, Told: true, Guarded: true, Roles: true, Timeout: time.Minute,
		Results: []pipeline.Result{
			{Word: "virus", Effect: "quarantine", Doc: "an engine found one", Firm: true},
			{Word: "unscanned", Effect: "quarantine", Doc: "the message is larger or deeper than engines look, and would be so again", Firm: true},
			{Word: "clean", Effect: "none", Doc: "nothing was found"},
			{Word: "none", Effect: "none", Doc: "no engine is named"},
			{Word: pipeline.TempError, Effect: "defer", Doc: "no engine, or not all that have to, could tell"},
		},
		Options: func() any { return &antivirusOptions{Engines: []scannerOptions{}, Need: "one"} },
		New: func(options any) (pipeline.Filter, error) {
			return newAntivirus(*options.(*antivirusOptions), d.Engines)
		},
	}
}

func newAntivirus(o antivirusOptions, makers Engines) (pipeline.Filter, error) {
	f := antivirus{all: o.Need == "all", largest: o.MaxSize}
	switch {
	case o.Need != "one" && o.Need != "all":
		return nil, fmt.Errorf("need: %q is neither one nor all", o.Need)
	case len(o.Engines) > maxEngines:
		return nil, fmt.Errorf("engines: there are %d, more than %d", len(o.Engines), maxEngines)
	}
	for i, e := range o.Engines {
		s, err := e.scanner(makers)
		if err != nil {
			return nil, fmt.Errorf("engine %d: %w", i+1, err)
		}
		f.engines = append(f.engines, antivirusEngine{e.title(), s})
	}
	return f, nil
}

// title is what an engine is called in reasons.
func (o scannerOptions) title() string {
	switch {
	case o.Name != "":
		return o.Name
	case len(o.Clamd) > 0:
		return "clamd at " + o.Clamd[0]
	}
	return filepath.Base(o.Run[0])
}

func (o scannerOptions) scanner(makers Engines) (Scanner, error) {
	switch {
	case (len(o.Clamd) == 0) == (len(o.Run) == 0):
		return nil, errors.New("has to have either clamd or run")
	case len(o.Clamd) > 0:
		if err := o.Clamd.check(); err != nil {
			return nil, err
		}
		if makers.Clamd == nil {
			return noEngine{}, nil
		}
		return makers.Clamd(o.Clamd), nil
	case !filepath.IsAbs(o.Run[0]):
		return nil, fmt.Errorf("run: %s is not the whole path of a program", o.Run[0])
	case makers.Command == nil:
		return noEngine{}, nil
	}
	c := engine.Command{Run: o.Run, Clean: o.Clean, Infected: o.Infected, Unscanned: o.Unscanned, Memory: int64(o.Memory)}
	if len(c.Clean) == 0 {
		c.Clean = []int{0}
	}
	if len(c.Infected) == 0 {
		c.Infected = []int{1}
	}
	return makers.Command(c), nil
}

// A scan is what one engine said.
type scan struct {
	engine, virus string
	err           error
}

// Check implements pipeline.Filter.
func (f antivirus) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	size := octets(q.Tx.Message.Size())
	switch {
	case len(f.engines) == 0:
		return pipeline.Finding{Result: "none", Reason: "no engine is named"}, nil
	case f.largest > 0 && size > f.largest:
		return pipeline.Finding{
			Result: "unscanned", Reason: fmt.Sprintf("the message was not scanned: it has %d octets, more than %s", size, f.largest),
		}, nil
	}
	scans := f.scan(ctx, q.Tx.Message)
	if ctx.Err() != nil {
		return pipeline.Finding{}, context.Cause(ctx)
	}
	result, reason := f.overall(scans)
	finding := pipeline.Finding{Result: result, Reason: shorten(reason)}
	for _, s := range scans {
		finding.Evidence = append(finding.Evidence, pipeline.Evidence{Key: s.engine, Value: shorten(s.String())})
	}
	return finding, nil
}

func (s scan) String() string {
	switch {
	case s.err != nil:
		return strings.ReplaceAll(s.err.Error(), "\n", "; ")
	case s.virus != "":
		return "found " + s.virus
	}
	return "clean"
}

// scan asks all engines at once.
func (f antivirus) scan(ctx context.Context, m *mail.Message) []scan {
	ctx, cancel := inTime(ctx)
	defer cancel()
	scans := make([]scan, len(f.engines))
	var wg sync.WaitGroup
	for i, e := range f.engines {
		wg.Go(func() {
			virus, err := e.Scan(ctx, m)
			scans[i] = scan{e.name, virus, err}
		})
	}
	wg.Wait()
	return scans
}

// Infected reports whether an engine of the entry that found a virus in a message, as a walk tells, finds one
// in a file alone, too. What can't be told is not infected.
func Infected(ctx context.Context, w *pipeline.Walk, file *mail.Message) bool {
	if w.Policy == nil {
		return false
	}
	for _, s := range w.Steps {
		if s.Shadow || s.Filter != "antivirus" || s.Finding.Result != "virus" {
			continue
		}
		for _, e := range w.Policy.Entries {
			f, ok := e.Filter.(antivirus)
			if ok && e.Name == s.Entry && f.names(ctx, file) {
				return true
			}
		}
	}
	return false
}

// names reports whether an engine knows what is in a file.
func (f antivirus) names(ctx context.Context, file *mail.Message) bool {
	return slices.ContainsFunc(f.scan(ctx, file), func(s scan) bool { return s.err == nil && s.virus != "" })
}

// overall judges what the engines said. A scan that failed may find something when it is
// tried again, so where an answer is missing that is needed failure outranks declining. The
// reason may be told to the sender: it says nothing of where engines are.
func (f antivirus) overall(scans []scan) (result, reason string) {
	clean, failed := 0, 0
	var found []string
	for _, s := range scans {
		switch {
		case s.err == nil && s.virus != "":
			found = append(found, s.virus)
		case s.err == nil:
			clean++
		case !errors.Is(s.err, engine.ErrDeclined):
			failed++
		}
	}
	switch {
	case len(found) > 0:
		slices.Sort(found)
		return "virus", "the message carries " + strings.Join(slices.Compact(found), ", ")
	case clean == len(scans), clean > 0 && !f.all:
		return "clean", ""
	case failed > 0:
		return pipeline.TempError, fmt.Sprintf("virus scanners can't be asked now (%d of %d)", failed, len(scans))
	}
	return "unscanned", "the message was not scanned for viruses: it is larger or deeper than scanners look"
}
