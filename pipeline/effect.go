package pipeline

import (
	"fmt"
	"strconv"
	"strings"

	"gatepost/internal/mail"
)

// An Action is what an effect does to a walk.
type Action uint8

// The actions. None and Score let the walk go on; all others end it.
const (
	None       Action = iota
	Accept            // deliver
	Score             // add points
	Tag               // deliver to the inbox, marked in the subject
	Junk              // deliver to the Junk folder
	Spam              // as the recipient domain's disposition says
	Quarantine        // hold, whatever the disposition
	Discard           // a journal row is all that stays
	Defer             // 4yz
	Reject            // 5yz
)

var actionNames = [...]string{"none", "accept", "score", "tag", "junk", "spam", "quarantine", "discard", "defer", "reject"}

// strength orders endings where several meet (design: reject > discard >
// quarantine > defer > spam > junk > tag > accept).
var strength = [...]int{None: 0, Score: 0, Accept: 1, Tag: 2, Junk: 3, Spam: 4, Defer: 5, Quarantine: 6, Discard: 7, Reject: 8}

// String returns the action's word in policies and journal.
func (a Action) String() string { return actionNames[a] }

// Ends reports whether the action ends a walk.
func (a Action) Ends() bool { return a != None && a != Score }

// final reports whether nothing runs after the action, not even an entry marked
// always: there is no message left that it could look after.
func (a Action) final() bool { return a == Reject || a == Defer || a == Discard }

// An Effect is what a result leads to.
type Effect struct {
	Action Action
	Points float64    // of Score
	Graded bool       // Score adds the finding's own score, not Points
	Reply  mail.Reply // of Reject and Defer, the admin's own wording; zero: the usual one
}

// ParseEffect reads the word of a policy: "none", "accept", "spam", "score 2.5",
// "score" (the filter's own), or "reject 554 5.7.1 some text".
func ParseEffect(s string) (Effect, error) {
	word, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	rest = strings.TrimSpace(rest)
	for a, name := range actionNames {
		if word != name {
			continue
		}
		return parseRest(Effect{Action: Action(a)}, rest)
	}
	return Effect{}, fmt.Errorf("unknown effect %q (%s)", s, strings.Join(actionNames[:], ", "))
}

func parseRest(e Effect, rest string) (Effect, error) {
	switch {
	case e.Action == Score && rest == "":
		e.Graded = true
	case e.Action == Score:
		points, err := strconv.ParseFloat(rest, 64)
		if err != nil || points != points || points > 1000 || points < -1000 {
			return Effect{}, fmt.Errorf("score %q is not a number between -1000 and 1000", rest)
		}
		e.Points = points
	case rest == "":
	case e.Action == Reject || e.Action == Defer:
		reply, err := parseReply(rest, e.Action)
		if err != nil {
			return Effect{}, err
		}
		e.Reply = reply
	default:
		return Effect{}, fmt.Errorf("%s takes no argument, not %q", e.Action, rest)
	}
	return e, nil
}

// parseReply reads "554 5.7.1 text": code and enhanced code must agree with each
// other (RFC 3463 §2) and with the action.
func parseReply(s string, a Action) (mail.Reply, error) {
	var r mail.Reply
	n, _ := fmt.Sscanf(s, "%d %s", &r.Code, &r.Enhanced)
	class := 5
	if a == Defer {
		class = 4
	}
	if n != 2 || r.Code/100 != class || !strings.HasPrefix(r.Enhanced, strconv.Itoa(class)+".") || strings.Count(r.Enhanced, ".") != 2 {
		return r, fmt.Errorf("reply %q is not like \"%d50 %d.7.1 text\"", s, class, class)
	}
	if parts := strings.SplitN(s, " ", 3); len(parts) == 3 {
		r.Text = parts[2]
	}
	for _, c := range r.Text {
		if c < ' ' || c > '~' {
			return r, fmt.Errorf("reply text %q: only printable ASCII can be sent", r.Text)
		}
	}
	return r, nil
}

// String returns the effect as a policy writes it.
func (e Effect) String() string {
	switch {
	case e.Action == Score && !e.Graded:
		return "score " + strconv.FormatFloat(e.Points, 'g', -1, 64)
	case e.Reply.Code != 0:
		return strings.TrimSpace(fmt.Sprintf("%s %d %s %s", e.Action, e.Reply.Code, e.Reply.Enhanced, e.Reply.Text))
	}
	return e.Action.String()
}

// points returns what the effect adds for f in a walk. A Score with a scale of its own (Finding.Required) is brought to that of
// the walk: what the filter calls spam counts as the required score, and never more, so that it alone can have a message
// held, and not refused (RejectAt). Below that the points fall to none at Finding.Floor, without a step. Where there is a bound (Finding.Most) it alone can't have it held either.
func (e Effect) points(f Finding, w *Walk) float64 {
	switch {
	case e.Action != Score:
		return 0
	case !e.Graded:
		return e.Points
	case f.Required <= 0:
		return f.Score
	}
	required := w.Required
	if required <= 0 { // nothing is spam by its score
		required = f.Required
	}
	points := required
	switch {
	case f.Score <= f.Floor && f.Score < f.Required:
		return 0
	case f.Score < f.Required:
		points *= (f.Score - f.Floor) / (f.Required - f.Floor)
	}
	if f.Most > 0 {
		points = min(points, f.Most, hint*required)
	}
	if w.Policy.RejectAt > 0 {
		points = min(points, below*w.Policy.RejectAt)
	}
	return points
}

const (
	hint  = 0.8  // of the required score is added at most by who must not decide alone
	below = 0.99 // of the score from which a message is refused is added by one who must not have it refused
)
