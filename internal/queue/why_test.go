package queue

import (
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
)

// What a transfer waits for, and until when.
func TestWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		soon, later := now.Add(time.Minute), now.Add(time.Hour)
		for name, c := range map[string]struct {
			t     Transfer
			rests time.Time
			why   Why
			until time.Time
		}{
			"held":                            {Transfer{State: Held, Due: soon}, later, ForAdmin, time.Time{}},
			"the next hop rests":              {Transfer{Due: soon}, later, ForNextHop, later},
			"it rests for less":               {Transfer{Due: later, Attempts: 1, Last: Reply{Code: 450}}, soon, ForAnswer, later},
			"its sender wants it":             {Transfer{Due: later, Message: &Message{Params: mail.Params{Release: later}}}, time.Time{}, ForSender, later},
			"its sender wanted it":            {Transfer{Due: soon, Attempts: 1, Message: &Message{Params: mail.Params{Release: later}}}, time.Time{}, ForSuccess, soon},
			"held, while it is tried":         {Transfer{State: Held, Claimed: true, Due: soon}, time.Time{}, ForAdmin, time.Time{}},
			"it is tried":                     {Transfer{Claimed: true, Due: soon}, time.Time{}, ForTry, time.Time{}},
			"it is tried once more":           {Transfer{Claimed: true, Due: soon, Attempts: 2, Last: Reply{Code: 450}}, time.Time{}, ForTry, time.Time{}},
			"who tried it is gone":            {Transfer{Claimed: true, Due: now, Attempts: 2, Last: Reply{Code: 450}}, time.Time{}, ForAnswer, now},
			"the next hop rests, it is tried": {Transfer{Claimed: true, Due: soon}, later, ForTry, time.Time{}},
			"it is due":                       {Transfer{Due: now}, time.Time{}, ForTurn, time.Time{}},
			"it was put off":                  {Transfer{Due: soon, Attempts: 1, Last: Reply{Code: 450}}, time.Time{}, ForAnswer, soon},
			"nobody was there":                {Transfer{Due: soon, Attempts: 1}, time.Time{}, ForSuccess, soon},
			"nobody was there, and it is due": {Transfer{Due: now, Attempts: 1}, time.Time{}, ForSuccess, now},
		} {
			q := &Queue{c: Config{Now: time.Now}, lanes: map[Destination]*lane{toA: {rests: c.rests}}}
			c.t.Destination = toA
			if c.t.Message == nil {
				c.t.Message = &Message{}
			}
			if why, until := q.Why(&c.t); why != c.why || !until.Equal(c.until) {
				t.Errorf("%s: got %s until %v, want %s until %v", name, why, until, c.why, c.until)
			}
		}
	})
}
