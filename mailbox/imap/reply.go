package imap

import (
	"context"
	"errors"
	"fmt"

	"gatepost/internal/blob"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// A reply is a tagged response (RFC 9051 §7.1). The zero reply is the usual OK.
type reply struct {
	status string // "OK", "NO", "BAD"; "" is OK
	code   string // a response code without its brackets, "" for none
	text   string // "" is "NAME completed"
}

// answered is the status of a reply that was given already.
const answered = "-"

// A refusal is a NO that a command decides on.
type refusal struct{ code, text string }

func (r refusal) Error() string { return r.text }

// no makes a refusal. The code may be "".
func no(code, format string, args ...any) error {
	return refusal{code, fmt.Sprintf(format, args...)}
}

// replyTo turns what a command returned into its tagged response. known is false
// for errors that are nobody's fault but ours: the client hears nothing of them.
func replyTo(r reply, err error) (out reply, known bool) {
	var syntax syntaxError
	var refused refusal
	switch {
	case err == nil:
		return r, true
	case errors.As(err, &syntax):
		return reply{"BAD", "", syntax.Error()}, true
	case errors.As(err, &refused):
		return reply{"NO", refused.code, refused.text}, true
	}
	for _, k := range knownErrors {
		if errors.Is(err, k.err) {
			return k.reply, true
		}
	}
	return reply{"NO", "SERVERBUG", "Internal error, it was logged"}, false
}

// knownErrors are the mailstore's, with the codes of RFC 9051 §7.1.
var knownErrors = []struct {
	err   error
	reply reply
}{
	{mailbox.ErrNoFolder, reply{"NO", "NONEXISTENT", "No such mailbox"}},
	{mailbox.ErrUseTaken, reply{"NO", "USEATTR", "Another mailbox has that use"}}, // RFC 6154 §3: the name is free, so no ALREADYEXISTS
	{mailbox.ErrUseFilled, reply{"NO", "USEATTR", "Only an empty mailbox can be one that is emptied in time"}},
	{mailbox.ErrFolderExists, reply{"NO", "ALREADYEXISTS", "Mailbox exists"}},
	{mailbox.ErrFolderName, reply{"NO", "CANNOT", "Not a mailbox name that can be used here"}},
	{mailbox.ErrInbox, reply{"NO", "CANNOT", "INBOX can't be deleted"}},
	{mailbox.ErrQuarantine, reply{"NO", "NOPERM", "The folder of what is held stays as it is"}},
	{mailbox.ErrRecord, reply{"NO", "NOPERM", "An archive stays as it is"}},
	{mailbox.ErrSharingShut, reply{"NO", "NOPERM", "Whoever looks after the domain has shut sharing here"}},
	{mailbox.ErrTooMany, reply{"NO", "LIMIT", "Too many"}},
	{mailbox.ErrDomainFull, reply{"NO", "OVERQUOTA", "All mailboxes of your domain together are full: ask who looks after it"}},
	{mailbox.ErrOverQuota, reply{"NO", "OVERQUOTA", "The mailbox is full"}}, // RFC 5530 §3, RFC 9208 §4.3
	{mailbox.ErrFlag, reply{"NO", "CANNOT", "Not a flag that can be kept"}},
	{errTooBig, reply{"BAD", "TOOBIG", "Command or literal too long"}},
	{errMessageTooBig, reply{"NO", "TOOBIG", "Message too large"}},
	{blob.ErrFull, reply{"NO", "OVERQUOTA", "The server's disk is full"}},
	{blob.ErrAway, reply{"NO", "UNAVAILABLE", "The server can't reach messages now, try again later"}},
	{mail.ErrAway, reply{"NO", "UNAVAILABLE", "The server can't reach its mailboxes now, try again later"}},
	{blob.ErrBroken, reply{"NO", "UNAVAILABLE", "The server can't store messages"}},
	{context.Canceled, reply{"NO", "UNAVAILABLE", "Shutting down"}},
}

// tagged appends a tagged response.
func (c *conn) tagged(tag, name string, r reply) {
	switch r.status {
	case answered:
		return
	case "":
		r.status = "OK"
	}
	if r.text == "" {
		r.text = name + " completed"
	}
	c.out.text(tag, " ", r.status, " ")
	if r.code != "" {
		c.out.text("[", r.code, "] ")
	}
	c.out.text(r.text, "\r\n")
}
