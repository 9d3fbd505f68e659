package safe

import (
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/idna"
)

// maxShown is how much of an address is written behind its host; all of it, up to
// maxValue, is in the title.
const maxShown = 80

// target writes where a link leads, its host marked: what deceives is the rest. Where the
// text of the link names another host it is marked as false.
func target(word, address, text string) string {
	before, host, after := parts(address)
	if before+host+after == "" || strings.HasPrefix(before, "#") {
		return ""
	}
	class := "to"
	if claimed := claim(text); claimed != "" && !sameSite(claimed, host) {
		class = "to false"
	}
	whole := Line(before + host + after)
	s := ` <span class="` + class + `" title="` + escape(whole) + `">` + escape(word) + ` <bdi dir="ltr">`
	s += escape(Line(clip(before, 255)))
	if host != "" {
		s += `<b>` + escape(Line(clip(host, 255))) + `</b>`
	}
	return s + escape(Line(clip(after, maxShown))) + `</bdi></span>`
}

// parts cuts an address around its host, read as browsers read it: blanks and line ends
// go, a backslash is a slash, what stands before an "@" is no host. Hosts are A-labels,
// in which letters of other scripts can't pass for Latin ones. The host is "" where the
// address has none.
func parts(address string) (before, host, after string) {
	address = strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' {
			return -1
		}
		return r
	}, strings.Trim(clip(address, maxValue), "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f "))
	scheme, rest, ok := strings.Cut(address, ":")
	switch {
	case strings.HasPrefix(address, "//") || strings.HasPrefix(address, `\\`):
		scheme, rest = "", address
	case !ok || strings.ContainsAny(scheme, `/\?#`):
		return address, "", ""
	default:
		switch strings.ToLower(scheme) {
		case "http", "https", "ftp":
		case "mailto":
			return mailbox(scheme, rest)
		default:
			return address, "", ""
		}
		scheme += ":"
	}
	rest = strings.TrimLeft(rest, `/\`)
	end := strings.IndexAny(rest, `/\?#`)
	if end < 0 {
		end = len(rest)
	}
	authority, after := rest[:end], rest[end:]
	at := strings.LastIndexByte(authority, '@') + 1
	return scheme + "//" + authority[:at], ascii(authority[at:]), after
}

// mailbox cuts "mailto:ann@example.org?subject=…": the domain is what counts.
func mailbox(scheme, rest string) (before, host, after string) {
	address, query, ok := strings.Cut(rest, "?")
	if ok {
		after = "?" + query
	}
	at := strings.LastIndexByte(address, '@') + 1
	if at == 0 {
		return scheme + ":" + address, "", after
	}
	return scheme + ":" + address[:at], ascii(address[at:]), after
}

// ascii returns a host in lower-case A-labels, as it is where it can't be. Browsers
// undo the escapes in a host first.
func ascii(host string) string {
	if plain, err := url.PathUnescape(host); err == nil {
		host = plain
	}
	name, port, _ := strings.Cut(host, ":")
	if a, err := idna.Lookup.ToASCII(name); err == nil && port == "" {
		return a
	}
	if a, err := idna.Punycode.ToASCII(strings.ToLower(name)); err == nil {
		host = a + host[len(name):]
	}
	return host
}

// claim returns the host that the text of a link seems to name, "" where it names none:
// text that is an address or a domain and nothing else.
func claim(text string) string {
	var b strings.Builder
	for z := html.NewTokenizer(strings.NewReader(text)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return claimed(b.String())
		case html.TextToken:
			b.Write(z.Text())
		}
		if b.Len() > 512 {
			return ""
		}
	}
}

func claimed(text string) string {
	text = strings.TrimSpace(text)
	if text == "" || strings.ContainsAny(text, " \n\t\u00a0") {
		return ""
	}
	if _, host, _ := parts(text); host != "" {
		return host
	}
	_, host, _ := parts("//" + text)
	if !strings.Contains(host, ".") || strings.ContainsAny(host, "()[]{},;!…") || strings.HasSuffix(host, ".") {
		return ""
	}
	return host
}

// sameSite reports whether one host is the other or below it.
func sameSite(a, b string) bool {
	a, b = strings.TrimPrefix(strings.ToLower(a), "www."), strings.TrimPrefix(strings.ToLower(b), "www.")
	return a == b || strings.HasSuffix(a, "."+b) || strings.HasSuffix(b, "."+a)
}
