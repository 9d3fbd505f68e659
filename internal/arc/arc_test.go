package arc

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"gatepost/internal/dkim"
)

// sealers makes chains as servers do.
type sealers struct {
	zone map[string]string
	key  map[string]crypto.Signer // by selector
	err  error                    // of every look-up
}

const shortKey = "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAIt9YNn0mbdMVTqHFMROdXYaa5GoNq0KScIYmcPHqAuhyO5yyVv1JVzqPTAMVo3YH4jlnGC+UP8BUMBFAMXUM3cCAwEAAQ=="

func newSealers(t testing.TB) *sealers {
	s := &sealers{zone: map[string]string{}, key: map[string]crypto.Signer{}}
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(long.Public())
	if err != nil {
		t.Fatal(err)
	}
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	for selector, record := range map[string]string{
		"rsa": "v=DKIM1; p=" + base64.StdEncoding.EncodeToString(public), "short": "p=" + shortKey, "bad": "v=DKIM1; p=AA==",
		"ed": "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(ed.Public().(ed25519.PublicKey)),
	} {
		for i := 1; i <= maxSets+1; i++ {
			s.zone[fmt.Sprintf("%s._domainkey.s%d.example", selector, i)] = record
		}
	}
	for _, selector := range []string{"rsa", "short", "bad", "none"} {
		s.key[selector] = long
	}
	s.key["ed"] = ed
	return s
}

func (s *sealers) LookupTXT(_ context.Context, name string) ([]string, error) {
	if s.err != nil {
		return nil, s.err
	}
	if text, ok := s.zone[name]; ok {
		return []string{text}, nil
	}
	return nil, &net.DNSError{Err: "no such name", Name: name, IsNotFound: true}
}

func (s *sealers) sign(selector string, hash []byte) string {
	var value []byte
	if selector == "ed" {
		value, _ = s.key[selector].Sign(rand.Reader, hash, crypto.Hash(0))
	} else {
		value, _ = s.key[selector].Sign(rand.Reader, hash, crypto.SHA256)
	}
	return base64.StdEncoding.EncodeToString(value)
}

// A recipe is how one set is made: what is "" is as it should be.
type recipe struct {
	selector, canon, names, cv string
	results                    string                      // behind the instance
	message, seal              func(string) string         // change a field before it is signed
	after                      func(message string) string // on the way to the next server
}

const letter = "From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject:  lunch \r\n  today\r\nX: 1\r\nX: 2\r\n\r\nat  noon? \r\n\r\n"

// seal adds set i to a message.
func (s *sealers) set(message string, i int, r recipe) string {
	selector, canon, names := or(r.selector, "ed"), or(r.canon, "relaxed/relaxed"), or(r.names, "from:to:subject:x")
	algorithm := "rsa-sha256"
	if selector == "ed" {
		algorithm = "ed25519-sha256"
	}
	m := split(message)
	forms := map[string]dkim.Canon{"simple": dkim.Simple, "relaxed": dkim.Relaxed}
	header, body, _ := strings.Cut(canon, "/")
	bh := sha256.New()
	b := dkim.NewBody(forms[body], bh)
	io.Copy(b, m.Body())
	b.Close()
	results := fmt.Sprintf("ARC-Authentication-Results: i=%d; %s\r\n", i, or(r.results, "mx.s1.example; dmarc=pass header.from=example.org"))
	signature := fmt.Sprintf("ARC-Message-Signature: i=%d; a=%s; c=%s; d=s%d.example; s=%s;\r\n\th=%s; t=12345; bh=%s; b=", i, algorithm, canon, i, selector, names, base64.StdEncoding.EncodeToString(bh.Sum(nil)))
	if r.message != nil {
		signature = r.message(signature)
	}
	hash := sha256.New()
	taken := map[string]int{}
	for name := range strings.SplitSeq(names, ":") {
		name = strings.ToLower(strings.TrimSpace(name))
		seen := 0
		for k := len(m.Fields) - 1; k >= 0; k-- {
			if strings.EqualFold(m.Fields[k].Name, name) {
				if seen == taken[name] {
					taken[name]++
					hash.Write(forms[header].AppendField(nil, m.Fields[k].Raw))
					break
				}
				seen++
			}
		}
	}
	hash.Write(bytes.TrimSuffix(forms[header].AppendField(nil, []byte(signature)), []byte("\r\n")))
	signature += s.sign(selector, hash.Sum(nil)) + "\r\n"
	cv := or(r.cv, map[bool]string{true: "none", false: "pass"}[i == 1])
	seal := fmt.Sprintf("ARC-Seal: i=%d; a=%s; cv=%s; d=s%d.example; s=%s; t=12346; b=", i, algorithm, cv, i, selector)
	if r.seal != nil {
		seal = r.seal(seal)
	}
	hash = sha256.New()
	for k := 1; k < i; k++ {
		for _, name := range []string{resultsField, messageField, sealField} {
			for _, f := range m.Fields {
				if n, err := instance(name, f.Raw); strings.EqualFold(f.Name, name) && err == nil && n == k {
					hash.Write(dkim.Relaxed.AppendField(nil, f.Raw))
				}
			}
		}
	}
	hash.Write(dkim.Relaxed.AppendField(nil, []byte(results)))
	hash.Write(dkim.Relaxed.AppendField(nil, []byte(signature)))
	hash.Write(bytes.TrimSuffix(dkim.Relaxed.AppendField(nil, []byte(seal)), []byte("\r\n")))
	seal += s.sign(selector, hash.Sum(nil)) + "\r\n"
	message = seal + signature + results + message
	if r.after != nil {
		message = r.after(message)
	}
	return message
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (s *sealers) chain(recipes ...recipe) string {
	message := letter
	for i, r := range recipes {
		message = s.set(message, i+1, r)
	}
	return message
}

// split takes a message apart as package mail does.
func split(message string) dkim.Message {
	head, body, found := strings.Cut(message, "\r\n\r\n")
	if found {
		head += "\r\n"
	}
	var m dkim.Message
	for line := range strings.Lines(head) {
		if (line[0] == ' ' || line[0] == '\t') && len(m.Fields) > 0 {
			last := &m.Fields[len(m.Fields)-1]
			last.Raw = append(last.Raw, line...)
			continue
		}
		name, _, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !ok {
			name = ""
		}
		m.Fields = append(m.Fields, dkim.Field{Name: name, Raw: []byte(line)})
	}
	m.Body = func() io.Reader { return strings.NewReader(body) }
	return m
}

func verify(t testing.TB, s *sealers, message string) Chain {
	t.Helper()
	c, err := Verify(t.Context(), split(message), dkim.NewKeys(s), time.Unix(20000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// swap replaces the first occurrence.
func swap(old, new string) func(string) string {
	return func(m string) string { return strings.Replace(m, old, new, 1) }
}

// without drops the field that begins so.
func without(begin string) func(string) string {
	return func(m string) string {
		var kept strings.Builder
		for _, f := range split(m).Fields {
			if !strings.HasPrefix(string(f.Raw), begin) {
				kept.Write(f.Raw)
			}
		}
		_, body, _ := strings.Cut(m, "\r\n\r\n")
		return kept.String() + "\r\n" + body
	}
}

// again puts the field that begins so in front once more.
func again(begin string) func(string) string {
	return func(m string) string {
		for _, f := range split(m).Fields {
			if strings.HasPrefix(string(f.Raw), begin) {
				return string(f.Raw) + m
			}
		}
		return m
	}
}

func TestVerify(t *testing.T) {
	s := newSealers(t)
	one := func(r recipe) string { return s.chain(r) }
	two := func(after func(string) string) string {
		return s.chain(recipe{}, recipe{selector: "rsa", after: after})
	}
	tags := func(change func(string) string) string { return one(recipe{message: change}) }
	seal := func(change func(string) string) string { return one(recipe{seal: change}) }
	after := func(change func(string) string) string { return one(recipe{after: change}) }
	for _, c := range []struct{ name, message, want string }{
		{"no set", letter, "none"},
		{"empty", "", "none"},
		{"no header", "\r\nbody\r\n", "none"},
		{"no body", strings.SplitAfter(letter, "\r\n\r\n")[0], "none"},
		{"one", one(recipe{}), "pass"},
		{"one, RSA", one(recipe{selector: "rsa"}), "pass"},
		{"two", two(nil), "pass"},
		{"five", s.chain(recipe{}, recipe{}, recipe{}, recipe{}, recipe{}), "pass"},
		{"fifty", s.chain(make([]recipe, 50)...), "pass"},
		{"fifty-one", s.chain(make([]recipe, 51)...), "fail"},
		{"changed between", s.chain(recipe{after: swap("lunch", "[list] lunch")}, recipe{}), "pass"},
		{"changed after", two(swap("lunch", "[list] lunch")), "fail"},
		{"body changed after", two(swap("noon", "five")), "fail"},
		{"footer between", s.chain(recipe{after: func(m string) string { return m + "-- \r\nlist\r\n" }}, recipe{}), "pass"},
		{"footer after", after(func(m string) string { return m + "-- \r\nlist\r\n" }), "fail"},

		{"simple/simple", one(recipe{canon: "simple/simple"}), "pass"},
		{"simple/relaxed", one(recipe{canon: "simple/relaxed"}), "pass"},
		{"relaxed/simple", one(recipe{canon: "relaxed/simple"}), "pass"},
		{"wrapped anew", after(swap("Subject:  lunch \r\n  today", "SUBJECT : lunch today  ")), "pass"},
		{"wrapped anew, simple", one(recipe{canon: "simple/relaxed", after: swap("Subject:  lunch \r\n  today", "Subject: lunch today")}), "fail"},
		{"no c=", one(recipe{canon: "simple/simple", message: swap(" c=simple/simple;", "")}), "pass"},
		{"empty lines at the end", after(func(m string) string { return m + "\r\n\r\n" }), "pass"},

		{"no results", after(without("ARC-Authentication-Results")), "fail"},
		{"no message signature", after(without("ARC-Message-Signature")), "fail"},
		{"no seal", after(without("ARC-Seal")), "fail"},
		{"no results of the first", two(without("ARC-Authentication-Results: i=1")), "fail"},
		{"no message signature of the first", two(without("ARC-Message-Signature: i=1")), "fail"},
		{"no seal of the first", two(without("ARC-Seal: i=1")), "fail"},
		{"two results", after(again("ARC-Authentication-Results")), "fail"},
		{"two message signatures", after(again("ARC-Message-Signature")), "fail"},
		{"two seals", after(again("ARC-Seal")), "fail"},
		{"gap", without("ARC-Authentication-Results: i=2")(without("ARC-Message-Signature: i=2")(without("ARC-Seal: i=2")(s.chain(recipe{}, recipe{}, recipe{})))), "fail"},
		{"none of the first", without("ARC-Authentication-Results: i=1")(without("ARC-Message-Signature: i=1")(without("ARC-Seal: i=1")(two(nil)))), "fail"},
		{"first taken away", without("ARC-Authentication-Results: i=2")(without("ARC-Message-Signature: i=2")(without("ARC-Seal: i=2")(two(nil)))), "pass"},
		{"order of fields", after(func(m string) string {
			parts := split(m).Fields
			return string(parts[2].Raw) + string(parts[0].Raw) + string(parts[1].Raw) + letter
		}), "pass"},

		{"results changed", after(swap("dmarc=pass", "dmarc=fail")), "fail"},
		{"results of the first changed", two(swap("i=1; mx", "i=1; my")), "fail"},
		{"message signature of the first changed", two(swap("d=s1.example; s=ed;\r\n", "d=s1.example; s=ed; z=1;\r\n")), "fail"},
		{"seal of the first changed", two(swap("i=1; a=ed25519-sha256; cv=none", "i=1; a=ed25519-sha256; z=1; cv=none")), "fail"},
		{"case and white space of fields", after(func(m string) string {
			return swap("ARC-Seal: ", "arc-seal :\r\n\t ")(swap("ARC-Message-Signature:", "ARC-MESSAGE-SIGNATURE:  ")(m))
		}), "pass"},

		{"results: no instance", after(swap("ARC-Authentication-Results: i=1;", "ARC-Authentication-Results:")), "fail"},
		{"results: instance not in front", after(swap("ARC-Authentication-Results: i=1; mx.s1.example;", "ARC-Authentication-Results: mx.s1.example; i=1;")), "fail"},
		{"results: no semicolon", after(swap("Results: i=1;", "Results: i=1")), "fail"},
		{"results: instance 0", after(swap("Results: i=1;", "Results: i=0;")), "fail"},
		{"results: no number", after(swap("Results: i=1;", "Results: i=a;")), "fail"},
		{"results: wrong instance", after(swap("Results: i=1;", "Results: i=2;")), "fail"},
		{"message: no instance", tags(swap("i=1; ", "")), "fail"},
		{"message: empty instance", tags(swap("i=1;", "i=;")), "fail"},
		{"message: instance 0", tags(swap("i=1;", "i=0;")), "fail"},
		{"message: wrong instance", tags(swap("i=1;", "i=2;")), "fail"},
		{"seal: no instance", seal(swap("i=1; ", "")), "fail"},
		{"seal: instance that is none", seal(swap("i=1;", "i=+1;")), "fail"},
		{"seal: instance 51", seal(swap("i=1;", "i=51;")), "fail"},

		{"message: white space", tags(func(f string) string { return strings.ReplaceAll(strings.ReplaceAll(f, ";", "\t; "), "i=", "i = ") }), "pass"},
		{"message: unknown tag", tags(swap("t=12345;", "t=12345; w=catparty;")), "pass"},
		{"message: bad tag name", tags(swap("t=12345;", "t=12345; _=1;")), "fail"},
		{"message: tag twice", tags(swap("t=12345;", "t=12345; s=ed;")), "fail"},
		{"message: case of a tag", tags(swap("d=", "D=")), "fail"},
		{"message: case of a value", tags(swap("a=ed25519", "a=ED25519")), "fail"},
		{"message: white space in a value", tags(swap("a=ed25519-sha256", "a=ed25519 -sha256")), "fail"},
		{"message: semicolon too many", tags(swap("t=12345;", "t=12345;;")), "fail"},
		{"message: no a=", tags(swap("a=ed25519-sha256; ", "")), "fail"},
		{"message: empty a=", tags(swap("a=ed25519-sha256;", "a=;")), "fail"},
		{"message: SHA-1", one(recipe{selector: "rsa", message: swap("sha256", "sha1")}), "fail"},
		{"message: unknown a=", tags(swap("a=ed25519-sha256", "a=rsa-md5")), "fail"},
		{"message: no bh=", tags(swap("bh=", "bx=")), "fail"},
		{"message: wrong bh=", tags(swap("bh=", "bh=AA")), "fail"},
		{"message: no d=", tags(swap("d=s1.example; ", "")), "fail"},
		{"message: d= that is none", tags(swap("d=s1.example", "d=not^a.domain")), "fail"},
		{"message: no s=", tags(swap("s=ed;", "")), "fail"},
		{"message: empty s=", tags(swap("s=ed;", "s=;")), "fail"},
		{"message: empty t=", tags(swap("t=12345", "t=")), "fail"},
		{"message: bad t=", tags(swap("t=12345", "t=wrong")), "fail"},
		{"message: in the future", tags(swap("t=12345", "t=123456")), "fail"},
		{"message: no t=", tags(swap("t=12345; ", "")), "pass"},
		{"message: bad c=", tags(swap("c=relaxed/relaxed", "c=zip")), "fail"},
		{"message: empty c=", tags(swap("c=relaxed/relaxed", "c=")), "fail"},
		{"message: no h=", tags(swap("h=from", "k=from")), "fail"},
		{"message: l= that leaves something out", tags(swap("t=12345;", "t=12345; l=0;")), "fail"},
		{"message: changed value", after(func(m string) string {
			f := split(m).Fields[1].Raw
			return strings.Replace(m, string(f), strings.Replace(string(f), "b=", "b=AAAA", 1), 1)
		}), "fail"},

		{"names: From is not signed", one(recipe{names: "to:subject"}), "pass"},
		{"names: white space and case", one(recipe{names: "FROM : to:\r\n\t subject"}), "pass"},
		{"names: from the last on", one(recipe{names: "x:from:x"}), "pass"},
		{"names: one more is added", one(recipe{names: "x:from:x:x", after: swap("X: 1", "X: 0\r\nX: 1")}), "fail"},
		{"names: one more that is not signed", one(recipe{names: "from:x", after: swap("X: 1", "X: 0\r\nX: 1")}), "pass"},
		{"names: absent", one(recipe{names: "from:date:date"}), "pass"},
		{"names: absent, then there", one(recipe{names: "from:date", after: swap("To:", "Date: now\r\nTo:")}), "fail"},
		{"names: an empty one", one(recipe{names: "from::to"}), "pass"},
		{"names: none of names", one(recipe{message: swap("from:to", "from to")}), "fail"},
		{"names: message signatures", s.chain(recipe{}, recipe{names: "from:arc-message-signature"}), "pass"},
		{"names: seals", s.chain(recipe{}, recipe{names: "from:arc-seal"}), "fail"},

		{"seal: white space", seal(func(f string) string { return strings.ReplaceAll(f, ";", " ;\r\n\t") }), "pass"},
		{"seal: unknown tag", seal(swap("t=12346;", "t=12346; w=catparty;")), "pass"},
		{"seal: tag twice", seal(swap("t=12346;", "t=12346; s=ed;")), "fail"},
		{"seal: case of a value", seal(swap("cv=none", "cv=None")), "fail"},
		{"seal: no a=", seal(swap("a=ed25519-sha256; ", "")), "fail"},
		{"seal: SHA-1", one(recipe{selector: "rsa", seal: swap("sha256", "sha1")}), "fail"},
		{"seal: no b=", after(swap("t=12346; b=", "t=12346; x=")), "fail"},
		{"seal: no base64", after(swap("t=12346; b=", "t=12346; b=&")), "fail"},
		{"seal: changed value", after(swap("t=12346; b=", "t=12346; b=AAAA")), "fail"},
		{"seal: white space in the value", after(swap("t=12346; b=", "t=12346; b= \r\n ")), "pass"},
		{"seal: no d=", seal(swap("d=s1.example; ", "")), "fail"},
		{"seal: d= that is none", seal(swap("d=s1.example", "d=not^a.domain")), "fail"},
		{"seal: empty s=", seal(swap("s=ed;", "s=;")), "fail"},
		{"seal: no t=", seal(swap("t=12346; ", "")), "pass"},
		{"seal: empty t=", seal(swap("t=12346", "t=")), "fail"},
		{"seal: h=", seal(swap("t=12346;", "t=12346; h=from;")), "fail"},
		{"seal: other domain than the message's", seal(swap("d=s1.example", "d=s2.example")), "pass"},

		{"cv: none there", one(recipe{seal: swap("cv=none; ", "")}), "fail"},
		{"cv: empty", one(recipe{seal: swap("cv=none", "cv=")}), "fail"},
		{"cv: unknown", one(recipe{cv: "maybe"}), "fail"},
		{"cv: the first says pass", one(recipe{cv: "pass"}), "fail"},
		{"cv: the first says fail", one(recipe{cv: "fail"}), "fail"},
		{"cv: the second says none", s.chain(recipe{}, recipe{cv: "none"}), "fail"},
		{"cv: the second says fail", s.chain(recipe{}, recipe{cv: "fail"}), "fail"},
		{"cv: the first of two says pass", s.chain(recipe{cv: "pass"}, recipe{}), "fail"},

		{"key: none", one(recipe{selector: "none"}), "fail"},
		{"key: bad", one(recipe{selector: "bad"}), "fail"},
		{"key: 512 bits", one(recipe{selector: "short"}), "fail"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := verify(t, s, c.message)
			if string(got.Result) != c.want || (got.Reason == "") != (got.Result == Pass || got.Result == None) {
				t.Errorf("got %s (%s), want %s", got.Result, got.Reason, c.want)
			}
		})
	}
}

// Who does not get an answer from the DNS says so, whatever the fault; a body that can't be
// read is an error.
func TestFailures(t *testing.T) {
	s := newSealers(t)
	message := s.chain(recipe{}, recipe{})
	s.err = &net.DNSError{Err: "SERVFAIL", IsTemporary: true}
	if c := verify(t, s, message); c.Result != Temporary {
		t.Errorf("got %s", c.Result)
	}
	broken := errors.New("disk on fire")
	m := split(message)
	m.Body = func() io.Reader { return iotest.ErrReader(broken) }
	if _, err := Verify(t.Context(), m, dkim.NewKeys(s), time.Unix(20000, 0)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// The oldest set from which on nothing was changed is known.
func TestOldest(t *testing.T) {
	s := newSealers(t)
	change := recipe{after: swap("lunch", "lunch!")}
	for _, c := range []struct {
		recipes []recipe
		want    int
	}{
		{[]recipe{{}}, 1}, {[]recipe{{}, {}, {}}, 1}, {[]recipe{{}, change, {}}, 3}, {[]recipe{change, {}, {}}, 2},
	} {
		if got := verify(t, s, s.chain(c.recipes...)); got.Oldest != c.want {
			t.Errorf("got %d of %s, want %d", got.Oldest, got.Result, c.want)
		}
	}
}

// Field note 26: ARC helps only where its sealers are trusted, each that could have changed
// what the first one saw.
func TestFieldNote26TrustedSealers(t *testing.T) {
	s := newSealers(t)
	change := swap("lunch", "[list] lunch")
	for name, c := range map[string]struct {
		recipes []recipe
		trusted string
		want    int // instance, 0: nobody vouches
	}{
		"nobody is trusted":                        {[]recipe{{}}, "", 0},
		"the only one is":                          {[]recipe{{after: nil}}, "s1.example", 1},
		"all are, the message changed":             {[]recipe{{after: change}, {results: "x; dmarc=fail header.from=example.org"}}, "s1.example s2.example", 1},
		"the newest is not, the message changed":   {[]recipe{{after: change}, {}}, "s1.example", 0},
		"the newest is not, nothing changed":       {[]recipe{{}, {}}, "s1.example", 1},
		"the first is not, the newest saw it fail": {[]recipe{{}, {results: "x; dmarc=fail header.from=example.org"}}, "s2.example", 0},
		"one between is not, the message changed":  {[]recipe{{after: change}, {results: "x; dmarc=none"}, {results: "x; dmarc=fail"}}, "s1.example s3.example", 0},
		"it saw another domain":                    {[]recipe{{results: "x; dmarc=pass header.from=evil.example"}}, "s1.example", 0},
		"From is not signed":                       {[]recipe{{names: "to"}}, "s1.example", 0},
		"it says nothing of DMARC, but of DKIM":    {[]recipe{{results: "x; dkim=pass header.i=@example.org"}}, "s1.example", 1},
		"it says nothing of DMARC, but of SPF":     {[]recipe{{results: "x; spf=pass (x; y) smtp.mailfrom=ann@example.org"}}, "s1.example", 1},
		"it says nothing of DMARC, but of others":  {[]recipe{{results: "x; dkim=pass header.d=evil.example; spf=softfail smtp.mailfrom=example.org"}}, "s1.example", 0},
		"a claim inside a comment":                 {[]recipe{{results: "x; none (; dmarc=pass header.from=example.org)"}}, "s1.example", 0},
		"a claim inside a quoted string":           {[]recipe{{results: `x; dkim=fail reason="; dmarc=pass header.from=example.org"`}}, "s1.example", 0},
		"the chain does not pass":                  {[]recipe{{cv: "pass"}}, "s1.example", 0},
	} {
		chain := verify(t, s, s.chain(c.recipes...))
		set, ok := chain.Vouch("example.org", func(d string) bool { return strings.Contains(" "+c.trusted+" ", " "+d+" ") }, func(d string) bool { return d == "example.org" })
		got := 0
		if ok {
			got = set.Instance
		}
		if got != c.want {
			t.Errorf("%s: set %d vouches, want %d (%s %s)", name, got, c.want, chain.Result, chain.Reason)
		}
	}
}

func TestParseClaims(t *testing.T) {
	for in, want := range map[string]string{
		"mx.example":         "[]",
		"mx.example 1; none": "[]",
		"mx.example; dkim=pass header.d=a.example":                                             "[{dkim pass map[header.d:a.example]}]",
		`mx; DKIM/1 = Pass (good; really (yes)) reason="a\"; spf=pass" header.d = "a.example"`: `[{dkim pass map[header.d:a.example reason:a"; spf=pass]}]`,
		"mx;; spf=;dmarc=pass;": "[{dmarc pass map[]}]",
		"mx; (; spf=pass":       "[]",
		"(c) mx; x=y=z a=b=c":   "[{x y map[a:b b:c y:z]}]",
	} {
		if got := fmt.Sprint(ParseClaims(in)); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	s := newSealers(f)
	f.Add(s.chain(recipe{}, recipe{}))
	f.Add("ARC-Seal: i=1\r\nARC-Message-Signature: ;\r\nARC-Authentication-Results: i=1; x\r\n\r\n")
	f.Fuzz(func(t *testing.T, message string) {
		c := verify(t, s, message)
		if c.Result == Pass && len(c.Sets) == 0 {
			t.Errorf("%q passes without sets", message)
		}
	})
}

func FuzzClaims(f *testing.F) {
	f.Add(`mx; DKIM/1 = Pass (good; really (yes)) reason="a\"; spf=pass" header.d = "a.example"`)
	f.Fuzz(func(t *testing.T, value string) {
		claims := ParseClaims(value)
		if len(claims) > maxClaims {
			t.Errorf("%d claims", len(claims))
		}
		for _, c := range claims {
			if c.Method != strings.ToLower(c.Method) || len(c.Properties) > maxProperties {
				t.Errorf("%q", c)
			}
		}
	})
}
