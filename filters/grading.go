package filters

import (
	"context"
	"errors"
	"fmt"

	"gatepost/internal/engine"
	"gatepost/pipeline"
)

// grading is what filters have in common that have another program judge the message and take its score.
type grading struct {
	name   string // of the program, for people
	grader Grader // nil: no address is named
	most   octets
	deps   Deps
}

// newGrading checks the options that such filters share. dial reaches the program; nil where this process asks nobody.
func newGrading(name string, servers addresses, most octets, dial func(addresses) Grader, d Deps) (grading, error) {
	g := grading{name: name, most: most, deps: d}
	if most <= 0 {
		return g, errors.New("max_size: has to be more than 0")
	}
	if err := servers.check(); err != nil {
		return g, fmt.Errorf("servers: %w", err)
	}
	switch {
	case len(servers) == 0:
	case dial == nil:
		g.grader = noEngine{}
	default:
		g.grader = dial(servers)
	}
	return g, nil
}

// unasked is the finding of a message that the program is not asked about: since no address is named, or, unless its beginning
// will do, since it is too large.
func (g grading) unasked(tx *pipeline.Transaction, beginning bool) (f pipeline.Finding, ok bool) {
	size := octets(tx.Message.Size())
	switch {
	case g.grader == nil:
		return pipeline.Finding{Result: "none", Reason: "no address is named"}, true
	case size > g.most && !beginning:
		return pipeline.Finding{Result: "skipped", Reason: fmt.Sprintf("the message has %d octets, more than %s", size, g.most)}, true
	}
	return f, false
}

// grade asks the program, about the message's beginning where most is above 0.
func (g grading) grade(ctx context.Context, tx *pipeline.Transaction, user string, most octets) (engine.Grade, error) {
	ctx, cancel := inTime(ctx)
	defer cancel()
	r := request(ctx, tx, g.deps)
	r.User, r.Most = user, int64(most)
	return g.grader.Grade(ctx, r)
}

// failed makes a finding of why there is no grade, or an error where only that is left.
func (g grading) failed(ctx context.Context, err error) (pipeline.Finding, error) {
	if f, ok := ungraded(ctx, g.name, err); ok {
		return f, nil
	}
	return pipeline.Finding{}, context.Cause(ctx)
}
