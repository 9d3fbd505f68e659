package filters

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// malformed looks for what mail programs don't write and senders of spam often do: fields that are
// missing or doubled, a From that can't be read, a date far off, octets that don't belong in
// a header, broken MIME, lines with wrong ends or too long, a display name that shows another
// address, a Reply-To elsewhere, words cut apart by hidden text, more style than anybody needs, and a Received field that says that
// a header, broken MIME, parts that say something twice or are encoded as they may not be, lines with wrong ends or too long, a display name that shows another
// address, a Reply-To elsewhere, words cut apart by hidden text, and a Received field that says that
// address, a Reply-To elsewhere, words cut apart by hidden text, more style than anybody needs, little text in
// much that is none, and a Received field that says that
// this server had the message. Each finding has its points, which `points` changes; the score is their
// sum, `most` at most: what is only badly written is not spam. Mailing lists keep their Reply-To and
// their names, where DKIM or SPF proves the domain that List-Id or List-Post names. Mail of clients that have logged in is not judged, since programs leave it to the
// server to complete it.
type malformed struct {
	points   map[string]float64
	most     float64
	host     string
	resolver Resolver
}

type malformedOptions struct {
	Points []malformedPoints `setting:"points" doc:"findings that count otherwise than they do by themselves, each with finding and points; 0 is not at all"`
	Most   float64           `setting:"most" doc:"score at most, however much is wrong"`
}

type malformedPoints struct {
	Finding string  `setting:"finding" json:"finding"`
	Points  float64 `setting:"points" json:"points"`
}

// malformations are the findings, with the points that each has by itself.
func malformations() map[string]float64 {
	return map[string]float64{
		"no-date": 1, "no-from": 2, "no-message-id": 0.5, "no-subject": 0.5, "no-recipient": 0.5,
		"two-date": 1, "two-from": 2, "two-message-id": 1, "two-subject": 1, "two-to": 1, "two-cc": 0.5, "two-reply-to": 0.5, "two-sender": 0.5,
		"bad-from": 2, "bad-date": 1, "date-ahead": 1.5, "date-past": 1,
		"double-content": 2, "encoded-multipart": 2,
		"8-bit-header": 0.5, "broken-mime": 1, "bare-line-end": 1, "nul": 1.5, "long-line": 0.5,
		"other-address": 2, "reply-elsewhere": 0.5, "split-words": 2, "too-much-style": 2, "buried-text": 2, "forged-received": 2,
	}
}

func malformedKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "malformed", Stage: pipeline.Data, Scope: pipeline.PerMessage,
		Results: []pipeline.Result{
			{Word: "malformed", Effect: "score", Doc: "something is wrong; the score is the sum of the points"},
			{Word: "none", Effect: "none", Doc: "nothing is wrong, or the client has logged in"},
		},
		Options: func() any { return &malformedOptions{Points: []malformedPoints{}, Most: 5} },
		New: func(options any) (pipeline.Filter, error) {
			return newMalformed(*options.(*malformedOptions), d.Hostname, d.Resolver)
		},
	}
}

func newMalformed(o malformedOptions, host string, r Resolver) (pipeline.Filter, error) {
	if !(o.Most >= 0) {
		return nil, errors.New("most can't be below 0")
	}
	points := malformations()
	for _, p := range o.Points {
		if _, known := points[p.Finding]; !known {
			return nil, fmt.Errorf("there is no finding %q", p.Finding)
		}
		if !(p.Points >= 0) {
			return nil, fmt.Errorf("points of %s can't be below 0", p.Finding)
		}
		points[p.Finding] = p.Points
	}
	return malformed{points, o.Most, strings.ToLower(strings.TrimSuffix(host, ".")), r}, nil
}

// Check implements pipeline.Filter.
func (f malformed) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	if !q.Tx.Client.Login.IsNull() {
		return pipeline.Finding{Result: "none"}, nil
	}
	e := examination{tx: q.Tx, m: q.Tx.Message, h: q.Tx.Message.Header()}
	e.fields()
	e.dates()
	if who := e.addresses(); len(who) > 0 && !f.isList(ctx, q.Tx) { // lists put themselves between
		e.found = append(e.found, who...)
	}
	e.received(f.host)
	e.shape()
	if err := e.m.Err(); err != nil {
		return pipeline.Finding{}, fmt.Errorf("malformed: read message: %w", err)
	}
	return f.sum(e.found), nil
}

// sum makes a finding of what was found and counts.
func (f malformed) sum(found []pipeline.Evidence) pipeline.Finding {
	result := pipeline.Finding{Result: "none"}
	var names []string
	for _, e := range found {
		points := f.points[e.Key]
		if points == 0 {
			continue
		}
		result.Score += points
		names = append(names, e.Key)
		result.Evidence = append(result.Evidence, pipeline.Evidence{Key: e.Key, Value: fmt.Sprintf("%+.4g: %s", points, shorten(e.Value))})
	}
	if len(names) == 0 {
		return result
	}
	result.Result, result.Score = "malformed", min(result.Score, f.most)
	result.Reason = "the message is badly made: " + strings.Join(names, ", ")
	return result
}

// An examination is one message while it is looked at.
type examination struct {
	tx    *pipeline.Transaction
	m     *mail.Message
	h     *mail.Header
	found []pipeline.Evidence // by name; the points come later
}

func (e *examination) find(name, format string, args ...any) {
	e.found = append(e.found, finding(name, format, args...))
}

func finding(name, format string, args ...any) pipeline.Evidence {
	return pipeline.Evidence{Key: name, Value: fmt.Sprintf(format, args...)}
}

// fields counts those that a message has once (RFC 5322 §3.6).
func (e *examination) fields() {
	for _, name := range []string{"Date", "From", "Message-ID", "Subject"} {
		if e.h.Count(name) == 0 {
			e.find("no-"+strings.ToLower(name), "there is no %s field", name)
		}
	}
	for _, name := range []string{"Date", "From", "Sender", "Reply-To", "To", "Cc", "Message-ID", "Subject"} {
		if n := e.h.Count(name); n > 1 {
			e.find("two-"+strings.ToLower(name), "there are %d %s fields", n, name)
		}
	}
	if e.h.Count("To")+e.h.Count("Cc")+e.h.Count("Bcc") == 0 {
		e.find("no-recipient", "there is neither a To nor a Cc field")
	}
	e.content()
}

// content looks for parts that can be read in several ways: mail programs differ in which of two
// fields or parameters counts, and a multipart may not be encoded (RFC 2045 §6.4).
func (e *examination) content() {
	var doubles []string
	encoded := ""
	for p := range e.m.Root().All() {
		for _, word := range p.Doubles() {
			if !slices.Contains(doubles, word) {
				doubles = append(doubles, word)
			}
		}
		if p.IsMultipart() && (p.Encoding == "base64" || p.Encoding == "quoted-printable") {
			encoded = p.Encoding
		}
	}
	if len(doubles) > 0 {
		e.find("double-content", "a part has twice: %s", strings.Join(doubles, ", "))
	}
	if encoded != "" {
		e.find("encoded-multipart", "a multipart is encoded as %s", encoded)
	}
}

// How far a date may be off. What waited in queues for days is still mail.
const (
	dateAhead = 24 * time.Hour
	datePast  = 15 * 24 * time.Hour
)

func (e *examination) dates() {
	if e.h.Count("Date") == 0 {
		return
	}
	date, ok := e.m.Date()
	switch off := date.Sub(e.tx.Time); {
	case !ok:
		e.find("bad-date", "%q", e.h.Get("Date"))
	case off > dateAhead:
		e.find("date-ahead", "%s is %.0f hours ahead", date.UTC().Format(time.DateTime), off.Hours())
	case off < -datePast:
		e.find("date-past", "%s is %.0f days ago", date.UTC().Format(time.DateTime), -off.Hours()/24)
	}
}

// addresses looks at who is said to have written. It returns what is found where no mailing list
// has put itself between.
func (e *examination) addresses() (found []pipeline.Evidence) {
	from := authors(e.m)
	if len(from) == 0 && e.h.Count("From") > 0 {
		e.find("bad-from", "%q is no address", e.h.Get("From"))
	}
	for _, a := range e.m.From() {
		if own, shown := shows(a); !shown.IsNull() {
			found = append(found, finding("other-address", "the name shows %s, the address is %s", shown, own))
		}
	}
	reply := mail.ParseAddressList(e.h.Get("Reply-To"))
	for _, a := range reply {
		p, ok := a.Path()
		if ok && len(from) > 0 && !slices.ContainsFunc(from, func(f mail.Path) bool { return aligned(f.Domain(), p.Domain()) }) {
			return append(found, finding("reply-elsewhere", "answers go to %s, not to %s", p, from[0]))
		}
	}
	return found
}

// shows looks for another address in a display name: it is all that many readers show.
func shows(a mail.Address) (own, shown mail.Path) {
	own, ok := a.Path()
	if !ok || strings.IndexByte(a.Name, '@') < 0 {
		return own, mail.Null
	}
	for _, word := range strings.FieldsFunc(a.Name, func(r rune) bool { return strings.ContainsRune(" \t\"'<>()[],;:", r) }) {
		shown, err := mail.ParsePath(strings.Trim(word, "."))
		if err == nil && !shown.IsNull() && isName(shown.Domain()) && !aligned(shown.Domain(), own.Domain()) {
			return own, shown
		}
	}
	return own, mail.Null
}

// isList reports whether a mailing list sent the message: anybody can write a List-Id, so SPF or
// DKIM must prove its domain. One whose proof can't be had now is believed: only whose
// domain it is can make that so.
func (f malformed) isList(ctx context.Context, tx *pipeline.Transaction) bool {
	domain := listDomain(tx.Message.Header())
	if domain == "" || f.resolver == nil {
		return false
	}
	byPath, err := spfFact(ctx, tx, f.resolver)
	ofPath := aligned(byPath.Domain, domain)
	if err != nil || ofPath && (byPath.Result == "pass" || byPath.Result == "temperror") {
		return true
	}
	signed, err := dkimFact(ctx, tx, f.resolver)
	return err != nil || signed.alignedPass(domain) != "" || slices.ContainsFunc(signed.Signatures, func(s dkimSignature) bool {
		return s.Result == "temperror" && aligned(s.Domain, domain)
	})
}

// listDomain returns the domain of the list that a header says to be from (RFC 2919 §2, RFC
// 2369 §3.4), or "".
func listDomain(h *mail.Header) string {
	id := inBrackets(h.Get("List-Id"))
	if id == "" {
		post, _, _ := strings.Cut(inBrackets(h.Get("List-Post")), "?")
		id = post[strings.LastIndexByte(post, '@')+1:]
	}
	if id = strings.ToLower(id); !isName(id) {
		return ""
	}
	return id
}

// inBrackets returns what stands between the last < and >, or all of it where there are none.
func inBrackets(s string) string {
	if i := strings.LastIndexByte(s, '<'); i >= 0 {
		s, _, _ = strings.Cut(s[i+1:], ">")
	}
	return strings.TrimSpace(s)
}

// received looks whether the last server says that this one had the message: who took it from here
// has added a field of his own above ours.
func (e *examination) received(host string) {
	if host == "" || isLocal(e.tx.Client.Addr) {
		return
	}
	value := strings.ToLower(e.h.Get("Received"))
	if !strings.Contains(value, host) {
		return
	}
	words := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" \t;()", r) })
	for i, word := range words {
		if word == "by" && i+1 < len(words) {
			if strings.TrimSuffix(words[i+1], ".") == host {
				e.find("forged-received", "its last Received field says that %s took it", host)
			}
			return
		}
	}
}

// shape looks at octets and parts.
func (e *examination) shape() {
	o := e.m.Octets()
	switch {
	case o.High > 0 && !e.tx.Envelope.Params.SMTPUTF8:
		e.find("8-bit-header", "%d fields are not ASCII", o.High)
	case o.High > 0: // RFC 6532 §3.1
		if n := notUTF8(e.h); n > 0 {
			e.find("8-bit-header", "%d fields are not UTF-8", n)
		}
	}
	if n := o.BareCR + o.BareLF; n > 0 {
		e.find("bare-line-end", "%d lines end in CR or LF alone", n)
	}
	if o.Nul > 0 {
		e.find("nul", "%d octets are NUL", o.Nul)
	}
	if o.Longest > 998 {
		e.find("long-line", "a line has %d octets", o.Longest)
	}
	if flaws := e.flaws(); len(flaws) > 0 {
		e.find("broken-mime", "%s", strings.Join(flaws, ", "))
	}
	x := e.m.Extract()
	if x.Splits > 2 {
		e.find("split-words", "hidden text stands within %d words", x.Splits)
	}
	if x.Overstyled {
		e.find("too-much-style", "its style sheets are too much work to be looked at")
	}
	if x.Buried {
		e.find("buried-text", "more stands in its text than is looked at, and hardly any of it is seen")
	}
}

// notUTF8 counts the fields that are in no charset at all.
func notUTF8(h *mail.Header) (n int) {
	for _, f := range h.Fields {
		if !utf8.Valid(f.Raw) {
			n++
		}
	}
	return n
}

// flaws says in words what is wrong with the parts.
func (e *examination) flaws() (words []string) {
	var all mail.Flaws
	for p := range e.m.Root().All() {
		all |= p.Flags
	}
	for _, f := range []struct {
		flaw mail.Flaws
		word string
	}{
		{mail.NoCloseBoundary, "a multipart that is not closed"}, {mail.NoBoundary, "a multipart without a boundary"},
		{mail.BadEncoding, "an unknown transfer encoding"}, {mail.BadType, "a type that can't be read"},
		{mail.TooDeep, "parts too deep"}, {mail.TooMany, "too many parts"}, {mail.HeaderCut, "a header too long"},
	} {
		if all.Has(f.flaw) {
			words = append(words, f.word)
		}
	}
	return words
}
