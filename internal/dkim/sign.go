package dkim

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// ErrUnsignable says that a message is not signed: what a verifier, or a reader's program, takes it for could
// be something else than what we have.
var ErrUnsignable = errors.New("the message can't be signed")

// A Signer signs messages for a domain with one private key. It is safe for use by many
// goroutines.
type Signer struct {
	Domain    string // d=, lower-case A-labels, which any reader understands (RFC 8616 §5)
	Selector  string // s=
	Algorithm string // "rsa-sha256", "ed25519-sha256"
	key       crypto.Signer
}

// minSigned is the least size of an RSA key that is signed with (RFC 8301 §3.2 asks for 1024 and recommends this).
const minSigned = 2048

// NewSigner returns a Signer for a key of RSA, of 2048 bits or more, or Ed25519. It fails where the key
// is none of those, or domain and selector name no record.
func NewSigner(domain, selector string, key crypto.Signer) (*Signer, error) {
	d, ok1 := Domain(domain)
	s, ok2 := dnsName(selector)
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("dkim: %s._domainkey.%s is no name", selector, domain)
	}
	signer := &Signer{Domain: d, Selector: s, key: key}
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() < minSigned || public.N.BitLen() > maxBits {
			return nil, fmt.Errorf("dkim: an RSA key of %d bits, not %d or more", public.N.BitLen(), minSigned)
		}
		signer.Algorithm = "rsa-sha256"
	case ed25519.PublicKey:
		signer.Algorithm = "ed25519-sha256"
	default:
		return nil, errors.New("dkim: the key is neither RSA nor Ed25519")
	}
	return signer, nil
}

// sign returns the signature over a SHA-256 hash. Of Ed25519 the hash itself is the message
// (RFC 8463 §3).
func (s *Signer) sign(hash []byte) ([]byte, error) {
	how := crypto.SignerOpts(crypto.SHA256)
	if s.Algorithm == "ed25519-sha256" {
		how = crypto.Hash(0)
	}
	value, err := s.key.Sign(rand.Reader, hash, how)
	if err != nil {
		return nil, fmt.Errorf("dkim: sign for %s: %w", s.Domain, err)
	}
	return value, nil
}

// BodyHash returns the hash of a body in the form Relaxed, all of it. It fails with ErrUnsignable where a CR or LF
// stands alone, which each server on the way reads as it likes; else it can't be read, or ctx ended.
func BodyHash(ctx context.Context, body io.Reader) ([]byte, error) {
	h, ends := sha256.New(), &lineEnds{}
	canon := NewBody(Relaxed, h)
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(ends, canon)}, &cancelled{ctx, body}, make([]byte, 32<<10)); err != nil {
		return nil, fmt.Errorf("dkim: read body: %w", err)
	}
	_ = canon.Close() // hashes don't fail
	if ends.bare || ends.cr {
		return nil, fmt.Errorf("%w: a CR or LF stands alone in its body", ErrUnsignable)
	}
	return h.Sum(nil), nil
}

// lineEnds looks for a CR or LF that is no part of a CRLF.
type lineEnds struct{ cr, bare bool }

// Write implements io.Writer.
func (l *lineEnds) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0 && !l.bare; {
		if l.cr {
			l.cr, l.bare = false, rest[0] != '\n'
			rest = rest[1:]
			continue
		}
		i := bytes.IndexAny(rest, "\r\n")
		if i < 0 {
			break
		}
		l.cr, l.bare = rest[i] == '\r', rest[i] == '\n'
		rest = rest[i+1:]
	}
	return len(p), nil
}

// Fit fails with ErrUnsignable where a header is none that is signed: a line that is no field, a CR or LF that stands
// alone, not just one From, or more fields than a verifier reads.
func Fit(fields []Field) error {
	from := 0
	for _, f := range fields {
		ends := &lineEnds{}
		ends.Write(f.Raw)
		switch {
		case f.Name == "" || strings.ContainsAny(f.Name, " \t"):
			return fmt.Errorf("%w: a line of its header is no field", ErrUnsignable)
		case !bytes.HasSuffix(f.Raw, []byte("\r\n")) || ends.bare:
			return fmt.Errorf("%w: a CR or LF stands alone in its header", ErrUnsignable)
		case strings.EqualFold(f.Name, "From"):
			from++
		}
	}
	switch {
	case from != 1:
		return fmt.Errorf("%w: it has %d From fields", ErrUnsignable, from)
	case len(fields) > maxSigned:
		return fmt.Errorf("%w: it has more than %d fields", ErrUnsignable, maxSigned)
	}
	return nil
}

// maxSigned bounds the fields of what is signed.
const maxSigned = 500

// always are signed once more than they are there, so that none can be added (RFC 6376 §8.15): readers' programs show
// them, or go by them. whenThere are signed so if they are there; lists and servers on the way add them to
// mail that has none, which does no harm. Trace fields are never signed.
var (
	always    = [...]string{"From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"}
	whenThere = [...]string{
		"Sender", "In-Reply-To", "References", "Content-Disposition", "Content-ID", "Content-Description", "Auto-Submitted", "Resent-From", "Resent-To", "Resent-Cc",
		"Resent-Date", "Resent-Message-ID", "List-Id", "List-Help", "List-Subscribe", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Post", "List-Owner", "List-Archive",
	}
)

// names is h= for a message. It fails where a field is there so often that a verifier might not read them all.
func names(fields []Field) (list []string, err error) {
	at := byName(fields)
	for _, name := range always {
		for range len(at[strings.ToLower(name)]) + 1 {
			list = append(list, name)
		}
	}
	for _, name := range whenThere {
		if n := len(at[strings.ToLower(name)]); n > 0 {
			for range n + 1 {
				list = append(list, name)
			}
		}
	}
	if len(list) > maxNames/2 {
		return nil, fmt.Errorf("%w: it has the same fields too often", ErrUnsignable)
	}
	return list, nil
}

// Sign returns a DKIM-Signature field, with its line end, for the top of a message: c=relaxed/relaxed, no l=, and x= unless
// expires is zero. body is BodyHash; identity, "@sub.example.org", is i=, "" for none. It fails
// with ErrUnsignable where Fit does.
func (s *Signer) Sign(fields []Field, body []byte, identity string, now, expires time.Time) ([]byte, error) {
	if err := Fit(fields); err != nil {
		return nil, err
	}
	list, err := names(fields)
	if err != nil {
		return nil, err
	}
	tags := []string{"v=1", "a=" + s.Algorithm, "c=relaxed/relaxed", "d=" + s.Domain, "s=" + s.Selector, "t=" + strconv.FormatInt(now.Unix(), 10)}
	if !expires.IsZero() {
		tags = append(tags, "x="+strconv.FormatInt(expires.Unix(), 10))
	}
	if identity != "" {
		tags = append(tags, "i="+identity)
	}
	return s.field("DKIM-Signature", tags, list, fields, body)
}

// SignARC returns the ARC-Message-Signature field of an instance (RFC 8617 §4.1.2), with its line end. It signs the
// DKIM-Signature fields as well, and no field of ARC.
func (s *Signer) SignARC(instance int, fields []Field, body []byte, now time.Time) ([]byte, error) {
	if err := Fit(fields); err != nil {
		return nil, err
	}
	list, err := names(fields)
	if err != nil {
		return nil, err
	}
	for range min(len(byName(fields)["dkim-signature"]), maxNames/4) {
		list = append(list, "DKIM-Signature")
	}
	tags := []string{
		"i=" + strconv.Itoa(instance), "a=" + s.Algorithm, "c=relaxed/relaxed", "d=" + s.Domain, "s=" + s.Selector, "t=" + strconv.FormatInt(now.Unix(), 10),
	}
	return s.field("ARC-Message-Signature", tags, list, fields, body)
}

// SignSeal returns an ARC-Seal field (RFC 8617 §4.1.3), with its line end, over the fields before it of the sets, in their
// order and in canonical form.
func (s *Signer) SignSeal(instance int, cv string, before []byte, now time.Time) ([]byte, error) {
	f := newFolded("ARC-Seal")
	for _, tag := range []string{"i=" + strconv.Itoa(instance), "a=" + s.Algorithm, "t=" + strconv.FormatInt(now.Unix(), 10), "cv=" + cv, "d=" + s.Domain, "s=" + s.Selector} {
		f.word(tag+";", " ")
	}
	f.word("b=", " ")
	h := sha256.New()
	h.Write(before)
	h.Write(bytes.TrimSuffix(Relaxed.AppendField(nil, f.b), []byte("\r\n")))
	value, err := s.sign(h.Sum(nil))
	if err != nil {
		return nil, err
	}
	return f.value(value), nil
}

// field makes a signature field, and signs it.
func (s *Signer) field(name string, tags, list []string, fields []Field, body []byte) ([]byte, error) {
	f := newFolded(name)
	for _, tag := range tags {
		f.word(tag+";", " ")
	}
	for i, n := range list {
		if i == 0 {
			n = "h=" + n
		}
		end, blank := ":", ""
		if i == len(list)-1 {
			end = ";"
		}
		if i == 0 {
			blank = " "
		}
		f.word(n+end, blank)
	}
	f.word("bh="+base64.StdEncoding.EncodeToString(body)+";", " ")
	f.word("b=", " ")
	unsigned := &Signature{Header: Relaxed, raw: f.b}
	for _, n := range list {
		unsigned.Names = append(unsigned.Names, strings.ToLower(n))
	}
	value, err := s.sign(unsigned.headerHash(fields, byName(fields)))
	if err != nil {
		return nil, err
	}
	return f.value(value), nil
}

// folded is a field whose lines are 76 octets at most, as far as its words are.
type folded struct {
	b    []byte
	line int // octets of the last line so far
}

const lineLength = 76

func newFolded(name string) *folded {
	return &folded{b: []byte(name + ":"), line: len(name) + 1}
}

// word adds a word, behind a blank or a fold.
func (f *folded) word(s, blank string) {
	if f.line+len(blank)+len(s) > lineLength {
		f.b, f.line = append(f.b, "\r\n\t"...), 1
		blank = ""
	}
	f.b = append(append(f.b, blank...), s...)
	f.line += len(blank) + len(s)
}

// value adds the value of b=, which is the last tag, and the line end.
func (f *folded) value(value []byte) []byte {
	text := base64.StdEncoding.EncodeToString(value)
	for len(text) > 0 {
		n := min(len(text), lineLength-f.line)
		f.b = append(f.b, text[:n]...)
		f.line += n
		if text = text[n:]; len(text) > 0 {
			f.b, f.line = append(f.b, "\r\n\t"...), 1
		}
	}
	return append(f.b, "\r\n"...)
}
