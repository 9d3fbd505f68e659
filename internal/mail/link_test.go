package mail

import (
	"slices"
	"strings"
	"testing"
)

// plainLinks are the links of a text, found octet by octet.
func plainLinks(s string) (list []string) {
	for i := 0; i < len(s); {
		n := linkStart(s[i:])
		if n == 0 || i > 0 && isAlnum(s[i-1]) {
			i++
			continue
		}
		end := strings.IndexAny(s[i:min(len(s), i+maxURL)], " \t\r\n<>\"")
		if end < 0 {
			end = min(len(s)-i, maxURL)
		}
		if link := strings.TrimRight(s[i:i+end], ".,;:!?)]}'*_"); len(link) > n && !slices.Contains(list, link) {
			list = append(list, link)
		}
		i += max(end, n)
	}
	return list
}

// FuzzFromText: the links of a text are those that are found octet by octet.
func FuzzFromText(f *testing.F) {
	for _, s := range []string{
		"", "http://a", "xhttp://a", "HTTPS://a www.b (www.c) wwww.d Www.e.", "see www.a http://b/www.c http://www.d", "https://", "http://", "www.", "://a", "s://b", "ps://c", "hhttps://d",
		"httphttp://a", "httpshttps://b", "http:/a http//b http:c www,d", "http://a\x00b http://\x7fc", "www.http://a", "http://http://a", "-www.a _http://b .www.c", "www.\nwww.a", "http://\nhttp://a",
		strings.Repeat("http://a", 300) + " www.b", "www.a" + strings.Repeat(".", maxURL) + "www.c", "\xffwww.a éhttp://b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var u linkSet
		u.fromText(s)
		var got []string
		for _, l := range u.list {
			got = append(got, l.URL)
		}
		var want linkSet
		for _, l := range plainLinks(s) {
			want.add(Link{URL: l, Kind: LinkPlain})
		}
		if len(want.list) < MaxURLs && !slices.EqualFunc(want.list, got, func(l Link, s string) bool { return l.URL == s }) {
			t.Errorf("%q: got %q, want %+v", s, got, want.list)
		}
	})
}

// TestLinkURL: an address is read as browsers do, and what is no UTF-8 in it stays as it is.
func TestLinkURL(t *testing.T) {
	for in, want := range map[string]string{
		" \thttp://a.example/b\r\n":   "http://a.example/b",
		"http://a.exa\r\n\tmple/b":    "http://a.example/b",
		"http://a.example/\xff\n\xc3": "http://a.example/\xff\xc3",
		"\n":                          "",
	} {
		if got := linkURL(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
