package main

import (
	"context"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// complaintHandlers answer for what people say against mail.
func complaintHandlers(h control.Handlers) {
	one := ops.Complaint{
		ID: "4711-1", Time: at(1), State: "counts", Note: "weighs against the client and the sender", Form: "forward", Reporter: "ann@example.org", Proof: "log-in",
		Report: "4711", Message: "4700", Recipient: "ann@example.org", MessageID: "<1@bulk.example>", Subject: "Win \x1b[31mred now", Client: "192.0.2.7",
		Sender: "offers@bulk.example", ClientWeight: 1, SenderWeight: 1,
	}
	ours := ops.Complaint{
		ID: "4710-1", Time: at(0), State: "customer", Note: "our customer bob@example.org sent it", Form: "arf", Type: "abuse",
		Reporter: "fbl@loop.example", Account: "bob@example.org",
	}
	client := ops.Standing{
		Kind: "client", Name: "192.0.2.7", Listed: true, Until: at(50), Why: "3 people complained, weight 2.91", Weight: 2.906, Faded: at(59), People: 3,
		Senders: 2, Accepted: 12, Last: at(1),
	}
	domain := ops.Standing{
		Kind: "domain", Name: "bulk.example", Why: "2 of its addresses were complained of, 3 are needed", Weight: 2.9, Faded: at(59), People: 3, Senders: 2,
		Accepted: -1, Last: at(1),
	}
	control.On(h, func(_ context.Context, r ops.ComplaintList) ([]ops.Complaint, error) {
		if r.Client == "192.0.2.9" {
			return []ops.Complaint{}, nil
		}
		return []ops.Complaint{one, ours}, nil
	})
	control.On(h, func(_ context.Context, r ops.ComplaintShow) (ops.ComplaintDetail, error) {
		switch r.Name {
		case "192.0.2.7":
			return ops.ComplaintDetail{Standings: []ops.Standing{client}, Complaints: []ops.Complaint{one, ours}}, nil
		case "4711-1":
			return ops.ComplaintDetail{Standings: []ops.Standing{client, domain}, Complaints: []ops.Complaint{one}}, nil
		}
		return ops.ComplaintDetail{}, control.NotFound("nobody complained of %s, and no complaint has this id", r.Name)
	})
	control.On(h, answer[ops.ComplaintAdd](one))
	control.On(h, answer[ops.ComplaintWithdraw](ops.ComplaintsWithdrawn{Withdrawn: 3}))
	control.On(h, func(_ context.Context, r ops.ComplaintStandings) ([]ops.Standing, error) {
		if r.Kind == "sender" {
			return []ops.Standing{}, nil
		}
		return []ops.Standing{client, domain}, nil
	})
	control.On(h, answer[ops.ComplaintTotals]([]ops.ComplaintTotal{{Name: "bob@example.org", Count: 4, Last: at(0)}, {Name: "zed@example.org", Count: 2, Counting: 1, Last: at(1)}}))
}
