package link

import (
	"strings"
	"testing"
)

func TestSkeleton(t *testing.T) {
	alike := [][]string{
		{"paypal", "paypa1", "pаypаl", "páypàl", "paypaI", "pay-pal", "рауpal", "ｐａｙｐａｌ"},
		{"microsoft", "rnicrosoft", "micr0soft", "micro5oft", "mıcrosoft", "micrоsoft"},
		{"apple", "аррӏе", "app1e", "ɑpple", "xn--80ak6aa92e"},
		{"dropbox", "clropbox"},
		{"www", "vvvvw", "ԝԝԝ"},
	}
	for _, group := range alike {
		for _, label := range group[1:] {
			if got, want := Skeleton(label), Skeleton(group[0]); got != want {
				t.Errorf("%s: %q, want %q as of %s", label, got, want, group[0])
			}
		}
	}
	for _, pair := range [][2]string{{"paypal", "papal"}, {"apple", "aple"}, {"amazon", "amazin"}} {
		if Skeleton(pair[0]) == Skeleton(pair[1]) {
			t.Errorf("%s looks like %s", pair[0], pair[1])
		}
	}
}

func TestDisguise(t *testing.T) {
	cases := []struct{ name, host, want string }{
		{"ascii", "www.example.org", ""},
		{"umlaut", "bücher.example", ""},
		{"cyrillic in latin", "pаypal.com", "pаypal mixes Cyrillic and Latin"},
		{"greek in latin", "gοοgle.com", "gοοgle mixes Greek and Latin"},
		{"all cyrillic, but latin to see", "аррӏе.com", "аррӏе is Cyrillic and looks like Latin"},
		{"the same among russians", "сор.ru", ""},
		{"russian", "пример.com", ""},
		{"russian with digits", "пример24.com", ""},
		{"japanese", "すしsushi寿司.com", ""},
		{"korean", "한국korea.com", ""},
		{"chinese", "中国.com", ""},
		{"latin and arabic", "abcعرب.com", ""},
		{"three", "aбの.com", "aбの mixes Cyrillic and Hiragana and Latin"},
		{"subdomain", "pаypal.evil.com", "pаypal mixes Cyrillic and Latin"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			u, ok := Parse("http://" + c.host)
			if got := Disguise(u.Host); got != c.want || !ok {
				t.Errorf("%s: got %q, want %q", u.Host, got, c.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	names, err := NewNames([]Name{
		{Text: "PayPal", Domains: []string{"paypal.com", "paypal.me"}},
		{Text: "Apple", Domains: []string{"apple.com"}, Common: true},
		{Text: "Crédit Agricole", Domains: []string{"credit-agricole.fr", "ca-paris.fr"}},
		{Text: "DHL", Domains: []string{"dhl.com", "dhl.de"}},
		{Text: "Impôts", Domains: []string{"impots.gouv.fr"}},
		{Text: "Us", Domains: []string{"hospital-nord.fr"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct{ name, host, want string }{
		{"own", "www.paypal.com", ""},
		{"other suffix", "www.paypal.fr", ""},
		{"unlike", "www.example.org", ""},
		{"digit", "paypa1.com", "confusable PayPal"},
		{"other alphabet", "xn--pypl-53dc.com", "confusable PayPal"},
		{"all cyrillic", "xn--80ak6aa92e.com", "confusable Apple"},
		{"hyphen", "pay-pal.com", "confusable PayPal"},
		{"hyphen left out", "creditagricole.fr", "confusable Crédit Agricole"},
		{"too short", "dh1.com", ""},
		{"whole domain in front", "www.paypal.com.evil.example.org", "within PayPal"},
		{"domain in front", "paypal.com.evil.org", "within PayPal"},
		{"deep suffix in front", "impots.gouv.fr.evil.org", "within Impôts"},
		{"letter more", "paypall.com", "near PayPal"},
		{"letter less", "papal.com", "near PayPal"},
		{"exchanged", "payapl.com", "near PayPal"},
		{"two letters other", "pauoal.com", ""},
		{"first letter other", "aaypal.com", ""},
		{"part", "paypal-login.org", "part PayPal"},
		{"subdomain", "paypal.evil.org", "part PayPal"},
		{"in a word", "mypaypalace.org", ""},
		{"everyday word as a part", "apple-pie.org", ""},
		{"everyday word nearly", "apples.org", ""},
		{"everyday word by a digit", "app1e.org", "confusable Apple"},
		{"ours", "hospita1-nord.fr", "confusable Us"},
		{"no domain", "localhost", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if l, ok := names.Like(c.host); ok {
				got = l.Kind.String() + " " + l.Name
			}
			if got != c.want {
				t.Errorf("%s: got %q, want %q", c.host, got, c.want)
			}
		})
	}
	if name, ok := names.Owner("a.b.paypal.me"); !ok || name != "PayPal" {
		t.Errorf("owner %q", name)
	}
}

// A domain of two names is of each, and one that lends no label is its owner's.
func TestOwns(t *testing.T) {
	names, err := NewNames([]Name{
		{Text: "Colissimo", Domains: []string{"colissimo.fr", "laposte.net"}}, {Text: "La Poste", Domains: []string{"laposte.fr", "laposte.net"}},
		{Text: "LinkedIn", Domains: []string{"linkedin.com"}, Also: []string{"lnkd.in"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !names.Owns("Colissimo", "edi.laposte.net") || !names.Owns("La Poste", "edi.laposte.net") || !names.Owns("LinkedIn", "lnkd.in") {
		t.Error("a domain is not its owner's")
	}
	if names.Owns("La Poste", "colissimo.fr") || names.Owns("La Poste", "example.org") || names.HasLabel("LinkedIn", "lnkd.example") {
		t.Error("a domain is somebody else's")
	}
}

func TestNewNamesErrors(t *testing.T) {
	for _, bad := range []Name{{Text: " "}, {Text: "a", Domains: []string{"com"}}, {Text: "a", Domains: []string{"www.example.org"}}, {Text: "a", Domains: []string{"a b"}}} {
		if _, err := NewNames([]Name{bad}); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
	if _, err := NewNames(make([]Name, MaxNames+1)); err == nil {
		t.Error("too many are taken")
	}
}

func TestShown(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"bare", "paypal.com", "paypal.com"},
		{"address", "https://www.paypal.com/signin", "www.paypal.com"},
		{"www", "www.paypal.com", "www.paypal.com"},
		{"upper case", "PAYPAL.COM", "paypal.com"},
		{"title", "Amazon.Com", "amazon.com"},
		{"name of a firm", "Booking.com", "booking.com"},
		{"in a sentence", "Log in at paypal.com now", "paypal.com"},
		{"at its end", "Log in at paypal.com.", "paypal.com"},
		{"in brackets", "PayPal (paypal.com)", "paypal.com"},
		{"with a path", "see paypal.com/login", "paypal.com"},
		{"with a port", "see paypal.com:443", "paypal.com"},
		{"two", "paypal.com or ebay.com", "paypal.com ebay.com"},
		{"with a gap", "PayPal .com", "paypal.com"},
		{"with gaps", "paypal . com", "paypal.com"},
		{"zero width", "pay\u200bpal.com", "paypal.com"},
		{"full width", "ｐａｙｐａｌ．ｃｏｍ", "paypal.com"},
		{"dot leader", "paypal․com", "paypal.com"},
		{"other alphabet", "pаypal.com", "xn--pypal-4ve.com"},
		{"umlaut", "bücher.de", "xn--bcher-kva.de"},
		{"user-info", "http://www.paypal.com@evil.com/", "evil.com"},
		{"hxxp", "hxxps://evil.com/a", "evil.com"},
		{"ip", "http://192.0.2.7/a", "192.0.2.7"},
		{"version", "version 1.2.3.4", ""},
		{"country", "impots.gouv.fr", "impots.gouv.fr"},
		{"mail address", "ann@example.org", "@example.org"},
		{"two dots in the local part", "ann.b.c@example.org", "@example.org"},
		{"words", "Click here", ""},
		{"pdf", "report.pdf", ""},
		{"node.js", "node.js", ""},
		{"asp.net", "ASP.NET", ""},
		{"python", "setup.py", ""},
		{"zip", "photos.zip", ""},
		{"configure.in", "configure.in", ""},
		{"path", "src/main.com", ""},
		{"call", "os.name()", ""},
		{"sentence", "Thanks.It was good", ""},
		{"sentence in small", "that was fun.it really was", ""},
		{"abbreviation", "e.g. the U.S. at 5 p.m.", ""},
		{"amount", "only 9.99 today", ""},
		{"ellipsis", "more...", ""},
		{"ellipsis between", "wait...com", ""},
		{"local name", "printer.local", ""},
		{"one letter", "x.com", ""},
		{"one letter, address", "https://x.com/ann", "x.com"},
		{"unknown suffix", "foo.bar1", ""},
		{"hyphen at the ends", "-paypal.com-", "paypal.com"},
		{"query of something", "page?a=b.com", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, m := range Shown(c.text) {
				if m.Address {
					m.Host = "@" + m.Host
				}
				got = append(got, m.Host)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestMentionsGoesOn holds that an address in a text is one mention, not another for each
// dot in its path.
func TestMentionsGoesOn(t *testing.T) {
	var got []string
	Mentions("see http://a.example.com/x.y.org/?u=b.com, then\nc.example.net\nand d@e.example.org.", nil, func(m Mention) bool {
		got = append(got, m.URL)
		return true
	})
	want := "http://a.example.com/x.y.org/?u=b.com c.example.net e.example.org"
	if strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestMentionsIsLinear holds that what is made of dots alone takes no longer for it.
func TestMentionsIsLinear(t *testing.T) {
	for _, text := range []string{strings.Repeat("a.", 1<<19), strings.Repeat("://", 1<<19), strings.Repeat("a.b@", 1<<18), strings.Repeat("http://a.b/", 1<<16)} {
		n := 0
		Mentions(text, nil, func(Mention) bool { n++; return true })
		if n > len(text)/8 {
			t.Errorf("%.10q…: %d mentions", text, n)
		}
	}
}

func FuzzShown(f *testing.F) {
	for _, s := range []string{"paypal.com", "see http://a.b.com:80/x.", "ann@example.org", "pаypal . com", "a..b.com", "x.y@z.fr://www.", "hxxp://u@b.com"} {
		f.Add(s)
	}
	names, err := NewNames([]Name{{Text: "PayPal", Domains: []string{"paypal.com"}}, {Text: "A", Domains: []string{"a.com"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, m := range Shown(s) {
			if u, ok := Parse("http://" + m.Host); !ok && !strings.Contains(m.Host, ":") || u.Host != m.Host && !strings.Contains(m.Host, ":") {
				t.Errorf("%q: shows %q, read as %q", s, m.Host, u.Host)
			}
			if m.Domain != "" && m.Domain != m.Host && !below(m.Host, m.Domain) {
				t.Errorf("%q: %q is not below %q", s, m.Host, m.Domain)
			}
			names.Like(m.Host)
		}
		n := 0
		Mentions(s, nil, func(m Mention) bool { n++; return true })
		if n > 1+len(s)/3 {
			t.Errorf("%q: %d mentions", s, n)
		}
	})
}
