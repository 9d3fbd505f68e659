package mail

import (
	"slices"
	"strings"
)

// MaxURLs bounds the links of an Extract, MaxLinkText the text of one, in octets.
const (
	MaxURLs     = 2000
	MaxLinkText = 1 << 10
)

// maxURL bounds one address; what is longer is cut there.
const maxURL = 2 << 10

// A LinkKind says in what a link stands.
type LinkKind uint8

// The kinds of links.
const (
	LinkAnchor  LinkKind = iota // <a href>: a reader may follow it
	LinkArea                    // <area href>, a part of a picture
	LinkImage                   // what is loaded to be shown: <img src>, background=, url() of a style
	LinkForm                    // <form action>, <button formaction>: where what is typed goes
	LinkRefresh                 // <meta http-equiv=refresh>
	LinkPlain                   // found in text, where mail readers make links of addresses
	LinkOther                   // anything else that names an address
)

// followed reports whether a reader, or what he types, goes where such a link leads: there an
// address that holds a whole page ("data:") is more than a picture.
func (k LinkKind) followed() bool {
	return k == LinkAnchor || k == LinkArea || k == LinkForm || k == LinkRefresh
}

// A Link is an address that a message points to or loads from.
type Link struct {
	URL  string // as written, entities decoded, without the line ends that browsers drop; see Extract.Links
	Text string // what a reader sees of an anchor, its pictures' alternative texts too; of other kinds ""
	Kind LinkKind
}

// A Form is a form in HTML: whoever fills it in sends that to Action.
type Form struct {
	Action   string // as written, "" where the form names none
	Password bool   // it asks for a password
}

// maxForms bounds the forms of an Extract.
const maxForms = 100

// Links returns where HTML points to and loads from, with the addresses that it shows
// outside of anchors, and then those in Text, MaxURLs at most. An address comes
// again where its text or kind differ. Relative ones are joined to the document's base,
// if it names one. Text is searched when this is first asked.
func (e *Extract) Links() []Link {
	e.linksOnce.Do(func() { e.links.fromText(e.Text) })
	return e.links.list
}

// URLs returns the addresses of Links, each once.
func (e *Extract) URLs() []string {
	e.urlsOnce.Do(func() {
		seen := make(map[string]bool)
		for _, l := range e.Links() {
			if !seen[l.URL] {
				seen[l.URL] = true
				e.urls = append(e.urls, l.URL)
			}
		}
	})
	return e.urls
}

// A linkSet collects links, each once, in the order met.
type linkSet struct {
	list    []Link
	seen    map[Link]bool
	anchors []span // where in the visible text anchors stand
}

// A span is a piece of a text, from an offset to one.
type span struct{ start, end int }

func (u *linkSet) full() bool { return len(u.list) >= MaxURLs }

// add takes a link, unless it leads nowhere else.
func (u *linkSet) add(l Link) {
	l.URL = linkURL(l.URL)
	if l.URL == "" || l.URL[0] == '#' || u.full() || hasPrefixFold(l.URL, "cid:") || hasPrefixFold(l.URL, "data:") && !l.Kind.followed() || u.seen[l] {
		return
	}
	if u.seen == nil {
		u.seen = make(map[Link]bool)
	}
	u.seen[l] = true
	u.list = append(u.list, l)
}

// linkURL returns an address as browsers read it: without white space around it, and
// without tabs and line ends in it (URL Standard §4.4).
func linkURL(s string) string {
	for s != "" && s[0] <= ' ' {
		s = s[1:]
	}
	for s != "" && s[len(s)-1] <= ' ' {
		s = s[:len(s)-1]
	}
	if strings.IndexByte(s, '\n') >= 0 || strings.IndexByte(s, '\r') >= 0 || strings.IndexByte(s, '\t') >= 0 {
		s = withoutBreaks(s)
	}
	if len(s) > maxURL {
		s = strings.ToValidUTF8(s[:maxURL], "")
	}
	return s
}

// withoutBreaks leaves tabs and line ends out, octet by octet: what is no UTF-8 stays as it is.
func withoutBreaks(s string) string {
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		if c := s[i]; c != '\t' && c != '\r' && c != '\n' {
			b = append(b, c)
		}
	}
	return string(b)
}

// anchor notes where in the visible text an anchor stands.
func (u *linkSet) anchor(start, end int) {
	if start < end && len(u.anchors) < MaxURLs {
		u.anchors = append(u.anchors, span{start, end})
	}
}

// loose returns what of the visible text is in no anchor: the text of an anchor leads
// where the anchor does.
func (u *linkSet) loose(visible string) (pieces []string) {
	slices.SortFunc(u.anchors, func(a, b span) int { return a.start - b.start })
	at := 0
	for _, a := range u.anchors {
		if a.start > at {
			pieces = append(pieces, visible[at:a.start])
		}
		at = max(at, a.end)
	}
	return append(pieces, visible[at:])
}

// fromText finds what mail readers make links of in plain text: "http://…",
// "https://…", "www.…", up to white space or a bracket.
func (u *linkSet) fromText(s string) {
	web, www := -1, -1 // the next of either kind
	for i := 0; !u.full(); {
		if web < i {
			web = nextScheme(s, i)
		}
		if www < i {
			www = nextWWW(s, i)
		}
		i = min(web, www)
		if i == len(s) {
			return
		}
		n := linkStart(s[i:])
		end := strings.IndexAny(s[i:min(len(s), i+maxURL)], " \t\r\n<>\"")
		if end < 0 {
			end = min(len(s)-i, maxURL)
		}
		if link := strings.TrimRight(s[i:i+end], ".,;:!?)]}'*_"); len(link) > n {
			u.add(Link{URL: strings.Clone(link), Kind: LinkPlain}) // not to keep all of a text for it
		}
		i += max(end, n)
	}
}

// nextScheme returns where the next "http://" or "https://" starts in s, from i on, that does
// not stand within a word; len(s) where none does.
func nextScheme(s string, i int) int {
	for at := i; ; at++ {
		n := strings.IndexByte(s[at:], ':')
		if n < 0 {
			return len(s)
		}
		at += n
		if !strings.HasPrefix(s[at:], "://") {
			continue
		}
		start := at - len("http")
		if start > i && s[at-1]|0x20 == 's' {
			start--
		}
		if start >= i && startsLink(s, start) {
			return start
		}
	}
}

// nextWWW is nextScheme for "www.".
func nextWWW(s string, i int) int {
	for at := i; ; at++ {
		n := strings.IndexByte(s[at:], '.')
		if n < 0 {
			return len(s)
		}
		at += n
		if start := at - len("www"); start >= i && startsLink(s, start) {
			return start
		}
	}
}

// startsLink reports whether a link starts at i, and not within a word.
func startsLink(s string, i int) bool { return linkStart(s[i:]) > 0 && (i == 0 || !isAlnum(s[i-1])) }

// linkStart returns the length of what starts a link at the front of s, or 0.
func linkStart(s string) int {
	switch {
	case s[0] != 'h' && s[0] != 'H' && s[0] != 'w' && s[0] != 'W':
		return 0
	case hasPrefixFold(s, "https://"):
		return 8
	case hasPrefixFold(s, "http://"):
		return 7
	case hasPrefixFold(s, "www."):
		return 4
	}
	return 0
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && sameASCII(s[:len(prefix)], prefix)
}

// indexFold returns where an ASCII word first stands in s, in either case, or -1.
func indexFold(s, word string) int {
	first := word[0]
	for i := 0; i+len(word) <= len(s); i++ {
		if !isLatin(first) {
			n := strings.IndexByte(s[i:], first)
			if n < 0 {
				return -1
			}
			i += n
		}
		if hasPrefixFold(s[i:], word) {
			return i
		}
	}
	return -1
}
