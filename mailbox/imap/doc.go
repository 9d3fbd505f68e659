// Package imap serves mailboxes over IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051).
// It translates between the wire and package mailbox, and decides nothing else.
//
//	s := &imap.Server{Store: db.Mailboxes(), Bodies: blobs, Auth: directory, Changes: changes, Log: log}
//	go s.Serve(ctx, listener) // tls.NewListener's for port 993
//	defer s.Shutdown(ctx)
//
// One goroutine serves one connection. It reads a whole command, within bounds,
// in the form it has on the wire (reader.go); looks its name up in a table
// (command.go); the command's function reads its arguments with a parser
// (parse.go) and appends answers to the output, which is written when it is full
// or before the connection waits (output.go). What a function returns becomes
// the tagged response in one place (reply.go).
//
// A session keeps of the selected folder only UIDs and flags (view.go). It learns
// what others did by asking the store what came after the MODSEQ it knows
// (sync.go), before the tagged response of each command and during IDLE. So
// sequence numbers change at no other time (RFC 9051 §5.5, §7.5.1).
//
// A file holds a group of commands: login.go, list.go, fetch.go and so on. A new
// command is a new entry in the table of its file.
package imap
