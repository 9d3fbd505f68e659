package ops

import "time"

// A Complaint is one message that one person complained of, as it was judged.
type Complaint struct {
	ID       string    `json:"id"`
	Time     time.Time `json:"time"`
	State    string    `json:"state"` // counts, again, unverified, customer, spared, other, withdrawn
	Note     string    `json:"note"`  // why, a sentence
	Form     string    `json:"form"`  // arf, forward, spam, added
	Type     string    `json:"type"`  // of an ARF report: abuse, fraud …
	Reporter string    `json:"reporter"`
	Proof    string    `json:"proof"`   // by which it is he; "": by nothing
	Report   string    `json:"report"`  // the transaction that brought it; "": none did
	Message  string    `json:"message"` // the transaction complained of; "": it is not known here
	// Recipient is whose copy it is, MessageID and Subject are the message's.
	Recipient string `json:"recipient"`
	MessageID string `json:"message_id"`
	Subject   string `json:"subject"`
	Client    string `json:"client"`  // "": nobody who is believed says
	Sender    string `json:"sender"`  // "": nothing proves one
	Account   string `json:"account"` // our customer who sent it, of state customer
	// ClientWeight and SenderWeight are what it weighed when it came, 1 or 0.
	ClientWeight float64   `json:"client_weight"`
	SenderWeight float64   `json:"sender_weight"`
	Ended        time.Time `json:"ended,omitzero"` // when it was taken back
	EndedBy      string    `json:"ended_by"`
}

// A Standing is what complaints of one client, sender or domain come to.
type Standing struct {
	Kind     string    `json:"kind"` // client, sender, domain
	Name     string    `json:"name"`
	Listed   bool      `json:"listed"`         // whether its mail is held
	Until    time.Time `json:"until,omitzero"` // when it is not any more, if nobody complains again
	Why      string    `json:"why"`
	Weight   float64   `json:"weight"`   // now
	Faded    time.Time `json:"faded"`    // when it is below 0.1
	People   int       `json:"people"`   // who complained
	Senders  int       `json:"senders"`  // addresses that they complained of
	Accepted int       `json:"accepted"` // messages from there that were delivered in 30 days; -1: nobody counted them
	Last     time.Time `json:"last"`     // complaint
}

// A ComplaintTotal is how many complaints there are of a reporter, an account or a state.
type ComplaintTotal struct {
	Name     string    `json:"name"`
	Count    int       `json:"count"`
	Counting int       `json:"counting"` // of them, those that count
	Last     time.Time `json:"last"`
}

// ComplaintList searches complaints, the newest first; empty fields match all.
// Result: []Complaint.
type ComplaintList struct {
	Client   string    `json:"client,omitempty"` // and all of its network
	Sender   string    `json:"sender,omitempty"`
	Domain   string    `json:"domain,omitempty"` // organisational, of the sender
	Reporter string    `json:"reporter,omitempty"`
	Account  string    `json:"account,omitempty"`
	Message  string    `json:"message,omitempty"`
	State    string    `json:"state,omitempty"`
	Since    time.Time `json:"since,omitzero"`
	Page
}

// ComplaintShow asks for one complaint, or for a client, a sender or a domain and what was
// said of it. Result: ComplaintDetail.
type ComplaintShow struct {
	Name string `json:"name"`
}

// A ComplaintDetail is a standing with its newest complaints, or one complaint with the
// standings of those whom it is about.
type ComplaintDetail struct {
	Standings  []Standing  `json:"standings"`
	Complaints []Complaint `json:"complaints"`
}

// ComplaintAdd adds a complaint of a message that came here: by the transaction that
// brought it, or by the message, a report or an original. Result: Complaint.
type ComplaintAdd struct {
	ID        string `json:"id,omitempty"`
	Recipient string `json:"recipient,omitempty"` // whose copy, and complaint; "": the first one's
	Message   []byte `json:"message,omitempty"`   // base64 in JSON
}

// ComplaintWithdraw takes complaints back: by id, or all of one client, sender or domain.
// Result: ComplaintsWithdrawn.
type ComplaintWithdraw struct {
	IDs    []string `json:"ids,omitempty"`
	Client string   `json:"client,omitempty"`
	Sender string   `json:"sender,omitempty"`
	Domain string   `json:"domain,omitempty"`
}

// ComplaintsWithdrawn tells how many were taken back.
type ComplaintsWithdrawn struct {
	Withdrawn int `json:"withdrawn"`
}

// ComplaintStandings lists who is complained of, the heaviest first. Result: []Standing.
type ComplaintStandings struct {
	Kind  string `json:"kind,omitempty"` // client, sender, domain; "": all
	Limit int    `json:"limit"`
}

// ComplaintTotals counts complaints, the most first. Result: []ComplaintTotal.
type ComplaintTotals struct {
	By    string `json:"by"` // reporter, account, state
	Limit int    `json:"limit"`
}

// Op names the operation.
func (ComplaintList) Op() string { return "complaint.list" }

// Op names the operation.
func (ComplaintShow) Op() string { return "complaint.show" }

// Op names the operation.
func (ComplaintAdd) Op() string { return "complaint.add" }

// Op names the operation.
func (ComplaintWithdraw) Op() string { return "complaint.withdraw" }

// Op names the operation.
func (ComplaintStandings) Op() string { return "complaint.standings" }

// Op names the operation.
func (ComplaintTotals) Op() string { return "complaint.totals" }
