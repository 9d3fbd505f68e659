package bayes

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// named returns the names of a message's words and shapes.
func named(t testing.TB, text string) (names []string) {
	f := features(t, text)
	var lists [families][]uint32
	c := collector{lists: &lists, named: func(_ family, _ uint32, name string) { names = append(names, name) }}
	c.collect(&f.source)
	return names
}

func TestFeatures(t *testing.T) {
	for _, c := range []struct {
		name, mail string
		has, not   []string
	}{
		{"words", "Subject: Free pills\r\n\r\nBuy l'argent now!\r\n", []string{"subject:Free", "Buy", "l'argent", "now!", "no field: from"}, []string{"Free", "subject:Buy"}},
		{"encoded", "Subject: =?utf-8?q?cr=C3=A9dit?=\r\n\r\nx\r\n", []string{"subject:crédit"}, nil},
		{"order", "From: a@b.test\r\nX-Y: z\r\n\r\nx\r\n", []string{"fields: From, X-Y", "from domain: b.test"}, nil},
		{"local fields", "X-Spam-Flag: YES\r\nStatus: RO\r\nX-Gatepost-Bayes: 3\r\nTo: a@b\r\n\r\nx\r\n", []string{"to domain: b"}, []string{"field X-Spam-Flag", "field Status", "field X-Gatepost-Bayes"}},
		{"dates", "Date: Mon, 03 Mar 2025 10:11:12 +0100\r\nReceived: from h (h [192.0.2.1]) by m with SMTP id q12; Mon, 3 Mar 2025 10:11:12 +0100\r\n\r\nx\r\n",
			[]string{"date:0100", "network: 192.0", "network: 192.0.2", "client: 192.0.2.1", "received by: m"}, []string{"date:Mar", "received:2025", "received:q12", "date:10"}},
		{"links", "Subject: x\r\n\r\nhttp://user@www.shop.test/a?b\r\n", []string{"link: www.shop.test", "link: .shop.test", "user name in link: "}, nil},
		{"files", "Content-Type: application/zip; name=\"a.pdf.ZIP\"\r\n\r\nx\r\n", []string{"file: .zip"}, nil},
		{"hidden", "Content-Type: text/html\r\n\r\n<p>a</p><p style=\"display:none\">secret</p>", []string{"sign: hidden text", "hidden text, power of two: 3"}, nil},
		{"two alphabets", "Content-Type: text/plain; charset=utf-8\r\n\r\np\u0430ypal login\r\n", []string{"words of two alphabets, power of two: 1"}, nil},
		{"no spaces", "Content-Type: text/plain; charset=utf-8\r\n\r\n無料登録\r\n", []string{"無料", "料登", "登録"}, []string{"無料登録"}},
		{"long words", "Subject: x\r\n\r\n" + strings.Repeat("q", 50) + " y\r\n", []string{"y"}, []string{strings.Repeat("q", 50)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			names := named(t, c.mail)
			for _, want := range c.has {
				if !slices.Contains(names, want) {
					t.Errorf("no %q in %q", want, names)
				}
			}
			for _, no := range c.not {
				if slices.Contains(names, no) {
					t.Errorf("%q in %q", no, names)
				}
			}
		})
	}
}

func TestUndated(t *testing.T) {
	for in, want := range map[string]string{
		"Thu, 22 Aug 2002 12:34:53 +0100 (IST)":      "+0100 (IST)",
		"from a by b id X12; Fri, 1 May 2020 1:02:3": "from a by b ;",
		"from mon.example by may.example":            "from mon.example by may.example",
		"22-Aug-2002 11:02":                          "",
		"from Monday by 25":                          "from by 25",
		"":                                           "",
	} {
		if got := undated(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	if features(t, "Subject: x\r\n\r\nshort\r\n").Cut() {
		t.Error("a short message is cut")
	}
	if !features(t, "Subject: x\r\n\r\n"+strings.Repeat("long text ", 5000)).Cut() {
		t.Error("a long one is not")
	}
}

// TestReasons are what a person reads: weighty ones first, short, in UTF-8 and without control characters.
func TestReasons(t *testing.T) {
	m := New()
	spam := features(t, "Subject: free pills\r\nX-Odd: a\x01b\xff"+strings.Repeat("c", 500)+"\r\n\r\nbuy\r\n")
	m.Learn(spam, "", true)
	m.Learn(features(t, "Subject: minutes\r\nFrom: a@b.test\r\n\r\nmeeting\r\n"), "", false)
	list := m.Explain(spam, "", 1000)
	if len(list) < 5 || list[0].Weight <= 0 {
		t.Errorf("reasons %v", list)
	}
	for i, r := range list {
		if !utf8.ValidString(r.Feature) || len(r.Feature) > maxName || strings.ContainsFunc(r.Feature, func(c rune) bool { return c < ' ' }) {
			t.Errorf("%q", r.Feature)
		}
		if i > 0 && r.Weight*r.Weight > list[i-1].Weight*list[i-1].Weight {
			t.Error("not in order", list)
		}
	}
}
