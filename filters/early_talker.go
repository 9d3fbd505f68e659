package filters

import (
	"context"
	"fmt"
	"time"

	"gatepost/internal/traffic"
	"gatepost/pipeline"
)

// earlyTalker finds clients that do not wait for their turn, as programs do that send
// spam and hear nothing: octets that come before our greeting (RFC 5321 §3.1), for which
// the greeting is held back a moment; and commands sent behind one whose reply has to be
// waited for (RFC 2920 §3.1): EHLO, HELO, STARTTLS, DATA, NOOP, VRFY, and any at all from a
// client that said HELO, which can't know that pipelining is offered. The moment is for
// strangers: a network that has waited once is greeted at once for a day, and so is one
// whose history is good. Loopback, trusted_relays and the submission ports are not
// judged, and TLS from the first byte hides what comes early.
type earlyTalker struct {
	traffic *traffic.Traffic
	delay   time.Duration
}

type earlyTalkerOptions struct {
	Delay time.Duration `setting:"delay" doc:"how long a stranger's greeting is held back, 20s at most"`
}

// waitedFor is how long a network that has waited is greeted at once.
const waitedFor = 24 * time.Hour

func earlyTalkerKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "early-talker", Stage: pipeline.Connect, Scope: pipeline.PerMessage, Gate: true, Waits: true, Told: true, Timeout: 30 * time.Second,
		Results: []pipeline.Result{
			{Word: "early", Effect: "reject 554 5.5.1", Doc: "the client talked before our greeting"},
			{Word: "pipelining", Effect: "reject 554 5.5.1", Doc: "it sent more where it had to wait for our reply"},
			{Word: "none", Effect: "none", Doc: "it waited for its turn"},
		},
		Options: func() any { return &earlyTalkerOptions{Delay: time.Second} },
		New: func(options any) (pipeline.Filter, error) {
			o := options.(*earlyTalkerOptions)
			if o.Delay < 0 || o.Delay > 20*time.Second {
				return nil, fmt.Errorf("delay %s is not between 0s and 20s", o.Delay)
			}
			return earlyTalker{d.Traffic, o.Delay}, nil
		},
	}
}

// Check implements pipeline.Filter.
func (e earlyTalker) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	c := q.Tx.Client
	if c.Addr.IsLoopback() || c.Users || !c.Login.IsNull() {
		return pipeline.Finding{Result: "none"}, nil
	}
	if c.Ear != nil {
		early, err := c.Ear.Early(ctx, e.wait(q))
		switch {
		case err != nil:
			return pipeline.Finding{}, fmt.Errorf("early-talker: listen to %s: %w", c.Addr, err)
		case early:
			return pipeline.Finding{Result: "early", Reason: "octets came before our greeting, which has to be waited for"}, nil
		}
	}
	if c.Pipelined != "" {
		return pipeline.Finding{
			Result: "pipelining", Reason: fmt.Sprintf("octets came behind %s before our reply, which has to be waited for", c.Pipelined),
			Evidence: []pipeline.Evidence{{Key: "behind", Value: c.Pipelined}},
		}, nil
	}
	if q.Tx.Stage < pipeline.Mail {
		return pipeline.Finding{Later: true}, nil
	}
	return pipeline.Finding{Result: "none"}, nil
}

// wait is how long the greeting is held back.
func (e earlyTalker) wait(q pipeline.Query) time.Duration {
	addr := q.Tx.Client.Addr
	if q.Tx.Stage > pipeline.Connect || e.traffic.Patient(addr, waitedFor) || e.traffic.Good(addr) {
		return 0
	}
	return e.delay
}

// Record implements pipeline.Recorder: it notes who has waited.
func (e earlyTalker) Record(_ context.Context, q pipeline.Query, f pipeline.Finding) error {
	if q.Tx.Stage == pipeline.Connect && f.Later && q.Tx.Client.Ear != nil && e.wait(q) > 0 {
		e.traffic.Waited(q.Tx.Client.Addr)
	}
	return nil
}
