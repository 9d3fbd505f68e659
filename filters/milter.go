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

// milterFilter asks a milter (OpenDKIM, amavis and others), and its verdict is the result: accept,
// reject, tempfail, discard or quarantine; a reply of its own counts as reject or tempfail by its
// first digit, and its text is told to the sender. Accept means that the milter has nothing more to say, and
// lets the walk go on. What a milter wants changed, in header, body or envelope, is not done, since content is kept as it came; it is
// evidence. The milter hears connect, helo, mail, every recipient, header and body in one dialogue, after the end of
// data. With `early` it is also asked at each RCPT, up to there, so that what it refuses by the envelope is refused
// before the content; that costs a dialogue more for each recipient. What it says against one recipient
// counts for him alone. It is off until `servers` has an address; of several the first that is well is asked.
type milterFilter struct {
	milter Milter // nil: no address is named
	early  bool
	key    string
	deps   Deps
}

type milterOptions struct {
	Servers addresses `setting:"servers" doc:"where the milter is: host:port or the path of a socket; of several the first that is well is asked"`
	Early   bool      `setting:"early" doc:"ask at RCPT too, so that the milter can refuse by the envelope"`
}

func milterKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "milter", Stage: pipeline.Rcpt, Scope: pipeline.PerRecipient, Waits: true, Told: true, Timeout: time.Minute,
		Results: []pipeline.Result{
			{Word: "accept", Effect: "none", Doc: "the milter has nothing against it"},
			{Word: "reject", Effect: "reject", Doc: "the milter refuses it"},
			{Word: "tempfail", Effect: "defer", Doc: "the milter wants it to come again"},
			{Word: "discard", Effect: "discard", Doc: "the milter wants it thrown away"},
			{Word: "quarantine", Effect: "quarantine", Doc: "the milter wants it held"},
			{Word: "none", Effect: "none", Doc: "no address is named"},
			{Word: pipeline.TempError, Effect: "none", Doc: "the milter can't be asked now"},
		},
		Options: func() any { return &milterOptions{Servers: addresses{}} },
		New:     func(options any) (pipeline.Filter, error) { return newMilter(*options.(*milterOptions), d) },
	}
}

func newMilter(o milterOptions, d Deps) (pipeline.Filter, error) {
	f := milterFilter{early: o.Early, key: fmt.Sprintf("milter %q", o.Servers), deps: d}
	if err := o.Servers.check(); err != nil {
		return nil, fmt.Errorf("servers: %w", err)
	}
	switch {
	case len(o.Servers) == 0:
	case d.Engines.Milter == nil:
		f.milter = noEngine{}
	default:
		f.milter = d.Engines.Milter(o.Servers)
	}
	return f, nil
}

// Check implements pipeline.Filter.
func (f milterFilter) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	before := q.Tx.Stage < pipeline.Data
	switch {
	case f.milter == nil:
		return pipeline.Finding{Result: "none", Reason: "no address is named"}, nil
	case before && !f.early:
		return pipeline.Finding{Wait: true}, nil
	}
	a, err := f.ask(ctx, q, before)
	switch {
	case err != nil && ctx.Err() != nil:
		return pipeline.Finding{}, context.Cause(ctx)
	case before && err != nil: // it is asked again in a moment
		return pipeline.Finding{Wait: true}, nil
	case err != nil:
		return pipeline.Finding{
			Result: pipeline.TempError, Reason: "the milter can't be asked now",
			Evidence: []pipeline.Evidence{{Key: "failure", Value: shorten(strings.ReplaceAll(err.Error(), "\n", "; "))}},
		}, nil
	case before && !a.Early:
		return pipeline.Finding{Wait: true}, nil
	}
	return f.finding(a, q.Recipient), nil
}

// ask has one dialogue: of the content one for all recipients, before it one for each.
func (f milterFilter) ask(ctx context.Context, q pipeline.Query, before bool) (engine.Answer, error) {
	limit := time.Minute
	if end, ok := ctx.Deadline(); ok {
		limit = time.Until(end)
	}
	key := f.key + " content"
	if before {
		key = f.key + " " + string(q.Recipient)
	}
	return pipeline.Fact(ctx, q.Tx, key, limit, func(ctx context.Context) (engine.Answer, error) {
		ctx, cancel := inTime(ctx)
		defer cancel()
		r := request(ctx, q.Tx, f.deps)
		switch {
		case before:
			r.Envelope.Recipients = []mail.Path{q.Recipient}
		case r.Message == nil:
			return engine.Answer{}, errors.New("milter: asked before the content is in")
		}
		return f.milter.Ask(ctx, r)
	})
}

// finding is what a milter's answer is to one recipient.
func (f milterFilter) finding(a engine.Answer, rcpt mail.Path) pipeline.Finding {
	verdict, reply, at := a.Verdict, a.Reply, a.At
	if own, ok := a.Recipients[rcpt]; ok {
		verdict, reply, at = own.Verdict, own.Reply, "rcpt"
	}
	finding := pipeline.Finding{Result: string(verdict), Reason: reply}
	if reply == "" && verdict != engine.Accept {
		finding.Reason = fmt.Sprintf("the milter says %s", verdict)
	}
	if at != "" {
		finding.Evidence = append(finding.Evidence, pipeline.Evidence{Key: "at", Value: at})
	}
	for _, change := range a.Changes {
		finding.Evidence = append(finding.Evidence, pipeline.Evidence{Key: "would", Value: shorten(change)})
	}
	return finding
}
