package queue

import (
	"testing"
	"time"
)

func TestWhy(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	q := New(Config{Now: func() time.Time { return now }})
	later := now.Add(time.Hour)
	for _, c := range []struct {
		name     string
		transfer Transfer
		release  time.Time
		want     Why
		until    time.Time
	}{
		{"held, while it is tried", Transfer{State: Held, Claimed: true, Due: later}, time.Time{}, ForAdmin, time.Time{}},
		{"its turn has not come", Transfer{State: Waiting, Due: now}, time.Time{}, ForTurn, time.Time{}},
		{"its sender has it wait", Transfer{State: Waiting, Due: later}, later, ForSender, later},
		{"tried for the first time", Transfer{State: Waiting, Claimed: true, Due: later}, time.Time{}, ForTry, time.Time{}},
		{"tried once more", Transfer{State: Waiting, Claimed: true, Due: later, Attempts: 2, Last: Reply{Code: 450}}, time.Time{}, ForTry, time.Time{}},
		{"a claim that is over", Transfer{State: Waiting, Claimed: true, Due: now, Attempts: 2, Last: Reply{Code: 450}}, time.Time{}, ForAnswer, now},
		{"put off", Transfer{State: Waiting, Due: later, Attempts: 1, Last: Reply{Code: 450}}, time.Time{}, ForAnswer, later},
		{"not reached", Transfer{State: Waiting, Due: later, Attempts: 1, Last: Reply{Text: "connection refused"}}, time.Time{}, ForSuccess, later},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.transfer.Message = &Message{}
			c.transfer.Message.Params.Release = c.release
			if why, until := q.Why(&c.transfer); why != c.want || !until.Equal(c.until) {
				t.Errorf("%s until %v; want %s until %v", why, until, c.want, c.until)
			}
		})
	}
}
