package ops

// MailboxExport writes a mailbox's mail into new files.
type MailboxExport struct {
	Address string `json:"address"`
	Path    string `json:"path"` // absolute; its name tells the form: x.zip, x.mbox, else a Maildir
}

// MailboxExported is what was written.
type MailboxExported struct {
	Path     string `json:"path"`
	Folders  int    `json:"folders"`
	Messages int    `json:"messages"`
	Octets   int64  `json:"octets"`
}

// MailboxImport brings mail from files into a mailbox.
type MailboxImport struct {
	Address string `json:"address"`
	Path    string `json:"path"`             // absolute
	Folder  string `json:"folder,omitempty"` // in whose place, or beneath which, it comes; "": as the files say
}

// MailboxImported is what was brought.
type MailboxImported struct {
	Messages int      `json:"messages"`
	Known    int      `json:"known"`  // were there already
	Bad      int      `json:"bad"`    // could not be read
	Faults   []string `json:"faults"` // some of them, with the reason
}

// Op names the operation.
func (MailboxExport) Op() string { return "mailbox.export" }

// Op names the operation.
func (MailboxImport) Op() string { return "mailbox.import" }
