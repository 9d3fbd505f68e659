package dkim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"
	"time"
)

// A Field is one header field: its name, and the whole of it as it came. What has no name
// is no field.
type Field struct {
	Name string
	Raw  []byte
}

// A Message is what is verified.
type Message struct {
	Fields []Field
	Body   func() io.Reader // called once at most
}

// A Result is a word of RFC 8601 §2.7.1.
type Result string

// The results.
const (
	Pass      Result = "pass"
	Fail      Result = "fail"    // the signature does not fit the message
	Policy    Result = "policy"  // it fits, and does not cover what the reader sees
	Neutral   Result = "neutral" // it does not fit, and the key is in testing
	PermError Result = "permerror"
	Temporary Result = "temperror"
)

// A Verification is what came of one signature.
type Verification struct {
	Signature *Signature
	Result    Result
	Reason    string // why it is not Pass
	Bits      int    // of the key, 0 where there is none
	Unsigned  int64  // octets of the canonical body that l= leaves out
}

// skew is how far a signer's clock may be ahead of ours.
const skew = time.Hour

// Verify verifies signatures of one message; now is when it came. A signature without an
// error from parsing is needed. It fails only where the body can't be read, or ctx ends;
// what the DNS does not answer is a result.
func Verify(ctx context.Context, m Message, signatures []*Signature, keys *Keys, now time.Time) ([]Verification, error) {
	list, found := make([]Verification, len(signatures)), make([]*Key, len(signatures))
	bodies := newBodies()
	var wg sync.WaitGroup
	for i, s := range signatures {
		list[i] = Verification{Signature: s}
		if reason := s.timely(now); reason != "" {
			list[i].Result, list[i].Reason = PermError, reason
			continue
		}
		bodies.want(s)
		wg.Go(func() { found[i], list[i].Reason, list[i].Result = s.key(ctx, keys) })
	}
	err := bodies.read(ctx, m.Body)
	wg.Wait()
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	fields := byName(m.Fields)
	for i := range list {
		if list[i].Result == "" {
			list[i].judge(m.Fields, fields, found[i], bodies)
		}
	}
	return list, nil
}

// timely says why a signature is not good at a time.
func (s *Signature) timely(now time.Time) string {
	switch {
	case !s.Expires.IsZero() && now.After(s.Expires):
		return "signature has expired"
	case !s.Time.IsZero() && s.Time.After(now.Add(skew)):
		return "signed in the future (t=)"
	}
	return ""
}

// key fetches the key that a signature needs.
func (s *Signature) key(ctx context.Context, keys *Keys) (k *Key, reason string, r Result) {
	k, err := keys.Get(ctx, s.Selector, s.Domain)
	if err != nil {
		return nil, err.Error(), resultOf(err)
	}
	if within, _ := Domain(s.Identifier[strings.LastIndexByte(s.Identifier, '@')+1:]); k.Exact && s.Identifier != "" && within != s.Domain {
		return k, "domain mismatch: the key is for d= alone", PermError
	}
	return k, "", ""
}

func resultOf(err error) Result {
	var temporary *TempError
	if errors.As(err, &temporary) {
		return Temporary
	}
	return PermError
}

// judge looks whether header and body fit. Whatever is wrong with the key comes before.
func (v *Verification) judge(all []Field, fields map[string][]int, key *Key, bodies *bodies) {
	v.Bits = key.Bits
	s := v.Signature
	err := key.Verify(s.Algorithm, s.headerHash(all, fields), s.value)
	body, left := bodies.sum(s)
	switch {
	case err != nil && !errors.Is(err, ErrMismatch):
		v.Result, v.Reason = PermError, err.Error()
		return
	case left < 0:
		v.Result, v.Reason = PermError, "l= is more than the body has" // RFC 6376 §3.4.5
		return
	case !bytes.Equal(body, s.bodyHash):
		v.Result, v.Reason = Fail, "body hash did not verify"
	case err != nil:
		v.Result, v.Reason = Fail, err.Error()
	case left > 0:
		v.Result, v.Reason, v.Unsigned = Policy, fmt.Sprintf("%d octets of the body are not signed (l=)", left), left
		return
	default:
		v.Result = Pass
		return
	}
	if key.Testing {
		v.Result, v.Reason = Neutral, v.Reason+"; the key is in testing"
	}
}

// byName has the places of the fields of each name, in lower case.
func byName(fields []Field) map[string][]int {
	m := make(map[string][]int, len(fields))
	for i, f := range fields {
		if f.Name != "" {
			name := strings.ToLower(f.Name)
			m[name] = append(m[name], i)
		}
	}
	return m
}

// headerHash is the hash of the signed fields and of the signature itself without its
// value (RFC 6376 §3.7). Of fields of one name the last counts first (§5.4.2); a signature
// never covers itself.
func (s *Signature) headerHash(all []Field, fields map[string][]int) []byte {
	h := sha256.New()
	taken := map[string]int{}
	var b []byte
	for _, name := range s.Names {
		places := fields[name]
		for taken[name] < len(places) {
			taken[name]++
			f := all[places[len(places)-taken[name]]]
			if len(f.Raw) > 0 && len(s.raw) > 0 && &f.Raw[0] == &s.raw[0] {
				continue
			}
			b = s.Header.AppendField(b[:0], f.Raw)
			h.Write(b)
			break
		}
	}
	b = s.Header.AppendField(b[:0], WithoutValue(s.raw))
	h.Write(bytes.TrimSuffix(b, []byte("\r\n")))
	return h.Sum(nil)
}

// bodies hashes a body in all the ways that signatures ask for, in one go.
type bodies struct {
	forms map[Canon]*form
}

// A form is the body in one canonical form.
type form struct {
	size int64
	ends map[int64]*ending // by Length
}

// An ending is the hash of the body up to a length.
type ending struct {
	left int64 // octets still to come; without end it stays negative
	all  bool
	hash hash.Hash
}

func newBodies() *bodies { return &bodies{forms: map[Canon]*form{}} }

func (b *bodies) want(s *Signature) {
	f := b.forms[s.Body]
	if f == nil {
		f = &form{ends: map[int64]*ending{}}
		b.forms[s.Body] = f
	}
	if f.ends[s.Length] == nil {
		f.ends[s.Length] = &ending{left: s.Length, all: s.Length < 0, hash: sha256.New()}
	}
}

// Write implements io.Writer on the canonical body.
func (f *form) Write(p []byte) (int, error) {
	f.size += int64(len(p))
	for _, e := range f.ends {
		part := p
		if !e.all {
			part = p[:min(int64(len(p)), e.left)]
			e.left -= int64(len(part))
		}
		e.hash.Write(part)
	}
	return len(p), nil
}

// read reads the body once; not at all where nobody asks.
func (b *bodies) read(ctx context.Context, open func() io.Reader) error {
	if len(b.forms) == 0 {
		return nil
	}
	var all []io.Writer
	var ends []*Body
	for canon, f := range b.forms {
		body := NewBody(canon, f)
		all, ends = append(all, body), append(ends, body)
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(all...)}, &cancelled{ctx, open()}, make([]byte, 32<<10)); err != nil {
		return fmt.Errorf("dkim: read body: %w", err)
	}
	for _, body := range ends {
		_ = body.Close() // hashes don't fail
	}
	return nil
}

// sum returns the hash of what a signature covers, and how much of the body it leaves out;
// less than 0 where it would cover more than there is.
func (b *bodies) sum(s *Signature) (sum []byte, left int64) {
	f := b.forms[s.Body]
	if s.Length >= 0 {
		left = f.size - s.Length
	}
	return f.ends[s.Length].hash.Sum(nil), left
}

// A cancelled reader ends when its context does.
type cancelled struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (c *cancelled) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}
