package filters

import (
	"context"
	"fmt"

	"gatepost/internal/traffic"
	"gatepost/pipeline"
)

// rate limits what a client's network (IPv4 /24, IPv6 /64) and a sender do: connections
// within a minute and connections open at one time, judged as the client connects (as they
// come, so that a burst is no way around); messages within a minute of the network, and of one reverse-path from that network,
// judged at MAIL: what others send in somebody's name does not count against him. A limit
// of 0 is none. Exempt are loopback, trusted_relays, the
// ports where users' programs send, and networks whose history is good (see history in the
// configuration). What is over a limit is put off, not refused: a mail server comes again
// and gets its share. Counts are this node's, and forgotten when it is restarted. It
// belongs into the gate; in a policy only messages are judged.
type rate struct {
	traffic *traffic.Traffic
	rateOptions
}

type rateOptions struct {
	Connections int `setting:"connections_per_minute" doc:"of one network"`
	Parallel    int `setting:"parallel_connections" doc:"of one network"`
	Messages    int `setting:"messages_per_minute" doc:"of one network"`
	Sender      int `setting:"sender_messages_per_minute" doc:"of one reverse-path, from one network"`
}

// What is counted once a connection and a transaction, however many entries there are.
const (
	countedConnection = "rate: connection"
	countedMessage    = "rate: message"
)

func rateKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "rate", Stage: pipeline.Connect, Scope: pipeline.PerMessage, Gate: true, Told: true,
		Results: []pipeline.Result{
			{Word: "connections", Effect: "defer 421 4.7.0", Doc: "the network connects too often"},
			{Word: "parallel", Effect: "defer 421 4.7.0", Doc: "it has too many connections open"},
			{Word: "messages", Effect: "defer 450 4.7.1", Doc: "it sends too many messages"},
			{Word: "sender", Effect: "defer 450 4.7.1", Doc: "the sender sends too many messages from there"},
			{Word: "none", Effect: "none", Doc: "no limit is reached"},
		},
		Options: func() any { return &rateOptions{Connections: 300, Parallel: 50, Messages: 600, Sender: 300} },
		New: func(options any) (pipeline.Filter, error) {
			o := options.(*rateOptions)
			if min(o.Connections, o.Parallel, o.Messages, o.Sender) < 0 {
				return nil, fmt.Errorf("a limit is negative")
			}
			return rate{d.Traffic, *o}, nil
		},
	}
}

// Check implements pipeline.Filter.
func (r rate) Check(_ context.Context, q pipeline.Query) (pipeline.Finding, error) {
	if r.exempt(q) {
		return pipeline.Finding{Result: "none", Reason: "exempt from limits"}, nil
	}
	network := traffic.Network(q.Tx.Client.Addr)
	switch q.Tx.Stage {
	case pipeline.Connect:
		minute, others := r.traffic.Connections(q.Tx.Client.Addr), float64(q.Tx.Open-1)
		if q.Tx.Asked(countedConnection) { // by an entry above: without this one
			minute--
		}
		switch {
		case over(others, r.Parallel):
			return tooMany("parallel", "%s has %.0f connections open, %d is the most", network, others, r.Parallel), nil
		case over(minute, r.Connections):
			return tooMany("connections", "%s has made %.0f connections within a minute, %d is the most", network, minute, r.Connections), nil
		}
		return pipeline.Finding{Later: true}, nil
	case pipeline.Helo:
		return pipeline.Finding{Later: true}, nil
	}
	client, sender := r.traffic.Messages(q.Tx.Client.Addr, q.Tx.Envelope.ReversePath)
	if q.Tx.Asked(countedMessage) {
		client, sender = client-1, sender-1
	}
	switch {
	case over(client, r.Messages):
		return tooMany("messages", "%s has sent %.0f messages within a minute, %d is the most", network, client, r.Messages), nil
	case over(sender, r.Sender):
		return tooMany("sender", "%s has sent %.0f messages within a minute from here, %d is the most", q.Tx.Envelope.ReversePath, sender, r.Sender), nil
	}
	return pipeline.Finding{Result: "none"}, nil
}

// Record implements pipeline.Recorder: it counts what is let in. What is put off is not
// counted, or a client that tries on would never get its share.
func (r rate) Record(_ context.Context, q pipeline.Query, f pipeline.Finding) error {
	addr := q.Tx.Client.Addr
	switch {
	case r.exempt(q):
	case q.Tx.Stage == pipeline.Connect && f.Later && q.Tx.First(countedConnection):
		r.traffic.Connected(addr)
	case q.Tx.Stage >= pipeline.Mail && f.Result == "none" && q.Tx.First(countedMessage):
		r.traffic.Sent(addr, q.Tx.Envelope.ReversePath)
	}
	return nil
}

func (r rate) exempt(q pipeline.Query) bool {
	c := q.Tx.Client
	return c.Addr.IsLoopback() || c.Users || !c.Login.IsNull() || r.traffic.Good(c.Addr)
}

// over reports whether one more would be more than a limit allows.
func over(n float64, limit int) bool { return limit > 0 && n+1 > float64(limit) }

func tooMany(result, text string, who any, n float64, limit int) pipeline.Finding {
	return pipeline.Finding{
		Result: result, Reason: fmt.Sprintf(text, who, n, limit),
		Evidence: []pipeline.Evidence{{Key: "count", Value: fmt.Sprintf("%.1f", n)}, {Key: "limit", Value: fmt.Sprint(limit)}},
	}
}
