package ops

import "time"

// A Collector is an account at another server from which mail is fetched into a mailbox.
type Collector struct {
	Name        string        `json:"name"`
	Mailbox     string        `json:"mailbox"`  // whose mail it is; of a domain the one for what nobody else gets
	Domain      string        `json:"domain"`   // whose addresses the header names; "": all is the mailbox's
	Protocol    string        `json:"protocol"` // pop3, imap
	Server      string        `json:"server"`   // host:port
	Security    string        `json:"security"` // tls, starttls, none, clear
	Fingerprint string        `json:"fingerprint"`
	User        string        `json:"user"`
	Folders     []string      `json:"folders"`
	Interval    time.Duration `json:"interval"` // nanoseconds, as all durations here
	New         bool          `json:"new"`      // only what came after it was set up
	Remove      time.Duration `json:"remove"`   // at the other server, after so long; negative: never
	Messages    int           `json:"messages"` // of one run
	Octets      int64         `json:"octets"`   // of one run
	Hops        int           `json:"hops"`
	Networks    []string      `json:"networks"`
	Fields      []string      `json:"fields"`
	Paused      bool          `json:"paused"`
	Created     time.Time     `json:"created"`
	Owned       bool          `json:"owned"`     // the mailbox's owner set it up
	Identity    string        `json:"identity"`  // of such a one, its address
	Confirmed   *time.Time    `json:"confirmed"` // since when the owner may send as that; nil: he may not

	Due      *time.Time `json:"due"`      // nil: it is paused
	Last     *time.Time `json:"last"`     // run; nil: none yet
	Good     *time.Time `json:"good"`     // run without a fault
	Failing  *time.Time `json:"failing"`  // since when; nil: it does not
	Failures int        `json:"failures"` // in a row
	Fault    string     `json:"fault"`
	Taken    int64      `json:"taken"` // messages
	Size     int64      `json:"size"`  // their octets
	Left     int64      `json:"unfit"` // messages that stay there, since they can't be taken
}

// CollectorAdd has mail fetched. Result: Collector.
type CollectorAdd struct {
	Name    string `json:"name"`
	Mailbox string `json:"mailbox"`
	CollectorFields
}

// CollectorFields are what may be said of one; nil is the default, or what it was.
type CollectorFields struct {
	Domain      *string        `json:"domain,omitempty"`
	Protocol    *string        `json:"protocol,omitempty"`
	Server      *string        `json:"server,omitempty"` // without a port: the protocol's
	Security    *string        `json:"security,omitempty"`
	Fingerprint *string        `json:"fingerprint,omitempty"`
	User        *string        `json:"user,omitempty"`
	Password    *string        `json:"password,omitempty"`
	Folders     *[]string      `json:"folders,omitempty"`
	Interval    *time.Duration `json:"interval,omitempty"`
	New         *bool          `json:"new,omitempty"`
	Remove      *time.Duration `json:"remove,omitempty"`
	Messages    *int           `json:"messages,omitempty"`
	Octets      *int64         `json:"octets,omitempty"`
	Hops        *int           `json:"hops,omitempty"`
	Networks    *[]string      `json:"networks,omitempty"`
	Fields      *[]string      `json:"fields,omitempty"`
}

// CollectorSet changes one. Result: Collector.
type CollectorSet struct {
	Name    string  `json:"name"`
	Mailbox *string `json:"mailbox,omitempty"`
	Paused  *bool   `json:"paused,omitempty"`
	CollectorFields
}

// CollectorList asks for them, by name. Result: []Collector.
type CollectorList struct {
	Mailbox string `json:"mailbox,omitempty"` // only those of this address
	Failing bool   `json:"failing,omitempty"` // only those that fail
	Page
}

// CollectorShow asks for one. Result: Collector.
type CollectorShow struct {
	Name string `json:"name"`
}

// CollectorRun fetches now, and waits for it. Result: Collector.
type CollectorRun struct {
	Name string `json:"name"`
}

// CollectorRemove forgets one; mail stays where it is, here and there. Result: Nothing.
type CollectorRemove struct {
	Name string `json:"name"`
}

// Op names the operation.
func (CollectorAdd) Op() string { return "collector.add" }

// Op names the operation.
func (CollectorSet) Op() string { return "collector.set" }

// Op names the operation.
func (CollectorList) Op() string { return "collector.list" }

// Op names the operation.
func (CollectorShow) Op() string { return "collector.show" }

// Op names the operation.
func (CollectorRun) Op() string { return "collector.run" }

// Op names the operation.
func (CollectorRemove) Op() string { return "collector.remove" }
