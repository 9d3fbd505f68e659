package main

import (
	"context"
	"time"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// submissionHandlers answer for what log-ins send.
func submissionHandlers(h control.Handlers) {
	at := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	calm := ops.Login{Mailbox: "bob@example.org", Messages: 12, Recipients: 9, Networks: 1, Signs: []string{}, PerMinute: 30, PerHour: 300, PerDay: 2000, RecipientsDay: 1000}
	stopped := ops.Login{
		Mailbox: "ann@example.org", Messages: 300, Refused: 600, Recipients: 300, Wrong: 90, Networks: 7, Signs: []string{"over its limits", "many networks in an hour"},
		Stopped: true, Since: at, Reason: "900 messages in an hour were asked for, 300 are allowed", PerMinute: 30, PerHour: 300, PerDay: 2000,
	}
	control.On(h, func(_ context.Context, q ops.SubmissionList) ([]ops.Login, error) {
		if q.Stopped {
			return []ops.Login{stopped}, nil
		}
		return []ops.Login{stopped, calm}, nil
	})
	control.On(h, answer[ops.SubmissionShow](stopped))
	control.On(h, func(_ context.Context, q ops.SubmissionStop) (ops.Login, error) {
		calm := calm
		calm.Stopped, calm.Since, calm.Reason, calm.Who = true, at, q.Reason, "root"
		return calm, nil
	})
	control.On(h, func(_ context.Context, q ops.SubmissionResume) (ops.Login, error) {
		if q.Mailbox != stopped.Mailbox {
			return ops.Login{}, control.NotFound("%s is not stopped", q.Mailbox)
		}
		return ops.Login{Mailbox: q.Mailbox, Signs: []string{}, PerHour: 300}, nil
	})
	control.On(h, func(_ context.Context, q ops.SubmissionSet) (ops.SubmissionLimits, error) {
		l := ops.SubmissionLimits{Owner: q.Owner, PerMinute: -1, PerHour: -1, PerDay: -1, Recipients: -1}
		for _, each := range []struct{ to, from *int }{{&l.PerMinute, q.PerMinute}, {&l.PerHour, q.PerHour}, {&l.PerDay, q.PerDay}, {&l.Recipients, q.Recipients}} {
			if each.from != nil {
				*each.to = *each.from
			}
		}
		return l, nil
	})
}
