package filters

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gatepost/dnsbl"
	"gatepost/internal/link"
	"gatepost/internal/picture"
	"gatepost/pipeline"
)

// uribl asks DNS lists of kind "domain" (SURBL, URIBL, DBL) about the registrable domains that a
// message names: in the links of its HTML, in addresses, mail addresses and bare names in text and
// subject, in the QR codes of its images, in list fields and Reply-To. Redirectors are unwrapped
// from their own address, and both ends are asked about; nobody's server is. IP addresses in links
// are asked about, reversed, where the list has `addresses: true`. The message is listed when the lists
// that know one of its domains have the set share of the weight of those that answered validly
// about it, or when a list marked "enough" knows one. Domains in `skip_domains`, those of
// the recipients and this node's own are not asked about, nor what no registry has. What a
// reader can follow is asked about first, up to `max_lookups` questions in all. Of customers of one
// hoster each is a domain of his own (the private section of the public suffix list). Whom the
// message is from is not asked about here: see dnsbl's lists of kind domain. Lists are watched
// as dnsbl's are, by the test points of RFC 5782 or the list's own `test`.
type uribl struct {
	resolver Resolver
	pictures *picture.Reader
	health   ListHealth
	lists    []dnsbl.List
	share    float64
	lookups  int
	skip     map[string]bool
	key      string // of its answers among a transaction's facts
}

type uriblOptions struct {
	Lists   []uriblList `setting:"lists" doc:"the lists, each with zone, weight (1), codes ([\"127.0.0.2-254\"]; see dnsbl), enough (false), ceiling (0.95), addresses (false: knows IP addresses, too) and test (\"test\": a name that it always lists)"`
	Share   float64     `setting:"share" doc:"share of the valid lists' weight from which a domain is listed"`
	Lookups int         `setting:"max_lookups" doc:"questions for one message, of all lists together, 1 to 1000"`
	Skip    []string    `setting:"skip_domains" doc:"registrable domains that are not asked about, beside recipients' and this node's own"`
}

type uriblList struct {
	Zone      string   `setting:"zone" json:"zone"`
	Weight    float64  `setting:"weight" json:"weight"`
	Codes     []string `setting:"codes" json:"codes"`
	Enough    bool     `setting:"enough" json:"enough"`
	Ceiling   float64  `setting:"ceiling" json:"ceiling"`
	Addresses bool     `setting:"addresses" json:"addresses"`
	Test      string   `setting:"test" json:"test"`
}

// spared are domains that stand in much of all mail and are on no list.
func spared() []string {
	return []string{
		"w3.org", "google.com", "gstatic.com", "googleapis.com", "googleusercontent.com", "gmail.com", "youtube.com", "microsoft.com", "office.com", "outlook.com",
		"live.com", "hotmail.com", "apple.com", "icloud.com", "yahoo.com", "facebook.com", "instagram.com", "linkedin.com", "twitter.com", "x.com",
		"whatsapp.com", "amazon.com", "adobe.com", "github.com", "mozilla.org", "wikipedia.org", "schema.org", "openxmlformats.org", "orange.fr", "laposte.net",
	}
}

func uriblKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "uribl", Stage: pipeline.Data, Scope: pipeline.PerMessage, Waits: true, Timeout: linksLimit + dnsblTime,
		Results: []pipeline.Result{
			{Word: "listed", Effect: "spam", Doc: "enough lists know one of its domains"},
			{Word: "none", Effect: "none", Doc: "they know none"},
			{Word: "temperror", Effect: "none", Doc: "no list answered validly"},
		},
		Options: func() any {
			return &uriblOptions{Lists: []uriblList{}, Share: dnsbl.DefaultShare, Lookups: 200, Skip: spared()}
		},
		New: func(options any) (pipeline.Filter, error) { return newURIBL(d, *options.(*uriblOptions)) },
	}
}

func newURIBL(d Deps, o uriblOptions) (pipeline.Filter, error) {
	switch {
	case !(o.Share > 0 && o.Share <= 1):
		return nil, fmt.Errorf("share %v is not above 0 and at most 1", o.Share)
	case o.Lookups < 1 || o.Lookups > 1000:
		return nil, fmt.Errorf("max_lookups %d is not between 1 and 1000", o.Lookups)
	}
	f := uribl{resolver: d.Resolver, pictures: d.Pictures, health: d.Lists, share: o.Share, lookups: o.Lookups, skip: map[string]bool{organisation(d.Hostname): true}}
	for _, l := range o.Lists {
		list, err := l.list()
		if err != nil {
			return nil, err
		}
		f.lists = append(f.lists, list)
		if d.Lists != nil {
			d.Lists.Watch(list)
		}
	}
	for _, s := range o.Skip {
		u, ok := link.Parse("http://" + s)
		if domain, is := link.Domain(u.Host); !ok || !is && !u.Addr.IsValid() || is && domain != u.Host {
			return nil, fmt.Errorf("skip_domains: %q is not a registrable domain", s)
		}
		f.skip[u.Host] = true
	}
	f.key = fmt.Sprintf("uribl %v %d %v", f.lists, f.lookups, f.skip)
	return f, nil
}

func (l uriblList) list() (dnsbl.List, error) {
	list, err := dnsbl.NewList(l.Zone, string(dnsbl.Domain), l.Weight, l.Enough, l.Codes)
	if err != nil {
		return list, err
	}
	if !(l.Ceiling >= 0 && l.Ceiling <= 1) {
		return list, fmt.Errorf("list %s: ceiling %v is not between 0 and 1", list.Zone, l.Ceiling)
	}
	if l.Test != "" && !isName(l.Test+".x") {
		return list, fmt.Errorf("list %s: test %q is not a name", list.Zone, l.Test)
	}
	list.Ceiling, list.Addresses, list.Test = l.Ceiling, l.Addresses, strings.ToLower(l.Test)
	return list, nil
}

// A uriblAnswer is what the lists said of a message's hosts.
type uriblAnswer struct {
	hosts    []foundHost // that were asked about
	answers  [][]dnsbl.Answer
	unasked  int
	evidence []pipeline.Evidence
}

// Check implements pipeline.Filter.
func (f uribl) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	if len(f.lists) == 0 {
		return pipeline.Finding{Result: "none", Reason: "no list is asked"}, nil
	}
	a, err := f.answers(ctx, q.Tx)
	if err != nil {
		return pipeline.Finding{}, err
	}
	finding := pipeline.Finding{Result: "none", Reason: "none of its domains is listed", Evidence: a.seen(f.lists)}
	if len(a.hosts) == 0 {
		finding.Reason = "it names no domain to ask about"
		return finding, nil
	}
	told, failed := 0, 0
	for i, h := range a.hosts {
		v := dnsbl.Judge(a.answers[i], f.share)
		switch {
		case v.Listed && finding.Result != "listed":
			finding.Result, finding.Reason = "listed", fmt.Sprintf("%s, in %s, is listed by %s", h.Name, h.Where, zones(v.By, false))
		case v.Told:
			told++
		case v.Errors > 0:
			failed++
		}
	}
	switch {
	case finding.Result == "listed":
	case told == 0 && failed > 0:
		finding.Result, finding.Reason = "temperror", fmt.Sprintf("none of %d lists gave a valid answer", len(f.lists))
	case failed > 0:
		finding.Reason = fmt.Sprintf("not listed, but no list gave a valid answer about %d of %d domains", failed, len(a.hosts))
	}
	return finding, nil
}

// Record implements pipeline.Recorder: what lists said is counted. Of one message no more than one
// failure of each list is: it would be silent at once, were each domain's counted.
func (f uribl) Record(ctx context.Context, q pipeline.Query, _ pipeline.Finding) error {
	if f.health == nil || len(f.lists) == 0 {
		return nil
	}
	a, err := f.answers(ctx, q.Tx)
	if err != nil {
		return err
	}
	failed := map[string]bool{}
	for _, of := range a.answers {
		for _, one := range of {
			if one.State == dnsbl.Error && failed[one.List.Zone] {
				continue
			}
			failed[one.List.Zone] = failed[one.List.Zone] || one.State == dnsbl.Error
			f.health.Note([]dnsbl.Answer{one})
		}
	}
	return nil
}

// answers asks the lists once for a transaction.
func (f uribl) answers(ctx context.Context, tx *pipeline.Transaction) (uriblAnswer, error) {
	return pipeline.Fact(ctx, tx, f.key, timeLeft(ctx), func(ctx context.Context) (a uriblAnswer, err error) {
		l, err := linksFact(ctx, tx, f.pictures)
		if err != nil {
			return a, fmt.Errorf("uribl: %w", err)
		}
		a.hosts = f.subjects(l.Hosts, tx)
		if most := max(1, f.lookups/len(f.lists)); len(a.hosts) > most {
			a.unasked, a.hosts = len(a.hosts)-most, a.hosts[:most]
		}
		a.evidence = l.seen()
		a.answers = f.ask(ctx, a.hosts)
		return a, nil
	})
}

// subjects leaves out who is exempt, and addresses that mean something only here.
func (f uribl) subjects(hosts []foundHost, tx *pipeline.Transaction) (list []foundHost) {
	own := map[string]bool{}
	for _, r := range tx.Envelope.Recipients {
		own[organisation(r.Domain())] = true
	}
	addresses := slices.ContainsFunc(f.lists, func(l dnsbl.List) bool { return l.Addresses })
	for _, h := range hosts {
		switch {
		case f.skip[h.Name] || own[h.Name]:
		case h.Addr.IsValid() && (!addresses || isLocal(h.Addr)):
		default:
			list = append(list, h)
		}
	}
	return list
}

// ask asks the lists that are worth asking about each host.
func (f uribl) ask(ctx context.Context, hosts []foundHost) [][]dnsbl.Answer {
	subjects := make([]dnsbl.Subject, len(hosts))
	for i, h := range hosts {
		if subjects[i].Addr = h.Addr; !h.Addr.IsValid() {
			subjects[i].Domains = []string{h.Name}
		}
	}
	asked, troubles := worthAsking(f.health, f.lists)
	answers := dnsbl.AskEach(ctx, f.resolver, asked, subjects)
	for i, said := range answers {
		answers[i] = amongAll(f.lists, troubles, said)
	}
	return answers
}

// seen tells what was asked and what each list said: its hits, a failure, or that there were none.
func (a uriblAnswer) seen(lists []dnsbl.List) []pipeline.Evidence {
	var names []string
	for _, h := range a.hosts {
		names = append(names, h.Name)
	}
	list := append([]pipeline.Evidence(nil), a.evidence...)
	if len(names) > 0 {
		list = append(list, pipeline.Evidence{Key: "asked", Value: shorten(strings.Join(names, " "))})
	}
	if a.unasked > 0 {
		list = append(list, pipeline.Evidence{Key: "unasked", Value: fmt.Sprintf("%d more: max_lookups", a.unasked)})
	}
	for j, l := range lists {
		counts := map[dnsbl.State]int{}
		for i := range a.hosts {
			one := a.answers[i][j]
			counts[one.State]++
			if (one.State == dnsbl.Hit || one.State == dnsbl.Error && counts[dnsbl.Error] == 1) && len(list) < maxHits {
				list = append(list, pipeline.Evidence{Key: l.Zone, Value: shorten(one.String())})
			}
		}
		if n := counts[dnsbl.Miss]; n > 0 {
			list = append(list, pipeline.Evidence{Key: l.Zone, Value: fmt.Sprintf("%d misses", n)})
		}
		if n := counts[dnsbl.Error]; n > 1 {
			list = append(list, pipeline.Evidence{Key: l.Zone, Value: fmt.Sprintf("%d errors", n)})
		}
	}
	return list
}
