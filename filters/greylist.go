package filters

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/greylist"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// greylistFilter asks strangers to try again later (RFC 6647): servers do, programs that
// send spam mostly do not. Whose mail has to wait is told by the client, the sender and the
// recipient. Where SPF passes, or a `dnsbl` entry above found the client in a list of kind
// "allow", the client is known by the sender's organisational domain, else by its network:
// so a large sender may try again from any of its addresses, and once some of its mail has
// passed none is late any more, nor are its one-time codes. Of the sender is left out what
// changes from mail to mail (BATV, SRS, VERP, numbers). Never deferred are: who has logged in,
// what a relay of ours brings, clients on private networks, and those to whom the recipient
// has written, unless SPF disowns them. A delivery report (null reverse-path) waits for the
// end of data, so that those who only ask whether an address exists are answered. A store
// that fails defers nobody. With `min_score` only mail is deferred that is in doubt already:
// the entries above have given it a score. Entries that allow stand above this one.
type greylistFilter struct {
	deps     Deps
	o        greylistOptions
	terms    greylist.Terms
	settings string // in the names of facts: another entry's are others
	domains  []string
	networks []netip.Prefix
}

type greylistOptions struct {
	Delay    time.Duration `setting:"delay" doc:"how long after the first attempt another passes"`
	Window   time.Duration `setting:"window" doc:"how long after the first attempt it is forgotten, if none passed"`
	Keep     time.Duration `setting:"keep" doc:"how long a pass is remembered after its last use"`
	Passes   int           `setting:"passes" doc:"how many must have passed of a domain or network before all of it passes; 0 is never"`
	IPv4     int           `setting:"ipv4_prefix" doc:"how many bits of an IPv4 address are the client's network"`
	IPv6     int           `setting:"ipv6_prefix" doc:"how many bits of an IPv6 address are the client's network"`
	MinScore float64       `setting:"min_score" doc:"defer only mail that has this score already; 0: all"`
	Skip     []string      `setting:"skip" doc:"domains that are never deferred where they are proven, and networks"`
	Private  bool          `setting:"private_networks" doc:"defer clients on private networks, too"`
}

// A Greylist remembers who has tried before. *greylist.Book is one.
type Greylist interface {
	Check(ctx context.Context, q greylist.Question) (greylist.Answer, error)
	Record(q greylist.Question, a greylist.Answer)
}

func greylistKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "greylist", Stage: pipeline.Rcpt, Scope: pipeline.PerWalk, Waits: true, Told: true, Timeout: spfLimit + time.Second,
		Results: []pipeline.Result{
			{Word: "new", Effect: "defer", State: "greylisted", Doc: "the first attempt: it is to come again"},
			{Word: "early", Effect: "defer", State: "greylisted", Doc: "it came again too soon"},
			{Word: "passed", Effect: "none", Again: true, Doc: "it waited, and came again"},
			{Word: "known", Effect: "none", Doc: "it, or enough others of its domain or network, passed before"},
			{Word: "exempt", Effect: "none", Doc: "it need not wait"},
			{Word: "temperror", Effect: "none", Doc: "the store could not tell"},
		},
		Options: func() any {
			t := greylist.DefaultTerms()
			return &greylistOptions{
				Delay: t.Delay, Window: t.Window, Keep: t.Keep, Passes: int(t.Passes), IPv4: greylist.IPv4Bits, IPv6: greylist.IPv6Bits, Skip: []string{},
			}
		},
		New: func(options any) (pipeline.Filter, error) { return newGreylist(d, *options.(*greylistOptions)) },
	}
}

func newGreylist(d Deps, o greylistOptions) (pipeline.Filter, error) {
	switch {
	case o.Delay <= 0 || o.Delay > 24*time.Hour:
		return nil, fmt.Errorf("delay %s is not above 0 and at most 24h", o.Delay)
	case o.Window <= o.Delay:
		return nil, fmt.Errorf("window %s is not longer than the delay, %s", o.Window, o.Delay)
	case o.Keep < time.Hour:
		return nil, fmt.Errorf("keep %s is shorter than 1h", o.Keep)
	case o.Passes < 0:
		return nil, fmt.Errorf("passes %d is negative", o.Passes)
	case o.IPv4 < 8 || o.IPv4 > 32:
		return nil, fmt.Errorf("ipv4_prefix %d is not from 8 to 32", o.IPv4)
	case o.IPv6 < 16 || o.IPv6 > 128:
		return nil, fmt.Errorf("ipv6_prefix %d is not from 16 to 128", o.IPv6)
	}
	settings, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("min_score: %w", err)
	}
	f := greylistFilter{deps: d, o: o, settings: string(settings)}
	f.terms = greylist.Terms{Delay: o.Delay, Window: o.Window, Keep: o.Keep, Passes: int64(o.Passes)}
	for _, s := range o.Skip {
		if n, err := netip.ParsePrefix(s); err == nil {
			f.networks = append(f.networks, mail.UnmapPrefix(n).Masked())
			continue
		}
		if a, err := netip.ParseAddr(s); err == nil {
			a = mail.Unmap(a)
			f.networks = append(f.networks, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		domain, err := mail.ParseDomain(s)
		if err != nil || !isName(domain) {
			return nil, fmt.Errorf("skip: %q is neither a domain nor a network", s)
		}
		f.domains = append(f.domains, domain)
	}
	return f, nil
}

// Check implements pipeline.Filter.
func (f greylistFilter) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	if why := f.exempts(q); why != "" {
		return exempt(why), nil
	}
	if q.Tx.Envelope.ReversePath.IsNull() && q.Tx.Stage < pipeline.Data {
		return pipeline.Finding{Wait: true}, nil
	}
	c, err := f.client(ctx, q)
	if err != nil {
		return pipeline.Finding{}, err
	}
	if slices.ContainsFunc(f.domains, func(d string) bool { return d == c.proven || d == c.domain && c.proven != "" }) {
		return exempt(c.domain + " is not to be deferred"), nil
	}
	trusted, err := f.trusts(ctx, q, c)
	if err != nil {
		return pipeline.Finding{}, err
	}
	if trusted {
		return exempt("the recipient has written to the sender"), nil
	}
	asked, err := f.ask(ctx, q, c)
	if err != nil {
		return pipeline.Finding{}, err
	}
	return greylisted(asked, q.Tx.Time), nil
}

// exempts says why a message is not deferred, as far as nobody need be asked.
func (f greylistFilter) exempts(q pipeline.Query) string {
	client := q.Tx.Client
	switch {
	case f.deps.Greylist == nil:
		return "nothing is remembered here"
	case !client.Login.IsNull():
		return "the client has logged in"
	case client.Relayed:
		return "a relay of ours brings it, which has taken it already"
	case f.o.MinScore != 0 && q.Walk.Score < f.o.MinScore:
		return fmt.Sprintf("its score so far, %.4g, is below %.4g", q.Walk.Score, f.o.MinScore)
	case isLocal(client.Addr) && !f.o.Private:
		return fmt.Sprintf("%s is an address of a private network", client.Addr)
	case slices.ContainsFunc(f.networks, func(n netip.Prefix) bool { return n.Contains(mail.Unmap(client.Addr)) }):
		return fmt.Sprintf("%s is not to be deferred", client.Addr)
	}
	return ""
}

func exempt(why string) pipeline.Finding { return pipeline.Finding{Result: "exempt", Reason: why} }

// A greylistClient is who sends, as far as it is proven.
type greylistClient struct {
	domain   string // of the reverse-path, or the HELO name where that is null
	proven   string // organisational domain by which the client is known; "": by its network
	how      string
	disowned bool // SPF says that it is somebody else
}

// client finds out whether the client may be known by its domain. A record that lets all
// the world send ("+all") proves nothing.
func (f greylistFilter) client(ctx context.Context, q pipeline.Query) (c greylistClient, err error) {
	spf, err := spfFact(ctx, q.Tx, f.deps.Resolver)
	if err != nil {
		return c, err
	}
	c.domain = strings.ToLower(strings.TrimSuffix(spf.Domain, "."))
	c.disowned = spf.disowns()
	if !isName(c.domain) {
		return c, nil
	}
	if spf.Result == "pass" && spf.Mechanism != "all" {
		c.proven, c.how = organisation(c.domain), "SPF"
		return c, nil
	}
	for _, s := range q.Walk.Steps {
		if s.Filter == "dnsbl" && !s.Shadow && s.Finding.Result == "allowed" {
			c.proven, c.how = organisation(c.domain), s.Entry
		}
	}
	return c, nil
}

// trusts reports whether the recipient, or his domain, is known to deal with the sender.
func (f greylistFilter) trusts(ctx context.Context, q pipeline.Query, c greylistClient) (bool, error) {
	sender := q.Tx.Envelope.ReversePath
	if f.deps.Trust == nil || sender.IsNull() || c.disowned {
		return false, nil
	}
	_, known, err := f.deps.Trust.Weigh(ctx, q.Recipient, sender, q.Tx.Time)
	return known, err
}

// greylistAsked is a question with its answer. It is a fact, so that Record need not ask
// again.
type greylistAsked struct {
	question greylist.Question
	answer   greylist.Answer
	how      string
}

func (f greylistFilter) ask(ctx context.Context, q pipeline.Query, c greylistClient) (greylistAsked, error) {
	question := greylist.Question{
		Tx: q.Tx.ID, Time: q.Tx.Time, Sender: q.Tx.Envelope.ReversePath, Recipient: q.Recipient.Unsigned(), Terms: f.terms, Domain: "<>",
		Identities: []string{greylist.Network(q.Tx.Client.Addr, f.o.IPv4, f.o.IPv6)},
	}
	if !question.Sender.IsNull() {
		question.Domain = organisation(c.domain)
	}
	if c.proven != "" {
		question.Identities = []string{c.proven, question.Identities[0]}
	}
	key := f.key(q) + strings.Join(question.Identities, " ")
	return pipeline.Fact(ctx, q.Tx, key, greylistTime, func(ctx context.Context) (greylistAsked, error) {
		a, err := f.deps.Greylist.Check(ctx, question)
		return greylistAsked{question, a, c.how}, err
	})
}

// greylistTime limits the store's answer.
const greylistTime = 3 * time.Second

func (f greylistFilter) key(q pipeline.Query) string {
	return "greylist " + f.settings + " " + string(q.Recipient.Fold()) + " "
}

// greylisted is the finding of an answer. Its reason is what the client is told: nothing
// in it may be taken for a refusal.
func greylisted(g greylistAsked, now time.Time) pipeline.Finding {
	a := g.answer
	finding := pipeline.Finding{Result: string(a.Result), Evidence: []pipeline.Evidence{{Key: "identity", Value: a.Identity}}}
	note := func(key, value string) {
		finding.Evidence = append(finding.Evidence, pipeline.Evidence{Key: key, Value: value})
	}
	if g.how != "" {
		note("proven", g.how)
	}
	waited := now.Sub(a.First).Round(time.Second)
	switch a.Result {
	case greylist.Unseen, greylist.Early:
		left := int(math.Ceil(a.Left.Seconds()))
		finding.Reason = fmt.Sprintf("temporarily deferred, please retry in %d seconds", left)
		note("retry_in", strconv.Itoa(left)+"s")
		if a.Result == greylist.Early {
			note("first", a.Tx)
			note("waited", waited.String())
			note("tries", strconv.FormatInt(a.Tries, 10))
		}
	case greylist.Passed:
		finding.Reason = fmt.Sprintf("attempt %d, %s after the first, %s", a.Tries, waited, a.Tx)
		note("first", a.Tx)
		note("waited", waited.String())
		note("tries", strconv.FormatInt(a.Tries, 10))
	case greylist.Known:
		finding.Reason = "such mail passed before"
		if a.Whole {
			finding.Reason = "enough mail from " + a.Identity + " passed before"
		}
	}
	return finding
}

// Record implements pipeline.Recorder: it notes the attempt, the pass or the use.
func (f greylistFilter) Record(ctx context.Context, q pipeline.Query, finding pipeline.Finding) error {
	switch finding.Result {
	case "new", "early", "passed", "known":
	default:
		return nil
	}
	c, err := f.client(ctx, q)
	if err != nil {
		return err
	}
	asked, err := f.ask(ctx, q, c)
	if err != nil {
		return err
	}
	f.deps.Greylist.Record(asked.question, asked.answer)
	return nil
}
