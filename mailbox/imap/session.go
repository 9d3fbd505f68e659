package imap

import (
	"context"
	"strconv"
	"strings"

	"gatepost/mailbox"
)

// sessionCommands need no folder.
var sessionCommands = []command{
	{name: "CAPABILITY", states: anytime, run: (*conn).capability},
	{name: "NOOP", states: anytime, run: (*conn).noop},
	{name: "LOGOUT", states: anytime, run: (*conn).logout, quiet: true},
	{name: "ID", states: anytime, run: (*conn).id},
	{name: "ENABLE", states: inside, run: (*conn).enable},
	{name: "NAMESPACE", states: inside, run: (*conn).namespace},
	{name: "IDLE", states: inside, run: (*conn).idle},
}

// insideCapabilities are those of a session that is logged in, by what they are about.
var insideCapabilities = []string{
	"IDLE", "NAMESPACE", "CHILDREN", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "CREATE-SPECIAL-USE",
	"UNSELECT", "UIDPLUS", "MULTIAPPEND", "MOVE", "CONDSTORE", "QRESYNC",
	"ESEARCH", "SEARCHRES", "SORT", "SORT=DISPLAY", "THREAD=ORDEREDSUBJECT", "THREAD=REFERENCES",
	"BINARY", "STATUS=SIZE", "OBJECTID",
	"UTF8=ACCEPT", "PREVIEW", "SAVEDATE", "NOTIFY",
}

// capabilities lists what works in the present state, and nothing else.
func (c *conn) capabilities() string {
	caps := []string{"IMAP4rev1", "IMAP4rev2", "SASL-IR", "LITERAL+", "ID", "ENABLE"}
	switch {
	case c.state != stranger:
		caps = append(caps, insideCapabilities...)
		caps = append(caps, quotaCapabilities, "APPENDLIMIT="+strconv.FormatInt(c.limits.Append, 10))
		if !c.compressed {
			caps = append(caps, "COMPRESS=DEFLATE")
		}
		if c.sharing() {
			caps = append(caps, "ACL", "RIGHTS=kxte", "LIST-MYRIGHTS", "METADATA")
		}
	case c.MayLogIn():
		for _, m := range c.SASL(c.srv.Auth).Mechanisms() {
			caps = append(caps, "AUTH="+m)
		}
	default:
		caps = append(caps, "LOGINDISABLED")
	}
	if c.state == stranger && c.OffersTLS() {
		caps = append(caps, "STARTTLS")
	}
	return strings.Join(caps, " ")
}

// capability: RFC 9051 §6.1.1.
func (c *conn) capability(_ context.Context, r *request) (reply, error) {
	if err := r.noArguments(); err != nil {
		return reply{}, err
	}
	c.out.untagged("CAPABILITY ", c.capabilities())
	return reply{}, nil
}

// noop: RFC 9051 §6.1.2. News come with every command.
func (c *conn) noop(_ context.Context, r *request) (reply, error) { return reply{}, r.noArguments() }

// logout: RFC 9051 §6.1.3.
func (c *conn) logout(_ context.Context, r *request) (reply, error) {
	if err := r.noArguments(); err != nil {
		return reply{}, err
	}
	c.closing = true
	c.out.untagged("BYE Logging out")
	return reply{}, nil
}

// id: RFC 2971. What the client says of itself is good for a log line.
func (c *conn) id(_ context.Context, r *request) (reply, error) {
	var said []string
	r.space()
	if !r.takeFold("NIL") {
		r.list(func() {
			said = append(said, r.nstring())
		})
	}
	if err := r.end(); err != nil {
		return reply{}, err
	}
	name := strings.Join(said, " ")
	c.log.Debug("client named itself", "client", name[:min(len(name), 200)])
	c.out.untagged(`ID ("name" "gatepost")`)
	return reply{}, nil
}

// enable: RFC 9051 §6.3.1. What is not known is passed over.
func (c *conn) enable(_ context.Context, r *request) (reply, error) {
	enabled := "ENABLED"
	for more := true; more; more = r.peek() == ' ' {
		r.space()
		name := r.word()
		switch {
		case name == "UTF8=ACCEPT" && !c.utf8: // RFC 6855 §3
			c.utf8 = true
			enabled += " UTF8=ACCEPT"
		case name == "IMAP4REV2" && !c.rev2:
			c.rev2 = true
			enabled += " IMAP4rev2"
		case name == "CONDSTORE" && !c.condstore:
			c.condstore = true
			enabled += " CONDSTORE"
		case name == "QRESYNC" && !c.qresync: // RFC 7162 §3.2.3
			c.qresync, c.condstore = true, true
			enabled += " QRESYNC"
		}
	}
	if err := r.end(); err != nil {
		return reply{}, err
	}
	c.out.untagged(enabled)
	return reply{}, nil
}

// namespace: RFC 9051 §6.3.10.
func (c *conn) namespace(_ context.Context, r *request) (reply, error) {
	if err := r.noArguments(); err != nil {
		return reply{}, err
	}
	if c.sharing() {
		c.out.untagged(`NAMESPACE (("" "/")) (("`, mailbox.SharedSpace, `" "/")) (("`, mailbox.GroupSpace, `" "/"))`)
		return reply{}, nil
	}
	c.out.untagged(`NAMESPACE (("" "/")) NIL NIL`)
	return reply{}, nil
}
