package sieve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// An Env is what a run may know: the message, who it is for, and what lies beside them.
type Env struct {
	Message *mail.Message
	From    mail.Path   // the envelope's
	To      mail.Path   // the envelope's, as it was before aliases of ours
	Auth    mail.Path   // who logged in, null for strangers
	Owner   []mail.Path // the addresses of the script's owner, the main one first
	Now     time.Time   // with the owner's zone
	// Items are of the environment test (RFC 5183 §4.1): "domain", "host", "location", "name", "phase",
	// "remote-host", "remote-ip", "version".
	Items   map[string]string
	Boxes   Mailboxes  // nil: there is none but the inbox
	Scripts Scripts    // nil: nothing can be included
	Seen    Duplicates // nil: nothing was seen
	Spam    float64    // 0 to 100: how sure it is that the message is spam; below 0 where nobody looked
	Virus   int        // of virustest (RFC 5235 §3.2): 0 where nobody looked, 1 clean, to 5
	Limits  Limits     // zero ones: the usual
}

// Mailboxes says which folders a mailbox has. Names are UTF-8.
type Mailboxes interface {
	// Exists reports whether the owner may put messages into a folder of that name.
	Exists(ctx context.Context, name string) (bool, error)
	// Special returns a folder with a special use, "\\Junk" (RFC 6154); "" where there is none.
	Special(ctx context.Context, use string) (name string, err error)
}

// Scripts finds what a script includes (RFC 6609).
type Scripts interface {
	// Script returns a script of the owner, or one that all share; nil without an error where there
	// is none of that name.
	Script(ctx context.Context, global bool, name string) (*Script, error)
}

// Duplicates knows what came before (RFC 7352).
type Duplicates interface {
	// Seen reports whether an identity that a run remembered is remembered still.
	Seen(ctx context.Context, id string) (bool, error)
}

// MaxRedirects is how often one run redirects at most, where Limits say nothing.
const MaxRedirects = 4

// Limits bound one run.
type Limits struct {
	Steps     int // commands and tests
	Work      int // octets that comparisons look at
	Memory    int // octets of all variables
	Actions   int
	Redirects int
}

func (l Limits) orUsual() Limits {
	set := func(v *int, usual int) {
		if *v <= 0 {
			*v = usual
		}
	}
	set(&l.Steps, 10_000)
	set(&l.Work, 32<<20)
	set(&l.Memory, 256<<10)
	set(&l.Actions, 32)
	set(&l.Redirects, MaxRedirects)
	return l
}

// A Result is what is to become of a message.
type Result struct {
	Actions  []Action   // in order; none: it is thrown away
	Remember []Remember // once the actions are done
	Discard  int        // the line of the last discard that was met, 0: none
}

// Remember asks that an identity be Seen for a while.
type Remember struct {
	ID   string
	For  time.Duration
	Seen bool // it was already, and is to be for longer
}

// Run decides about a message. After an error nothing of what the script asked for is to be done:
// the message goes to the inbox, and the owner may be told.
func (s *Script) Run(ctx context.Context, env Env) (Result, error) {
	l := env.Limits.orUsual()
	r := &run{ctx: ctx, env: &env, limits: l, steps: l.Steps, work: l.Work, global: map[string]string{}, own: map[string]string{}, keep: true, script: s}
	r.header = &edited{Fields: env.Message.Header().Fields}
	if err := r.all(s.body); err != nil && !errors.Is(err, errStop) && !errors.Is(err, errReturn) {
		return Result{}, fmt.Errorf("sieve: %w", err)
	}
	if err := r.finish(); err != nil {
		return Result{}, fmt.Errorf("sieve: %w", err)
	}
	return Result{r.actions, r.remember, r.discard}, nil
}

// What ends a script early, or an included one.
var (
	errStop   = errors.New("stop")
	errReturn = errors.New("return")
)

// A run is one execution.
type run struct {
	ctx    context.Context
	env    *Env
	script *Script // the one that runs now; an included one while it does
	in     string  // its name, where it is included
	line   int     // of the command that runs now
	limits Limits
	steps  int // left
	work   int // left
	memory int // octets of variables

	own, global map[string]string
	shared      map[string]bool // the own variables that are global (RFC 6609 §3.4.1)
	matched     []string        // ${0}, ${1} …
	flags       []string        // the internal variable of imap4flags
	header      *edited         // as editheader left it
	keep        bool            // the implicit keep still stands
	actions     []Action
	remember    []Remember
	discard     int
	included    map[string]bool
	depth       int
	body        *bodies
}

// all runs commands in order.
func (r *run) all(list []op) error {
	for _, do := range list {
		if err := do(r); err != nil {
			return err
		}
	}
	return nil
}

// step counts a command or test.
func (r *run) step(where place) error {
	if r.steps--; r.steps < 0 {
		return wrong(where, "the script takes more than %d steps", r.limits.Steps)
	}
	if err := r.ctx.Err(); err != nil {
		return wrong(where, "the script takes too long: %v", err)
	}
	return nil
}

// spend counts octets that are looked at.
func (r *run) spend(octets int) error {
	if r.work -= octets + 16; r.work < 0 {
		return errors.New("the script looks at too much text")
	}
	if octets < 1<<10 {
		return nil
	}
	if err := r.ctx.Err(); err != nil {
		return fmt.Errorf("the script takes too long: %w", err)
	}
	return nil
}

// variable returns a variable's value, "" where it was never set.
func (r *run) variable(name string) string {
	space, key := r.place(name)
	return space[key]
}

// place returns in which map a variable is kept.
func (r *run) place(name string) (map[string]string, string) {
	if rest, ok := strings.CutPrefix(name, "global."); ok {
		return r.global, rest
	}
	if r.shared[name] {
		return r.global, name
	}
	return r.own, name
}

// Bounds of variables (RFC 5229 §6).
const (
	maxVariables = 200
	maxVariable  = 64 << 10 // octets
)

// set gives a variable a value.
func (r *run) set(name, to string) error {
	if len(to) > maxVariable {
		return fmt.Errorf("the variable %s would have %d octets; %d are allowed", name, len(to), maxVariable)
	}
	space, key := r.place(name)
	old, there := space[key]
	if !there && len(r.own)+len(r.global) >= maxVariables {
		return fmt.Errorf("there are more than %d variables", maxVariables)
	}
	if r.memory += len(to) - len(old); r.memory > r.limits.Memory {
		return fmt.Errorf("variables would have more than %d octets", r.limits.Memory)
	}
	space[key] = to
	return nil
}
