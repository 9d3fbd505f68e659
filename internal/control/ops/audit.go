package ops

import "time"

// AuditList asks what was done to who may do what, the latest first. Result: []AuditNote.
type AuditList struct {
	Who  string `json:"who,omitempty"`  // only what he did
	Whom string `json:"whom,omitempty"` // only what was done to this mailbox or admin
	Page
}

// An AuditNote is something that was done.
type AuditNote struct {
	ID    string    `json:"id"`
	Time  time.Time `json:"time"`
	Who   string    `json:"who"`
	What  string    `json:"what"` // locked, unlocked, support-given, support-used, support-ended, support-reads, support-acts, send-asked, send-declined, send-taken-back, sending, reset-link, password; of accounts elsewhere: collected, left, identity; of admins: added, removed, rights, domains, suspended, active, password
	Whom  string    `json:"whom"`
	About string    `json:"about"`
}

// Op names the operation.
func (AuditList) Op() string { return "audit.list" }
