package filters

import (
	"context"
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
	grading
	cut, perUser bool
	user         string
	key          string
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
	switch {
	case o.Larger != "skip" && o.Larger != "cut":
		return nil, fmt.Errorf("larger: %q is neither skip nor cut", o.Larger)
	case strings.ContainsAny(o.User, " \t\r\n"):
		return nil, fmt.Errorf("user: %q has white space", o.User)
	}
	var dial func(addresses) Grader
	if d.Engines.Spamd != nil {
		dial = func(servers addresses) Grader { return d.Engines.Spamd(servers) }
	}
	g, err := newGrading("SpamAssassin", o.Servers, o.MaxSize, dial, d)
	f := spamassassin{grading: g, cut: o.Larger == "cut", perUser: o.User == "recipient", user: o.User}
	f.key = fmt.Sprintf("spamassassin %q %d %t", o.Servers, o.MaxSize, f.cut)
	return f, err
}

// Check implements pipeline.Filter.
func (f spamassassin) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	if finding, ok := f.unasked(q.Tx, f.cut); ok {
		return finding, nil
	}
	user := f.user
	if f.perUser {
		user = string(q.Recipient)
	}
	g, err := f.once(ctx, q.Tx, user)
	if err != nil {
		return f.failed(ctx, err)
	}
	result := "ham"
	if g.Spam {
		result = "spam"
	}
	finding := graded(f.name, result, g)
	if size := octets(q.Tx.Message.Size()); size > f.most {
		finding.Evidence = append(finding.Evidence, pipeline.Evidence{Key: "cut", Value: fmt.Sprintf("%s of %d octets were judged", f.most, size)})
	}
	return finding, nil
}

// once asks once for the transaction and user, however many recipients walk by.
func (f spamassassin) once(ctx context.Context, tx *pipeline.Transaction, user string) (engine.Grade, error) {
	limit := time.Minute
	if end, ok := ctx.Deadline(); ok {
		limit = time.Until(end)
	}
	return pipeline.Fact(ctx, tx, f.key+" "+user, limit, func(ctx context.Context) (engine.Grade, error) {
		return f.grade(ctx, tx, user, f.most)
	})
}
