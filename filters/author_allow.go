package filters

import (
	"context"
	"fmt"
	"time"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// authorAllow looks the authors in the From header up in the allow lists of authors:
// global, the recipient domain's and the mailbox's. Since anybody can write any author,
// an entry takes effect only where the author's own domain is authenticated: by a DKIM
// signature of its organisation, by SPF for a reverse-path of it, or by a log-in with an
// address of it. `require_auth: false` believes the header as it stands. It waits for the
// content only where the recipient is in the scope of a list that allows an author. A
// message with several From fields has no author to speak of.
type authorAllow struct {
	resolver    Resolver
	requireAuth bool
}

type authorAllowOptions struct {
	RequireAuth bool `setting:"require_auth" doc:"allow only authors whose domain is authenticated by SPF or an aligned DKIM signature"`
}

func authorAllowKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "author-allow", Stage: pipeline.Mail, Scope: pipeline.PerRecipient, Waits: true, Timeout: spfLimit + dkimLimit + time.Second,
		Results: []pipeline.Result{
			{Word: "allowed", Effect: "accept", Doc: "an author is allowed, and it is he"},
			{Word: "unauthenticated", Effect: "none", Doc: "an author is allowed, but nothing proves that it is he"},
			{Word: "none", Effect: "none", Doc: "no author is in an allow list"},
			{Word: "temperror", Effect: "none", Doc: "an author is allowed, but the DNS did not answer whether it is he"},
		},
		Options: func() any { return &authorAllowOptions{RequireAuth: true} },
		New: func(options any) (pipeline.Filter, error) {
			return authorAllow{d.Resolver, options.(*authorAllowOptions).RequireAuth}, nil
		},
	}
}

// Check implements pipeline.Filter.
func (a authorAllow) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	if q.Tx.Lists == nil || !q.Tx.Lists.Authors(true, q.Recipient) {
		return pipeline.Finding{Result: "none"}, nil
	}
	m := q.Tx.Message
	if m == nil {
		return pipeline.Finding{Wait: true}, nil
	}
	fields, who := m.Header().Count("From"), authors(m)
	if err := m.Err(); err != nil {
		return pipeline.Finding{}, fmt.Errorf("author-allow: read message: %w", err)
	}
	if fields != 1 {
		return pipeline.Finding{Result: "none"}, nil
	}
	return a.decide(ctx, q, who)
}

// decide answers for the first author who is allowed and proven, or else for the first
// who is allowed.
func (a authorAllow) decide(ctx context.Context, q pipeline.Query, who []mail.Path) (found pipeline.Finding, err error) {
	found = pipeline.Finding{Result: "none"}
	var unknown error
	for _, author := range who {
		l, ok := listing(q, pipeline.Subject{Author: author}, true)
		if !ok {
			continue
		}
		how, err := a.authenticated(ctx, q.Tx, author)
		switch {
		case err != nil:
			unknown = err
		case how != "":
			f := byList("allowed", "author "+string(author), l)
			f.Reason = fmt.Sprintf("allowed author %s: %s in the %s list", author, l.Value, l.Scope)
			f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "authenticated", Value: how})
			return f, nil
		case found.Result == "none":
			found = byList("unauthenticated", "author "+string(author), l)
			found.Reason = fmt.Sprintf("the author %s is allowed, but neither SPF nor a DKIM signature of that domain proves that the message is from there", author)
		}
	}
	if unknown != nil {
		return pipeline.Finding{}, unknown
	}
	return found, nil
}

// authenticated says how an author's domain is proven, "" if it is not.
func (a authorAllow) authenticated(ctx context.Context, tx *pipeline.Transaction, author mail.Path) (string, error) {
	if !a.requireAuth {
		return "not asked for", nil
	}
	return Proof{a.resolver}.Author(ctx, tx, author)
}

// Record implements pipeline.Recorder: it counts the hit.
func (authorAllow) Record(_ context.Context, q pipeline.Query, f pipeline.Finding) error {
	if id, ok := listed(f); ok && f.Result == "allowed" {
		q.Tx.Lists.Hit(id)
	}
	return nil
}
