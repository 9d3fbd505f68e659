package link

import (
	"encoding/base64"
	"strings"
)

// MaxHops is how many redirectors one behind the other are unwrapped.
const MaxHops = 5

// A redirector is a place that sends who comes to the address that its own holds.
type redirector struct {
	path   string   // what its path begins with
	params []string // of the query, the first that is there counts
	decode func(u URL, param string) string
}

// Unwrap returns the addresses behind one by redirectors that are known to hold them in
// their own, outermost first; the last is where a click leads, as far as that can be told
// without asking. Empty: u is no such redirector.
func Unwrap(u URL) (hops []URL) {
	for len(hops) < MaxHops {
		next, ok := behind(u)
		if !ok {
			return hops
		}
		hops = append(hops, next)
		u = next
	}
	return hops
}

// behind returns the address that a redirector holds.
func behind(u URL) (URL, bool) {
	if !u.IsWeb() {
		return URL{}, false
	}
	if text := mirrored(u); text != "" {
		return target(text)
	}
	for host := u.Host; strings.Contains(host, "."); {
		for _, r := range redirectors[host] {
			if !strings.HasPrefix(u.Path, r.path) {
				continue
			}
			if next, ok := target(r.read(u)); ok {
				return next, true
			}
		}
		_, host, _ = strings.Cut(host, ".")
	}
	return URL{}, false
}

// target reads what a redirector holds, and lets no other than web addresses pass.
func target(text string) (URL, bool) {
	if text == "" {
		return URL{}, false
	}
	u, ok := Parse(text)
	return u, ok && u.IsWeb()
}

// read returns the text of the address that the redirector holds, "" where there is none.
func (r redirector) read(u URL) string {
	if len(r.params) == 0 {
		return r.decode(u, "")
	}
	value := ""
	for _, name := range r.params {
		if value = param(u.Query, name); value != "" {
			break
		}
	}
	if value == "" || r.decode == nil {
		return value
	}
	return r.decode(u, value)
}

// param returns the first value of a query's parameter, decoded; names are compared in
// either case.
func param(query, name string) string {
	for len(query) > 0 {
		pair := query
		if i := strings.IndexAny(query, "&;"); i >= 0 {
			pair, query = query[:i], query[i+1:]
			pair = strings.TrimPrefix(pair, "amp;")
		} else {
			query = ""
		}
		key, value, _ := strings.Cut(pair, "=")
		if strings.EqualFold(key, name) && value != "" {
			value, _ = unescape(strings.ReplaceAll(value, "+", " "))
			return value
		}
	}
	return ""
}

// Embedded returns the addresses that stand in the path or query of any address, whoever
// follows them: a redirector that nobody knows yet, or a page that is told where it was come
// from. At most MaxHops.
func Embedded(u URL) (list []URL) {
	if len(u.Path)+len(u.Query) < len("/http://a.bc") {
		return nil
	}
	if !mayEmbed(u.Path) && !mayEmbed(u.Query) {
		return nil
	}
	text := u.Path + "?" + u.Query
	for range 3 { // addresses in addresses are escaped twice
		for rest := text; len(list) < MaxHops; {
			i := httpIn(rest)
			if i < 0 {
				break
			}
			end := strings.IndexAny(rest[i:], "&<>\"' \t")
			if end < 0 {
				end = len(rest) - i
			}
			if next, ok := Parse(rest[i : i+end]); ok {
				list = append(list, next)
			}
			rest = rest[i+4:]
		}
		plain, _ := unescape(text)
		if plain == text || len(list) > 0 {
			break
		}
		text = plain
	}
	return list
}

// mayEmbed reports whether an address can stand in s, plainly or escaped.
func mayEmbed(s string) bool {
	return strings.IndexByte(s, '%') >= 0 || strings.Contains(s, "://")
}

// httpIn returns where "http://" or "https://" stands in s, or -1.
func httpIn(s string) int {
	for from := 0; ; {
		i := strings.Index(s[from:], "://")
		if i < 0 {
			return -1
		}
		i += from
		for _, scheme := range []string{"https", "http"} {
			if start := i - len(scheme); start >= 0 && strings.EqualFold(s[start:i], scheme) {
				return start
			}
		}
		from = i + 3
	}
}

// IsShortener reports whether a host only sends on to elsewhere, by a table of its own: where
// to can't be known without asking it.
func IsShortener(host string) bool {
	switch strings.TrimPrefix(host, "www.") {
	case "t.co", "bit.ly", "bitly.com", "j.mp", "goo.gl", "ow.ly", "tinyurl.com", "is.gd", "v.gd", "buff.ly", "rebrand.ly", "lnkd.in",
		"cutt.ly", "shorturl.at", "t.ly", "rb.gy", "tiny.cc", "s.id", "fb.me", "youtu.be", "amzn.to", "ift.tt", "dlvr.it", "trib.al",
		"soo.gd", "bl.ink", "short.io", "urlz.fr", "shrtco.de", "tr.im", "su.pr", "cli.gs", "snipurl.com", "snurl.com", "zpr.io", "qrco.de",
		"me-qr.com", "q-r.to", "shorturl.com", "urls.fr", "u.to", "clck.ru", "x.co", "aka.ms", "g.co", "msft.it", "mcaf.ee":
		return true
	}
	return false
}

// base64Text decodes base64 of either alphabet, padded or not; "" where it is none.
func base64Text(s string) string {
	s = strings.NewReplacer("-", "+", "_", "/", " ", "+").Replace(strings.TrimRight(s, "="))
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return ""
	}
	return string(b)
}
