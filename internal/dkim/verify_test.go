package dkim

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"
)

// zone answers TXT with what it holds, and counts.
type zone struct {
	txt   map[string]string
	err   error
	asked atomic.Int64
}

func (z *zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	z.asked.Add(1)
	if z.err != nil {
		return nil, z.err
	}
	if text, ok := z.txt[name]; ok {
		return strings.Split(text, " | "), nil
	}
	return nil, &net.DNSError{Err: "no such name", Name: name, IsNotFound: true}
}

// split takes a message apart as package mail does.
func split(message string) Message {
	head, body, _ := strings.Cut(message, "\r\n\r\n")
	var m Message
	for _, line := range strings.SplitAfter(head+"\r\n", "\r\n") {
		switch {
		case line == "":
		case line[0] == ' ' || line[0] == '\t':
			last := &m.Fields[len(m.Fields)-1]
			last.Raw = append(last.Raw, line...)
		default:
			name, _, _ := strings.Cut(line, ":")
			m.Fields = append(m.Fields, Field{Name: strings.TrimSpace(name), Raw: []byte(line)})
		}
	}
	m.Body = func() io.Reader { return strings.NewReader(body) }
	return m
}

// results says what came of each signature.
func results(ctx context.Context, message string, r Resolver, now time.Time) ([]string, error) {
	m := split(message)
	var list []string
	var whole []*Signature
	for _, f := range m.Fields {
		if !strings.EqualFold(f.Name, "DKIM-Signature") {
			continue
		}
		s, err := ParseSignature(f.Raw)
		if err != nil {
			list = append(list, "permerror "+err.Error())
			continue
		}
		whole, list = append(whole, s), append(list, "")
	}
	done, err := Verify(ctx, m, whole, NewKeys(r), now)
	for i := range list {
		if list[i] == "" && err == nil {
			list[i], done = strings.TrimSpace(fmt.Sprint(done[0].Result, " ", done[0].Reason)), done[1:]
		}
	}
	return list, err
}

// example is the message of RFC 8463 §A.3, of which the keys are known.
const example = `DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
`

var exampleKeys = map[string]string{
	"brisbane._domainkey.football.example.com": "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
	"test._domainkey.football.example.com":     "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB",
}

func TestRFC8463(t *testing.T) {
	message := strings.ReplaceAll(example, "\n", "\r\n")
	z := &zone{txt: exampleKeys}
	now := time.Unix(1528637909, 0)
	got, err := results(t.Context(), message, z, now)
	if err != nil || fmt.Sprint(got) != "[pass pass]" {
		t.Errorf("got %q, %v", got, err)
	}
	got, _ = results(t.Context(), strings.Replace(message, "game", "Game", 1), z, now)
	if fmt.Sprint(got) != "[fail body hash did not verify fail body hash did not verify]" {
		t.Errorf("changed body: %q", got)
	}
	got, _ = results(t.Context(), strings.Replace(message, "dinner", "Dinner", 1), z, now)
	if fmt.Sprint(got) != "[fail signature did not verify fail signature did not verify]" {
		t.Errorf("changed subject: %q", got)
	}
	got, _ = results(t.Context(), "From: Eve <eve@evil.example>\r\n"+message, z, now)
	if fmt.Sprint(got) != "[fail signature did not verify fail signature did not verify]" {
		t.Errorf("From is signed twice, and one more is there: %q", got)
	}
}

// signer makes signatures with another's code, so that no mistake of ours is in both.
type signer struct {
	keys map[string]crypto.Signer
	zone *zone
}

func newSigner(t testing.TB) signer {
	s := signer{map[string]crypto.Signer{}, &zone{txt: map[string]string{}}}
	for _, bits := range []int{1024, 2048} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		s.add(t, fmt.Sprint("rsa", bits), key)
	}
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	s.add(t, "ed", key)
	return s
}

func (s signer) add(t testing.TB, name string, key crypto.Signer) {
	s.keys[name] = key
	text := "v=DKIM1; k=ed25519; p="
	b, _ := key.Public().(ed25519.PublicKey)
	if public, ok := key.Public().(*rsa.PublicKey); ok {
		text = "v=DKIM1; p="
		var err error
		if b, err = x509.MarshalPKIXPublicKey(public); err != nil {
			t.Fatal(err)
		}
	}
	s.zone.txt[name+"._domainkey.example.org"] = text + base64.StdEncoding.EncodeToString(b)
}

func (s signer) sign(t testing.TB, message, key string, o msgauth.SignOptions) string {
	o.Domain, o.Selector, o.Signer = "example.org", key, s.keys[key]
	var b bytes.Buffer
	if err := msgauth.Sign(&b, strings.NewReader(message), &o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const letter = "From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: lunch\r\nReceived: a\r\nReceived: b\r\n\r\nat noon?\r\n"

// What a signature may be, and what it may not.
func TestVerify(t *testing.T) {
	s := newSigner(t)
	now := time.Now()
	s.zone.txt["testing._domainkey.example.org"] = strings.Replace(s.zone.txt["ed._domainkey.example.org"], "v=DKIM1;", "v=DKIM1; t=y:z;", 1)
	s.zone.txt["exact._domainkey.example.org"] = strings.Replace(s.zone.txt["ed._domainkey.example.org"], "v=DKIM1;", "v=DKIM1; t=s;", 1)
	s.zone.txt["web._domainkey.example.org"] = strings.Replace(s.zone.txt["ed._domainkey.example.org"], "v=DKIM1;", "v=DKIM1; s=web;", 1)
	s.zone.txt["sha1._domainkey.example.org"] = strings.Replace(s.zone.txt["ed._domainkey.example.org"], "v=DKIM1;", "v=DKIM1; h=sha1;", 1)
	s.zone.txt["two._domainkey.example.org"] = "v=spf1 -all | " + s.zone.txt["ed._domainkey.example.org"]
	s.zone.txt["gone._domainkey.example.org"] = "v=DKIM1; p="
	s.zone.txt["short._domainkey.example.org"] = "p=" + shortKey
	s.zone.txt["long._domainkey.example.org"] = "p=" + strings.Repeat("A", maxRecord)
	for _, name := range []string{"testing", "exact", "web", "sha1", "two", "gone", "long", "none"} {
		s.keys[name] = s.keys["ed"]
	}
	s.keys["short"] = s.keys["rsa1024"]
	twice := msgauth.SignOptions{HeaderKeys: []string{"From", "Received", "received", "received", "X-None"}}
	sub := msgauth.SignOptions{Identifier: "ann@mail.example.org"}
	for _, c := range []struct {
		name, key string
		o         msgauth.SignOptions
		change    func(string) string
		want      string
	}{
		{"ed25519", "ed", msgauth.SignOptions{}, nil, "pass"},
		{"rsa 1024", "rsa1024", msgauth.SignOptions{}, nil, "pass"},
		{"rsa 2048, relaxed", "rsa2048", msgauth.SignOptions{HeaderCanonicalization: "relaxed", BodyCanonicalization: "relaxed"}, nil, "pass"},
		{"fields of one name", "ed", twice, nil, "pass"},
		{"one more of a name", "ed", twice, func(m string) string { return strings.Replace(m, "To:", "Received: c\r\nTo:", 1) }, "fail signature did not verify"},
		{"wrapped anew", "ed", msgauth.SignOptions{HeaderCanonicalization: "relaxed"}, func(m string) string { return strings.Replace(m, "Subject: ", "SUBJECT:\r\n  ", 1) }, "pass"},
		{"wrapped anew, simple", "ed", msgauth.SignOptions{}, func(m string) string { return strings.Replace(m, "Subject: ", "Subject:\r\n  ", 1) }, "fail signature did not verify"},
		{"testing", "testing", msgauth.SignOptions{}, func(m string) string { return m + "x" }, "neutral body hash did not verify; the key is in testing"},
		{"testing, good", "testing", msgauth.SignOptions{}, nil, "pass"},
		{"a domain below", "ed", sub, nil, "pass"},
		{"a domain below, key for d= alone", "exact", sub, nil, "permerror domain mismatch: the key is for d= alone"},
		{"key for d= alone", "exact", msgauth.SignOptions{}, nil, "pass"},
		{"key not for mail", "web", msgauth.SignOptions{}, nil, "permerror key record: not for mail"},
		{"key not for this hash", "sha1", msgauth.SignOptions{}, nil, "permerror the key is not for hashes of SHA-256"},
		{"a record that is no key", "two", msgauth.SignOptions{}, nil, "pass"},
		{"revoked", "gone", msgauth.SignOptions{}, nil, "permerror key revoked"},
		{"long record", "long", msgauth.SignOptions{}, nil, "permerror key record is too long"},
		{"short key", "short", msgauth.SignOptions{}, nil, "permerror key is too short: 512 bits"},
		{"no key", "none", msgauth.SignOptions{}, nil, "permerror no key for signature: none._domainkey.example.org: no such name"},
		{"expired", "ed", msgauth.SignOptions{}, func(m string) string { return tag("x", "6")(tag("t", "5")(m)) }, "permerror signature has expired"},
		{"in the future", "ed", msgauth.SignOptions{}, tag("t", fmt.Sprint(now.Add(2*time.Hour).Unix())), "permerror signed in the future (t=)"},
		{"clocks that differ", "ed", msgauth.SignOptions{}, tag("t", fmt.Sprint(now.Add(time.Minute).Unix())), "fail signature did not verify"},
		{"expires before it begins", "ed", msgauth.SignOptions{}, tag("x", "5"), "permerror x= is before t="},
		{"sha1", "rsa1024", msgauth.SignOptions{}, tag("a", "rsa-sha1"), "permerror hash algorithm too weak: sha1"},
		{"unknown algorithm", "ed", msgauth.SignOptions{}, tag("a", "ed25519-sha512"), `permerror unknown algorithm "ed25519-sha512"`},
		{"case of a value", "rsa1024", msgauth.SignOptions{}, tag("a", "RSA-SHA256"), `permerror unknown algorithm "RSA-SHA256"`},
		{"other kind of key", "ed", msgauth.SignOptions{}, tag("a", "rsa-sha256"), "permerror the key is of kind ed25519, the signature of rsa"},
		{"unknown form", "ed", msgauth.SignOptions{}, tag("c", "nofws"), `permerror unknown canonical form "nofws"`},
		{"version 2", "ed", msgauth.SignOptions{}, tag("v", "2"), "permerror incompatible signature version"},
		{"no version", "ed", msgauth.SignOptions{}, tag("v", ""), "permerror incompatible signature version"},
		{"other's domain in i=", "ed", msgauth.SignOptions{}, tag("i", "@badexample.org"), "permerror domain mismatch: i= is not within d="},
		{"d= of one label", "ed", msgauth.SignOptions{}, tag("d", "org"), "permerror d= is no domain"},
		{"selector that is none", "ed", msgauth.SignOptions{}, tag("s", "a b"), "permerror s= is no selector"},
		{"d= is not UTF-8", "ed", msgauth.SignOptions{}, tag("d", "b\xfccher.example"), "permerror d= is no domain"},
		{"no body hash", "ed", msgauth.SignOptions{}, tag("bh", ""), "permerror bh= is no hash"},
		{"two of a tag", "ed", msgauth.SignOptions{}, tag("d", "example.org; d=example.com"), "permerror malformed tag list: d= twice"},
		{"a semicolon too many", "ed", msgauth.SignOptions{}, tag("d", "example.org;; q=dns/txt"), `permerror malformed tag list: ""`},
		{"From not signed", "ed", msgauth.SignOptions{}, tag("h", "to:subject"), "permerror the From field is not signed"},
		{"query method", "ed", msgauth.SignOptions{}, tag("q", "http"), "permerror unsupported query method"},
		{"l= too long", "ed", msgauth.SignOptions{}, tag("l", "100"), "permerror l= is more than the body has"},
		{"l= no number", "ed", msgauth.SignOptions{}, tag("l", "-1"), "permerror l= is no number"},
		{"many names", "ed", msgauth.SignOptions{}, tag("h", "from"+strings.Repeat(":a", maxNames)), "permerror a signature is too long"},
		{"long signature", "ed", msgauth.SignOptions{}, tag("z", strings.Repeat("a", maxSignature)), "permerror a signature is too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			message := s.sign(t, letter, c.key, c.o)
			if c.change != nil {
				message = c.change(message)
			}
			got, err := results(t.Context(), message, s.zone, now)
			if err != nil || fmt.Sprint(got) != "["+c.want+"]" {
				t.Errorf("got %q, %v, want %s of\n%s", got, err, c.want, message)
			}
		})
	}
}

// shortKey is an RSA key of 512 bits, which Go makes none of any more.
const shortKey = "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAIt9YNn0mbdMVTqHFMROdXYaa5GoNq0KScIYmcPHqAuhyO5yyVv1JVzqPTAMVo3YH4jlnGC+UP8BUMBFAMXUM3cCAwEAAQ=="

// tag sets a tag of the signature.
func tag(name, value string) func(string) string {
	return func(m string) string {
		field, rest, _ := strings.Cut(m, "From: ")
		_, list, _ := strings.Cut(field, ":")
		var kept []string
		for spec := range strings.SplitSeq(strings.TrimSpace(list), ";") {
			if n, _, _ := strings.Cut(spec, "="); strings.TrimSpace(n) != name && strings.TrimSpace(n) != "" {
				kept = append(kept, spec)
			}
		}
		return "DKIM-Signature: " + strings.Join(append(kept, " "+name+"="+value), ";") + "\r\nFrom: " + rest
	}
}

// partly signs letters with l=.
func partly(t *testing.T, s signer, length int) string {
	return byHand(t, s, fmt.Sprintf("d=example.org; s=ed; l=%d", length), length)
}

// byHand signs letters with tags that nobody else's code writes.
func byHand(t *testing.T, s signer, tags string, length int) string {
	t.Helper()
	signature := &Signature{Body: Simple, Length: int64(length)}
	b := newBodies()
	b.want(signature)
	if err := b.read(t.Context(), split(letter).Body); err != nil {
		t.Fatal(err)
	}
	sum, _ := b.sum(signature)
	field := fmt.Sprintf("DKIM-Signature: v=1; a=ed25519-sha256; %s; h=From; bh=%s; b=", tags, base64.StdEncoding.EncodeToString(sum))
	m := split(field + "\r\n" + letter)
	signature.raw, signature.Names = m.Fields[0].Raw, []string{"from"}
	value, err := s.keys["ed"].Sign(rand.Reader, signature.headerHash(m.Fields, byName(m.Fields)), crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	return field + base64.StdEncoding.EncodeToString(value) + "\r\n" + letter
}

// Names may be written in U-labels; they are asked for, and compared, in A-labels (RFC 8616 §5).
func TestULabels(t *testing.T) {
	s := newSigner(t)
	s.zone.txt["xn--schlssel-95a._domainkey.xn--bcher-kva.example"] = strings.Replace(s.zone.txt["ed._domainkey.example.org"], "v=DKIM1;", "v=DKIM1; t=s;", 1)
	for identifier, want := range map[string]string{
		"josé@BÜCHER.example":             "[pass]",
		"@xn--bcher-kva.example":          "[pass]",
		"josé@post.bücher.example":        "[permerror domain mismatch: the key is for d= alone]",
		"josé@bucher.example":             "[permerror domain mismatch: i= is not within d=]",
		"josé@b\xfccher.example":          "[permerror domain mismatch: i= is not within d=]",
		"josé@xn--bcher-kva.example.test": "[permerror domain mismatch: i= is not within d=]",
	} {
		message := byHand(t, s, "d=bücher.example; s=schlüssel; i="+identifier, -1)
		if got, err := results(t.Context(), message, s.zone, time.Now()); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: got %q, %v, want %s", identifier, got, err, want)
		}
	}
}

// A signature that leaves out a part of the body is told apart from one that fails, and from
// one whose l= covers all that came.
func TestBodyLength(t *testing.T) {
	s := newSigner(t)
	for _, c := range []struct {
		length int
		more   string
		want   string
	}{
		{10, "", "pass"},
		{10, "\r\n\r\n", "pass"},
		{10, "and pay here\r\n", "policy 14 octets of the body are not signed (l=)"},
		{3, "", "policy 7 octets of the body are not signed (l=)"},
		{0, "", "policy 10 octets of the body are not signed (l=)"},
	} {
		got, err := results(t.Context(), partly(t, s, c.length)+c.more, s.zone, time.Now())
		if err != nil || fmt.Sprint(got) != "["+c.want+"]" {
			t.Errorf("l=%d and %q more: got %q, %v, want %s", c.length, c.more, got, err, c.want)
		}
	}
}

// The keys of all signatures are asked for once each, and the body is read once.
func TestOnce(t *testing.T) {
	s := newSigner(t)
	message := letter
	for _, key := range []string{"ed", "rsa1024", "ed", "rsa2048"} {
		message = s.sign(t, message, key, msgauth.SignOptions{HeaderKeys: []string{"From"}, BodyCanonicalization: "relaxed"})
	}
	m := split(message)
	opened := 0
	body := m.Body
	m.Body = func() io.Reader { opened++; return body() }
	var list []*Signature
	for _, f := range m.Fields[:4] {
		one, err := ParseSignature(f.Raw)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, one)
	}
	done, err := Verify(t.Context(), m, list, NewKeys(s.zone), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for i, bits := range []int{2048, 256, 1024, 256} {
		if done[i].Result != Pass || done[i].Bits != bits {
			t.Errorf("%d: %+v", i, done[i])
		}
	}
	if opened != 1 || s.zone.asked.Load() != 3 {
		t.Errorf("body opened %d times, %d questions", opened, s.zone.asked.Load())
	}
}

// A body that can't be read, and an end of the context, are errors, and leave nothing
// behind (synctest would not return).
func TestVerifyStops(t *testing.T) {
	s := newSigner(t)
	message := s.sign(t, letter, "ed", msgauth.SignOptions{})
	m := split(message)
	one, err := ParseSignature(m.Fields[0].Raw)
	if err != nil {
		t.Fatal(err)
	}
	broken, now := errors.New("disk on fire"), time.Now()
	synctest.Test(t, func(t *testing.T) {
		m := m
		m.Body = func() io.Reader { return iotest.ErrReader(broken) }
		if _, err := Verify(t.Context(), m, []*Signature{one}, NewKeys(s.zone), now); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Verify(ctx, m, []*Signature{one}, NewKeys(s.zone), now); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	failing := &zone{err: &net.DNSError{Err: "SERVFAIL", Server: "192.0.2.53:53", IsTemporary: true}}
	got, err := results(t.Context(), message, failing, time.Now())
	if err != nil || fmt.Sprint(got) != "[temperror key unavailable: looking up ed._domainkey.example.org: SERVFAIL]" {
		t.Errorf("got %q, %v", got, err)
	}
}

// Whatever is done to signed messages, we say what another verifier does of those that it
// can judge.
func TestLikeAnother(t *testing.T) {
	s := newSigner(t)
	r := mathrand.New(mathrand.NewPCG(1, 2))
	pieces := []string{" ", "\t", "\r\n", "\r\n ", "x", "\r\n\r\n", ":", "=", ";", "From: x@y.example\r\n", "é"}
	canons := []msgauth.Canonicalization{"simple", "relaxed"}
	passed, failed := 0, 0
	for i := range 3000 {
		body := ""
		for range r.IntN(12) {
			body += pieces[r.IntN(len(pieces))]
		}
		o := msgauth.SignOptions{HeaderCanonicalization: canons[r.IntN(2)], BodyCanonicalization: canons[r.IntN(2)], HeaderKeys: []string{"From", "Subject", "Received", "From"}}
		message := s.sign(t, letter+body, []string{"ed", "rsa1024"}[r.IntN(2)], o)
		if r.IntN(2) == 0 {
			from := strings.Index(message, "From: ")
			at := from + r.IntN(len(message)-from)
			if strings.HasPrefix(message[at:], "\n") {
				at++ // a bare CR comes through no door
			}
			message = message[:at] + pieces[r.IntN(len(pieces))] + message[at:]
		}
		theirs, err := msgauth.VerifyWithOptions(strings.NewReader(message), &msgauth.VerifyOptions{LookupTXT: func(name string) ([]string, error) { return s.zone.LookupTXT(t.Context(), name) }})
		if err != nil || len(theirs) != 1 {
			continue // a header that it does not read
		}
		ours, err := results(t.Context(), message, s.zone, time.Now())
		if err != nil || len(ours) != 1 {
			t.Fatal(i, ours, err)
		}
		if (ours[0] == "pass") != (theirs[0].Err == nil) {
			t.Errorf("%d: ours %s, theirs %v: %q", i, ours[0], theirs[0].Err, message)
		}
		if ours[0] == "pass" {
			passed++
		} else {
			failed++
		}
	}
	if passed < 1000 || failed < 500 {
		t.Errorf("%d passed and %d failed: too few of one kind", passed, failed)
	}
}

func FuzzSignature(f *testing.F) {
	f.Add(example)
	f.Add("DKIM-Signature: v=1; a=rsa-sha256; c=/; d=a.b; s=é; h=from:; l=1; t=2; x=3; bh=AA==; b = AA ==\r\n")
	f.Fuzz(func(t *testing.T, raw string) {
		for _, parse := range []func([]byte) (*Signature, error){ParseSignature, ParseARC} {
			s, err := parse([]byte(raw))
			if err == nil && (!strings.Contains(s.Domain, ".") || s.Selector == "" || len(s.value) == 0) {
				t.Errorf("%q: %+v", raw, s)
			}
		}
		without := WithoutValue([]byte(raw))
		if again := WithoutValue(without); len(without) > len(raw) || !bytes.Equal(again, without) {
			t.Errorf("%q: %q, %q", raw, without, again)
		}
	})
}

func FuzzTags(f *testing.F) {
	f.Add("v=1; a=rsa-sha256; d= example.org\r\n ; h=a:b;")
	f.Fuzz(func(t *testing.T, text string) {
		tags, err := ParseTags(text)
		for _, tag := range tags {
			if tag.Name == "" || strings.Trim(tag.Value, " \t\r\n") != tag.Value || strings.Contains(tag.Value, ";") {
				t.Errorf("%q: %q, %v", text, tag, err)
			}
		}
	})
}

func FuzzKey(f *testing.F) {
	for _, text := range exampleKeys {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if k, err := ParseKey(text); err == nil {
			k.Verify("rsa-sha256", make([]byte, 32), make([]byte, 64))
		}
	})
}
