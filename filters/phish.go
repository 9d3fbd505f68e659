package filters

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gatepost/internal/link"
	"gatepost/internal/mail"
	"gatepost/internal/picture"
	"gatepost/pipeline"
)

// phish looks for what mail does that wants to be taken for somebody else's, and gives points
// for each kind of trick that it finds: a link whose text shows another domain than it leads
// to, redirectors unwrapped; a host that resembles a protected name, or the recipient's own
// domain, at a glance (letters of other alphabets, digits, rn for m), by one letter, or by holding it;
// a host whose labels mix alphabets as no language does; a form that asks for a password; a protected
// name as the author's display name from elsewhere; links that run a script or hold a whole page;
// something before the host and an "@"; links to bare IP addresses; hosts that are written so as
// not to be read. Links in QR codes are looked at, too. Links through a newsletter's counter
// of clicks are no trick: where the author, or the domain shown, is authenticated (SPF, DKIM), another
// domain counts only if what the text shows is protected, and little if a counter that many use comes between. Of shorteners (t.co) it
// is not known where they lead. `protected` adds names, each with the domains that are its
// own; `brands: false` takes out those that are built in. A trick whose score is 0 is only noted.
type phish struct {
	resolver  Resolver
	pictures  *picture.Reader
	names     *link.Names
	brands    map[string]brand // by what is left of a display name
	recipient bool
	owns      *ownNames
	scores    [tricks]float64
}

type phishOptions struct {
	Protected []protectedName `setting:"protected" doc:"further names to protect, each with name, domains (registrable, its own) and common (false: true where the name is an everyday word)"`
	Brands    bool            `setting:"brands" doc:"protect the names that phishing bears most: banks, carriers, providers; see the source"`
	Recipient bool            `setting:"recipient" doc:"protect the recipient's own domain, too"`

	OtherDomain  float64 `setting:"other_domain" doc:"score of a text that shows another domain than the link leads to"`
	OtherByCount float64 `setting:"other_by_counter" doc:"the same, where the link leads to a counter of clicks, and nobody is authenticated"`
	OtherIsBrand float64 `setting:"other_protected" doc:"the same, where the domain shown is protected"`
	CountedBrand float64 `setting:"protected_by_counter" doc:"the same, where the author is authenticated, and the link leads to a known counter of clicks"`
	Confusable   float64 `setting:"confusable" doc:"score of a host that looks the same as a protected one, or begins with it"`
	Near         float64 `setting:"near" doc:"score of a host that is one letter away from a protected one"`
	Part         float64 `setting:"part" doc:"score of a host that holds a protected name as a word"`
	Alphabets    float64 `setting:"alphabets" doc:"score of a host that mixes alphabets"`
	Form         float64 `setting:"form" doc:"score of a form that asks for a password"`
	Author       float64 `setting:"author" doc:"score of a protected name as display name from elsewhere"`
	Script       float64 `setting:"script" doc:"score of a link that runs a script or holds a page (javascript:, data:)"`
	UserInfo     float64 `setting:"user_info" doc:"score of a link with something before its host and an @"`
	Address      float64 `setting:"address" doc:"score of a link to a public IP address"`
	Unreadable   float64 `setting:"unreadable" doc:"score of a host written in percent signs, numbers, odd dots, with invisible characters"`
}

// A trick is one of the ways to deceive.
type trick int

const (
	otherDomain trick = iota
	otherByCounter
	otherProtected
	protectedByCounter
	confusable
	nearName
	partOfName
	alphabets
	passwordForm
	brandAuthor
	scriptLink
	userInfo
	bareAddress
	unreadableHost
	tricks
)

// String returns the trick's word in evidence, which is the setting of its score.
func (t trick) String() string {
	return [...]string{
		"other_domain", "other_by_counter", "other_protected", "protected_by_counter", "confusable", "near", "part", "alphabets", "form", "author", "script", "user_info",
		"address", "unreadable",
	}[t]
}

func defaultPhish() *phishOptions {
	return &phishOptions{
		Protected: []protectedName{}, Brands: true, Recipient: true,
		OtherDomain: 2, OtherIsBrand: 5, CountedBrand: 1, Confusable: 4, Near: 2, Part: 1, Alphabets: 3, Form: 3, Author: 3,
		Script: 3, UserInfo: 2, Address: 1, Unreadable: 2,
	}
}

func phishKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "phish", Stage: pipeline.Data, Scope: pipeline.PerDomain, Waits: true, Timeout: linksLimit + spfLimit + dkimLimit + time.Second,
		Results: []pipeline.Result{
			{Word: "tricks", Effect: "score", Doc: "it does what phishing does; the score is the sum of the tricks'"},
			{Word: "none", Effect: "none", Doc: "it does nothing of the kind"},
		},
		Options: func() any { return defaultPhish() },
		New:     func(options any) (pipeline.Filter, error) { return newPhish(d, *options.(*phishOptions)) },
	}
}

func newPhish(d Deps, o phishOptions) (pipeline.Filter, error) {
	f := phish{resolver: d.Resolver, pictures: d.Pictures, recipient: o.Recipient, owns: &ownNames{}, scores: [tricks]float64{
		o.OtherDomain, o.OtherByCount, o.OtherIsBrand, o.CountedBrand, o.Confusable, o.Near, o.Part, o.Alphabets, o.Form, o.Author, o.Script, o.UserInfo, o.Address, o.Unreadable,
	}}
	for t, score := range f.scores {
		if !(score >= 0 && score <= 100) {
			return nil, fmt.Errorf("%s %v is not between 0 and 100", trick(t), score)
		}
	}
	protected := slices.Clone(o.Protected)
	if o.Brands {
		protected = append(protected, brands()...)
	}
	var names []link.Name
	for _, p := range protected {
		names = append(names, p.name())
	}
	var err error
	if f.names, err = link.NewNames(names); err != nil {
		return nil, err
	}
	f.brands = brandsOf(protected)
	return f, nil
}

// ownNames are recipients' own domains, ready to compare with.
type ownNames struct {
	mu    sync.Mutex
	names map[string]*link.Names
}

// maxOwn bounds the domains that are kept ready.
const maxOwn = 1000

func (o *ownNames) of(domain string) (*link.Names, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := o.names[domain]; n != nil {
		return n, nil
	}
	n, err := link.NewNames([]link.Name{{Text: domain, Domains: []string{domain}}})
	if err != nil {
		return nil, err
	}
	if o.names == nil || len(o.names) >= maxOwn {
		o.names = map[string]*link.Names{}
	}
	o.names[domain] = n
	return n, nil
}

// A caught is one instance of a trick.
type caught struct {
	trick trick
	text  string
}

// Check implements pipeline.Filter.
func (f phish) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	links, err := linksFact(ctx, q.Tx, f.pictures)
	if err != nil {
		return pipeline.Finding{}, fmt.Errorf("phish: %w", err)
	}
	c := phishing{phish: f, query: q, links: links}
	home, _ := link.Parse("http://" + q.Domain)
	if own, ok := link.Domain(home.Host); ok && f.recipient {
		c.own = own
		if c.ownNames, err = f.owns.of(own); err != nil {
			return pipeline.Finding{}, fmt.Errorf("phish: %w", err)
		}
	}
	for _, look := range []func(context.Context) error{c.texts, c.hosts, c.forms, c.authors, c.addresses} {
		if err := look(ctx); err != nil {
			return pipeline.Finding{}, fmt.Errorf("phish: %w", err)
		}
	}
	return c.finding(), nil
}

// A phishing is the work on one message.
type phishing struct {
	phish
	query    pipeline.Query
	links    messageLinks
	own      string // the recipient's registrable domain, where that is protected
	ownNames *link.Names
	list     []caught
	proof    *proven
	leads    map[string]int // links to each domain, nil until asked for; see countLinks
	leading  int            // all links
}

// maxFound bounds the instances of one trick that are kept.
const maxFound = 3

func (c *phishing) add(t trick, format string, args ...any) {
	f := caught{t, shorten(fmt.Sprintf(format, args...))}
	n := 0
	for _, known := range c.list {
		if known == f {
			return
		}
		if known.trick == t {
			n++
		}
	}
	if n < maxFound {
		c.list = append(c.list, f)
	}
}

// finding sums up: each trick counts once, and of those about one and the same the
// strongest alone.
func (c *phishing) finding() pipeline.Finding {
	out := pipeline.Finding{Result: "none", Evidence: c.links.seen()}
	if len(c.list) == 0 {
		return out
	}
	slices.SortStableFunc(c.list, func(a, b caught) int { return cmp.Compare(c.scores[b.trick], c.scores[a.trick]) })
	var counted []trick
	for _, f := range c.list {
		if c.scores[f.trick] > 0 && !slices.ContainsFunc(counted, func(t trick) bool { return t.group() == f.trick.group() }) {
			counted = append(counted, f.trick)
			out.Score += c.scores[f.trick]
			out.Evidence = append(out.Evidence, pipeline.Evidence{Key: f.trick.String(), Value: fmt.Sprintf("%+.4g %s", c.scores[f.trick], f.text)})
			continue
		}
		out.Evidence = append(out.Evidence, pipeline.Evidence{Key: f.trick.String(), Value: f.text})
	}
	if out.Score == 0 {
		return out
	}
	out.Result, out.Reason = "tricks", c.list[0].text
	if n := len(counted) - 1; n > 0 {
		out.Reason += fmt.Sprintf(", and %d more", n)
	}
	return out
}

// group is the same of tricks of which the strongest counts alone.
func (t trick) group() trick {
	switch t {
	case otherByCounter, otherProtected, protectedByCounter:
		return otherDomain
	case nearName, partOfName:
		return confusable
	}
	return t
}

// A proven is who has proven to have sent the message.
type proven struct {
	domains []string
	failed  bool // it could not be told of all
}

// proves reports whether the message comes from a host's organisation, or a customer of it.
func (p *proven) proves(host string) bool {
	return slices.ContainsFunc(p.domains, func(d string) bool { return aligned(d, host) })
}

// sender finds out once who has proven to have sent the message, and only where that matters: it
// may have to ask the DNS.
func (c *phishing) sender(ctx context.Context) (*proven, error) {
	if c.proof != nil {
		return c.proof, nil
	}
	tx := c.query.Tx
	p := &proven{}
	if login := tx.Client.Login.Domain(); login != "" {
		p.domains = append(p.domains, login)
	}
	byPath, err := spfFact(ctx, tx, c.resolver)
	if err != nil {
		return nil, err
	}
	if byPath.Result == "pass" {
		p.domains = append(p.domains, byPath.Domain)
	}
	signed, err := dkimFact(ctx, tx, c.resolver)
	if err != nil {
		return nil, err
	}
	for _, s := range signed.Signatures {
		if s.Result == "pass" {
			p.domains = append(p.domains, s.Domain)
		}
	}
	p.failed = byPath.Result == "temperror" || signed.Result == "temperror"
	c.proof = p
	return p, nil
}

// owns reports whether a host's organisation, and not one of its customers, has proven the
// message.
func (p *proven) owns(host string) bool {
	return slices.ContainsFunc(p.domains, func(d string) bool { return !isShared(d) && aligned(d, host) })
}

// isProtected returns whose a host is that others pretend to be.
func (c *phishing) isProtected(host string) (name string, ok bool) {
	if c.own != "" && link.Same(c.own, host) {
		return c.own, true
	}
	return c.names.Owner(host)
}

// forms looks for forms that ask for a password: nobody honest has one in a mail.
func (c *phishing) forms(context.Context) error {
	for _, form := range c.query.Tx.Message.Extract().Forms {
		if form.Password {
			c.add(passwordForm, "a form asks for a password, to be sent to %s", cmp.Or(shown(form.Action), "nowhere that it names"))
		}
	}
	return nil
}

// shown is an address as evidence has it.
func shown(address string) string {
	if u, ok := link.Parse(address); ok && u.IsWeb() {
		return link.Readable(u.Host)
	}
	return strings.ToValidUTF8(address[:min(len(address), 80)], "")
}

// isScript reports whether an address runs a script, or holds a whole page.
func isScript(u link.URL) bool {
	switch u.Scheme {
	case "javascript", "vbscript", "jscript", "livescript", "mocha":
		return true
	case "data":
		kind := strings.ToLower(u.Path[:min(len(u.Path), 64)])
		return slices.ContainsFunc([]string{"text/html", "application/xhtml", "image/svg", "text/xml", "application/javascript", "text/javascript"}, func(s string) bool {
			return strings.HasPrefix(kind, s)
		})
	}
	return false
}

// isFollowed reports whether a reader may come to where a link leads, and not only his
// program.
func isFollowed(l *foundLink) bool {
	return l.Where != "html" && !strings.HasPrefix(l.Where, "header ") || l.Where == "html" && l.Kind != mail.LinkImage && l.Kind != mail.LinkOther
}
