package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"gatepost/filters"
	"gatepost/internal/engine"
	"gatepost/internal/engine/clamd"
	"gatepost/internal/engine/command"
	"gatepost/internal/engine/milter"
	"gatepost/internal/engine/rspamd"
	"gatepost/internal/engine/spamd"
	"gatepost/internal/mail"
	"gatepost/internal/metric"
)

// oldSignatures is the age from which virus signatures raise a warning: their makers
// publish new ones several times a day.
const oldSignatures = 48 * time.Hour

// parallelCommands is how many programs of one engine look at mail at one time.
const parallelCommands = 4

// An engineWatch keeps and probes the engines that the policies in force name. What is known
// of one outlives a new configuration that names it, too.
type engineWatch struct {
	spool   string // where commands find their message
	log     *slog.Logger
	changed chan struct{} // others are current

	mu      sync.Mutex
	current map[string]*engine.Service
}

func newEngineWatch(spool string, log *slog.Logger) *engineWatch {
	return &engineWatch{spool: spool, log: log, changed: make(chan struct{}, 1), current: map[string]*engine.Service{}}
}

// An engineSet is the engines of one set of policies, while it is compiled.
type engineSet struct {
	*engineWatch
	services map[string]*engine.Service
}

// fresh returns a set for other policies, which is probed once watch is called.
func (w *engineWatch) fresh() engineSet { return engineSet{w, map[string]*engine.Service{}} }

// watch has the engines of another set of policies probed.
func (w *engineWatch) watch(s engineSet) {
	w.mu.Lock()
	w.current = s.services
	w.mu.Unlock()
	select {
	case w.changed <- struct{}{}:
	default: // run will look anyway
	}
}

// run probes the current engines until ctx ends.
func (w *engineWatch) run(ctx context.Context) error {
	for ctx.Err() == nil {
		turn, end := context.WithCancel(ctx)
		var wg sync.WaitGroup
		for _, s := range w.services() {
			wg.Go(func() { s.Run(turn) })
		}
		select {
		case <-w.changed:
		case <-ctx.Done():
		}
		end()
		wg.Wait()
	}
	return nil
}

// services returns the current engines in the order of their keys.
func (w *engineWatch) services() (list []*engine.Service) {
	w.mu.Lock()
	defer w.mu.Unlock()
	keys := make([]string, 0, len(w.current))
	for k := range w.current {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		list = append(list, w.current[k])
	}
	return list
}

// probe asks all engines now.
func (w *engineWatch) probe(ctx context.Context) {
	var wg sync.WaitGroup
	for _, s := range w.services() {
		wg.Go(func() { s.Probe(ctx) })
	}
	wg.Wait()
}

// conditions tells how each address is, once: one that two sets of addresses have is
// told as the first knows it, with the answers of both.
func (w *engineWatch) conditions() (list []engine.Condition) {
	at := map[[2]string]int{}
	for _, s := range w.services() {
		for _, c := range s.Conditions() {
			key := [2]string{c.Kind, c.Address}
			if i, known := at[key]; known {
				list[i].Answers += c.Answers
				list[i].Failures += c.Failures
				continue
			}
			at[key] = len(list)
			list = append(list, c)
		}
	}
	return list
}

// service returns the engine that a policy names: the one that is there already, or else a
// new one. More than its kind and addresses may tell it from others.
func (s engineSet) service(c engine.Config, more any) *engine.Service {
	b, err := json.Marshal(more)
	if err != nil {
		panic(err) // values of our own: strings and numbers
	}
	key := c.Kind + " " + strings.Join(c.Addresses, " ") + " " + string(b)
	if known := s.services[key]; known != nil {
		return known
	}
	s.mu.Lock()
	known := s.engineWatch.current[key]
	s.mu.Unlock()
	if known == nil {
		c.Report, c.Aged = s.trouble, s.aged
		known = engine.New(c)
	}
	s.services[key] = known
	return known
}

// trouble tells of an address that fell into trouble, or is well again.
func (w *engineWatch) trouble(c engine.Condition) {
	if c.Trouble != nil {
		w.log.Warn("an engine does not answer as it should: it is not asked until it does", "engine", c.Kind, "address", c.Address, "reason", c.Trouble)
		return
	}
	w.log.Info("an engine is well again", "engine", c.Kind, "address", c.Address)
}

// aged tells of virus signatures that became old, or new.
func (w *engineWatch) aged(c engine.Condition) {
	if c.Old {
		w.log.Warn("virus signatures are old: does freshclam run?", "engine", c.Kind, "address", c.Address, "made", c.Info.Signatures.UTC(), "older_than", oldSignatures)
		return
	}
	w.log.Info("virus signatures are new again", "engine", c.Kind, "address", c.Address, "made", c.Info.Signatures.UTC())
}

// troubles says which engines can't be asked at any of their addresses, a sentence each.
func (w *engineWatch) troubles() (texts []string) {
	for _, s := range w.services() {
		if err := s.Err(); err != nil {
			texts = append(texts, strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
	return texts
}

// count adds the numbers of the engines in force to the node's.
func (w *engineWatch) count(m *metric.Metrics) {
	labels := []string{"engine", "address"}
	each := func(f func(engine.Condition) (float64, bool)) func(metric.Row) {
		return func(row metric.Row) {
			for _, c := range w.conditions() {
				if v, ok := f(c); ok {
					row(v, c.Kind, c.Address)
				}
			}
		}
	}
	m.Table("engine_up", "1 where an engine that looks at mail is asked, 0 while it is in trouble.", labels, each(func(c engine.Condition) (float64, bool) {
		if c.Trouble != nil {
			return 0, true
		}
		return 1, true
	}))
	m.Table("engine_answers_total", "Answers of engines about mail.", labels, each(func(c engine.Condition) (float64, bool) { return float64(c.Answers), true }))
	m.Table("engine_failures_total", "Questions about mail that an engine did not answer.", labels, each(func(c engine.Condition) (float64, bool) { return float64(c.Failures), true }))
	m.Table("engine_signatures_age_seconds", "Age of an engine's virus signatures, where it tells.", labels, each(func(c engine.Condition) (float64, bool) {
		return time.Since(c.Info.Signatures).Seconds(), !c.Info.Signatures.IsZero()
	}))
}

// engines is what filters ask for.
func (s engineSet) engines() filters.Engines {
	return filters.Engines{
		Clamd: func(addresses []string) filters.Scanner {
			return clamdScanner{s.service(engine.Config{Kind: "clamd", Addresses: addresses, Probe: clamd.Probe, OldAfter: oldSignatures}, nil)}
		},
		Command: func(c engine.Command) filters.Scanner {
			probe := func(_ context.Context, program string) (engine.Info, error) {
				return engine.Info{}, command.Probe(program)
			}
			return commandScanner{s.service(engine.Config{Kind: "command", Addresses: c.Run[:1], Probe: probe, Parallel: parallelCommands}, c), s.spool, c}
		},
		Spamd: func(addresses []string) filters.Grader {
			return grader{s.service(engine.Config{Kind: "spamd", Addresses: addresses, Probe: spamd.Probe}, nil), spamd.Grade}
		},
		Rspamd: func(addresses []string, password string) filters.Grader {
			ask := func(ctx context.Context, address string, r engine.Request) (engine.Grade, error) {
				return rspamd.Grade(ctx, address, password, r)
			}
			return grader{s.service(engine.Config{Kind: "rspamd", Addresses: addresses, Probe: rspamd.Probe}, password), ask}
		},
		Milter: func(addresses []string) filters.Milter {
			return milterAsker{s.service(engine.Config{Kind: "milter", Addresses: addresses, Probe: milter.Probe}, nil)}
		},
	}
}

// clamdScanner is a filters.Scanner.
type clamdScanner struct{ *engine.Service }

// Scan implements filters.Scanner.
func (s clamdScanner) Scan(ctx context.Context, m *mail.Message) (virus string, err error) {
	err = s.Do(ctx, func(ctx context.Context, address string) (err error) {
		virus, err = clamd.Scan(ctx, address, m)
		return err
	})
	return virus, err
}

// commandScanner is a filters.Scanner.
type commandScanner struct {
	*engine.Service
	dir     string
	command engine.Command
}

// Scan implements filters.Scanner.
func (s commandScanner) Scan(ctx context.Context, m *mail.Message) (virus string, err error) {
	err = s.Do(ctx, func(ctx context.Context, _ string) (err error) {
		virus, err = command.Scan(ctx, s.dir, s.command, m)
		return err
	})
	return virus, err
}

// grader is a filters.Grader.
type grader struct {
	*engine.Service
	ask func(ctx context.Context, address string, r engine.Request) (engine.Grade, error)
}

// Grade implements filters.Grader.
func (s grader) Grade(ctx context.Context, r engine.Request) (g engine.Grade, err error) {
	err = s.Do(ctx, func(ctx context.Context, address string) (err error) {
		g, err = s.ask(ctx, address, r)
		return err
	})
	return g, err
}

// milterAsker is a filters.Milter.
type milterAsker struct{ *engine.Service }

// Ask implements filters.Milter.
func (s milterAsker) Ask(ctx context.Context, r engine.Request) (a engine.Answer, err error) {
	err = s.Do(ctx, func(ctx context.Context, address string) (err error) {
		a, err = milter.Ask(ctx, address, r)
		return err
	})
	return a, err
}
