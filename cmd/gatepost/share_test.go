package main

import (
	"context"
	"time"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// shareHandlers answer for shares and groups.
func shareHandlers(h control.Handlers) {
	s := ops.Share{Owner: "ann@example.org", Folder: "Projects", With: "bob@example.org", Rights: "write", Name: "Shared/ann@example.org/Projects"}
	control.On(h, func(_ context.Context, q ops.ShareAdd) (ops.Share, error) {
		if q.Rights == "lrq" {
			return s, control.Misused(`rights "lrq": no such right: 'q'; give read, write, manage or letters of lrswipkxtea`)
		}
		return s, nil
	})
	control.On(h, func(_ context.Context, q ops.ShareList) ([]ops.Share, error) {
		if q.With == "" {
			return []ops.Share{}, nil
		}
		whole := ops.Share{Owner: "support@example.org", Folder: "*", With: "helpers@example.org", Rights: "lrs", Name: "Groups/support@example.org/*"}
		accepted := s
		accepted.Answer = "accepted"
		return []ops.Share{accepted, whole}, nil
	})
	control.On(h, answer[ops.ShareRemove](ops.Nothing{}))
	control.On(h, answer[ops.ShareAnswer](ops.Nothing{}))
	control.On(h, answer[ops.ShareAsk](ops.Nothing{}))
	control.On(h, answer[ops.ShareDecide](ops.Nothing{}))
	asked := time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)
	control.On(h, func(_ context.Context, q ops.ShareRequests) ([]ops.SendRequest, error) {
		r := ops.SendRequest{
			ID: "01KB3YQ5T0Z8M6W4N2R7XJ1C9D", Asker: "bob@example.org", Owner: "ann@example.org", Address: "ann.m@example.org", Send: "on-behalf",
			Asked: asked, Expires: asked.AddDate(0, 0, 14),
		}
		switch {
		case q.Owner != "":
			return []ops.SendRequest{}, nil
		case q.With != "":
			return []ops.SendRequest{r, {ID: "01KB3YQ5T0Z8M6W4N2R7XJ1C9E", Asker: q.With, Address: "none@example.org", Send: "as", Asked: asked, Expires: asked.AddDate(0, 0, 14)}}, nil
		}
		return []ops.SendRequest{r}, nil
	})
	g := ops.Group{Address: "support@example.org", Members: []ops.Member{{Who: "ann@example.org", Rights: "write", Send: "as"}, {Who: "helpers@example.org", Rights: "read"}}}
	control.On(h, answer[ops.GroupAdd](g))
	control.On(h, answer[ops.GroupShow](g))
	control.On(h, answer[ops.GroupSet](g))
	control.On(h, answer[ops.GroupList]([]ops.Group{g}))
	control.On(h, func(_ context.Context, q ops.MailboxSenders) ([]ops.Member, error) {
		if len(q.OnBehalf) == 0 {
			return []ops.Member{}, nil
		}
		return []ops.Member{{Who: q.OnBehalf[0], Send: "on-behalf"}}, nil
	})
}
