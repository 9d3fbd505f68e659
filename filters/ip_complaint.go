package filters

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"gatepost/internal/complaint"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// Complaints knows the clients and senders that people complained of enough: by ARF
// reports, forwarded originals and what an operator adds. *complaint.Memory is one.
type Complaints interface {
	// Client returns what complaints of a client's network come to, if it is listed then.
	Client(a netip.Addr, now time.Time) (complaint.Standing, bool)
	// Sender returns the same of a sender, or else of his domain.
	Sender(p mail.Path, now time.Time) (complaint.Standing, bool)
}

// ipComplaint looks whether recipients complained of the client: by reports to abuse@ and
// from feedback loops (ARF, RFC 5965), forwarded originals, and what an operator adds
// (`gatepost complaints add`). Neither a button of owners nor a move to Junk complains yet.
// A complaint weighs when the message really went through here and its reporter is one to complain
// of it, and half as much each `complaints.half_life` later; several people have to
// complain, and of a fair share of the client's mail. A whole /64 is complained of
// together. `gatepost complaints` shows who is listed, why, and until when.
type ipComplaint struct{ complaints Complaints }

func ipComplaintKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "ip-complaint", Stage: pipeline.Mail,
		Results: []pipeline.Result{
			{Word: "complained", Effect: "spam", Doc: "enough people complained of mail from the client"},
			{Word: "none", Effect: "none", Doc: "they did not"},
		},
		New: func(any) (pipeline.Filter, error) { return ipComplaint{d.Complaints}, nil },
	}
}

// Check implements pipeline.Filter.
func (f ipComplaint) Check(_ context.Context, q pipeline.Query) (pipeline.Finding, error) {
	if f.complaints == nil || !q.Tx.Client.Login.IsNull() {
		return pipeline.Finding{Result: "none"}, nil
	}
	s, ok := f.complaints.Client(q.Tx.Client.Addr, q.Tx.Time)
	if !ok {
		return pipeline.Finding{Result: "none"}, nil
	}
	return complained("client", s), nil
}

// complained is a finding that complaints decided.
func complained(what string, s complaint.Standing) pipeline.Finding {
	return pipeline.Finding{
		Result: "complained",
		Reason: fmt.Sprintf("%d people complained of mail from the %s %s, last on %s", s.People, what, s.Name, s.Last.Format(time.DateOnly)),
		Evidence: []pipeline.Evidence{
			{Key: "complained_of", Value: s.Name},
			{Key: "weight", Value: fmt.Sprintf("%.2f on %s", s.Weight, s.At.Format(time.RFC3339))},
		},
	}
}
