package pipeline

import "gatepost/internal/mail"

// A Disposition is a domain's choice for what its policy calls spam.
type Disposition string

// Dispositions.
const (
	ToQuarantine Disposition = "quarantine"
	ToJunk       Disposition = "junk"
	ToTag        Disposition = "tag"
)

// An Ending is one recipient's decision with what his domain says about spam.
type Ending struct {
	Decision    Decision
	Disposition Disposition
	Tell        bool // a challenge may be offered in a 5yz reply if the message is held as spam
	Has         bool // the recipient has this message already: it is taken, and nothing follows
}

// Settle turns the recipients' endings, at least one, into their outcomes and
// the one answer that SMTP allows after the end of data:
//
//   - any deferred: 4yz, and nobody has it yet;
//   - every one refused, or held and told: 5yz;
//   - else 250: who was refused is held instead, who would be told by the reply is
//     held (and may be told by a notice).
//
// Whoever holds a message must commit it before a 5yz, too.
func Settle(endings []Ending) ([]mail.Outcome, mail.Answer) {
	outs := make([]mail.Outcome, len(endings))
	refused := 0
	for i, e := range endings {
		outs[i] = e.outcome()
		switch outs[i] {
		case mail.Postponed:
			for j := range outs {
				outs[j] = mail.Postponed
			}
			return outs, mail.Deferred
		case mail.Declined, mail.HeldTold:
			refused++
		}
	}
	if refused == len(outs) {
		return outs, mail.Refused
	}
	for i, o := range outs {
		if o == mail.Declined || o == mail.HeldTold {
			outs[i] = mail.Held
		}
	}
	return outs, mail.OK
}

func (e Ending) outcome() mail.Outcome {
	if e.Has && e.Decision.Action != Defer {
		return mail.Duplicate
	}
	switch e.Decision.Action {
	case Reject:
		return mail.Declined
	case Defer:
		return mail.Postponed
	case Discard:
		return mail.Dropped
	case Quarantine:
		return mail.Held
	case Junk:
		return mail.Junked
	case Tag:
		return mail.Tagged
	case Spam:
		return e.spam()
	}
	return mail.Delivered
}

func (e Ending) spam() mail.Outcome {
	switch {
	case e.Disposition == ToJunk:
		return mail.Junked
	case e.Disposition == ToTag:
		return mail.Tagged
	case e.Tell:
		return mail.HeldTold
	}
	return mail.Held
}
