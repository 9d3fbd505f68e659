package pipeline

// A Stage is how far the SMTP transaction has come.
type Stage uint8

// The stages, in order.
const (
	Connect Stage = iota // the client's address is known
	Helo                 // and its HELO name
	Mail                 // and the reverse-path
	Rcpt                 // and one forward-path for each walk
	Data                 // and the content
)

var stageNames = [...]string{"connect", "helo", "mail", "rcpt", "data"}

// String returns the stage's word in configuration and journal.
func (s Stage) String() string { return stageNames[s] }

// A Scope is for whom one finding holds: walks inside the scope share it.
type Scope uint8

// The scopes, from wide to narrow.
const (
	PerMessage   Scope = iota // one finding for the transaction
	PerDomain                 // one for each recipient domain
	PerRecipient              // one for each recipient
	PerWalk                   // one for each walk: it looks at the walk's own score and steps
)

var scopeNames = [...]string{"message", "domain", "recipient", "walk"}

// String returns the scope's word in the catalogue.
func (s Scope) String() string { return scopeNames[s] }
