package ops

import "time"

// An Entry is one line of a list.
type Entry struct {
	ID      int64     `json:"id"`
	List    string    `json:"list"` // allow, block, trap, fraud
	Kind    string    `json:"kind"` // ip, address, address-from, domain, subdomain, author
	Value   string    `json:"value"`
	Scope   string    `json:"scope"` // "global", a domain, a mailbox's address
	Origin  string    `json:"origin"`
	Note    string    `json:"note"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
	Hits    int64     `json:"hits"`
	LastHit time.Time `json:"last_hit,omitzero"`
	// Effects say what it does in the order of filters now in force, a sentence a policy.
	// Lists of entries leave it out.
	Effects []string `json:"effects,omitempty"`
}

// ListAdd makes an entry. Result: Entry.
type ListAdd struct {
	List    string        `json:"list"`
	Value   string        `json:"value"` // network, address, domain or .domain
	Author  bool          `json:"author,omitempty"`
	Scope   string        `json:"scope,omitempty"` // "": global
	Note    string        `json:"note,omitempty"`
	Expires time.Duration `json:"expires,omitempty"` // from now, in nanoseconds; 0: never
}

// ListList asks for entries; empty fields ask for all. Result: []Entry.
type ListList struct {
	List   string `json:"list,omitempty"`
	Kind   string `json:"kind,omitempty"`
	Value  string `json:"value,omitempty"`
	Scope  string `json:"scope,omitempty"`
	Part   string `json:"part,omitempty"` // of the value
	Origin string `json:"origin,omitempty"`
	Domain string `json:"domain,omitempty"` // of this domain or of a mailbox in it
	Limit  int    `json:"limit,omitempty"`
	After  int64  `json:"after,omitempty"` // the id of the last one of the page before
}

// ListShow asks for one. Result: Entry.
type ListShow struct {
	ID int64 `json:"id"`
}

// ListSet changes one. Result: Entry.
type ListSet struct {
	ID      int64          `json:"id"`
	Note    *string        `json:"note,omitempty"`
	Expires *time.Duration `json:"expires,omitempty"` // from now; 0: never
}

// ListRemove removes entries. Result: Nothing.
type ListRemove struct {
	IDs []int64 `json:"ids"`
}

// ListExport asks for entries as CSV, some megabytes of them. Result: ListFile.
type ListExport struct {
	Scope string `json:"scope,omitempty"` // "": all
	After int64  `json:"after,omitempty"` // ListFile.Next of the page before; 0: from the beginning
}

// A ListFile is a part of a CSV file. The first part begins with the columns' names.
type ListFile struct {
	CSV  string `json:"csv"`
	Next int64  `json:"next"` // 0: it was the last one
}

// ListImport adds the entries of a part of a CSV file. Result: ListImported.
type ListImport struct {
	CSV    string `json:"csv"`   // whole lines
	Head   string `json:"head"`  // the file's first line, which names the columns
	After  int    `json:"after"` // how many lines of the file stand before CSV
	DryRun bool   `json:"dry_run,omitempty"`
}

// ListImported is what became of a CSV file, or of a part of one.
type ListImported struct {
	Added    int         `json:"added"`
	Existing int         `json:"existing"` // were there already
	Failed   int         `json:"failed"`
	Faults   []ListFault `json:"faults"` // the first hundred of those that failed
}

// A ListFault is a line that was left out.
type ListFault struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

// Op names the operation.
func (ListExport) Op() string { return "list.export" }

// Op names the operation.
func (ListImport) Op() string { return "list.import" }

// Op names the operation.
func (ListAdd) Op() string { return "list.add" }

// Op names the operation.
func (ListList) Op() string { return "list.list" }

// Op names the operation.
func (ListShow) Op() string { return "list.show" }

// Op names the operation.
func (ListSet) Op() string { return "list.set" }

// Op names the operation.
func (ListRemove) Op() string { return "list.remove" }
