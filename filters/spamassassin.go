package filters

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/engine"
	"gatepost/pipeline"
)

// spamassassin has SpamAssassin's daemon, spamd, judge the message (SPAMC protocol, TCP or
// unix socket), and takes its score; the rules that hit are evidence. It is off until `servers` has an
// address; of several the first that is well is asked. SpamAssassin's own threshold is mostly 5, that of a policy
// 7.5: `on: {spam: score 3}` is for who finds its points too many. It reads what is up to max_size,
// since its rules take long for large messages, which are seldom spam: a larger one is skipped, or with
// `larger: cut` judged by its beginning. With `user` set to recipient spamd uses the settings and Bayes
// data of each recipient, and is asked for each of them.
type spamassassin struct {
	grader       Grader // nil: no address is named
	most         octets
	cut, perUser bool
	user         string
	key          string
	deps         Deps
}

type spamassassinOptions struct {
	Servers addresses `setting:"servers" doc:"where spamd is: host:port or the path of a socket; of several the first that is well is asked"`
	MaxSize octets    `setting:"max_size" doc:"what is larger is skipped or cut"`
	Larger  string    `setting:"larger" doc:"what becomes of larger messages: skip, or cut: their beginning is judged"`
	User    string    `setting:"user" doc:"whose settings spamd uses: a name, or recipient for each recipient's address"`
}

func spamassassinKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "spamassassin", Stage: pipeline.Data, Scope: pipeline.PerRecipient, Waits: true, Timeout: 30 * time.Second,
		Results: []pipeline.Result{
			{Word: "spam", Effect: "score", Doc: "SpamAssassin calls it spam; the score is its own"},
			{Word: "ham", Effect: "score", Doc: "SpamAssassin does not call it spam; the score is its own"},
			{Word: "skipped", Effect: "none", Doc: "the message is larger than max_size"},
			{Word: "none", Effect: "none", Doc: "no address is named"},
			{Word: pipeline.TempError, Effect: "none", Doc: "SpamAssassin can't be asked now"},
		},
		Options: func() any { return &spamassassinOptions{Servers: addresses{}, MaxSize: 512 << 10, Larger: "skip"} },
		New:     func(options any) (pipeline.Filter, error) { return newSpamassassin(*options.(*spamassassinOptions), d) },
	}
}

func newSpamassassin(o spamassassinOptions, d Deps) (pipeline.Filter, error) {
	f := spamassassin{most: o.MaxSize, cut: o.Larger == "cut", perUser: o.User == "recipient", user: o.User, deps: d}
	switch {
	case o.Larger != "skip" && o.Larger != "cut":
		return nil, fmt.Errorf("larger: %q is neither skip nor cut", o.Larger)
	case o.MaxSize <= 0:
		return nil, errors.New("max_size: has to be more than 0")
	case strings.ContainsAny(o.User, " \t\r\n"):
		return nil, fmt.Errorf("user: %q has white space", o.User)
	}
	if err := o.Servers.check(); err != nil {
		return nil, fmt.Errorf("servers: %w", err)
	}
	switch {
	case len(o.Servers) == 0:
	case d.Engines.Spamd == nil:
		f.grader = noEngine{}
	default:
		f.grader = d.Engines.Spamd(o.Servers)
	}
	f.key = fmt.Sprintf("spamassassin %q %d %t", o.Servers, o.MaxSize, f.cut)
	return f, nil
}

// Check implements pipeline.Filter.
func (f spamassassin) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	size := octets(q.Tx.Message.Size())
	switch {
	case f.grader == nil:
		return pipeline.Finding{Result: "none", Reason: "no address is named"}, nil
	case size > f.most && !f.cut:
		return pipeline.Finding{Result: "skipped", Reason: fmt.Sprintf("the message has %d octets, more than %s", size, f.most)}, nil
	}
	user := f.user
	if f.perUser {
		user = string(q.Recipient)
	}
	g, err := f.grade(ctx, q.Tx, user)
	if err != nil {
		if finding, ok := ungraded(ctx, "SpamAssassin", err); ok {
			return finding, nil
		}
		return pipeline.Finding{}, context.Cause(ctx)
	}
	result := "ham"
	if g.Spam {
		result = "spam"
	}
	finding := graded("SpamAssassin", result, g)
	if size > f.most {
		finding.Evidence = append(finding.Evidence, pipeline.Evidence{Key: "cut", Value: fmt.Sprintf("%s of %d octets were judged", f.most, size)})
	}
	return finding, nil
}

// grade asks once for the transaction and user, however many recipients walk by.
func (f spamassassin) grade(ctx context.Context, tx *pipeline.Transaction, user string) (engine.Grade, error) {
	limit := time.Minute
	if end, ok := ctx.Deadline(); ok {
		limit = time.Until(end)
	}
	return pipeline.Fact(ctx, tx, f.key+" "+user, limit, func(ctx context.Context) (engine.Grade, error) {
		ctx, cancel := inTime(ctx)
		defer cancel()
		r := request(ctx, tx, f.deps)
		r.User, r.Most = user, int64(f.most)
		return f.grader.Grade(ctx, r)
	})
}
