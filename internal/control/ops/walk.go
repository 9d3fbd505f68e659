package ops

// A Walk is one recipient's way down a policy, or the gate's down its list.
type Walk struct {
	Recipient string  `json:"recipient"` // "": the gate's
	Policy    string  `json:"policy"`
	Shadow    bool    `json:"shadow"` // nothing followed from it
	Steps     []Step  `json:"steps"`
	Score     float64 `json:"score"`
	Action    string  `json:"action"`  // the decision: accept, spam, reject …, none
	Entry     string  `json:"entry"`   // the entry that decided; "score" where the sum did
	Result    string  `json:"result"`  // that entry's result
	Reason    string  `json:"reason"`  // why, in a sentence
	Outcome   string  `json:"outcome"` // what became of the message: delivered, held, refused …
}

// A Step is one entry that the walk came to.
type Step struct {
	Entry    string     `json:"entry"`
	Filter   string     `json:"filter"`
	Result   string     `json:"result"`
	Reason   string     `json:"reason"`
	Score    float64    `json:"score"`  // the filter's own
	Effect   string     `json:"effect"` // as a policy writes it
	Points   float64    `json:"points"` // added to the walk's score
	Micros   int64      `json:"micros"` // how long the filter took
	Shadow   bool       `json:"shadow"`
	Evidence []Evidence `json:"evidence"`
}

// Evidence is one thing that a filter saw.
type Evidence struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Explain runs a message through the pipeline and delivers nothing.
// Result: Explanation.
type Explain struct {
	Client  string   `json:"client"` // IP address
	Helo    string   `json:"helo"`
	From    string   `json:"from"` // "": the null reverse-path
	To      []string `json:"to"`
	Login   string   `json:"login,omitempty"` // the mailbox that has logged in; "": a stranger sends
	Message []byte   `json:"message"`         // base64 in JSON
}

// An Explanation is what would have happened.
type Explanation struct {
	Reply string `json:"reply"` // as SMTP would have had it
	Walks []Walk `json:"walks"`

	Policies string `json:"policies,omitempty"` // the sum of the policies that were walked (config.PolicySum)
}

// Op names the operation.
func (Explain) Op() string { return "explain" }
