package filters

import (
	"context"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// senderComplaint looks whether the sender was reported: in the list `fraud`, which an
// operator fills by hand or from feeds (`gatepost list import`), with the reverse-path and
// the authors in the From header; and by complaints of recipients, as ip-complaint counts
// them, with the reverse-path alone. An address answers for itself; its whole domain only
// where several of its addresses were complained of, and never where anybody can have an
// address in it. Complaints weigh against a sender only where SPF or DKIM proved him when
// the message came. It waits for the content only where the list has entries. An allow
// entry outranks it: those filters stand above.
type senderComplaint struct{ complaints Complaints }

func senderComplaintKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "sender-complaint", Stage: pipeline.Mail,
		Results: []pipeline.Result{
			{Word: "reported", Effect: "spam", Firm: true, Doc: "the sender, or an author, is in the list of frauds"},
			{Word: "complained", Effect: "spam", Doc: "enough people complained of the sender, or of his domain"},
			{Word: "none", Effect: "none", Doc: "neither"},
		},
		New: func(any) (pipeline.Filter, error) { return senderComplaint{d.Complaints}, nil },
	}
}

// Check implements pipeline.Filter.
func (f senderComplaint) Check(_ context.Context, q pipeline.Query) (pipeline.Finding, error) {
	if !q.Tx.Client.Login.IsNull() {
		return pipeline.Finding{Result: "none"}, nil
	}
	sender := q.Tx.Envelope.ReversePath
	if l, ok := fraud(q, sender); ok {
		return byList("reported", "sender "+string(sender), l), nil
	}
	if f.complaints != nil {
		if s, ok := f.complaints.Sender(sender, q.Tx.Time); ok {
			return complained(string(s.Kind), s), nil
		}
	}
	switch {
	case q.Tx.Lists == nil || !q.Tx.Lists.Frauds():
		return pipeline.Finding{Result: "none"}, nil
	case q.Tx.Message == nil:
		return pipeline.Finding{Wait: true}, nil
	}
	for _, author := range authors(q.Tx.Message) {
		if l, ok := fraud(q, author); ok {
			return byList("reported", "author "+string(author), l), nil
		}
	}
	if err := q.Tx.Message.Err(); err != nil {
		return pipeline.Finding{}, err
	}
	return pipeline.Finding{Result: "none"}, nil
}

func fraud(q pipeline.Query, p mail.Path) (pipeline.Listing, bool) {
	if q.Tx.Lists == nil || p.IsNull() {
		return pipeline.Listing{}, false
	}
	return q.Tx.Lists.Find(pipeline.Subject{Fraud: p}, mail.Null)
}

// Record implements pipeline.Recorder: it counts the hit.
func (senderComplaint) Record(_ context.Context, q pipeline.Query, f pipeline.Finding) error {
	if id, ok := listed(f); ok && f.Result == "reported" {
		q.Tx.Lists.Hit(id)
	}
	return nil
}
