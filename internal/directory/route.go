package directory

import "gatepost/internal/mail"

// A Step is one address that was met on the way of a recipient's mail, in order.
type Step struct {
	Depth   int       // how many addresses led here
	From    mail.Path // the last of them; null: the recipient itself
	Address mail.Path
	Is      Found
	Leads   []mail.Path // where it goes on to
	State   State       // of a mailbox
	Post    Posting     // of a distribution list
	Owner   mail.Path   // of a distribution list
	Remote  Remote      // of what is elsewhere
}

// Found is what an address was found to be: one of these, or an AliasKind.
type Found string

// What is found.
const (
	IsMailbox  Found = "mailbox"
	IsRemote   Found = "remote"    // it is sent on
	IsCatchAll Found = "catch-all" // nobody has the recipient's address: the domain's catch-all
	IsRole     Found = "role"      // nobody has postmaster or abuse: who stands in is next
	IsAgain    Found = "again"     // met before; each gets a message once
	IsNobody   Found = "nobody"    // in a domain here, and nobody has it
)

// Route resolves as Resolve does, and tells each step: for people who ask why. The
// steps are there where it fails, too.
func (s *Snapshot) Route(rcpt mail.Path) (Resolution, []Step, error) {
	var steps []Step
	r, err := s.resolve(rcpt, func(step Step) { steps = append(steps, step) })
	return r, steps, err
}

// tell notes a step for whom it may interest.
func (e *expansion) tell(step Step, from origin) {
	if e.note != nil {
		step.Depth = from.depth
		e.note(step)
	}
}
