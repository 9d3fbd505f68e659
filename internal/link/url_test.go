package link

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	cases := []struct{ name, in, want, quirks string }{
		{"plain", "http://www.example.org/a?b=c#d", "http://www.example.org/a?b=c#d", ""},
		{"upper case", "HTTPS://WWW.Example.ORG/A", "https://www.example.org/A", ""},
		{"no scheme", "www.example.org/a", "http://www.example.org/a", "no scheme"},
		{"bare", "example.org", "http://example.org", "no scheme"},
		{"scheme of the page", "//example.org/a", "http://example.org/a", "no scheme"},
		{"relative", "/a/b.html", "", ""},
		{"file", "logo.gif", "", ""},
		{"fragment", "#top", "", ""},
		{"one word", "localhost", "", ""},
		{"port without scheme", "example.org:8080/a", "http://example.org:8080/a", "no scheme"},
		{"empty", "", "", ""},
		{"white space around", "  http://example.org/ \n", "http://example.org/", ""},
		{"line ends inside", "ht\ntp://exa\tmple.org/a\r\nb", "http://example.org/ab", "line ends inside"},
		{"backslashes", `http:\\example.org\a`, "http://example.org/a", "backslashes"},
		{"backslash ends the host", `http://evil.example\@paypal.com/`, "http://evil.example/@paypal.com/", ""},
		{"many slashes", "http:////example.org/", "http://example.org/", ""},
		{"no slashes", "http:example.org/", "http://example.org/", ""},
		{"user-info", "http://paypal.com@evil.example/", "http://paypal.com@evil.example/", "user-info"},
		{"user-info with at", "http://a@b@evil.example/", "http://a@b@evil.example/", "user-info"},
		{"user and password", "http://www.paypal.com:login@evil.example", "http://www.paypal.com:login@evil.example", "user-info"},
		{"at in the path", "http://example.org/@ann", "http://example.org/@ann", ""},
		{"at behind a question mark", "http://evil.example?@paypal.com", "http://evil.example?@paypal.com", ""},
		{"escaped host", "http://%65vil%2eexample/", "http://evil.example/", "percent signs"},
		{"escaped slash in the host", "http://evil%2fexample.org/", "", ""},
		{"half escaped host", "http://e%vil.example/", "", ""},
		{"umlaut", "http://Bücher.example/", "http://xn--bcher-kva.example/", "other alphabet"},
		{"punycode", "http://XN--bcher-kva.example/", "http://xn--bcher-kva.example/", "other alphabet"},
		{"full width", "http://ｅｘａｍｐｌｅ.org/", "http://example.org/", "letters that stand for others"},
		{"circles", "http://ⓔxample.org/", "http://example.org/", "letters that stand for others"},
		{"ideographic dot", "http://evil。example/", "http://evil.example/", "odd dots"},
		{"half-width dot", "http://evil｡example/", "http://evil.example/", "odd dots"},
		{"dot leader", "http://evil․example/", "http://evil.example/", "odd dots"},
		{"zero width", "http://ev\u200bil.exam\u00adple/", "http://evil.example/", "invisible characters"},
		{"zero width escaped", "http://ev%E2%80%8Bil.example/", "http://evil.example/", "percent signs, invisible characters"},
		{"sharp s", "http://straße.example/", "http://xn--strae-oqa.example/", "other alphabet"},
		{"emoji", "http://i❤.ws/", "http://xn--i-7iq.ws/", "other alphabet"},
		{"trailing dot", "http://example.org./", "http://example.org/", ""},
		{"empty label", "http://example..org/", "", ""},
		{"port", "http://example.org:8080/", "http://example.org:8080/", ""},
		{"odd port", "http://example.org:80a/", "http://example.org/", "unreadable port"},
		{"ipv4", "http://192.0.2.7/", "http://192.0.2.7/", ""},
		{"one number", "http://3221225991/", "http://192.0.2.7/", "an address as numbers"},
		{"hexadecimal", "http://0xC0.0x0.0x2.0x7/", "http://192.0.2.7/", "an address as numbers"},
		{"octal", "http://0300.0.02.07/", "http://192.0.2.7/", "an address as numbers"},
		{"three numbers", "http://192.0.519/", "http://192.0.2.7/", "an address as numbers"},
		{"too large", "http://192.0.2.256/", "", ""},
		{"five numbers", "http://1.2.3.4.5/", "", ""},
		{"bad octal", "http://192.0.2.08/", "", ""},
		{"full-width number", "http://１９２.0.2.7/", "http://192.0.2.7/", "letters that stand for others"},
		{"ipv6", "http://[2001:DB8::1]:8080/a", "http://[2001:db8::1]:8080/a", ""},
		{"ipv4 in ipv6", "http://[::ffff:192.0.2.7]/", "http://192.0.2.7/", ""},
		{"bad ipv6", "http://[2001:db8::1/", "", ""},
		{"underscore", "http://a_b.example.org/", "http://a_b.example.org/", ""},
		{"space in the host", "http://exa mple.org/", "", ""},
		{"mailto", "mailto:Ann%40Example.org?subject=hi", "mailto:Ann@example.org", ""},
		{"mailto without address", "mailto:?subject=hi", "", ""},
		{"data", "data:text/html;base64,PGh0bWw+", "data:text/html;base64,PGh0bWw+", ""},
		{"javascript", "JavaScript:alert(1)", "javascript:alert(1)", ""},
		{"javascript in pieces", "java\nscript:alert(1)", "javascript:alert(1)", "line ends inside"},
		{"tel", "tel:+33123456789", "tel:+33123456789", ""},
		{"too long a label", "http://" + strings.Repeat("a", 64) + ".example/", "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			u, ok := Parse(c.in)
			got := u.String()
			if !ok {
				got = ""
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if quirks := strings.Join(u.Quirks.Names(), ", "); ok && quirks != c.quirks {
				t.Errorf("quirks %q, want %q", quirks, c.quirks)
			}
		})
	}
}

func TestDomain(t *testing.T) {
	cases := []struct{ host, want string }{
		{"www.example.org", "example.org"},
		{"example.org", "example.org"},
		{"a.b.example.co.uk", "example.co.uk"},
		{"co.uk", ""},
		{"com", ""},
		{"printer.local", ""},
		{"192.0.2.7", ""},
		{"ann.github.io", "ann.github.io"},
		{"x.ann.github.io", "ann.github.io"},
		{"github.io", "github.io"},
		{"shop.xn--bcher-kva.de", "xn--bcher-kva.de"},
		{"", ""},
	}
	for _, c := range cases {
		if got, _ := Domain(c.host); got != c.want {
			t.Errorf("%s: got %q, want %q", c.host, got, c.want)
		}
	}
}

func TestSame(t *testing.T) {
	cases := []struct {
		shown, host string
		want        bool
	}{
		{"www.example.org", "mail.example.org", true},
		{"example.org", "example.com", false},
		{"ann.github.io", "eve.github.io", false},
		{"github.io", "ann.github.io", true},
		{"ann.github.io", "github.io", true},
		{"example.org", "badexample.org", false},
		{"192.0.2.7", "192.0.2.7", true},
		{"192.0.2.7", "192.0.2.8", false},
	}
	for _, c := range cases {
		if got := Same(c.shown, c.host); got != c.want {
			t.Errorf("%s, %s: %v", c.shown, c.host, got)
		}
	}
}

// FuzzParse holds that what was read reads the same again, and names a host that one can
// ask the DNS for.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"http://www.example.org/a?b=c#d", "HTTP:\\\\paypal.com@evil。example", "http://0x7f.1/", "http://[::1]:80/", "//a.b", "www.a.fr",
		"mailto:a@b.c", "data:,x", "http://%65xample.org", "http://bücher.example", "http://xn--a.b/", "http://a:b:c@d:1/",
		"https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fexample.org%2F", "http://rd.yahoo.com/*http://example.org",
		"https://urldefense.com/v3/__https://example.org/*x__;Iw!!a$", "https://www-example-org.translate.goog/a",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, ok := Parse(s)
		hops := Unwrap(u)
		if len(hops) > MaxHops || len(Embedded(u)) > MaxHops {
			t.Fatalf("%q: %d hops", s, len(hops))
		}
		if !ok || !u.IsWeb() {
			return
		}
		if !u.Addr.IsValid() && !isHost(u.Host) || u.Host != strings.ToLower(u.Host) {
			t.Errorf("%q: host %q", s, u.Host)
		}
		again, ok := Parse(u.String())
		if !ok || again.Host != u.Host || again.Addr != u.Addr {
			t.Errorf("%q is %q, which reads as %q, %v", s, u.String(), again.Host, ok)
		}
		Domain(u.Host)
		Disguise(u.Host)
		Skeleton(u.Host)
	})
}
