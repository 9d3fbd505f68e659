package filters

import (
	"context"
	"strings"

	"gatepost/internal/link"
	"gatepost/internal/mail"
)

// texts compares what links show with where they lead.
func (c *phishing) texts(ctx context.Context) error {
	for _, l := range c.links.List {
		if l.Kind != mail.LinkAnchor && l.Kind != mail.LinkArea || l.Text == "" {
			continue
		}
		target := l.target()
		if !target.IsWeb() || l.Domain == "" && isLocal(target.Addr) {
			continue // nobody can be there, or it is not for us to say
		}
		if m, ok := c.elsewhere(l, target); ok {
			if err := c.judge(ctx, l, m, target); err != nil {
				return err
			}
		}
	}
	return nil
}

// elsewhere returns the host that a link's text shows where none that it shows is the one
// that it leads to.
func (c *phishing) elsewhere(l foundLink, target link.URL) (first link.Mention, ok bool) {
	for _, m := range link.Shown(l.Text) {
		if m.Address || m.Bare && isFileOf(m.URL, l) {
			continue
		}
		if c.same(m, target) {
			return m, false
		}
		if !ok {
			first, ok = m, true
		}
	}
	return first, ok
}

// same reports whether what a text shows leads where the link does, or to the same owner.
func (c *phishing) same(m link.Mention, target link.URL) bool {
	if link.Same(m.Host, target.Host) {
		return true
	}
	if u, ok := link.Parse(m.URL); ok {
		if hops := link.Unwrap(u); len(hops) > 0 && link.Same(hops[len(hops)-1].Host, target.Host) {
			return true
		}
	}
	shown, ok := c.names.Owner(m.Host)
	owner, also := c.names.Owner(target.Host)
	return ok && also && shown == owner
}

// isFileOf reports whether a name is that of a file in the link's address.
func isFileOf(name string, l foundLink) bool {
	for _, u := range append([]link.URL{l.First}, l.Hops...) {
		if strings.Contains(strings.ToLower(u.Path+"?"+u.Query), strings.ToLower(name)) {
			return true
		}
	}
	return false
}

// judge weighs a link whose text shows another host. Newsletters lead through counters of
// clicks: that is no trick of who has proven to be the author, or to be whom the text shows, and
// little of one where the text shows a protected name: many mention their page at such.
func (c *phishing) judge(ctx context.Context, l foundLink, m link.Mention, target link.URL) error {
	p, err := c.sender(ctx)
	if err != nil {
		return err
	}
	name, protected := c.isProtected(m.Host)
	protected = protected && !link.IsShortener(m.Host) // who reads a shortener's name expects anybody
	counter := link.IsCounter(target.Host)
	counted := counter || link.IsShortener(target.Host) || c.countsAll(target.Host)
	text := "a link shows " + link.Readable(m.Host) + " and leads to " + link.Readable(target.Host)
	switch {
	case p.owns(m.Host):
	case p.failed:
		c.add(otherByCounter, "%s; who sent it can't be told now", text)
	case protected && counter && c.authorProven(p):
		c.add(protectedByCounter, "%s, which may count clicks and is not %s's", text, name)
	case protected:
		c.add(otherProtected, "%s, which is not %s's", text, name)
	case c.authorProven(p) && (counted || p.proves(target.Host)):
	case counted:
		c.add(otherByCounter, "%s, which may count clicks", text)
	default:
		c.add(otherDomain, "%s", text)
	}
	return nil
}

// Where so many of the links in a message lead to one host, it counts clicks.
const (
	countedLinks = 4
	countedShare = 0.7
)

// countsAll reports whether nearly all links of the HTML lead to the host's domain.
func (c *phishing) countsAll(host string) bool {
	if c.leads == nil {
		c.countLinks()
	}
	domain, _ := link.Domain(host)
	there := c.leads[domain]
	return there >= countedLinks && float64(there) >= countedShare*float64(c.leading)
}

// countLinks counts, once, how many links lead to each domain, through redirectors or at once.
func (c *phishing) countLinks() {
	c.leads = map[string]int{}
	for _, l := range c.links.List {
		if l.Kind != mail.LinkAnchor && l.Kind != mail.LinkArea || !l.First.IsWeb() {
			continue
		}
		c.leading++
		first, _ := link.Domain(l.First.Host)
		c.leads[first]++
		if l.Domain != first {
			c.leads[l.Domain]++
		}
	}
	delete(c.leads, "")
}

// authorProven reports whether the author's domain has proven the message.
func (c *phishing) authorProven(p *proven) bool {
	domains := authorDomains(c.query.Tx.Message)
	for _, d := range domains {
		if !p.proves(d) {
			return false
		}
	}
	return len(domains) > 0
}

// hosts looks at the hosts themselves, of what a reader can follow, and of the author.
func (c *phishing) hosts(ctx context.Context) error {
	known := map[string]bool{"": true}
	for i := range c.links.List {
		if l := &c.links.List[i]; isFollowed(l) { // those before are redirectors that we know
			if err := c.host(ctx, l.target().Host, l.Domain, known); err != nil {
				return err
			}
		}
	}
	for _, d := range authorDomains(c.query.Tx.Message) {
		if u, ok := link.Parse("http://" + d); ok {
			domain, _ := link.Domain(u.Host)
			if err := c.host(ctx, u.Host, domain, known); err != nil {
				return err
			}
		}
	}
	return nil
}

// host looks at a host once.
func (c *phishing) host(ctx context.Context, host, domain string, known map[string]bool) error {
	if known[host] {
		return nil
	}
	known[host] = true
	if why := link.Disguise(host); why != "" {
		c.add(alphabets, "%s: %s", link.Readable(host), why)
	}
	return c.resembles(ctx, host, domain)
}

// resembles looks whom a host is like. Who is proven to be that one may use what he likes.
func (c *phishing) resembles(ctx context.Context, host, domain string) error {
	like, ok := c.names.LikeOf(host, domain)
	if !ok && c.own != "" {
		like, ok = c.ownNames.LikeOf(host, domain)
		ok = ok && like.Kind != link.Part // others bear a name like "mairie" rightly
	}
	if !ok {
		return nil
	}
	p, err := c.sender(ctx)
	if err != nil {
		return err
	}
	for _, d := range p.domains {
		if name, ok := c.isProtected(d); ok && name == like.Name && !isShared(d) {
			return nil
		}
	}
	switch like.Kind {
	case link.Confusable:
		c.add(confusable, "%s looks like %s", like.Whole, like.Like)
	case link.Within:
		c.add(confusable, "%s begins with %s", like.Whole, like.Like)
	case link.Near:
		c.add(nearName, "%s is nearly %s", like.Whole, like.Like)
	case link.Part:
		c.add(partOfName, "%s holds the name %s", like.Whole, like.Like)
	}
	return nil
}

// oddHost is how no honest program writes a host.
const oddHost = link.Escaped | link.Invisible | link.OddDots | link.Numeric | link.Folded | link.Backslash

// addresses looks at how addresses are written.
func (c *phishing) addresses(context.Context) error {
	for i := range c.links.List {
		l := &c.links.List[i]
		if !isFollowed(l) {
			continue
		}
		target := l.target()
		if isScript(l.First) {
			c.add(scriptLink, "a link is a script or a page of its own: %s:", l.First.Scheme)
		}
		if !l.First.IsWeb() || l.First.Scheme == "ftp" {
			continue
		}
		if l.First.Quirks.Has(link.Password) {
			c.add(userInfo, "a link shows %q before its host %s", shown(l.First.User), link.Readable(l.First.Host))
		}
		if odd := l.First.Quirks & oddHost; odd != 0 {
			c.add(unreadableHost, "a link's host %s is written with %s", link.Readable(l.First.Host), strings.Join(odd.Names(), ", "))
		}
		if target.Addr.IsValid() && !isLocal(target.Addr) {
			c.add(bareAddress, "a link leads to the address %s", target.Addr)
		}
	}
	return nil
}
