package link

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
)

func TestUnwrap(t *testing.T) {
	b64 := base64.RawURLEncoding.EncodeToString([]byte("https://evil.example/a?b=c"))
	cases := []struct{ name, in, want string }{
		{"none", "https://evil.example/?url=https://example.org/", ""},
		{"google", "https://www.google.com/url?q=https://evil.example/a%3Fb&sa=D", "https://evil.example/a?b"},
		{"google, in html", "https://www.google.com/url?sa=t&amp;url=https://evil.example/", "https://evil.example/"},
		{"google search", "https://www.google.com/search?q=https://evil.example/", ""},
		{"google amp", "https://www.google.com/amp/s/evil.example/a", "https://evil.example/a"},
		{"amp cache", "https://evil-example-org.cdn.ampproject.org/c/s/evil-example.org/a", "https://evil-example.org/a"},
		{"translated", "https://evil--x-example-org.translate.goog/a", "https://evil-x.example.org/a"},
		{"by a proxy", "https://www.paypal.com.mcas.ms/a", "https://www.paypal.com/a"},
		{"ads", "https://www.googleadservices.com/pagead/aclk?sa=L&adurl=http://evil.example/", "http://evil.example/"},
		{"safe links", "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fevil.example%2Fa&data=05%7C01", "https://evil.example/a"},
		{"proofpoint 1", "https://urldefense.proofpoint.com/v1/url?u=http://evil.example/&k=x", "http://evil.example/"},
		{"proofpoint 2", "https://urldefense.proofpoint.com/v2/url?u=http-3A__evil.example_a-5Fb&d=x&c=y", "http://evil.example/a_b"},
		{"proofpoint 3", "https://urldefense.com/v3/__https://evil.example/a*b__;Iw!!token$", "https://evil.example/a#b"},
		{"proofpoint 3, run", "https://urldefense.com/v3/__https://evil.example/**Aa__;Pz8!!token$", "https://evil.example/??a"},
		{"proofpoint 3, one slash", "https://urldefense.com/v3/__https:/evil.example/a__;!!token$", "https://evil.example/a"},
		{"bing", "https://www.bing.com/ck/a?!&&p=x&u=a1" + b64 + "&ntb=1", "https://evil.example/a?b=c"},
		{"facebook", "https://l.facebook.com/l.php?u=https%3A%2F%2Fevil.example%2F&h=x", "https://evil.example/"},
		{"facebook, shared", "https://www.facebook.com/sharer.php?u=https%3A%2F%2Fexample.org%2F", ""},
		{"old yahoo", "http://rd.yahoo.com/M=1/S=2/*http://evil.example/a", "http://evil.example/a"},
		{"yahoo search", "https://r.search.yahoo.com/_ylt=x/RV=2/RE=1/RO=10/RU=https%3a%2f%2fevil.example%2fa/RK=2/RS=y", "https://evil.example/a"},
		{"cisco", "https://secure-web.cisco.com/1abc/https%3A%2F%2Fevil.example%2Fa", "https://evil.example/a"},
		{"mimecast", "https://protect-eu.mimecast.com/s/token?domain=www.example.org", "http://www.example.org"},
		{"sophos", "https://eu-west-1.protection.sophos.com/?d=evil.example&u=" + b64 + "&i=x", "https://evil.example/a?b=c"},
		{"checkpoint", "https://protect.checkpoint.com/v2/___https://evil.example/a___.token", "https://evil.example/a"},
		{"amazon", "https://abc.r.us-east-1.awstrack.me/L0/https:%2F%2Fevil.example%2Fa/1/0100/x=1", "https://evil.example/a/1/0100/x=1"},
		{"mailjet", "https://x.mjt.lu/lnk/AAA/1/BBB/" + b64, "https://evil.example/a?b=c"},
		{"mandrill", "https://mandrillapp.com/track/click/1/x?p=" + base64.RawURLEncoding.EncodeToString([]byte(`{"s":"x","v":1,"p":"{\"u\":1,\"url\":\"https:\\/\\/evil.example\\/a\"}"}`)), "https://evil.example/a"},
		{"archive", "https://web.archive.org/web/2020/https://evil.example/a", "https://evil.example/a"},
		{"bare query", "https://href.li/?https://evil.example/a", "https://evil.example/a"},
		{"two", "https://www.google.com/url?q=" + url.QueryEscape("https://l.facebook.com/l.php?u="+url.QueryEscape("https://evil.example/")), "https://l.facebook.com/l.php?u=https%3A%2F%2Fevil.example%2F https://evil.example/"},
		{"script behind", "https://www.google.com/url?q=javascript:alert(1)", ""},
		{"not theirs", "https://google.com.evil.example/url?q=https://example.org/", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			u, ok := Parse(c.in)
			if !ok {
				t.Fatal("not read")
			}
			var hops []string
			for _, h := range Unwrap(u) {
				hops = append(hops, h.String())
			}
			if got := strings.Join(hops, " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestUnwrapEnds holds that a circle of redirectors is left after MaxHops.
func TestUnwrapEnds(t *testing.T) {
	s := "https://evil.example/"
	for range MaxHops + 2 {
		s = "https://href.li/?" + s
	}
	u, _ := Parse(s)
	if hops := Unwrap(u); len(hops) != MaxHops {
		t.Errorf("%d hops", len(hops))
	}
}

func TestEmbedded(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{"none", "https://click.example/track/abc?x=1", ""},
		{"in the query", "https://click.example/?id=1&url=https://evil.example/a&x=2", "https://evil.example/a"},
		{"escaped", "https://click.example/?url=https%3A%2F%2Fevil.example%2Fa", "https://evil.example/a"},
		{"escaped twice", "https://click.example/?url=https%253A%252F%252Fevil.example%252Fa", "https://evil.example/a"},
		{"in the path", "https://click.example/c/http://evil.example/a", "http://evil.example/a"},
		{"two", "https://click.example/?a=http://a.example/&b=http://b.example/", "http://a.example/ http://b.example/"},
	}
	for _, c := range cases {
		u, _ := Parse(c.in)
		var got []string
		for _, e := range Embedded(u) {
			got = append(got, e.String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
