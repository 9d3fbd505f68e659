package filters

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"gatepost/internal/attachment"
	"gatepost/internal/learnt"
	"gatepost/internal/outbreak"
	"gatepost/pipeline"
)

// attachmentHash knows attachments again by the SHA-256 of their content, those in archives too.
// `learnt` are those that traps, people's reports and operators taught as spam; who is believed, and whose mail is
// exempt, is as with `checksum`: see gatepost learn. `virus` are those in which scanners found a virus, asked about each file alone, in mail from two networks: of
// them nobody is exempt, and nobody's release says the opposite but an operator's. `suspect` are programs, documents with macros, disk images, pages that run something, and archives in which one
// of those, an encrypted or an unread file is, that nobody here has seen before, and that recipients of many organisations get
// within minutes, over all domains and nodes: so attacks begin that no scanner knows yet. A file is new for `new` after
// it was first seen; once it went to `recipients` within `window` it stays suspect for that long. All recipients of one
// organisational domain count as one, and what our own users send does not count: what a partner sends to people of
// a firm one by one is no outbreak. Pictures, signatures and plain text tell nothing and are left out. The hashes are in the evidence.
type attachmentHash struct {
	Deps
	outbreak Outbreak
	people   int
	terms    outbreak.Terms
}

// An Outbreak counts to which organisations the same new file goes. *outbreak.Book is one.
type Outbreak interface {
	Check(sum outbreak.Sum, organisations []string, now time.Time, t outbreak.Terms) (outbreak.Sighting, bool)
	Record(sums []outbreak.Sum, organisations []string, now time.Time)
}

type attachmentHashOptions struct {
	Recipients int           `setting:"recipients" doc:"to recipients of how many organisations a new file has to go to be suspect, 40 at most; 0 is never"`
	Window     time.Duration `setting:"window" doc:"within how long"`
	New        time.Duration `setting:"new" doc:"how long after it was first seen a file is new, 7 days at most"`
	People     int           `setting:"people" doc:"people who have to call it spam, in their domain, and elsewhere if they are of two domains; those of traps and operators come on top"`
}

func attachmentHashKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "attachment-hash", Stage: pipeline.Data, Scope: pipeline.PerRecipient, Timeout: attachmentsTime + dkimLimit,
		Results: []pipeline.Result{
			{Word: "virus", Effect: "quarantine", Doc: "an attachment came with a virus before; an operator alone may release it", Guards: true},
			{Word: "learnt", Effect: "quarantine", Doc: "an attachment was learnt as spam"},
			{Word: "suspect", Effect: "quarantine", Doc: "a new program, archive or document with macros goes to many people; an operator alone may release it", Guards: true},
			{Word: "exempt", Effect: "none", Doc: "one was learnt, but the recipient trusts the sender, or it is a list's or shop's mail with a good history"},
			{Word: "none", Effect: "none", Doc: "neither"},
		},
		Options: func() any {
			t := outbreak.DefaultTerms()
			return &attachmentHashOptions{Recipients: t.Organisations, Window: t.Window, New: t.New, People: 2}
		},
		New: func(options any) (pipeline.Filter, error) {
			o := options.(*attachmentHashOptions)
			switch {
			case o.People < 1:
				return nil, errors.New("people can't be below 1")
			case o.Recipients < 0 || o.Recipients > outbreak.MaxOrganisations:
				return nil, fmt.Errorf("recipients %d is not from 0 to %d", o.Recipients, outbreak.MaxOrganisations)
			case o.Window <= 0:
				return nil, fmt.Errorf("window %s is not above 0", o.Window)
			case o.New < o.Window || o.New > outbreak.DefaultKeep:
				return nil, fmt.Errorf("new %s is not from the window, %s, to %s", o.New, o.Window, outbreak.DefaultKeep)
			}
			return attachmentHash{Deps: d, outbreak: d.Outbreak, people: o.People, terms: outbreak.Terms{Organisations: o.Recipients, Window: o.Window, New: o.New}}, nil
		},
	}
}

// maxSumsSeen bounds the hashes in the evidence.
const maxSumsSeen = 10

// Check implements pipeline.Filter.
func (f attachmentHash) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	r, err := attachmentsFact(ctx, q.Tx)
	if err != nil {
		return pipeline.Finding{}, fmt.Errorf("attachment-hash: %w", err)
	}
	found := pipeline.Finding{Result: "none"}
	note := func(key, value string) {
		found.Evidence = append(found.Evidence, pipeline.Evidence{Key: key, Value: shorten(value)})
	}
	hashes := 0
	for i := range r.Files {
		file := &r.Files[i]
		if !file.Telling() {
			continue
		}
		if hashes++; hashes <= maxSumsSeen {
			note("sha256", hex.EncodeToString(file.Sum[:])+" "+file.Path)
		}
		f.know(r, i, q, &found, note)
	}
	if hashes > maxSumsSeen {
		note("more", fmt.Sprint(hashes-maxSumsSeen))
	}
	if r.Cut != "" {
		note("cut", r.Cut)
	}
	if found.Result == "learnt" {
		err = f.spareLearnt(ctx, q, &found)
	}
	return found, err
}

// know says what is known of a file, if that is worse than what was found: of what is learnt the
// recipient may know better, of the others he does not.
func (f attachmentHash) know(r *attachment.Report, i int, q pipeline.Query, found *pipeline.Finding, note func(string, string)) {
	if found.Result == "virus" {
		return
	}
	file := &r.Files[i]
	s, ok := f.learntOf(file, q)
	if ok && slices.Contains(s.Sources, learnt.Virus) {
		found.Result, found.Reason = "virus", fmt.Sprintf("%s came with a virus before", shorten(file.Path))
		note("learnt", s.String())
		return
	}
	if ok && found.Result == "none" {
		found.Result, found.Reason = "learnt", fmt.Sprintf("%s was learnt as spam", shorten(file.Path))
		note("learnt", s.String())
	}
	f.spread(r, i, q.Tx, found)
}

// learntOf returns what is known of a file; false where nothing is that is believed.
func (f attachmentHash) learntOf(file *attachment.File, q pipeline.Query) (learnt.Standing, bool) {
	if f.Learnt == nil {
		return learnt.Standing{}, false
	}
	s, ok := f.Learnt.Spam(learnt.Attachment, file.Sum[:])
	return s, ok && s.Believed(q.Recipient.Domain(), f.people)
}

// spread says whether a file is new and goes to many, if nothing worse was found.
func (f attachmentHash) spread(r *attachment.Report, i int, tx *pipeline.Transaction, found *pipeline.Finding) {
	if found.Result == "suspect" || !f.counts(tx) || !spreads(r, i) {
		return
	}
	file := &r.Files[i]
	if s, ok := f.outbreak.Check(file.Sum, organisations(tx.Envelope.Recipients), tx.Time, f.terms); ok {
		found.Result = "suspect"
		found.Reason = fmt.Sprintf("%s is new and went to recipients of %d organisations within %s", shorten(file.Path), s.Organisations, f.terms.Window)
		found.Evidence = append(found.Evidence, pipeline.Evidence{Key: "first", Value: s.First.Format(time.RFC3339)})
	}
}

// counts reports whether it matters to whom a transaction's files go: what our users send is
// for other filters.
func (f attachmentHash) counts(tx *pipeline.Transaction) bool {
	return f.outbreak != nil && f.terms.Organisations > 0 && tx.Client.Login.IsNull()
}

// spreads reports whether a file is of a kind by which attacks come: an archive is as bad as the worst in it.
func spreads(r *attachment.Report, i int) bool {
	file := &r.Files[i]
	if !file.Telling() {
		return false
	}
	return file.Attacks() || file.Kind.Archive() && r.Inside(i, func(inner *attachment.File) bool {
		return inner.Attacks() || inner.Has(attachment.Encrypted) || inner.Has(attachment.Unopened) || inner.Has(attachment.Unread)
	})
}

// Record implements pipeline.Recorder: it notes to whom files of such kinds go, once for a
// message whatever entries there are.
func (f attachmentHash) Record(ctx context.Context, q pipeline.Query, finding pipeline.Finding) error {
	if finding.Result == pipeline.TempError || !f.counts(q.Tx) || !q.Tx.First("attachment-hash") {
		return nil
	}
	r, err := attachmentsFact(ctx, q.Tx)
	if err != nil {
		return fmt.Errorf("attachment-hash: %w", err)
	}
	var sums []outbreak.Sum
	for i := range r.Files {
		if spreads(r, i) && len(sums) < maxSpreading {
			sums = append(sums, r.Files[i].Sum)
		}
	}
	f.outbreak.Record(sums, organisations(q.Tx.Envelope.Recipients), q.Tx.Time)
	return nil
}

// maxSpreading bounds the files of a message that are noted.
const maxSpreading = 10
