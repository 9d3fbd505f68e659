package filters

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/engine"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// Engines begin to serve when a policy names them. The same engine may be named by several
// entries. A function that is nil stands for engines that can't be asked.
type Engines struct {
	Clamd   func(addresses []string) Scanner
	Command func(engine.Command) Scanner
	Spamd   func(addresses []string) Grader
	Rspamd  func(addresses []string, password string) Grader
	Milter  func(addresses []string) Milter
}

// A Scanner looks for viruses. virus is the name of one, "" where there is none; an error
// that is engine.ErrDeclined says that the message can't be looked at, any other that it
// could not be now.
type Scanner interface {
	Scan(ctx context.Context, m *mail.Message) (virus string, err error)
}

// A Grader is a spam filter. Errors are as those of a Scanner.
type Grader interface {
	Grade(ctx context.Context, r engine.Request) (engine.Grade, error)
}

// A Milter is asked about a transaction; r.Message is nil before the content. Errors are as
// those of a Scanner.
type Milter interface {
	Ask(ctx context.Context, r engine.Request) (engine.Answer, error)
}

// addresses are of one engine, in the order in which they are asked: a list, or one alone.
type addresses []string

// UnmarshalText reads a single address.
func (a *addresses) UnmarshalText(b []byte) error {
	*a = strings.Fields(string(b))
	return nil
}

// check tells which address can't be one.
func (a addresses) check() error {
	for _, s := range a {
		if _, _, err := engine.ParseAddress(s); err != nil {
			return err
		}
	}
	return nil
}

// octets are a size as people write it: 25 MiB, 512 KiB, 1000.
type octets int64

// UnmarshalText reads a size.
func (o *octets) UnmarshalText(b []byte) error {
	var n int64
	var unit string
	if _, err := fmt.Sscanf(string(b)+" B", "%d %s", &n, &unit); err != nil {
		return fmt.Errorf("%q is no size like 25 MiB", b)
	}
	shift, ok := map[string]int{"B": 0, "KiB": 10, "MiB": 20, "GiB": 30}[unit]
	if !ok || n < 0 || n > 1<<20 {
		return fmt.Errorf("%q is no size like 25 MiB", b)
	}
	*o = octets(n << shift)
	return nil
}

// MarshalText implements encoding.TextMarshaler, for settings that are shown.
func (o octets) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// String returns the size as people write it.
func (o octets) String() string {
	if o == 0 {
		return "0"
	}
	for _, u := range []struct {
		unit  string
		shift int
	}{{"GiB", 30}, {"MiB", 20}, {"KiB", 10}} {
		if o >= 1<<u.shift && o%(1<<u.shift) == 0 {
			return fmt.Sprintf("%d %s", o>>u.shift, u.unit)
		}
	}
	return fmt.Sprintf("%d octets", int64(o))
}

// errNobody is what an engine says that can't be asked.
var errNobody = errors.New("there is no engine here to ask")

// noEngine stands in for engines where there are none: while a configuration is checked.
type noEngine struct{}

// Scan implements Scanner.
func (noEngine) Scan(context.Context, *mail.Message) (string, error) { return "", errNobody }

// Grade implements Grader.
func (noEngine) Grade(context.Context, engine.Request) (engine.Grade, error) {
	return engine.Grade{}, errNobody
}

// Ask implements Milter.
func (noEngine) Ask(context.Context, engine.Request) (engine.Answer, error) {
	return engine.Answer{}, errNobody
}

// inTime returns a context that ends a little before the entry's time does, so that what
// was found by then is told instead of "no answer in time".
func inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	left := time.Until(end)
	return context.WithDeadline(ctx, end.Add(-min(left/10, time.Second)))
}

// request is what engines are told of a transaction. The client's name is asked of the DNS
// where no other filter has.
func request(ctx context.Context, tx *pipeline.Transaction, d Deps) engine.Request {
	r := engine.Request{ID: tx.ID, Time: tx.Time, Host: d.Hostname, Client: tx.Client, Envelope: tx.Envelope, Message: tx.Message}
	if d.Resolver != nil && tx.Client.Addr.IsValid() {
		if a, err := iprevFact(ctx, tx, d.Resolver); err == nil {
			r.ClientName = strings.TrimSuffix(a.Name, ".")
		}
	}
	return r
}

// maxShown bounds the rules of a spam filter that are kept as evidence.
const maxShown = 40

// graded makes a finding of what a spam filter thinks. name is the engine's.
func graded(name, result string, g engine.Grade) pipeline.Finding {
	f := pipeline.Finding{Result: result, Score: g.Score, Reason: fmt.Sprintf("%s gives %.4g points", name, g.Score)}
	if g.Required != 0 {
		f.Reason += fmt.Sprintf(" of the %.4g from which it calls a message spam", g.Required)
	}
	if g.Action != "" {
		f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "action", Value: g.Action})
	}
	for i, x := range g.Tests {
		if i == maxShown {
			f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "more", Value: fmt.Sprint(len(g.Tests) - maxShown)})
			break
		}
		f.Evidence = append(f.Evidence, pipeline.Evidence{Key: x.Name, Value: shorten(strings.TrimSpace(fmt.Sprintf("%+.4g %s", x.Points, x.Text)))})
	}
	return f
}

// ungraded makes a finding of why there is no grade; ok is false where only an error is left.
func ungraded(ctx context.Context, name string, err error) (f pipeline.Finding, ok bool) {
	switch {
	case ctx.Err() != nil:
		return f, false
	case errors.Is(err, engine.ErrDeclined):
		return pipeline.Finding{Result: "skipped", Reason: name + " does not look at it"}, true
	}
	seen := strings.ReplaceAll(err.Error(), "\n", "; ")
	return pipeline.Finding{
		Result: pipeline.TempError, Reason: name + " can't be asked now", Evidence: []pipeline.Evidence{{Key: "failure", Value: shorten(seen)}},
	}, true
}
