package filters

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"gatepost/internal/bulk"
	"gatepost/internal/learnt"
	"gatepost/internal/mail"
	"gatepost/internal/sketch"
	"gatepost/pipeline"
	"gatepost/rules"
)

// A Bulk counts to whom a message's like has come lately; *bulk.Window is one.
type Bulk interface {
	// Look returns what is known of a fingerprint, if it came for recipients of these
	// organisations, too.
	Look(f *bulk.Fingerprint, organisations []string, now time.Time) bulk.Seen
	// Add notes that it came for one; signer is the author's domain where that signed the message.
	Add(f *bulk.Fingerprint, organisation, signer string, now time.Time)
}

// A LearntTexts knows texts that are nearly those of spam; *learnt.Memory is one.
type LearntTexts interface {
	// NearSketch returns what is known of the text whose sketch agrees in most places, in
	// least or more, and how many those are; false where none counts as spam.
	NearSketch(s *sketch.Sketch, least int) (learnt.Standing, int, bool)
}

// checksum knows messages again by what they say: by a checksum of 160 bits over the text
// that a reader sees, without numbers, addresses, links, names of recipients and quoted
// text, and by a sketch that is nearly the same where the text is. What is the same as
// spam that was taught is spam: by an operator; by traps that got it from two networks, since anybody can send a trap a
// copy of others' mail; or by `people` who reported it, for recipients in their domain, and for all once they are of
// two domains. From the same network the same is spam after one trap, and in the domain of one person who reported it. What has come for
// `recipients` unrelated recipients within ten minutes is bulk; related are those of one
// organisational domain. A message that its author's domain signed (aligned DKIM) is only said to be bulk. Neither holds for senders whom the recipient
// trusts (as `auto-allow` says), nor for authenticated bulk mail with List-Unsubscribe from a network
// with a good history. Texts of fewer than 15 words, mostly quoted ones, delivery reports and
// mail of those who have logged in are not counted, and what the domains of five authors have signed
// within a day, from networks with a good history, says nothing, but where an operator, traps or two people who count
// say that it is spam: that is what a large provider writes around everybody's mail. See gatepost learn.
type checksum struct {
	Deps
	checksumOptions
	makes *bulk.Maker
}

type checksumOptions struct {
	Recipients int `setting:"recipients" doc:"unrelated recipients within ten minutes from which on a message is bulk, 2 to 64; 0 is never"`
	People     int `setting:"people" doc:"people who have to call it spam before what is the same is, in their domain, and elsewhere if they are of two domains; those of traps and operators come on top"`
}

func checksumKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "checksum", Stage: pipeline.Data, Scope: pipeline.PerRecipient, Waits: true, Timeout: dkimLimit + time.Second,
		Results: []pipeline.Result{
			{Word: "spam", Effect: "spam", Doc: "it is a copy of what was learnt as spam, or nearly one"},
			{Word: "bulk", Effect: "score 3", Doc: "it comes to many unrelated recipients"},
			{Word: "signed", Effect: "none", Doc: "the same, and its author's domain has signed it"},
			{Word: "exempt", Effect: "none", Doc: "either, but the recipient trusts the sender, or it is a list's or shop's mail with a good history"},
			{Word: "stopped", Effect: "none", Doc: "either, but so many domains sign the same text that it says nothing"},
			{Word: "none", Effect: "none", Doc: "neither"},
			{Word: "temperror", Effect: "none", Doc: "the message can't be read, or the DNS or the store did not answer"},
		},
		Options: func() any { return &checksumOptions{Recipients: 20, People: 2} },
		New: func(options any) (pipeline.Filter, error) {
			o := *options.(*checksumOptions)
			switch {
			case o.Recipients < 0 || o.Recipients == 1 || o.Recipients > bulk.MaxOrganisations:
				return nil, fmt.Errorf("recipients %d is neither 0 nor between 2 and %d", o.Recipients, bulk.MaxOrganisations)
			case o.People < 1:
				return nil, errors.New("people can't be below 1")
			}
			return checksum{d, o, &bulk.Maker{}}, nil
		},
	}
}

// A textFound is what is known of a message's text.
type textFound struct {
	bulk.Fingerprint
	seen   bulk.Seen
	notice bool // a report about other mail
}

// textFact makes a message's fingerprint and looks it up once, so that all its recipients
// are told the same.
func (c checksum) textFact(ctx context.Context, tx *pipeline.Transaction) (*textFound, error) {
	return pipeline.Fact(ctx, tx, "checksum", pipeline.DefaultTimeout, func(context.Context) (*textFound, error) {
		m := tx.Message
		if m == nil {
			return nil, errors.New("checksum: asked before the content is in")
		}
		t := &textFound{Fingerprint: c.makes.Of(m, rules.Fold), notice: m.Root().Is("multipart/report")}
		if err := m.Err(); err != nil {
			return nil, fmt.Errorf("checksum: read message: %w", err)
		}
		if c.counts(tx, t) {
			t.seen = c.Bulk.Look(&t.Fingerprint, organisations(tx.Envelope.Recipients), tx.Time)
		}
		return t, nil
	})
}

// counts reports whether a message says something by coming to many.
func (c checksum) counts(tx *pipeline.Transaction, t *textFound) bool {
	return c.Bulk != nil && !t.Short && !t.Quoted && !t.notice && tx.Client.Login.IsNull()
}

func organisations(recipients []mail.Path) (names []string) {
	for _, r := range recipients {
		names = append(names, organisation(r.Domain()))
	}
	return names
}

// Check implements pipeline.Filter. It asks the DNS only about what is bulk or a copy.
func (c checksum) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	if !q.Tx.Client.Login.IsNull() {
		return pipeline.Finding{Result: "none"}, nil
	}
	t, err := c.textFact(ctx, q.Tx)
	if err != nil {
		return pipeline.Finding{}, err
	}
	f := pipeline.Finding{Result: "none"}
	if t.Cut {
		f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "cut", Value: "the message has more text than was looked at"})
	}
	copied, sure := c.copied(q, t, &f)
	many := c.Recipients > 0 && t.seen.Organisations >= c.Recipients
	if !copied && !many {
		return f, nil
	}
	f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "checksum", Value: hex.EncodeToString(t.Sum[:])})
	if many {
		f.Result, f.Reason = "bulk", fmt.Sprintf("it, or nearly the same, came to recipients of %s organisations within ten minutes", atMost(t.seen.Organisations))
	}
	if copied { // weighs more, and says so
		f.Result, f.Reason = "spam", "it is a copy of what was learnt as spam, or nearly one"
	}
	if !sure && t.seen.Stopped {
		f.Result = "stopped"
		f.Reason += fmt.Sprintf(", but domains of %d authors sign the same text", t.seen.Signers)
		return f, nil
	}
	return f, c.spare(ctx, q, &f)
}

func atMost(n int) string {
	if n == bulk.MaxOrganisations {
		return fmt.Sprint(n, " or more")
	}
	return fmt.Sprint(n)
}

// copied reports whether the text is one that was learnt as spam, and whether that is so sure that
// it counts though many sign the text, and adds to a finding what taught it.
func (c checksum) copied(q pipeline.Query, t *textFound, f *pipeline.Finding) (copied, sure bool) {
	if t.Sum.IsZero() || t.notice {
		return false, false
	}
	domain := q.Recipient.Domain()
	found := func(how string, s learnt.Standing) (copied, sure bool) {
		f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "learnt", Value: how + " " + s.String()})
		return true, s.Believed(domain, max(c.People, outweigh))
	}
	// "The same pair again": one person is enough, in his domain, and one trap, whose client it was.
	if s, ok := c.learnt(PairPrint(q.Tx.Client.Addr, t.Sum)); ok && (s.Networks > 0 || s.Believed(domain, 1)) {
		return found("from this client's network", s)
	}
	if t.Short {
		return false, false
	}
	if s, ok := c.learnt(learnt.Print{Kind: learnt.Checksum, Sum: t.Sum[:]}); ok && s.Believed(domain, c.People) {
		return found("exact", s)
	}
	if c.Texts == nil || t.Sketch.IsZero() || t.Quoted {
		return false, false
	}
	s, places, ok := c.Texts.NearSketch(&t.Sketch, sketch.Near)
	if !ok || !s.Believed(domain, c.People) {
		return false, false
	}
	return found(fmt.Sprintf("near (%d of %d places)", places, sketch.Size), s)
}

// outweigh is how many people weigh more than the domains that sign the same text.
const outweigh = 2

func (c checksum) learnt(p learnt.Print) (learnt.Standing, bool) {
	if c.Learnt == nil {
		return learnt.Standing{}, false
	}
	return c.Learnt.Spam(p.Kind, p.Sum)
}

// spare takes back what was found where the message is exempt, or signed.
func (c checksum) spare(ctx context.Context, q pipeline.Query, f *pipeline.Finding) error {
	why, err := c.exempt(ctx, q)
	switch {
	case err != nil:
		return err
	case why != "":
		f.Result = "exempt"
		f.Reason += ", but " + why
		return nil
	case f.Result != "bulk":
		return nil
	}
	signer, err := c.signer(ctx, q.Tx)
	if signer != "" {
		f.Result = "signed"
		f.Reason += "; " + signer + " has signed it"
	}
	return err
}

// signer is the author's organisation where it has signed the message, else "".
func (c checksum) signer(ctx context.Context, tx *pipeline.Transaction) (string, error) {
	author, ok := tx.Message.Author()
	if !ok || tx.Message.Header().Count("DKIM-Signature") == 0 {
		return "", nil
	}
	a, err := dkimFact(ctx, tx, c.Resolver)
	if err != nil {
		return "", err
	}
	if a.alignedPass(author.Domain()) == "" {
		return "", nil
	}
	return organisation(author.Domain()), nil
}

// Record implements pipeline.Recorder: it counts the recipient.
func (c checksum) Record(ctx context.Context, q pipeline.Query, f pipeline.Finding) error {
	if f.Result == pipeline.TempError || !q.Tx.Client.Login.IsNull() {
		return nil
	}
	t, err := c.textFact(ctx, q.Tx)
	if err != nil || !c.counts(q.Tx, t) {
		return err
	}
	signer := ""
	if c.Traffic.Good(q.Tx.Client.Addr) { // anybody can have five domains, and sign
		if signer, err = c.signer(ctx, q.Tx); err != nil {
			return err
		}
	}
	c.Bulk.Add(&t.Fingerprint, organisation(q.Recipient.Domain()), signer, q.Tx.Time)
	return nil
}

// TextPrints are the prints of a message's text, by which copies of it are known; client is who sent it, the zero Addr where nobody
// knows.
func TextPrints(m *mail.Message, client netip.Addr) (list []learnt.Print) {
	f := bulk.Of(m, rules.Fold)
	if f.Sum.IsZero() || m.Root().Is("multipart/report") {
		return nil
	}
	if !f.Short {
		list = append(list, learnt.Print{Kind: learnt.Checksum, Sum: f.Sum[:]})
	}
	if !f.Sketch.IsZero() && !f.Quoted {
		list = append(list, learnt.Print{Kind: learnt.Sketch, Sum: f.Sketch.Bytes()})
	}
	if client.IsValid() {
		list = append(list, PairPrint(client, f.Sum))
	}
	return list
}

// PairPrint is the print of a client's network (/24, /64) together with a text's checksum.
func PairPrint(client netip.Addr, sum bulk.Sum) learnt.Print {
	client = mail.Unmap(client)
	length := 24
	if client.Is6() {
		length = 64
	}
	network, _ := client.Prefix(length)
	var text [64]byte // the longest has fewer octets
	return learnt.PairOf(string(network.AppendTo(text[:0])), sum[:])
}
