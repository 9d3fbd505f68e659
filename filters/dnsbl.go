package filters

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/dnsbl"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// dnsblFilter asks DNS lists (RFC 5782) about the client's address, and lists of kind
// "domain" about the organisational domains of reverse-path, author, HELO name and the
// client's confirmed name. All lists are asked at once. Only a declared return code
// is a hit; whatever else comes back, a refusal to serve (127.255.255.x) above all, is an
// error of that list, which then takes no part. The message is listed when the hits have
// the set share of the weight of the lists that answered validly, or when a list marked
// "enough" hits. A hit of a list of kind "allow" outweighs all. Lists of kind "domain" need the
// content for the author's domain, unless the rest decides before. Clients on private
// networks are not asked about. Each list is probed by the test points of RFC 5782 at start and
// each hour; a dead one, and one that lists the world, is only observed until it recovers. One
// that suddenly lists nearly everybody (more of the last 100 client networks, or domains, than its
// ceiling, and far more than usual) is probed at once, and observed where it lists those, too,
// that no list has a reason to. One that gave no answer in time 20 times in
// a row is not even asked until a probe finds it well. `gatepost dnsbl` shows all that.
type dnsblFilter struct {
	resolver Resolver
	health   ListHealth
	lists    []dnsbl.List
	share    float64
	key      string // of its answers among a transaction's facts
}

// dnsblTime is how long lists are waited for where the entry says nothing else.
const dnsblTime = 5 * time.Second

type dnsblOptions struct {
	Lists []dnsblList `setting:"lists" doc:"the lists, each with zone, weight (1), codes ([\"127.0.0.2-254\"]; also networks and masks, and behind a colon what a code means: \"127.0.0.0/24&6: exploited\"), kind (deny, allow, domain), enough (false) and ceiling (0.95; of kind allow 0.8)"`
	Share float64     `setting:"share" doc:"share of the valid lists' weight from which the message is listed"`
}

type dnsblList struct {
	Zone   string   `setting:"zone" json:"zone"`
	Weight float64  `setting:"weight" json:"weight"`
	Codes  []string `setting:"codes" json:"codes"`
	Kind   string   `setting:"kind" json:"kind"`
	Enough bool     `setting:"enough" json:"enough"`
	// Ceiling is dnsbl.List's.
	Ceiling float64 `setting:"ceiling" json:"ceiling"`
}

func dnsblKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "dnsbl", Stage: pipeline.Mail, Scope: pipeline.PerMessage, Waits: true, Told: true, Timeout: dnsblTime,
		Results: []pipeline.Result{
			{Word: "listed", Effect: "spam", Doc: "enough lists know the client, or a domain, as bad"},
			{Word: "allowed", Effect: "none", Doc: "a list of kind allow knows the client as good"},
			{Word: "none", Effect: "none", Doc: "neither"},
			{Word: "temperror", Effect: "none", Doc: "no list answered validly"},
		},
		Options: func() any { return &dnsblOptions{Lists: []dnsblList{}, Share: dnsbl.DefaultShare} },
		New:     func(options any) (pipeline.Filter, error) { return newDNSBL(d, *options.(*dnsblOptions)) },
	}
}

func newDNSBL(d Deps, o dnsblOptions) (pipeline.Filter, error) {
	if !(o.Share > 0 && o.Share <= 1) {
		return nil, fmt.Errorf("share %v is not above 0 and at most 1", o.Share)
	}
	f := dnsblFilter{resolver: d.Resolver, health: d.Lists, share: o.Share}
	for _, l := range o.Lists {
		list, err := dnsbl.NewList(l.Zone, l.Kind, l.Weight, l.Enough, l.Codes)
		if err != nil {
			return nil, err
		}
		if list.Ceiling = l.Ceiling; !(l.Ceiling >= 0 && l.Ceiling <= 1) {
			return nil, fmt.Errorf("list %s: ceiling %v is not between 0 and 1", list.Zone, l.Ceiling)
		}
		f.lists = append(f.lists, list)
		if d.Lists != nil {
			d.Lists.Watch(list)
		}
	}
	f.key = fmt.Sprintf("dnsbl %v", f.lists)
	return f, nil
}

// Check implements pipeline.Filter.
func (f dnsblFilter) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	if len(f.lists) == 0 {
		return pipeline.Finding{Result: "none", Reason: "no list is named"}, nil
	}
	answers, err := f.answers(ctx, q.Tx)
	if err != nil {
		return pipeline.Finding{}, err
	}
	v := dnsbl.Judge(answers, f.share)
	finding := pipeline.Finding{Evidence: []pipeline.Evidence{{Key: "share", Value: fmt.Sprintf("%.2f", v.Share)}}}
	for _, a := range answers {
		finding.Evidence = append(finding.Evidence, pipeline.Evidence{Key: a.List.Zone, Value: shorten(a.String())})
	}
	switch {
	case v.Allowed:
		finding.Result, finding.Reason = "allowed", "known as good by "+zones(v.By, true)
	case v.Listed:
		finding.Result, finding.Reason = "listed", "listed by "+zones(v.By, false)
	case q.Tx.Stage < pipeline.Data && f.byDomain():
		finding.Wait = true
	case !v.Told && v.Errors > 0:
		finding.Result, finding.Reason = "temperror", fmt.Sprintf("none of %d lists gave a valid answer", v.Errors)
	case !v.Told && isLocal(q.Tx.Client.Addr):
		finding.Result, finding.Reason = "none", fmt.Sprintf("%s is an address of a private network", q.Tx.Client.Addr)
	case v.Errors > 0:
		finding.Result, finding.Reason = "none", fmt.Sprintf("not listed, but %d of %d lists gave no valid answer", v.Errors, asked(answers))
	default:
		finding.Result, finding.Reason = "none", "not listed"
	}
	return finding, nil
}

// Record implements pipeline.Recorder: what lists said about mail is counted.
func (f dnsblFilter) Record(ctx context.Context, q pipeline.Query, _ pipeline.Finding) error {
	if f.health == nil || len(f.lists) == 0 {
		return nil
	}
	answers, err := f.answers(ctx, q.Tx)
	if err == nil {
		f.health.Note(answers)
	}
	return err
}

// answers asks the lists once for a transaction, and once more when the content is there.
func (f dnsblFilter) answers(ctx context.Context, tx *pipeline.Transaction) ([]dnsbl.Answer, error) {
	key := f.key
	if tx.Message != nil && f.byDomain() {
		key += ", content"
	}
	return pipeline.Fact(ctx, tx, key, timeLeft(ctx), func(ctx context.Context) ([]dnsbl.Answer, error) {
		subject, err := f.subject(ctx, tx)
		if err != nil {
			return nil, err
		}
		return f.ask(ctx, subject), nil
	})
}

// ask asks the lists that are worth asking.
func (f dnsblFilter) ask(ctx context.Context, subject dnsbl.Subject) []dnsbl.Answer {
	asked, troubles := worthAsking(f.health, f.lists)
	return amongAll(f.lists, troubles, dnsbl.Ask(ctx, f.resolver, asked, subject))
}

// worthAsking returns the lists that are to be asked, and for all why they have no voice. One
// that did not answer for long is not asked: all mail would wait for it.
func worthAsking(health ListHealth, lists []dnsbl.List) (asked []dnsbl.List, troubles []error) {
	troubles = make([]error, len(lists))
	for i, l := range lists {
		if health != nil {
			troubles[i] = health.Trouble(l)
		}
		if !errors.Is(troubles[i], dnsbl.ErrSilent) {
			asked = append(asked, l)
		}
	}
	return asked, troubles
}

// amongAll returns an answer for each list: what those said that were asked, in their order.
func amongAll(lists []dnsbl.List, troubles []error, said []dnsbl.Answer) []dnsbl.Answer {
	answers := make([]dnsbl.Answer, len(lists))
	for i, l := range lists {
		answers[i] = dnsbl.Answer{List: l}
		if !errors.Is(troubles[i], dnsbl.ErrSilent) {
			answers[i], said = said[0], said[1:]
		}
		answers[i].Trouble = troubles[i]
	}
	return answers
}

func (f dnsblFilter) byDomain() bool {
	for _, l := range f.lists {
		if l.Kind == dnsbl.Domain {
			return true
		}
	}
	return false
}

// subject collects whom to ask about, as far as it is known yet.
func (f dnsblFilter) subject(ctx context.Context, tx *pipeline.Transaction) (s dnsbl.Subject, err error) {
	if !isLocal(tx.Client.Addr) {
		s.Addr = tx.Client.Addr
	}
	if !f.byDomain() {
		return s, nil
	}
	name, err := iprevFact(ctx, tx, f.resolver)
	if err != nil {
		return s, err
	}
	domains := []string{tx.Envelope.ReversePath.Domain(), tx.Client.Helo, name.Name}
	if tx.Message != nil {
		domains = append(domains, authorDomains(tx.Message)...)
	}
	known := map[string]bool{}
	for _, d := range domains {
		if !isName(d) {
			continue
		}
		if d, err := mail.ParseDomain(d); err == nil && !known[organisation(d)] {
			known[organisation(d)] = true
			s.Domains = append(s.Domains, organisation(d))
		}
	}
	return s, nil
}

// asked is of how many lists an answer could be expected.
func asked(answers []dnsbl.Answer) (n int) {
	for _, a := range answers {
		if a.State != dnsbl.NotRun || a.Trouble != nil {
			n++
		}
	}
	return n
}

// timeLeft is a little less than the time until ctx ends, so that what was answered by then
// can still be judged.
func timeLeft(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return dnsblTime
	}
	return time.Until(deadline) * 9 / 10
}

func zones(by []dnsbl.Answer, allow bool) string {
	var names []string
	for _, a := range by {
		if (a.List.Kind == dnsbl.Allow) == allow {
			names = append(names, a.List.Zone)
		}
	}
	return strings.Join(names, ", ")
}
