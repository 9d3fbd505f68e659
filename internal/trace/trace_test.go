package trace

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"gatepost/internal/mail"
)

// read reads a header whose lines end in LF, at the servers mx.test.example and in.test.example.
func read(header string) Report {
	m := mail.NewMessage([]byte(strings.ReplaceAll(header, "\n", "\r\n") + "\r\nText\r\n"))
	return Read(m.Header(), []string{"mx.test.example", "in.test.example"})
}

// arrived is what a message looks like that came from far.example through a list, to a server of ours.
const arrived = `Return-Path: <bounce@lists.example>
Received: from out.lists.example ([192.0.2.9]) by mx.test.example with ESMTP id a for <ann@test.example>; Fri, 20 Nov 2026 06:00:04 +0000
Authentication-Results: mx.test.example; spf=pass smtp.mailfrom=bounce@lists.example; dkim=pass reason="good; signature" header.d=far.example header.i=@far.example; dmarc=pass header.from=far.example
X-Gatepost-Id: abc
X-Gatepost-Bayes: ham, score=0.4 required=7.5
X-Spam-Score: 2.5
X-Spam-Status: No, score=2.5 required=7.5 tests=rdns: 2, words: spam
Received: from mail.far.example (mail.far.example [198.51.100.7]) (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)) (No client certificate requested)
	by out.lists.example (Postfix) with ESMTPS id 123; Fri, 20 Nov 2026 06:59:04 +0100 (CET)
Authentication-Results: mx.test.example; dmarc=pass header.from=bank.example
Authentication-Results: out.lists.example 1; spf=fail (no (such) host) smtp.mailfrom=x@far.example
X-Spam-Flag: YES
From: Bob <bob@far.example>
Sender: list@lists.example
Reply-To: list@lists.example
List-Id: Talk <talk.lists.example>
List-Unsubscribe: <mailto:leave@lists.example>, <https://lists.example/leave>, <javascript:alert(1)>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
Precedence: list
Date: Fri, 20 Nov 2026 05:58:00 +0000
`

func TestRead(t *testing.T) {
	got := read(arrived)
	at := func(clock string) time.Time {
		when, err := time.Parse(time.RFC3339, "2026-11-20T"+clock+"Z")
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for n := range got.Hops {
		got.Hops[n].Time = got.Hops[n].Time.UTC()
	}
	hops := []Hop{
		{Helo: "mail.far.example", Name: "mail.far.example", Addr: netip.MustParseAddr("198.51.100.7"), By: "out.lists.example", With: "ESMTPS", Wire: Encrypted, Time: at("05:59:04")},
		{Helo: "out.lists.example", Addr: netip.MustParseAddr("192.0.2.9"), By: "mx.test.example", With: "ESMTP", Wire: Plain, Ours: true, Time: at("06:00:04"), Wait: time.Minute, Timed: true},
	}
	for what, pair := range map[string][2]any{
		"hops": {got.Hops, hops},
		"results": {got.Results, []Result{
			{Method: "spf", Value: "pass", Props: []Prop{{"smtp.mailfrom", "bounce@lists.example"}}},
			{Method: "dkim", Value: "pass", Reason: "good; signature", Props: []Prop{{"header.d", "far.example"}, {"header.i", "@far.example"}}},
			{Method: "dmarc", Value: "pass", Props: []Prop{{"header.from", "far.example"}}},
		}},
		"claims": {got.Claims, []Claim{
			{"mx.test.example", []Result{{Method: "dmarc", Value: "pass", Props: []Prop{{"header.from", "bank.example"}}}}, true},
			{"out.lists.example", []Result{{Method: "spf", Value: "fail", Props: []Prop{{"smtp.mailfrom", "x@far.example"}}}}, false},
		}},
		"proof": {got.Proof, Proof{true, true, []string{"dmarc"}}},
		"verdict": {got.Verdict, Verdict{There: true, Score: "2.5", Required: "7.5", Bayes: "ham, score=0.4 required=7.5", ID: "abc",
			Tests: []Test{{"rdns", "2"}, {"words", "spam"}}}},
		"list":   {got.List, List{"Talk <talk.lists.example>", []string{"mailto:leave@lists.example", "https://lists.example/leave"}, true, true}},
		"author": {fmt.Sprintf("%s %v %v %s", got.Author.Path, got.Author.ReplyElsewhere(), got.Author.ReturnElsewhere(), got.Author.Sender), "bob@far.example true true list@lists.example"},
		"rest":   {fmt.Sprintf("%q %s %v", got.Automatic, got.Date.UTC().Format("15:04"), got.Cut), `"" 05:58 false`},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", what, pair[0], pair[1])
		}
	}
}

// What a stranger writes is never taken for ours, however he arranges it.
func TestNotOurs(t *testing.T) {
	const lie = "Authentication-Results: mx.test.example; dmarc=pass header.from=bank.example\nX-Spam-Status: No, score=0 required=7 tests=a: 1\nX-Gatepost-Allowed: x\n"
	const ours, other = "Received: from x ([192.0.2.1]) by mx.test.example with ESMTP id 1; Fri, 20 Nov 2026 06:00:00 +0000\n", "Received: from y by mx.other.example; Fri, 20 Nov 2026 05:00:00 +0000\n"
	for name, header := range map[string]string{
		"no server at all":         lie,
		"above another's server":   lie + other,
		"between another and ours": other + lie + ours, // it went to somebody else after, who may have written the rest
		"below both":               ours + other + lie,
		"a server of nearly our name": "Received: from x by mx.test.example.evil.example; Fri, 20 Nov 2026 06:00:00 +0000\n" +
			"Authentication-Results: mx.test.example.evil.example; dmarc=pass\n" + lie,
		"our name in a comment":  "Received: from x (by mx.test.example) by evil.example\n" + lie,
		"our name as the client": "Received: from mx.test.example by evil.example\n" + lie,
		"two servers in a field": "Received: from x by evil.example by mx.test.example\n" + lie,
	} {
		got := read(header + "From: a@bank.example\n")
		if got.Results != nil || got.Verdict.There || got.Proof.Known {
			t.Errorf("%s: believed %+v, %+v", name, got.Results, got.Verdict)
		}
		if len(got.Claims) == 0 || !got.Claims[len(got.Claims)-1].Posing {
			t.Errorf("%s: claims %+v, want one that poses", name, got.Claims)
		}
	}
	if got := read(ours + lie + other); len(got.Results) != 1 || !got.Verdict.There {
		t.Errorf("ours is not believed: %+v", got)
	}
}

// Who writes as if he were us gets to stand below what we wrote, at best right below it, and is not believed.
func TestPosing(t *testing.T) {
	const ours = "Received: from x ([192.0.2.1]) by mx.test.example with ESMTP id 1; Fri, 20 Nov 2026 06:00:00 +0000\n" +
		"Authentication-Results: mx.test.example; dmarc=fail header.from=bank.example\nX-Gatepost-Id: x\n"
	for _, lie := range []string{
		"Authentication-Results: mx.test.example; dmarc=pass header.from=bank.example\n",
		"Authentication-Results: mx.test.example=1; dmarc=pass header.from=bank.example\n",
		"Authentication-Results: mx.test.example(c)evil; dmarc=pass header.from=bank.example\n",
		"Received: from bank.example ([192.0.2.7]) by mx.test.example with ESMTPS; Fri, 20 Nov 2026 05:00:00 +0000\nAuthentication-Results: mx.test.example; dmarc=pass header.from=bank.example\n",
		"Subject: x\nAuthentication-Results: mx.test.example; dmarc=pass header.from=bank.example\nX-Gatepost-Allowed: x\n",
	} {
		got := read(ours + lie + "From: a@bank.example\n")
		if want := (Proof{true, false, []string{"dmarc"}}); !reflect.DeepEqual(got.Proof, want) || len(got.Results) != 1 || len(got.Claims) != 1 {
			t.Errorf("%q: %+v, %+v", lie, got.Proof, got.Results)
		}
		for i, h := range got.Hops {
			if h.Ours != (i == len(got.Hops)-1) {
				t.Errorf("%q: hop %d ours: %v", lie, i, h.Ours)
			}
		}
		if got.Verdict.Allowed != "" {
			t.Errorf("%q: %+v", lie, got.Verdict)
		}
	}
}

func TestHop(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"ours", "from a.example ([192.0.2.1]) by mx with UTF8SMTPS (TLS1.3) id x", "a.example||192.0.2.1|mx|2"},
		{"ours, a literal", "from [IPv6:2001:db8::1] by mx with ESMTP id x", "||2001:db8::1|mx|1"},
		{"postfix", "from helo (name.example [192.0.2.1]) by mx (Postfix) with ESMTP id 1 for <a@b>", "helo|name.example|192.0.2.1|mx|1"},
		{"postfix, unknown", "from helo (unknown [192.0.2.1]) by mx", "helo||192.0.2.1|mx|0"},
		{"exim", "from [192.0.2.1] (port=1 helo=a.example) by mx with esmtps (TLS1.3) tls TLS_AES (Exim 4.98)", "||192.0.2.1|mx|2"},
		{"exchange", "from A.b.example (2001:db8::5) by C.b.example (2001:db8::6) with Microsoft SMTP Server (version=TLS1_3, cipher=X) id 15", "A.b.example||2001:db8::5|C.b.example|2"},
		{"google", "from s.example (s.example. [192.0.2.1]) by mx.google.example with ESMTPS id q (version=TLS1_3 cipher=X)", "s.example|s.example|192.0.2.1|mx.google.example|2"},
		{"sendmail", "from x (a.example [192.0.2.1] (may be forged)) by mx (8.17/8.17) with SMTP", "x|a.example|192.0.2.1|mx|1"},
		{"qmail", "from unknown (HELO x.example) (192.0.2.1) by mx with SMTP", "unknown|||mx|1"},
		{"by alone", "by 2001:db8::1 with SMTP id q", "|||2001:db8::1|1"},
		{"lmtp", "from a by b with LMTP", "a|||b|0"},
		{"a client called TLS", "from x (using TLSv1.3) by b with SMTP", "x|||b|1"},
		{"broken", `from "a (b by c`, "a (b by c; Fri, 20 Nov 2026 06:00:00 +0000||||0"},
		{"nothing", "", "||||0"},
	} {
		h := parseHop(tt.in + "; Fri, 20 Nov 2026 06:00:00 +0000")
		addr := ""
		if h.Addr.IsValid() {
			addr = h.Addr.String()
		}
		if got := fmt.Sprintf("%s|%s|%s|%s|%d", h.Helo, h.Name, addr, h.By, h.Wire); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
		if want := tt.name != "broken"; h.Time.IsZero() == want {
			t.Errorf("%s: time %v", tt.name, h.Time)
		}
	}
}

func TestProof(t *testing.T) {
	for _, tt := range []struct{ name, results, want string }{
		{"nothing", "none", "{false false []}"},
		{"dmarc says no, whatever a signature says", "dkim=pass header.d=bank.example; dmarc=fail", "{true false [dmarc]}"},
		{"no dmarc, a signature above it", "dkim=pass header.d=bank.example; dmarc=none", "{true true [dkim]}"},
		{"a signature of a domain below it", "dkim=pass header.d=evil.www.bank.example", "{true false []}"},
		{"another's", "spf=pass smtp.mailfrom=a@evil.example; dkim=pass header.d=evil-www.bank.example", "{true false []}"},
		{"a domain that ends alike", "dkim=pass header.d=ank.example; spf=pass smtp.mailfrom=a@ank.example", "{true false []}"},
		{"both", "spf=pass smtp.mailfrom=a@www.bank.example; dkim=pass header.d=www.bank.example", "{true true [spf dkim]}"},
		{"dmarc of another", "dmarc=pass header.from=evil.example", "{true false []}"},
		{"dmarc", "dmarc=pass header.from=WWW.bank.example", "{true true [dmarc]}"},
		{"another's log-in", "auth=pass smtp.auth=a@evil.example", "{true false []}"},
		{"a log-in that is not told", "auth=pass", "{true false []}"},
		{"a log-in", "auth=pass smtp.auth=a@www.bank.example", "{true true [auth]}"},
		{"a signature that is none", "dkim=fail header.d=www.bank.example", "{true false []}"},
	} {
		_, list, _ := parseResults("mx; " + tt.results)
		if got := fmt.Sprint(proof(list, Author{Path: "a@www.bank.example", Known: true})); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
		if p := proof(list, Author{Path: "a@www.bank.example"}); p.Given {
			t.Errorf("%s: proven, of nobody knows which author: %v", tt.name, p)
		}
	}
}

// Clocks differ; fields have no time. Each wait is from the last hop that tells one.
func TestWaits(t *testing.T) {
	got := read("Received: by a; Fri, 20 Nov 2026 06:00:00 +0000\nReceived: by b\nReceived: by c; Fri, 20 Nov 2026 06:00:30 +0000\nReceived: by d; Thu, 19 Nov 2026 06:00:30 +0000\n")
	var waits []string
	for _, h := range got.Hops {
		waits = append(waits, fmt.Sprint(h.By, " ", h.Wait, " ", h.Timed))
	}
	if got, want := strings.Join(waits, ", "), "d 0s false, c 24h0m0s true, b 0s false, a -30s true"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// However much there is, little is told of it.
func TestBounds(t *testing.T) {
	for name, header := range map[string]string{
		"hops":    strings.Repeat("Received: by a\n", 1000),
		"claims":  strings.Repeat("Authentication-Results: a; spf=pass\n", 1000),
		"results": "Authentication-Results: a; " + strings.Repeat("spf=pass;", 1000) + "\n",
		"props":   "Authentication-Results: a; spf=pass " + strings.Repeat("a.b=c ", 1000) + "\n",
	} {
		if got := read(header); !got.Cut {
			t.Errorf("%s: nothing says that there is more: %d hops, %d claims", name, len(got.Hops), len(got.Claims))
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(arrived)
	f.Add("Received: from (((\\ by \"x; ;;\n=\nAuthentication-Results: =;=;a==(\"\nList-Unsubscribe: <<>><https:\n")
	f.Add("Received: by mx.test.example\nX-Spam-Status: tests=: , : \nAuto-Submitted: (x) auto-replied; a=b\n")
	f.Fuzz(func(t *testing.T, header string) {
		got := read(header)
		if len(got.Hops) > maxHops || len(got.Claims) > maxClaims || len(got.Results) > maxResults || len(got.Verdict.Tests) > maxTests || len(got.List.Unsubscribe) > maxNames {
			t.Fatalf("too much: %+v", got)
		}
		texts := []string{got.Automatic, got.List.ID, got.Verdict.Bayes, got.Author.Sender, got.Author.ReturnPath}
		for _, h := range got.Hops {
			texts = append(texts, h.Helo, h.Name, h.By, h.With)
		}
		for _, c := range got.Claims {
			texts = append(texts, c.Host)
			for _, r := range c.Results {
				texts = append(texts, r.Method, r.Value, r.Reason)
			}
		}
		for _, text := range texts {
			if len(text) > maxText || !utf8.ValidString(text) {
				t.Errorf("%d octets, UTF-8 %v: %q", len(text), utf8.ValidString(text), text)
			}
		}
		if len(got.Hops) > 0 && !got.Hops[len(got.Hops)-1].Ours && (got.Results != nil || got.Verdict.There) {
			t.Errorf("believed below another's server: %+v", got)
		}
	})
}
