package ops

import "time"

// A Share is a folder that somebody was given rights in.
type Share struct {
	Owner  string `json:"owner"`            // whose folder it is
	Folder string `json:"folder"`           // its name with the owner; "*": all of the mailbox
	With   string `json:"with"`             // an address, "@" and a domain, or "anyone"
	Rights string `json:"rights"`           // read, write, manage, or letters of RFC 4314
	Name   string `json:"name"`             // as the receiver sees it
	Answer string `json:"answer,omitempty"` // accepted or declined, where the list is of one receiver's
}

// ShareAdd gives somebody rights in a folder and in all beneath it, instead of those that he
// had there. Result: Share.
type ShareAdd struct {
	Owner  string `json:"owner"`
	Folder string `json:"folder"`
	With   string `json:"with"`
	Rights string `json:"rights"`
	Quiet  bool   `json:"quiet,omitempty"` // nobody is told
	Only   bool   `json:"only,omitempty"`  // the folder alone: what is beneath it now keeps what it has
	Send   string `json:"send,omitempty"`  // how he may send for the owner from now on: as, on-behalf, no; "": as before
}

// ShareList asks for what an owner shares, or for what reaches somebody. Result: []Share.
type ShareList struct {
	Owner string `json:"owner,omitempty"`
	With  string `json:"with,omitempty"`
}

// ShareRemove takes away what somebody has in a folder and in all beneath it. Result: Nothing.
type ShareRemove struct {
	Owner  string `json:"owner"`
	Folder string `json:"folder"`
	With   string `json:"with"`
	Only   bool   `json:"only,omitempty"` // as with ShareAdd
}

// ShareAnswer accepts or declines a share for its receiver. Result: Nothing.
type ShareAnswer struct {
	Reader string `json:"reader"`
	Name   string `json:"name"`   // as the receiver sees it
	Answer string `json:"answer"` // accept, decline, leave, or ask: as if it was new
}

// ShareAsk has somebody ask to send for a mailbox under one of its addresses. Result: Nothing.
type ShareAsk struct {
	Asker   string `json:"asker"`
	Address string `json:"address"`
	Send    string `json:"send"` // as, on-behalf
}

// ShareRequests asks for requests to send that wait for an answer, of an asker or for a mailbox; neither: all. Result: []SendRequest.
type ShareRequests struct {
	Owner string `json:"owner,omitempty"`
	With  string `json:"with,omitempty"`
}

// A SendRequest is that somebody asks to send for a mailbox.
type SendRequest struct {
	ID      string    `json:"id"`
	Asker   string    `json:"asker"`
	Owner   string    `json:"owner"`   // the mailbox; "": nobody is asked
	Address string    `json:"address"` // that the asker named
	Send    string    `json:"send"`    // as, on-behalf
	Asked   time.Time `json:"asked"`
	Expires time.Time `json:"expires"`
}

// ShareDecide grants a request to send, or declines it. Result: Nothing.
type ShareDecide struct {
	ID    string `json:"id"`
	Grant bool   `json:"grant"`
}

// A Group is a mailbox with members.
type Group struct {
	Address string   `json:"address"`
	Members []Member `json:"members"`
}

// A Member is somebody who has rights in all of a group, or may send for it.
type Member struct {
	Who    string `json:"who"`
	Rights string `json:"rights"`
	Send   string `json:"send"` // as, on-behalf, or ""
}

// GroupAdd makes a group, and a mailbox for it where there is none. Result: Group.
type GroupAdd struct {
	Address  string   `json:"address"`
	Language string   `json:"language,omitempty"`
	Members  []string `json:"members,omitempty"`
}

// GroupList asks for all groups, by address. Result: []Group.
type GroupList struct{}

// GroupShow asks for one. Result: Group.
type GroupShow struct {
	Address string `json:"address"`
}

// GroupSet changes a group's members. Result: Group.
type GroupSet struct {
	Address string   `json:"address"`
	Join    []string `json:"join,omitempty"`
	Leave   []string `json:"leave,omitempty"`
	Rights  string   `json:"rights,omitempty"` // of those who join; "": write
	Send    *string  `json:"send,omitempty"`   // how those who join may send: as, on-behalf, no; nil: as
}

// MailboxSenders says who may send for a mailbox, and tells it. Result: []Member.
type MailboxSenders struct {
	Address  string   `json:"address"`
	As       []string `json:"as,omitempty"`
	OnBehalf []string `json:"on_behalf,omitempty"`
	None     []string `json:"none,omitempty"`
}

// Op names the operation.
func (ShareAdd) Op() string { return "share.add" }

// Op names the operation.
func (ShareList) Op() string { return "share.list" }

// Op names the operation.
func (ShareRemove) Op() string { return "share.remove" }

// Op names the operation.
func (ShareAnswer) Op() string { return "share.answer" }

// Op names the operation.
func (ShareAsk) Op() string { return "share.ask" }

// Op names the operation.
func (ShareRequests) Op() string { return "share.requests" }

// Op names the operation.
func (ShareDecide) Op() string { return "share.decide" }

// Op names the operation.
func (GroupAdd) Op() string { return "group.add" }

// Op names the operation.
func (GroupList) Op() string { return "group.list" }

// Op names the operation.
func (GroupShow) Op() string { return "group.show" }

// Op names the operation.
func (GroupSet) Op() string { return "group.set" }

// Op names the operation.
func (MailboxSenders) Op() string { return "mailbox.senders" }
