package ops

import "time"

// An Archive has all mail of a domain, in and out.
type Archive struct {
	Domain   string    `json:"domain"`
	Days     int       `json:"days"` // for how long mail is kept; -1: for ever, 0: no more is taken, and what is there stays
	Messages int64     `json:"messages"`
	Bytes    int64     `json:"bytes"`
	Months   []string  `json:"months"` // its folders, by name
	Open     []Opening `json:"open"`   // who may read it
}

// An Opening lets somebody read an archive.
type Opening struct {
	Domain string     `json:"domain"`
	Reader string     `json:"reader"`
	Since  time.Time  `json:"since"`
	Until  *time.Time `json:"until,omitempty"` // nil: until it is closed
	Why    string     `json:"why"`
	Name   string     `json:"name"` // above the folders that the reader sees
}

// ArchiveList asks for the archives, by domain. Result: []Archive.
type ArchiveList struct{}

// ArchiveOpen lets somebody read an archive, or changes until when. Result: Opening.
type ArchiveOpen struct {
	Domain string    `json:"domain"`
	Reader string    `json:"reader"`
	Until  time.Time `json:"until,omitzero"`
	Why    string    `json:"why,omitempty"`
	Quiet  bool      `json:"quiet,omitempty"` // he is not told
}

// ArchiveClose ends that. Result: Nothing.
type ArchiveClose struct {
	Domain string `json:"domain"`
	Reader string `json:"reader"`
}

// An ArchiveFilter is what mail of an archive is asked for: texts are parts, in any case; what is
// empty asks for nothing.
type ArchiveFilter struct {
	From    string    `json:"from,omitempty"` // in the field From, or the reverse-path
	To      string    `json:"to,omitempty"`   // in To and Cc, or among those whom it went to
	Subject string    `json:"subject,omitempty"`
	Text    string    `json:"text,omitempty"` // anywhere in header and texts
	Since   time.Time `json:"since,omitzero"`
	Until   time.Time `json:"until,omitzero"` // before that
}

// ArchiveSearch looks for mail, the latest months first. Result: []ArchivedMail.
type ArchiveSearch struct {
	Domain string `json:"domain"`
	ArchiveFilter
	Page
}

// An ArchivedMail is a message of an archive.
type ArchivedMail struct {
	ID         string    `json:"id"`
	Folder     string    `json:"folder"` // "In/2026-11"
	Date       time.Time `json:"date"`   // when it was taken
	Size       int64     `json:"size"`
	Sender     string    `json:"sender"` // reverse-path
	From       string    `json:"from"`
	Recipients []string  `json:"recipients"` // of the envelope
	Subject    string    `json:"subject"`
}

// ArchiveExport writes mail of an archive into new files, as MailboxExport does. Result: MailboxExported.
type ArchiveExport struct {
	Domain string `json:"domain"`
	Path   string `json:"path"` // absolute
	ArchiveFilter
}

// ArchiveAudit asks what was done with a domain's archive, the latest first. Result: []ArchiveAct.
type ArchiveAudit struct {
	Domain string `json:"domain"`
	Page
}

// An ArchiveAct is something that was done.
type ArchiveAct struct {
	ID    string    `json:"id"`
	Time  time.Time `json:"time"`
	Who   string    `json:"who"`
	What  string    `json:"what"`
	About string    `json:"about"`
}

// ArchiveRemove removes an archive with all that is in it, for good. Result: Nothing.
type ArchiveRemove struct {
	Domain string `json:"domain"`
}

// Op names the operation.
func (ArchiveList) Op() string { return "archive.list" }

// Op names the operation.
func (ArchiveOpen) Op() string { return "archive.open" }

// Op names the operation.
func (ArchiveClose) Op() string { return "archive.close" }

// Op names the operation.
func (ArchiveSearch) Op() string { return "archive.search" }

// Op names the operation.
func (ArchiveExport) Op() string { return "archive.export" }

// Op names the operation.
func (ArchiveAudit) Op() string { return "archive.audit" }

// Op names the operation.
func (ArchiveRemove) Op() string { return "archive.remove" }
