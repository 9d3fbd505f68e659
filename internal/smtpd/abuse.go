package smtpd

import "net/netip"

// An Abuser is told of clients that offend against the protocol as no mail server does. It
// must not wait.
type Abuser interface {
	// Abuse tells what a client did: "errors" (most of what it said was no command, until
	// its connection was closed for it), "smuggling" (a command that ends in a bare LF),
	// "garbage" (a line without end), "protocol" (it spoke another one, such as HTTP) or
	// "loop" (it named recipients again and again, and never sent a message).
	// What stands in the content is no offence: its author need not be who sends it.
	Abuse(client netip.Addr, what string)
}

// abuse tells of an offence. Users' programs are not judged so: many people may be behind
// one address, and its log-ins are counted elsewhere.
func (c *connection) abuse(what string) {
	if c.cfg.Abuser != nil && !c.cfg.Submission {
		c.cfg.Abuser.Abuse(c.client.Addr, what)
	}
}

// isFault reports whether a reply says that what the client sent was no proper command, as
// against one that was refused.
func (r reply) isFault() bool { return r.code >= 500 && r.code <= 504 || r.code == 555 }

// foreign reports whether a line begins a conversation in HTTP, as a browser makes that was
// led here (RFC 9110 §9).
func foreign(verb string) bool {
	switch verb {
	case "GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE", "PRI":
		return true
	}
	return false
}

// watch notes where the client sends more behind a command whose reply it has to wait for
// (RFC 2920 §3.1). One that has not heard of pipelining, since it did not say EHLO, has to
// wait for each.
func (g *guard) watch() {
	if g.conn.client.Pipelined != "" || g.in.Buffered() == 0 {
		return
	}
	switch g.verb {
	case "MAIL", "RCPT", "RSET":
		if g.conn.client.ESMTP {
			return
		}
	case "HELO", "EHLO", "DATA", "STARTTLS", "NOOP", "VRFY", "EXPN":
	default:
		return
	}
	g.conn.client.Pipelined = g.verb
}
