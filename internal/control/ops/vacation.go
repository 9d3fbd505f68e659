package ops

// A Vacation is how who writes to a mailbox is answered while its owner is away.
type Vacation struct {
	Set     bool     `json:"set"`  // there is one
	Runs    bool     `json:"runs"` // and the script that it stands in is active, or included by the active one
	From    string   `json:"from"` // the first day, "2026-12-24"; "": it has begun
	To      string   `json:"to"`   // the last day; "": until it is ended
	Subject string   `json:"subject"`
	Text    string   `json:"text"`
	Days    int      `json:"days"`   // nobody is answered twice within so many
	Except  []string `json:"except"` // addresses and domains that are not answered
	Then    string   `json:"then"`   // the owner's own script that runs behind; "": none
}

// VacationShow asks for a mailbox's. Result: Vacation.
type VacationShow struct {
	Address string `json:"address"`
}

// VacationSet has senders answered, in the place of what was set before. Result: Vacation.
type VacationSet struct {
	Address string   `json:"address"`
	From    string   `json:"from,omitempty"`
	To      string   `json:"to,omitempty"`
	Subject string   `json:"subject,omitempty"`
	Text    string   `json:"text"`
	Days    int      `json:"days,omitempty"` // 0: 7
	Except  []string `json:"except,omitempty"`
}

// VacationOff ends it. Result: Nothing.
type VacationOff struct {
	Address string `json:"address"`
}

// A MailboxForwarding is where the owner of a mailbox has its mail sent on to.
type MailboxForwarding struct {
	To   []string `json:"to"`
	Keep bool     `json:"keep"` // a copy
	Runs bool     `json:"runs"` // the script that it stands in is active, or included by the active one
}

// MailboxForward has a mailbox's mail sent on, or asks where it is. Result: MailboxForwarding.
type MailboxForward struct {
	Address string    `json:"address"`
	To      *[]string `json:"to,omitempty"` // nil: nothing is changed; empty: nowhere
	Keep    bool      `json:"keep,omitempty"`
}

// Op names the operation.
func (VacationShow) Op() string { return "vacation.show" }

// Op names the operation.
func (VacationSet) Op() string { return "vacation.set" }

// Op names the operation.
func (VacationOff) Op() string { return "vacation.off" }

// Op names the operation.
func (MailboxForward) Op() string { return "mailbox.forward" }
