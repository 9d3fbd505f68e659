package filters

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gatepost/internal/link"
	"gatepost/internal/mail"
	"gatepost/internal/picture"
	"gatepost/pipeline"
)

// Bounds of what is gathered of one message's links.
const (
	linksLimit  = picturesLimit + time.Second
	maxMentions = 2000      // names in its text
	maxNamed    = 256 << 10 // octets of text that are searched for them
	maxHosts    = 200       // different registrable domains and addresses
	maxLinks    = mail.MaxURLs + 100
)

// A foundLink is one address in a message, read.
type foundLink struct {
	mail.Link
	Where string     // "html", "text", "picture", "header Reply-To"
	First link.URL   // as it stands there
	Hops  []link.URL // behind redirectors that hold them
	// Domain is the registrable domain of where it leads, "" where that has none.
	Domain string
}

// target returns where a click leads, as far as that can be told.
func (l *foundLink) target() link.URL {
	if n := len(l.Hops); n > 0 {
		return l.Hops[n-1]
	}
	return l.First
}

// A foundHost is a registrable domain, or an IP address, that a message names.
type foundHost struct {
	Name  string // of either
	Addr  netip.Addr
	Where string
}

// messageLinks are all that a message points to.
type messageLinks struct {
	List  []foundLink
	Hosts []foundHost // each once, those first that a reader sees; maxHosts at most
	Cut   string      // what was not looked at, "" where all was
}

// linksKey is the name of linksFact.
const linksKey = "links"

// linksFact reads the links of a message once: those of its HTML, the addresses and names in its
// text, those that QR codes in its images hold, and those of the header fields that a mail
// program acts on. It asks nobody.
func linksFact(ctx context.Context, tx *pipeline.Transaction, r *picture.Reader) (messageLinks, error) {
	if tx.Message == nil {
		return messageLinks{}, errors.New("links: asked before the content is in")
	}
	return pipeline.Fact(ctx, tx, linksKey, linksLimit, func(ctx context.Context) (messageLinks, error) {
		codes, cut := pictureCodes(ctx, tx, r)
		l := readLinks(tx.Message, codes)
		if cut != "" {
			l.Cut = strings.TrimPrefix(l.Cut+"; "+cut, "; ")
		}
		if err := tx.Message.Err(); err != nil {
			return messageLinks{}, fmt.Errorf("links: read message: %w", err)
		}
		return l, nil
	})
}

// pictureCodes returns what the QR codes in the images say, and what could not be read.
func pictureCodes(ctx context.Context, tx *pipeline.Transaction, r *picture.Reader) (codes []string, cut string) {
	if r == nil {
		return nil, ""
	}
	p, err := picturesFact(ctx, tx, r)
	if err != nil {
		return nil, "QR codes: " + err.Error()
	}
	for _, one := range p.list {
		codes = append(codes, one.Codes...)
	}
	return codes, ""
}

// The order in which hosts are kept and asked about: what a reader can follow, what he
// reads, what is loaded, what only his program sees.
const (
	followed = iota
	read
	loaded
	inHeader
	ranks
)

// A linkReader gathers messageLinks.
type linkReader struct {
	list  []foundLink
	hosts [ranks][]foundHost
	seen  [ranks]map[string]bool

	domains link.Domains
}

func readLinks(m *mail.Message, codes []string) messageLinks {
	x := m.Extract()
	r := linkReader{list: make([]foundLink, 0, min(len(x.Links())+len(codes)+2, maxLinks))}
	for _, text := range codes {
		r.link(followed, "picture", mail.Link{URL: text, Kind: mail.LinkOther})
	}
	for _, l := range x.Links() {
		switch l.Kind {
		case mail.LinkPlain:
			r.link(followed, "text", l)
		case mail.LinkImage, mail.LinkOther:
			r.link(loaded, "html", l)
		default:
			r.link(followed, "html", l)
		}
	}
	cut := ""
	switch {
	case x.Cut:
		cut = "the message has more text than was looked at"
	case len(x.Links()) >= mail.MaxURLs:
		cut = "the message has more links than were looked at"
	}
	r.mentions("header Subject", x.Subject)
	if r.mentions("text", x.Text) || r.mentions("text", x.Visible) {
		cut = "the text has more names than were looked at"
	}
	r.header(m.Header())
	hosts := r.all()
	if len(hosts) > maxHosts {
		hosts, cut = hosts[:maxHosts], fmt.Sprintf("%d of %d domains are not looked at", len(hosts)-maxHosts, len(hosts))
	}
	return messageLinks{List: r.list, Hosts: hosts, Cut: cut}
}

// link takes an address, and the hosts of it, of those behind it and of those that stand in
// it. What leads nowhere is dropped.
func (r *linkReader) link(rank int, where string, l mail.Link) {
	u, ok := link.Parse(l.URL)
	if !ok || len(r.list) >= maxLinks {
		return
	}
	f := foundLink{Link: l, Where: where, First: u, Hops: link.Unwrap(u)}
	if host := f.target().Host; host != "" {
		f.Domain, _ = r.domains.Of(host)
	}
	r.list = append(r.list, f)
	for _, hop := range slices.Backward(f.Hops) {
		r.host(rank, where, hop)
	}
	r.host(rank, where, u)
	for _, inside := range link.Embedded(f.target()) {
		r.host(rank, where, inside)
	}
}

// host takes an address's registrable domain, or its IP address.
func (r *linkReader) host(rank int, where string, u link.URL) {
	if u.Host == "" {
		return
	}
	name := u.Host
	if !u.Addr.IsValid() {
		domain, ok := r.domains.Of(u.Host)
		if !ok {
			return
		}
		name = domain
	}
	r.name(rank, foundHost{Name: name, Addr: u.Addr, Where: where})
}

func (r *linkReader) name(rank int, h foundHost) {
	if len(r.hosts[rank]) > maxHosts || r.seen[rank][h.Name] {
		return
	}
	if r.seen[rank] == nil {
		r.seen[rank] = map[string]bool{}
	}
	r.seen[rank][h.Name] = true
	r.hosts[rank] = append(r.hosts[rank], h)
}

// all returns the hosts of all ranks, each where it stands first.
func (r *linkReader) all() (hosts []foundHost) {
	for rank, list := range r.hosts {
		for _, h := range list {
			if !slices.ContainsFunc(r.seen[:rank], func(seen map[string]bool) bool { return seen[h.Name] }) {
				hosts = append(hosts, h)
			}
		}
	}
	return hosts
}

// mentions takes the domains of names and mail addresses in a text, and reports whether
// there is more than was looked at. Addresses with a scheme are among the links already.
func (r *linkReader) mentions(where, text string) (cut bool) {
	if len(text) > maxNamed {
		text, cut = text[:maxNamed], true
	}
	n := 0
	link.Mentions(text, &r.domains, func(m link.Mention) bool {
		if m.Domain != "" {
			r.name(read, foundHost{Name: m.Domain, Where: where})
		}
		n++
		return n < maxMentions
	})
	return cut || n >= maxMentions
}

// header takes what a mail program offers to follow: the addresses of list fields (RFC 2369)
// and where replies go. Whom a message is from is no link; lists of kind domain in the
// entry dnsbl are asked about that.
func (r *linkReader) header(h *mail.Header) {
	if !slices.ContainsFunc(h.Fields, func(f mail.Field) bool {
		return len(f.Name) > 5 && (strings.EqualFold(f.Name[:5], "List-") || strings.EqualFold(f.Name, "Reply-To"))
	}) {
		return
	}
	for _, field := range []string{"List-Unsubscribe", "List-Help", "List-Archive", "List-Post", "List-Owner", "List-Subscribe"} {
		for _, value := range h.All(field) {
			for _, piece := range strings.Split(value, "<")[1:] {
				if address, _, ok := strings.Cut(piece, ">"); ok {
					r.link(inHeader, "header "+field, mail.Link{URL: address, Kind: mail.LinkOther})
				}
			}
		}
	}
	for _, value := range h.All("Reply-To") {
		for _, a := range mail.ParseAddressList(value) {
			if p, ok := a.Path(); ok {
				r.link(inHeader, "header Reply-To", mail.Link{URL: "mailto:" + string(p), Kind: mail.LinkOther})
			}
		}
	}
}

// seen tells what was not looked at.
func (l messageLinks) seen() []pipeline.Evidence {
	if l.Cut == "" {
		return nil
	}
	return []pipeline.Evidence{{Key: "cut", Value: l.Cut}}
}
