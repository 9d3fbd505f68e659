package ops

import "time"

// A PrivacyPart is rows of one table that are about a person in one way.
type PrivacyPart struct {
	Table string           `json:"table"`
	About string           `json:"about"`         // what they are, in words
	Fate  string           `json:"fate"`          // of erasing: removed, blanked, kept
	Why   string           `json:"why,omitempty"` // it is kept
	Count int              `json:"count"`
	Rows  []map[string]any `json:"rows,omitempty"` // of an export; none where there would be more about others in them
}

// A PrivacyPage is some of what is known of a person. A part may go on in the next one.
type PrivacyPage struct {
	Address string        `json:"address"`
	Parts   []PrivacyPart `json:"parts"`
	Notes   []string      `json:"notes,omitempty"`   // of the first page: what is nowhere in it
	Related []string      `json:"related,omitempty"` // of the first page: further addresses that lead to the mailbox alone
	Pending int           `json:"pending,omitempty"` // of the last page of an erasure: pieces of evidence that are to be erased yet, by other nodes too
	Next    *PrivacyNext  `json:"next,omitempty"`    // nil: it is the last page
}

// A PrivacyNext is where the next page begins, and what was done so far.
type PrivacyNext struct {
	After string `json:"after"`
	Act   string `json:"act,omitempty"` // by which the pages are noted as one act
	Found int    `json:"found"`
}

// PrivacyExport asks for what is known of an address. Result: PrivacyPage.
type PrivacyExport struct {
	Address string       `json:"address"`
	Next    *PrivacyNext `json:"next,omitempty"`
}

// PrivacyErase has what is known of an address erased, or counted. Result: PrivacyPage, without rows.
type PrivacyErase struct {
	Address string       `json:"address"`
	Confirm bool         `json:"confirm,omitempty"` // false: it is only said what would be done
	Choices bool         `json:"choices,omitempty"` // entries of lists that others made go, too
	Next    *PrivacyNext `json:"next,omitempty"`
}

// PrivacyLog asks for what was exported and erased, the newest first. Result: []PrivacyAct.
type PrivacyLog struct {
	Address string `json:"address,omitempty"` // "": of all
	Limit   int    `json:"limit,omitempty"`   // at most so many; 0 is 100
}

// A PrivacyAct is that something was exported or erased. Of whom it does not say: there is but a number made of the address by
// a key.
type PrivacyAct struct {
	Time    time.Time  `json:"time"`
	Who     string     `json:"who"`
	What    string     `json:"what"` // export, erase
	Subject string     `json:"subject"`
	Found   int        `json:"found"` // rows
	Ended   *time.Time `json:"ended"` // null: it was broken off, or is under way
}

// Op names the operation.
func (PrivacyExport) Op() string { return "privacy.export" }

// Op names the operation.
func (PrivacyErase) Op() string { return "privacy.erase" }

// Op names the operation.
func (PrivacyLog) Op() string { return "privacy.log" }
