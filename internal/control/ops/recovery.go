package ops

import "time"

// MailboxLogins asks from where a mailbox was logged in to, the last first. Result: []SeenLogin.
type MailboxLogins struct {
	Address string `json:"address"`
}

// A SeenLogin is that a mailbox was logged in to at a door from an address; of IPv6 from its /64.
type SeenLogin struct {
	Door   string    `json:"door"` // imap, pop3, sieve, submission, web
	Client string    `json:"client"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	Count  int64     `json:"count"`
}

// MailboxRecovery asks where a mailbox's owner is reached who has lost his password, or says so. Result: Recovery.
type MailboxRecovery struct {
	Address string  `json:"address"`
	Set     *string `json:"set,omitempty"` // an address, as confirmed; "": none
}

// Recovery is such an address.
type Recovery struct {
	Address string    `json:"address"` // "": none
	Since   time.Time `json:"since,omitzero"`
	Waiting string    `json:"waiting,omitempty"` // that its owner is still to confirm
}

// MailboxReset makes a link by which a new password is set, once. Result: ResetLink.
type MailboxReset struct {
	Address string `json:"address"`
	Mail    bool   `json:"mail,omitempty"` // send it to the recovery address instead of returning it
}

// ResetLink is one that was made.
type ResetLink struct {
	Link    string    `json:"link,omitempty"` // "": it was sent
	To      string    `json:"to,omitempty"`
	Expires time.Time `json:"expires"`
}

// Op names the operation.
func (MailboxLogins) Op() string { return "mailbox.logins" }

// Op names the operation.
func (MailboxRecovery) Op() string { return "mailbox.recovery" }

// Op names the operation.
func (MailboxReset) Op() string { return "mailbox.reset" }
