package dkim

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Signature is one signature over header and body, as it was written. After an error
// what could be read is there.
type Signature struct {
	Algorithm  string // lower case, "rsa-sha256"
	Domain     string // d=, in A-labels
	Selector   string // s=, in A-labels
	Identifier string // i=, "@" and Domain where absent; of an ARC set "": there it is a number
	Header     Canon
	Body       Canon
	Names      []string  // h=, lower case, in its order
	Length     int64     // l=, octets of the canonical body that are signed; -1: all
	Time       time.Time // t=, zero: it does not say
	Expires    time.Time // x=, zero: never

	tags     Tags
	raw      []byte
	bodyHash []byte
	value    []byte
}

// Bounds of a signature, far above what honest mail has. Cost grows with them.
const (
	maxSignature = 16 << 10 // octets of the field
	maxNames     = 200      // in h=
)

// errMissing is told alike whichever tag is missing.
var errMissing = errors.New("signature missing required tag")

// ParseSignature reads a DKIM-Signature field: raw is the whole field as it came.
func ParseSignature(raw []byte) (*Signature, error) {
	s, err := parse(raw)
	if err != nil {
		return s, err
	}
	s.Identifier = "@" + s.Domain
	if s.tags.Has("i") {
		s.Identifier = compact(s.tags.Get("i"))
	}
	at := strings.LastIndexByte(s.Identifier, '@')
	within, ok := Domain(s.Identifier[at+1:])
	switch {
	case s.tags.Get("v") != "1":
		return s, errors.New("incompatible signature version")
	case !slices.Contains(s.Names, "from"):
		return s, errors.New("the From field is not signed") // RFC 6376 §3.5
	case at < 0 || !ok || within != s.Domain && !strings.HasSuffix(within, "."+s.Domain):
		return s, errors.New("domain mismatch: i= is not within d=")
	case s.tags.Has("q") && !slices.Contains(s.tags.List("q"), "dns/txt"):
		return s, errors.New("unsupported query method")
	}
	return s, nil
}

// ParseARC reads an ARC-Message-Signature field (RFC 8617 §4.1.2): i= is the instance, which
// the caller has read, and there is no v=. It must not cover seals, nor need it cover From.
func ParseARC(raw []byte) (*Signature, error) {
	s, err := parse(raw)
	if err == nil && slices.Contains(s.Names, "arc-seal") {
		err = errors.New("the signature covers ARC-Seal fields")
	}
	return s, err
}

// parse reads what both kinds of signatures have.
func parse(raw []byte) (*Signature, error) {
	s := &Signature{raw: raw, Length: -1}
	if len(raw) > maxSignature {
		return s, errors.New("a signature is too long")
	}
	_, value, _ := bytes.Cut(raw, []byte(":"))
	t, err := ParseTags(string(value))
	s.tags = t
	domain, named := Domain(t.Get("d"))
	selector, selected := dnsName(t.Get("s"))
	s.Domain, s.Selector, s.Algorithm = shorten(domain), shorten(selector), shorten(t.Get("a"))
	if err != nil {
		return s, err
	}
	for _, name := range []string{"a", "b", "bh", "d", "h", "s"} {
		if !t.Has(name) {
			return s, errMissing
		}
	}
	switch {
	case !named:
		return s, errors.New("d= is no domain")
	case !selected:
		return s, errors.New("s= is no selector")
	}
	s.Domain, s.Selector, s.Algorithm = domain, selector, t.Get("a")
	for _, read := range []func(Tags) error{s.readNames, s.readCanon, s.readHashes, s.readNumbers} {
		if err := read(t); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *Signature) readNames(t Tags) error {
	if strings.Count(t.Get("h"), ":") >= maxNames {
		return errors.New("a signature is too long")
	}
	for _, name := range t.List("h") {
		if strings.ContainsAny(name, " \t\r\n") {
			return errors.New("h= is no list of field names")
		}
		if name != "" { // between two colons; and an ARC set may sign no field
			s.Names = append(s.Names, strings.ToLower(name))
		}
	}
	return nil
}

func (s *Signature) readCanon(t Tags) error {
	if !t.Has("c") {
		return nil
	}
	header, body, both := strings.Cut(t.Get("c"), "/")
	if !both {
		body = "simple" // RFC 6376 §3.5
	}
	forms := map[string]Canon{"simple": Simple, "relaxed": Relaxed}
	h, ok1 := forms[header]
	b, ok2 := forms[body]
	if !ok1 || !ok2 {
		return fmt.Errorf("unknown canonical form %q", shorten(t.Get("c")))
	}
	s.Header, s.Body = h, b
	return nil
}

func (s *Signature) readHashes(t Tags) (err error) {
	if s.value, err = base64.StdEncoding.DecodeString(compact(t.Get("b"))); err != nil || len(s.value) == 0 {
		return errors.New("b= is no signature")
	}
	if s.bodyHash, err = base64.StdEncoding.DecodeString(compact(t.Get("bh"))); err != nil || len(s.bodyHash) == 0 {
		return errors.New("bh= is no hash")
	}
	return nil
}

func (s *Signature) readNumbers(t Tags) error {
	for _, name := range []string{"l", "t", "x"} {
		if !t.Has(name) {
			continue
		}
		n, err := strconv.ParseUint(t.Get(name), 10, 48)
		if err != nil {
			return fmt.Errorf("%s= is no number", name)
		}
		switch name {
		case "l":
			s.Length = int64(n)
		case "t":
			s.Time = time.Unix(int64(n), 0)
		case "x":
			s.Expires = time.Unix(int64(n), 0)
		}
	}
	if !s.Time.IsZero() && !s.Expires.IsZero() && s.Expires.Before(s.Time) {
		return errors.New("x= is before t=")
	}
	return nil
}

// Covers reports whether the signature names a field, given in lower case.
func (s *Signature) Covers(name string) bool { return slices.Contains(s.Names, name) }

// WithoutValue returns a signature field with the value of its tag b= empty (RFC 6376
// §3.7), all else as it stands.
func WithoutValue(raw []byte) []byte {
	colon := bytes.IndexByte(raw, ':')
	end := len(bytes.TrimRight(raw, "\r\n"))
	for start := colon + 1; start < end; {
		stop := end
		if i := bytes.IndexByte(raw[start:end], ';'); i >= 0 {
			stop = start + i
		}
		name, _, ok := bytes.Cut(raw[start:stop], []byte("="))
		if ok && string(bytes.Trim(name, " \t\r\n")) == "b" {
			return append(bytes.Clone(raw[:start+len(name)+1]), raw[stop:]...)
		}
		start = stop + 1
	}
	return raw
}
