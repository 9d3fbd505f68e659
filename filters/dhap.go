package filters

import (
	"context"
	"fmt"
	"time"

	"gatepost/internal/traffic"
	"gatepost/pipeline"
)

// dhap stops directory harvest attacks: clients that try out which addresses exist. It
// counts, for each client network (IPv4 /24, IPv6 /64), the different recipients of the
// last hour that do not exist, and what share they are of all that is known of it: the
// different recipients of that hour that exist, and the good messages of the past week. Only
// where the share is high does the count matter, so that a list with old addresses, or a
// large provider, is not hit; above four times defer_from it matters whatever the share is,
// unless the network has a good history. From a first count on, the answers to unknown
// recipients are slowed down; from a second one on, whatever the client asks for is put off
// with 421, which tells it nothing, and it is banned for a while: but only a client that has
// tried a tenth of defer_from itself, which are by themselves as large a share of what it
// asked for. Its neighbours are not put off. Loopback, trusted_relays and who has logged in
// are not judged.
type dhap struct {
	traffic *traffic.Traffic
	banner  Banner
	dhapOptions
}

type dhapOptions struct {
	Slow    int           `setting:"slow_from" doc:"different unknown recipients from which answers are slowed down; 0 is never"`
	Defer   int           `setting:"defer_from" doc:"different unknown recipients from which the client is put off and banned, 1000 at most"`
	Share   int           `setting:"share" doc:"percent of the client's recipients that unknown ones have to be"`
	Tarpit  time.Duration `setting:"tarpit" doc:"how long a slowed answer takes, 20s at most"`
	Waiting int           `setting:"waiting" doc:"clients of this node that are slowed down at one time; further ones are not"`
}

func dhapKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "dhap", Stage: pipeline.Rcpt, Scope: pipeline.PerRecipient, Unknown: true, Waits: true, Timeout: 30 * time.Second,
		Results: []pipeline.Result{
			{Word: "harvest", Effect: "defer 421 4.7.0", Doc: "the client tries out addresses; it is banned"},
			{Word: "slowed", Effect: "none", Doc: "it may do so: its answer was slowed down"},
			{Word: "none", Effect: "none", Doc: "it does not"},
		},
		Options: func() any {
			return &dhapOptions{Slow: 15, Defer: 50, Share: 50, Tarpit: 5 * time.Second, Waiting: 100}
		},
		New: func(options any) (pipeline.Filter, error) {
			o := *options.(*dhapOptions)
			switch {
			case o.Defer < 1 || o.Defer > 1000:
				return nil, fmt.Errorf("defer_from %d is not between 1 and 1000", o.Defer)
			case o.Slow < 0 || o.Waiting < 0:
				return nil, fmt.Errorf("a limit is negative")
			case o.Share < 1 || o.Share > 100:
				return nil, fmt.Errorf("share %d is not between 1 and 100", o.Share)
			case o.Tarpit < 0 || o.Tarpit > 20*time.Second:
				return nil, fmt.Errorf("tarpit %s is not between 0s and 20s", o.Tarpit)
			}
			return dhap{d.Traffic, d.Banner, o}, nil
		},
	}
}

// Check implements pipeline.Filter.
func (d dhap) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	c := q.Tx.Client
	if c.Addr.IsLoopback() || !c.Login.IsNull() {
		return pipeline.Finding{Result: "none"}, nil
	}
	t, own, good := d.traffic.Tally(c.Addr), d.traffic.Own(c.Addr), d.traffic.Good(c.Addr)
	if !d.guesses(t, good) {
		return pipeline.Finding{Result: "none"}, nil
	}
	switch {
	case t.Unknown >= float64(d.Defer) && own.Unknown >= max(1, float64(d.Defer)/ownPart) && d.guesses(own, good):
		f := d.tells("harvest", q, t)
		f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "own unknown", Value: fmt.Sprintf("%.0f", own.Unknown)})
		return f, nil
	case q.Unknown && d.Slow > 0 && t.Unknown >= float64(d.Slow):
		f := d.tells("slowed", q, t)
		if !d.traffic.Pit.Wait(ctx, d.Tarpit, d.Waiting) {
			f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "waited", Value: "not: so many wait already"})
		}
		return f, nil
	}
	return pipeline.Finding{Result: "none"}, nil
}

const (
	ownPart  = 10 // of defer_from, which a client has tried itself before it is put off
	hardPart = 4  // times defer_from, above which the share does not matter
)

// guesses reports whether so many of somebody's recipients are unknown that their count
// matters: a high share of all, or a number that no stranger's list explains.
func (d dhap) guesses(t traffic.Tally, good bool) bool {
	hard := float64(min(hardPart*d.Defer, traffic.MostDistinct))
	return t.Share()*100 >= float64(d.Share) || !good && t.Unknown >= hard
}

func (d dhap) tells(result string, q pipeline.Query, t traffic.Tally) pipeline.Finding {
	return pipeline.Finding{
		Result: result,
		Reason: fmt.Sprintf("%s has tried about %.0f addresses that do not exist, %.0f %% of what it is known for", traffic.Network(q.Tx.Client.Addr), t.Unknown, t.Share()*100),
		Evidence: []pipeline.Evidence{
			{Key: "unknown", Value: fmt.Sprintf("%.0f", t.Unknown)}, {Key: "known", Value: fmt.Sprintf("%.0f", t.Known)}, {Key: "good", Value: fmt.Sprintf("%.0f", t.Good)},
		},
	}
}

// Record implements pipeline.Recorder: it counts a recipient that does not exist (those that
// do are counted where they are named, whatever stands above), and bans who harvests, once a
// transaction.
func (d dhap) Record(ctx context.Context, q pipeline.Query, f pipeline.Finding) error {
	c := q.Tx.Client
	if c.Addr.IsLoopback() || !c.Login.IsNull() {
		return nil
	}
	if q.Unknown {
		d.traffic.Tried(c.Addr, q.Recipient, true)
	}
	if f.Result != "harvest" || d.banner == nil || !q.Tx.First("dhap: ban") {
		return nil
	}
	if err := d.banner.Impose(ctx, c.Addr, causeHarvest, f.Reason); err != nil {
		return fmt.Errorf("dhap: ban %s: %w", c.Addr, err)
	}
	return nil
}
