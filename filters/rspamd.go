package filters

import (
	"context"
	"strings"
	"time"

	"gatepost/pipeline"
)

// rspamd has Rspamd judge the message (HTTP, /checkv2, over TCP or a unix socket), and takes
// its score. It is told the envelope, the client and its name, who logged in, and this message's id; the
// symbols that hit are evidence. The result is the action that Rspamd would take, so an entry may follow it:
// `on: {reject: reject, soft-reject: defer}`. By default each adds Rspamd's score, whose own thresholds
// (mostly 6 for a header, 15 for reject) are not those of a policy. It is off until `servers` has
// an address; of several the first that is well is asked. `password` is for a controller; a scanner
// (port 11333) wants none.
type rspamd struct{ grading }

type rspamdOptions struct {
	Servers  addresses `setting:"servers" doc:"where Rspamd is: host:port or the path of a socket; of several the first that is well is asked"`
	Password string    `setting:"password" doc:"of a controller; a scanner wants none"`
	MaxSize  octets    `setting:"max_size" doc:"what is larger is skipped"`
}

func rspamdKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "rspamd", Stage: pipeline.Data, Scope: pipeline.PerMessage, Waits: true, Timeout: 30 * time.Second,
		Results: []pipeline.Result{
			{Word: "no-action", Effect: "score", Doc: "Rspamd has nothing against it; the score is its own, here and below"},
			{Word: "greylist", Effect: "score", Doc: "Rspamd would have it come again"},
			{Word: "add-header", Effect: "score", Doc: "Rspamd would mark it as spam"},
			{Word: "rewrite-subject", Effect: "score", Doc: "Rspamd would mark its subject"},
			{Word: "quarantine", Effect: "score", Doc: "Rspamd would hold it"},
			{Word: "soft-reject", Effect: "score", Doc: "Rspamd would have it come again, since it can't tell or there is too much of it"},
			{Word: "reject", Effect: "score", Doc: "Rspamd would refuse it"},
			{Word: "discard", Effect: "score", Doc: "Rspamd would throw it away"},
			{Word: "skipped", Effect: "none", Doc: "the message is larger than max_size, or Rspamd did not look at it"},
			{Word: "none", Effect: "none", Doc: "no address is named"},
			{Word: pipeline.TempError, Effect: "none", Doc: "Rspamd can't be asked now"},
		},
		Options: func() any { return &rspamdOptions{Servers: addresses{}, MaxSize: 10 << 20} },
		New:     func(options any) (pipeline.Filter, error) { return newRspamd(*options.(*rspamdOptions), d) },
	}
}

func newRspamd(o rspamdOptions, d Deps) (pipeline.Filter, error) {
	var dial func(addresses) Grader
	if d.Engines.Rspamd != nil {
		dial = func(servers addresses) Grader { return d.Engines.Rspamd(servers, o.Password) }
	}
	g, err := newGrading("Rspamd", o.Servers, o.MaxSize, dial, d)
	return rspamd{g}, err
}

// Check implements pipeline.Filter.
func (f rspamd) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	if finding, ok := f.unasked(q.Tx, false); ok {
		return finding, nil
	}
	g, err := f.grade(ctx, q.Tx, "", 0)
	if err != nil {
		return f.failed(ctx, err)
	}
	if g.Skipped {
		return pipeline.Finding{Result: "skipped", Reason: "Rspamd did not look at it"}, nil
	}
	return graded(f.name, strings.ReplaceAll(g.Action, " ", "-"), g), nil
}
