package filters

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-msgauth/authres"
	"github.com/emersion/go-msgauth/dkim"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// A dkimAnswer is what a message's signatures are worth (RFC 6376), in their order.
type dkimAnswer struct {
	Result     string // of them together, see overall
	Signatures []dkimSignature
	Problem    string // why none was looked at; "" where they were, or there are none
	Unread     int    // signatures beyond maxSignatures
	Seen       []pipeline.Evidence
}

// A dkimSignature is one signature and its verification.
type dkimSignature struct {
	Domain, Selector, Algorithm, Identifier string
	Result                                  string // a word of RFC 8601 §2.7.1
	Reason                                  string
}

// Bounds of the work for one message. Each is far above what honest mail has, and
// keeps the verifier's cost, which grows with fields times signed names, small.
const (
	dkimLimit      = 20 * time.Second
	maxSignatures  = 5
	maxFields      = 2000
	maxSignature   = 16 << 10 // octets of one DKIM-Signature field
	maxSignedNames = 200      // names in its h= tag
	maxKeyRecord   = 4 << 10  // octets of a key record: an RSA key of 16384 bits
)

// dkimFact verifies a message's signatures once, when the content is in. A
// temporary failure is a result, not an error.
func dkimFact(ctx context.Context, tx *pipeline.Transaction, r Resolver) (dkimAnswer, error) {
	if tx.Message == nil {
		return dkimAnswer{}, errors.New("dkim: asked before the content is in")
	}
	return pipeline.Fact(ctx, tx, "dkim", dkimLimit, func(ctx context.Context) (dkimAnswer, error) {
		return verifyDKIM(ctx, r, tx.Message)
	})
}

func verifyDKIM(ctx context.Context, r Resolver, m *mail.Message) (dkimAnswer, error) {
	h := m.Header()
	values := h.All("DKIM-Signature")
	if err := m.Err(); err != nil {
		return dkimAnswer{}, fmt.Errorf("dkim: read message: %w", err)
	}
	if len(values) == 0 && !h.Cut {
		return dkimAnswer{Result: "none"}, nil
	}
	a := dkimAnswer{Unread: max(0, len(values)-maxSignatures)}
	for _, v := range values[:min(len(values), maxSignatures)] {
		a.Signatures = append(a.Signatures, readSignature(v))
	}
	if a.Problem = outOfBounds(h, values); a.Problem != "" {
		a.all("permerror", a.Problem)
		return a, nil
	}
	keys := &keyLookups{ctx: ctx, resolver: r, testing: map[string]bool{}}
	content := &steadyReader{ctx: ctx, r: m.Reader()}
	verifications, err := dkim.VerifyWithOptions(content, &dkim.VerifyOptions{LookupTXT: keys.lookup, MaxVerifications: maxSignatures})
	a.Seen = keys.evidence()
	switch {
	case content.err != nil:
		return a, fmt.Errorf("dkim: read message: %w", content.err)
	case err != nil && !errors.Is(err, dkim.ErrTooManySignatures):
		a.Problem = reasonOf(err) // with the content at hand it is the message's own fault
	case len(verifications) != len(a.Signatures):
		a.Problem = fmt.Sprintf("of %d signatures %d can be read", len(a.Signatures), len(verifications))
	}
	if a.Problem != "" {
		a.all("permerror", a.Problem)
		return a, nil
	}
	for i, v := range verifications {
		a.Signatures[i].judge(v, h.Count("From"), keys)
	}
	a.Result = a.overall()
	return a, nil
}

// outOfBounds says which bound a header exceeds, if any.
func outOfBounds(h *mail.Header, signatures []string) string {
	switch {
	case h.Cut:
		return "the header is too long"
	case len(h.Fields) > maxFields:
		return "the header has too many fields"
	}
	for _, s := range signatures[:min(len(signatures), maxSignatures)] {
		if len(s) > maxSignature || strings.Count(tags(s)["h"], ":") >= maxSignedNames {
			return "a signature is too long"
		}
	}
	return ""
}

// readSignature reads the tags of a DKIM-Signature that the library keeps to itself.
func readSignature(value string) dkimSignature {
	t := tags(value)
	return dkimSignature{Domain: strings.ToLower(t["d"]), Selector: t["s"], Algorithm: strings.ToLower(t["a"]), Identifier: t["i"]}
}

// tags reads a tag list (RFC 6376 §3.2); white space in values is dropped. Of a tag
// that is there twice the first counts: the verifier refuses the signature anyway.
func tags(s string) map[string]string {
	t := map[string]string{}
	for pair := range strings.SplitSeq(s, ";") {
		name, value, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		if _, known := t[name]; ok && !known {
			t[name] = strings.Join(strings.Fields(value), "")
		}
	}
	return t
}

// judge turns the library's verdict into a word of RFC 8601 §2.7.1. A good signature
// over one of several From fields proves nothing about the author that a reader
// sees (RFC 6376 §8.15), and a key in testing says to treat failure as if the message
// were not signed (§3.6.1).
func (s *dkimSignature) judge(v *dkim.Verification, fromFields int, keys *keyLookups) {
	s.Identifier = v.Identifier
	switch {
	case v.Err == nil && fromFields != 1:
		s.Result, s.Reason = "policy", fmt.Sprintf("the message has %d From fields", fromFields)
	case v.Err == nil:
		s.Result = "pass"
	case dkim.IsTempFail(v.Err):
		s.Result, s.Reason = "temperror", reasonOf(v.Err)
	case dkim.IsPermFail(v.Err):
		s.Result, s.Reason = "permerror", reasonOf(v.Err)
	case strings.Contains(v.Err.Error(), "insecure body length"):
		s.Result, s.Reason = "policy", "only a part of the body is signed (l=)"
	case keys.inTesting(s.Selector + "._domainkey." + s.Domain):
		s.Result, s.Reason = "neutral", reasonOf(v.Err)+"; the key is in testing"
	default:
		s.Result, s.Reason = "fail", reasonOf(v.Err)
	}
}

func reasonOf(err error) string { return strings.TrimPrefix(err.Error(), "dkim: ") }

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
	for _, word := range []string{"pass", "temperror", "fail", "policy", "permerror", "neutral"} {
		for _, s := range a.Signatures {
			if s.Result == word {
				return word
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

// keyLookups fetches key records for the library, whose lookup function knows no
// context, and remembers which keys are in testing.
type keyLookups struct {
	ctx      context.Context
	resolver Resolver
	seen     seen

	mu      sync.Mutex
	testing map[string]bool
}

func (k *keyLookups) lookup(name string) ([]string, error) {
	records, err := k.resolver.LookupTXT(k.ctx, name)
	k.seen.add("TXT "+name, records, err)
	if err != nil {
		return nil, keyError(name, err)
	}
	for _, r := range records {
		if len(r) > maxKeyRecord {
			return nil, errors.New("key record is too long")
		}
	}
	if len(records) == 1 && hasFlag(tags(records[0])["t"], "y") {
		k.mu.Lock()
		k.testing[strings.ToLower(name)] = true
		k.mu.Unlock()
	}
	return records, nil
}

// keyError is what the library puts into its own: without our server's address.
func keyError(name string, err error) error {
	var known *net.DNSError
	if !errors.As(dnsErrorOf(name, err), &known) {
		return err
	}
	plain := *known
	plain.Server = ""
	return &plain
}

// evidence returns the answers in the order of their names, since the library asks
// for several keys at once.
func (k *keyLookups) evidence() []pipeline.Evidence {
	list := k.seen.evidence()
	slices.SortFunc(list, func(a, b pipeline.Evidence) int { return strings.Compare(a.Key, b.Key) })
	return slices.Compact(list)
}

func (k *keyLookups) inTesting(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.testing[strings.ToLower(name)]
}

func hasFlag(list, flag string) bool {
	for f := range strings.SplitSeq(list, ":") {
		if f == flag {
			return true
		}
	}
	return false
}

// A steadyReader ends where its reader fails or ctx ends, and keeps the error: the
// library would leave its goroutines behind if it met one.
type steadyReader struct {
	ctx context.Context
	r   io.Reader
	err error
}

// Read implements io.Reader; it fails with io.EOF only.
func (s *steadyReader) Read(p []byte) (int, error) {
	if s.err == nil && s.ctx.Err() != nil {
		s.err = context.Cause(s.ctx)
	}
	if s.err != nil {
		return 0, io.EOF
	}
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err, err = err, io.EOF
	}
	return n, err
}
