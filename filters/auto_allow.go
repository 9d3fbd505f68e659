package filters

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/trust"
	"gatepost/pipeline"
)

// A Trust knows how much senders are trusted in whose mail; *trust.Book is one.
type Trust interface {
	// Weigh returns what counts most, at now, of what is known of a sender for a
	// recipient; false where nothing counts. A tag of BATV is no part of a sender.
	Weigh(ctx context.Context, rcpt, sender mail.Path, now time.Time) (trust.Entry, bool, error)
	// Use notes that an entry counted for a message.
	Use(e trust.Entry, now time.Time)
}

// autoAllow asks whether the reverse-path is one that people here deal with: its weight
// rises by 1 with each mail from the recipient that reached it (what `gatepost domain set
// --learn-outgoing` says), by 2 with a solved challenge and with a release, is 10 at most, and
// is halved by each 90 days in which nothing comes from there. From `accept_from` on the sender
// is trusted; below, `points` for each 1 of the weight, `most` at most, are taken off the score. Since
// anybody can write any reverse-path, the weight takes effect only where the sender's domain
// is authenticated: by SPF, or by a DKIM signature of the same organisation, for which it waits for
// the content; `require_auth: false` believes the reverse-path as it stands. Addresses of the
// recipient's own domain are never trusted. `gatepost trust` shows and changes the weights.
type autoAllow struct {
	Deps
	autoAllowOptions
}

type autoAllowOptions struct {
	RequireAuth bool    `setting:"require_auth" doc:"trust only senders whose domain is authenticated by SPF or an aligned DKIM signature"`
	AcceptFrom  float64 `setting:"accept_from" doc:"weight from which on a sender is trusted; 0 is never"`
	Points      float64 `setting:"points" doc:"taken off the score for each 1 of the weight of a sender who is known, and not trusted"`
	Most        float64 `setting:"most" doc:"taken off the score at most"`
}

func autoAllowKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "auto-allow", Stage: pipeline.Mail, Scope: pipeline.PerRecipient, Waits: true, Timeout: spfLimit + time.Second,
		Results: []pipeline.Result{
			{Word: "trusted", Effect: "accept", Doc: "people here deal with the sender, and it is he"},
			{Word: "known", Effect: "score", Doc: "the same, but the weight is below `accept_from`: points are taken off"},
			{Word: "unauthenticated", Effect: "none", Doc: "people here deal with the sender, but nothing proves that it is he"},
			{Word: "none", Effect: "none", Doc: "nobody here has dealt with the sender, or long ago"},
			{Word: "temperror", Effect: "none", Doc: "what is known can't be read, or the DNS did not answer whether it is the sender"},
		},
		Options: func() any { return &autoAllowOptions{RequireAuth: true, AcceptFrom: 1, Points: 4, Most: 6} },
		New: func(options any) (pipeline.Filter, error) {
			o := *options.(*autoAllowOptions)
			if o.AcceptFrom < 0 || o.Points < 0 || o.Most < 0 {
				return nil, errors.New("accept_from, points and most can't be below 0")
			}
			return autoAllow{d, o}, nil
		},
	}
}

// Check implements pipeline.Filter. It asks the DNS only about senders who are known.
func (a autoAllow) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	e, known, err := a.weigh(ctx, q)
	if err != nil || !known {
		return pipeline.Finding{Result: "none"}, err
	}
	f := pipeline.Finding{Evidence: []pipeline.Evidence{
		{Key: "weight", Value: decimal(e.At(q.Tx.Time))}, {Key: "scope", Value: e.Scope.Kind()}, {Key: "learnt", Value: e.How.String()},
		{Key: "last_use", Value: e.Used.UTC().Format(time.DateOnly)},
	}}
	how, wait, err := a.authenticated(ctx, q.Tx)
	switch {
	case err != nil:
		return pipeline.Finding{}, err
	case wait:
		return pipeline.Finding{Wait: true}, nil
	case how == "":
		f.Result = "unauthenticated"
		f.Reason = fmt.Sprintf("%s is known here, but neither SPF nor an aligned DKIM signature proves that the message is from there", e.Sender)
		return f, nil
	}
	f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "authenticated", Value: how})
	weight := float64(e.At(q.Tx.Time)) / float64(trust.One)
	f.Result, f.Score = "known", -min(weight*a.Points, a.Most)
	if a.AcceptFrom > 0 && weight >= a.AcceptFrom {
		f.Result, f.Score = "trusted", 0
	}
	f.Reason = fmt.Sprintf("people here deal with %s: weight %s, by %s", e.Sender, decimal(e.At(q.Tx.Time)), e.How)
	return f, nil
}

func decimal(w trust.Weight) string { return fmt.Sprintf("%.3g", float64(w)/float64(trust.One)) }

// weigh finds what is known of the sender.
func (a autoAllow) weigh(ctx context.Context, q pipeline.Query) (trust.Entry, bool, error) {
	sender := q.Tx.Envelope.ReversePath
	if sender.IsNull() || a.Trust == nil || isScriptSender(sender) {
		return trust.Entry{}, false, nil
	}
	return a.Trust.Weigh(ctx, q.Recipient, sender, q.Tx.Time)
}

func (a autoAllow) authenticated(ctx context.Context, tx *pipeline.Transaction) (how string, wait bool, err error) {
	if !a.RequireAuth {
		return "not asked for", false, nil
	}
	how, _, wait, err = Proof{a.Resolver}.find(ctx, tx)
	return how, wait, err
}

// Record implements pipeline.Recorder: the weight was of use.
func (a autoAllow) Record(ctx context.Context, q pipeline.Query, f pipeline.Finding) error {
	if f.Result != "trusted" && f.Result != "known" {
		return nil
	}
	e, known, err := a.weigh(ctx, q)
	if known {
		a.Trust.Use(e, q.Tx.Time)
	}
	return err
}
