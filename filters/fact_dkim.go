package filters

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/authres"

	"gatepost/internal/dkim"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// A dkimAnswer is what a message's signatures are worth (RFC 6376), in their order.
type dkimAnswer struct {
	Result     string // of them together, see overall
	Signatures []dkimSignature
	Problem    string // why none was looked at; "" where they were, or there are none
	Unread     int    // signatures beyond maxSignatures, of either sort
	Seen       []pipeline.Evidence
}

// A dkimSignature is one signature and its verification.
type dkimSignature struct {
	Domain, Selector, Algorithm, Identifier string
	Bits                                    int    // of its key, 0 where there is none
	Length                                  int64  // l=, -1: all of the body
	Result                                  string // a word of RFC 8601 §2.7.1
	Reason                                  string
}

// Bounds of the work for one message, far above what honest mail has; package dkim has
// those of one signature. There may be maxSignatures by the author's organisation and as many by others, so
// that those whom a message went through leave the author his say. What is beyond is
// not looked at, and no reason to doubt: anybody can add signatures.
const (
	dkimLimit     = 20 * time.Second
	maxSignatures = 5
	maxFields     = 2000
)

const dkimKey = "dkim"

// dkimFact verifies a message's signatures once, when the content is in. A
// temporary failure is a result, not an error.
func dkimFact(ctx context.Context, tx *pipeline.Transaction, r Resolver) (dkimAnswer, error) {
	if tx.Message == nil {
		return dkimAnswer{}, errors.New("dkim: asked before the content is in")
	}
	return pipeline.Fact(ctx, tx, dkimKey, dkimLimit, func(ctx context.Context) (dkimAnswer, error) {
		return verifyDKIM(ctx, r, tx.Message, tx.Time)
	})
}

func verifyDKIM(ctx context.Context, r Resolver, m *mail.Message, now time.Time) (dkimAnswer, error) {
	h := m.Header()
	if err := m.Err(); err != nil {
		return dkimAnswer{}, fmt.Errorf("dkim: read message: %w", err)
	}
	var a dkimAnswer
	var whole []*dkim.Signature
	var places []int // of them in a.Signatures
	room := newRoom(m)
	for i := range h.Fields {
		f := &h.Fields[i]
		if !strings.EqualFold(f.Name, "DKIM-Signature") {
			continue
		}
		s, err := dkim.ParseSignature(f.Raw)
		if !room.take(s.Domain) {
			a.Unread++
			continue
		}
		one := dkimSignature{Domain: s.Domain, Selector: s.Selector, Algorithm: s.Algorithm, Identifier: s.Identifier, Length: s.Length}
		if err != nil {
			one.Result, one.Reason = string(dkim.PermError), err.Error()
		} else {
			whole, places = append(whole, s), append(places, len(a.Signatures))
		}
		a.Signatures = append(a.Signatures, one)
	}
	if len(a.Signatures) == 0 && !h.Cut {
		return dkimAnswer{Result: "none"}, nil
	}
	if a.Problem = outOfBounds(h); a.Problem != "" {
		a.all("permerror", a.Problem)
		return a, nil
	}
	keys := &seenTXT{resolver: r}
	list, err := dkim.Verify(ctx, signedParts(m), whole, dkim.NewKeys(keys), now)
	if err != nil {
		return a, fmt.Errorf("dkim: read message: %w", err)
	}
	a.Seen = keys.evidence()
	for i, v := range list {
		a.Signatures[places[i]].judge(v, h.Count("From"))
	}
	a.Result = a.overall()
	return a, nil
}

// A signatureRoom says how many more signatures of a message are looked at.
type signatureRoom struct {
	authors       []string // whose signatures have room of their own
	other, theirs int
}

// newRoom is the room for a message's signatures. The author matters only where there are many.
func newRoom(m *mail.Message) *signatureRoom {
	r := &signatureRoom{other: maxSignatures, theirs: maxSignatures}
	if m.Header().Count("DKIM-Signature") > maxSignatures {
		r.authors = authorDomains(m)
		r.authors = r.authors[:min(len(r.authors), maxAuthorDomains)]
	}
	return r
}

// take reports whether there is room for a signature by domain, and takes it.
func (r *signatureRoom) take(domain string) bool {
	left := &r.other
	if slices.ContainsFunc(r.authors, func(author string) bool { return aligned(domain, author) }) {
		left = &r.theirs
	}
	*left--
	return *left >= 0
}

// signedParts is a message as package dkim wants it: the fields, and the body as it is
// stored.
func signedParts(m *mail.Message) dkim.Message {
	h := m.Header()
	fields := make([]dkim.Field, len(h.Fields))
	for i, f := range h.Fields {
		fields[i] = dkim.Field{Name: f.Name, Raw: f.Raw}
	}
	return dkim.Message{Fields: fields, Body: func() io.Reader { return io.NewSectionReader(m, h.Size, m.Size()-h.Size) }}
}

// outOfBounds says which bound a header exceeds, if any.
func outOfBounds(h *mail.Header) string {
	switch {
	case h.Cut:
		return "the header is too long"
	case len(h.Fields) > maxFields:
		return "the header has too many fields"
	}
	return ""
}

// judge takes over what was verified. A good signature over one of several From fields
// proves nothing about the author that a reader sees (RFC 6376 §8.15).
func (s *dkimSignature) judge(v dkim.Verification, fromFields int) {
	s.Result, s.Reason, s.Bits = string(v.Result), v.Reason, v.Bits
	if v.Result == dkim.Pass && fromFields != 1 {
		s.Result, s.Reason = string(dkim.Policy), fmt.Sprintf("the message has %d From fields", fromFields)
	}
}

// String is the signature in one line of evidence: "d=example.org s=key a=rsa-sha256 2048
// bits: pass".
func (s dkimSignature) String() string {
	bits := ""
	if s.Bits > 0 {
		bits = fmt.Sprintf(" %d bits", s.Bits)
	}
	if s.Length >= 0 {
		bits += fmt.Sprintf(" l=%d", s.Length)
	}
	return fmt.Sprintf("d=%s s=%s a=%s%s: %s", s.Domain, s.Selector, s.Algorithm, bits, strings.TrimSpace(s.Result+" "+s.Reason))
}

// all gives every signature one result.
func (a *dkimAnswer) all(result, reason string) {
	for i := range a.Signatures {
		a.Signatures[i].Result, a.Signatures[i].Reason = result, reason
	}
	a.Result = result
}

// overall is the best that is known: one good signature makes the message good,
// and while one may still be found good nothing is said against it.
func (a *dkimAnswer) overall() string {
	for _, word := range []dkim.Result{dkim.Pass, dkim.Temporary, dkim.Fail, dkim.Policy, dkim.PermError, dkim.Neutral} {
		for _, s := range a.Signatures {
			if s.Result == string(word) {
				return s.Result
			}
		}
	}
	return "none"
}

// alignedPass returns the domain of a good signature by domain's organisation, or "".
func (a *dkimAnswer) alignedPass(domain string) string {
	for _, s := range a.Signatures {
		if s.Result == "pass" && aligned(s.Domain, domain) {
			return s.Domain
		}
	}
	return ""
}

// auth returns the signatures for Authentication-Results. The library's own type has
// no place for selector and algorithm (RFC 8601 §2.7.1, RFC 6008).
func (a *dkimAnswer) auth() (list []authres.Result) {
	for _, s := range a.Signatures {
		list = append(list, &authres.GenericResult{Method: "dkim", Value: authres.ResultValue(s.Result), Params: map[string]string{
			"reason": s.Reason, "header.d": s.Domain, "header.i": s.Identifier, "header.s": s.Selector, "header.a": s.Algorithm,
		}})
	}
	if len(list) == 0 {
		list = []authres.Result{&authres.GenericResult{Method: "dkim", Value: authres.ResultNone}}
	}
	return list
}

// A seenTXT fetches TXT records for packages that know nothing of findings, and notes what
// it hears.
type seenTXT struct {
	resolver Resolver
	seen     seen
}

// LookupTXT implements dkim.Resolver, arc.Resolver and dmarc.Resolver.
func (s *seenTXT) LookupTXT(ctx context.Context, name string) ([]string, error) {
	records, err := s.resolver.LookupTXT(ctx, name)
	s.seen.add("TXT "+name, records, err)
	if err != nil {
		return nil, dnsErrorOf(name, err)
	}
	return records, nil
}

// evidence returns the answers in the order of their names, since several are asked for at
// once.
func (s *seenTXT) evidence() []pipeline.Evidence {
	return inOrder(s.seen.evidence())
}

// inOrder sorts answers by their questions, each once.
func inOrder(list []pipeline.Evidence) []pipeline.Evidence {
	slices.SortFunc(list, func(a, b pipeline.Evidence) int { return strings.Compare(a.Key, b.Key) })
	list = slices.Compact(list)
	return slices.Clip(list[:min(len(list), maxSeen)])
}
