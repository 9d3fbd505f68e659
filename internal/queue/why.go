package queue

import "time"

// A Why is what a transfer waits for.
type Why string

// What transfers wait for.
const (
	ForAdmin   Why = "held"     // an admin holds it
	ForNextHop Why = "rests"    // its destination could not be reached, and is left alone
	ForSender  Why = "later"    // its sender has it wait (RFC 4865)
	ForTry     Why = "trying"   // it is being tried
	ForTurn    Why = "turn"     // nothing was tried yet
	ForAnswer  Why = "answered" // the next hop put it off, by what Last says
	ForSuccess Why = "failed"   // trying came to nothing, by what Last says
)

// Why returns what a transfer waits for, and until when; zero: nobody knows. Where its destination rests
// other nodes may think differently.
func (q *Queue) Why(t *Transfer) (Why, time.Time) {
	now, rests := q.c.Now(), q.Resting(t.Destination)
	switch {
	case t.State == Held:
		return ForAdmin, time.Time{}
	case t.Claimed && t.Due.After(now):
		return ForTry, time.Time{}
	case rests.After(now) && t.Due.Before(rests):
		return ForNextHop, rests
	case t.Attempts == 0 && t.Message.Params.Release.After(now):
		return ForSender, t.Message.Params.Release
	case t.Attempts == 0:
		return ForTurn, time.Time{}
	case t.Last.Code != 0:
		return ForAnswer, t.Due
	}
	return ForSuccess, t.Due
}
