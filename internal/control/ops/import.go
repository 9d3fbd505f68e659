package ops

import "time"

// An Import is an account at another server that is brought into a mailbox as a whole: folders, flags and dates.
type Import struct {
	Address  string        `json:"address"` // the mailbox
	Server   string        `json:"server"`  // host:port
	User     string        `json:"user"`
	For      string        `json:"for"`    // whose mail it is, where user is a master user
	Follow   bool          `json:"follow"` // it is visited again and again
	Interval time.Duration `json:"interval"`

	Complete bool       `json:"complete"` // the last visit brought all that was there
	Last     *time.Time `json:"last"`     // visit; null: none yet
	Due      *time.Time `json:"due"`      // the next; null: somebody has to ask
	Failures int        `json:"failures"` // in a row
	Fault    string     `json:"fault"`
	Taken    int64      `json:"taken"` // messages
	Size     int64      `json:"size"`  // their octets
	Left     int64      `json:"unfit"` // messages that can't be taken

	Folders []ImportFolder `json:"folders,omitempty"` // in a report
	Unfit   []ImportUnfit  `json:"unfit_messages,omitempty"`
}

// An ImportFolder is what became of one folder.
type ImportFolder struct {
	Name     string `json:"name"`     // there
	Target   string `json:"target"`   // here
	Messages int64  `json:"messages"` // that were taken
	Unfit    int64  `json:"unfit"`    // that can't be
	Changed  int64  `json:"changed"`  // of which flags followed
	Removed  int64  `json:"removed"`  // that were removed here, since they were there
	Fault    string `json:"fault"`
}

// An ImportUnfit is a message that can't be taken.
type ImportUnfit struct {
	Folder string `json:"folder"`
	UID    string `json:"uid"`
	Size   int64  `json:"size"`
	Why    string `json:"why"` // too-large, bad
}

// ImportAdd has an account brought; where it is being brought already, its password and interval are set anew. Result: Import.
type ImportAdd struct {
	Address     string        `json:"address"`
	Server      string        `json:"server"`             // without a port: IMAP's
	Security    string        `json:"security,omitempty"` // as of collectors; "": tls
	Fingerprint string        `json:"fingerprint,omitempty"`
	User        string        `json:"user"`
	For         string        `json:"for,omitempty"`
	Password    string        `json:"password"`
	Follow      time.Duration `json:"follow,omitempty"` // between visits; 0: it is visited until all was brought, once
}

// ImportRun visits an account now, and returns what came of it; where there is much one visit does not bring all. Result: Import.
type ImportRun struct {
	Address string `json:"address"`
}

// ImportList asks for the imports, by address. Result: []Import, without reports.
type ImportList struct {
	Page
}

// ImportShow asks for the report of one. Result: Import.
type ImportShow struct {
	Address string `json:"address"`
}

// ImportFinish forgets an account, and what was brought from where; the mail stays. Result: Import, the last report.
type ImportFinish struct {
	Address string `json:"address"`
}

// Op names the operation.
func (ImportAdd) Op() string { return "import.add" }

// Op names the operation.
func (ImportRun) Op() string { return "import.run" }

// Op names the operation.
func (ImportList) Op() string { return "import.list" }

// Op names the operation.
func (ImportShow) Op() string { return "import.show" }

// Op names the operation.
func (ImportFinish) Op() string { return "import.finish" }
