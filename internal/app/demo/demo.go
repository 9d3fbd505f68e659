// Package demo is what `make run` shows: a domain with some mailboxes and what they share, a small
// part of the Internet's DNS, and some messages that came from there. Each
// message reaches the SMTP port as mail does, from the client that its story needs:
// the PROXY protocol lends the address.
package demo

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"
)

// The demo's directory.
const (
	Domain   = "demo.example"
	Password = "demo-password" // of all mailboxes, and of the operator
	Operator = "olga"          // logs in to the pages
	List     = "dnsbl.example" // a DNS list in Zone
)

// Mailboxes are the addresses at Domain. Ann has rules and shares a folder, Cy's mailbox is nearly full.
var Mailboxes = [...]string{"ann@" + Domain, "bob@" + Domain, "cy@" + Domain}

// Names are those of the Mailboxes, in the address list of Domain.
var Names = [...]string{"Ann Müller", "Bob Lefèvre", "Cy Young"}

// Group is a mailbox that Ann and Bob share.
const Group = "support@" + Domain

// ArchiveDays is for how long all mail of Domain is kept in its archive, which is open to Bob.
const ArchiveDays = 365

// Projects is the folder that Ann's rules fill and that Bob may write to.
const Projects = "Projects"

// Rules is Ann's Sieve script.
const Rules = `require ["fileinto", "imap4flags"];
# What is about the harbour goes where Bob sees it, too.
if header :contains "Subject" "[harbour]" {
  addflag "\\Flagged";
  fileinto "Projects";
}
`

// Source is where the demo's messages come from. It is a proxy that is trusted to
// name the true client, so that a person at 127.0.0.1 needs no PROXY header.
const Source = "127.0.0.2"

// Zone is what the DNS says, in the form that resolvetest serves.
//
//go:embed demo.zone
var Zone string

//go:embed mail/*.eml
var mails embed.FS

// A Message is one demo message with its envelope.
type Message struct {
	File   string
	Client string // the address it comes from
	Helo   string
	From   string // reverse-path
	To     []string
	Story  string // what should become of it, and why
}

// Messages are sent in this order.
var Messages = [...]Message{
	{"01-facture.eml", "192.0.2.10", "mail.fournisseur.example", "comptabilite@fournisseur.example", []string{"ann@demo.example"}, "delivered: an invoice in French"},
	{"02-newsletter.eml", "192.0.2.20", "out.gazette.example", "bounce-412@gazette.example", []string{"ann@demo.example"}, "delivered: a newsletter"},
	{"03-phish.eml", "203.0.113.66", "savingsbank.example", "security@savingsbank.example", []string{"ann@demo.example"}, "held: SPF says the bank did not send it"},
	{"04-gtube.eml", "192.0.2.30", "mx.partner.example", "test@partner.example", []string{"bob@demo.example"}, "held: the test string of keywords"},
	{"05-forged.eml", "203.0.113.66", "mail.demo.example", "ann@demo.example", []string{"bob@demo.example"}, "held: a colleague's address, forged"},
	{"06-listed.eml", "198.51.100.23", "mail.pills.example", "offers@pills.example", []string{"bob@demo.example"}, "held: a DNS list knows the client"},
	{"07-nameless.eml", "198.51.100.77", "scanner", "scanner@copyshop.example", []string{"ann@demo.example"}, "held: the client has no name"},
	{"08-allowed.eml", "192.0.2.30", "mx.partner.example", "ida@partner.example", []string{"bob@demo.example", "ann@demo.example"}, "delivered: the sender is allowed, whatever keywords would say"},
	{"09-blocked.eml", "192.0.2.50", "mx.shop.example", "deals@shop.example", []string{"ann@demo.example"}, "held: Ann blocks this sender"},
	{"10-picture.eml", "192.0.2.40", "mx.friends.example", "eva@friends.example", []string{"ann@demo.example", "bob@demo.example"}, "delivered: to both"},
	{"11-unknown.eml", "192.0.2.40", "mx.friends.example", "friend@friends.example", []string{"karl@demo.example"}, "refused: no such mailbox"},
	{"12-signed.eml", "192.0.2.70", "relay.hoster.example", "hello@railway.example", []string{"ann@demo.example"}, "delivered: SPF does not know the relay, DKIM vouches"},
	{"13-archive.eml", "192.0.2.90", "mail.courier.example", "depot@courier.example", []string{"bob@demo.example"}, "held: a program in an archive"},
	{"14-link.eml", "192.0.2.100", "out.cloudmail.example", "notice@cloudmail.example", []string{"ann@demo.example"}, "held: a link that shows one address and leads to another"},
	{"15-project.eml", "192.0.2.30", "mx.partner.example", "ida@partner.example", []string{"ann@demo.example"}, "filed: Ann's rules put it into Projects, which she shares with Bob"},
	{"16-support.eml", "192.0.2.40", "mx.friends.example", "eva@friends.example", []string{Group}, "delivered: to the group of Ann and Bob"},
	{"17-minutes.eml", "192.0.2.40", "mx.friends.example", "eva@friends.example", []string{"cy@demo.example"}, "delivered: and Cy's mailbox is nearly full"},
}

// Send offers one message to the SMTP server at addr and returns its last reply,
// "250 2.0.0 …" or why not. An error means that there was no reply.
func Send(ctx context.Context, addr string, m Message) (reply string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(Source)}}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", fmt.Errorf("demo: %s: %w", m.File, err)
	}
	defer conn.Close()
	if end, ok := ctx.Deadline(); ok {
		conn.SetDeadline(end)
	}
	reply, err = talk(conn, m)
	if err != nil {
		return "", fmt.Errorf("demo: %s: %w", m.File, err)
	}
	return reply, nil
}

// talk is the dialogue of RFC 5321 §3.3. A refusal is a reply, not an error.
func talk(conn net.Conn, m Message) (string, error) {
	content, err := mails.ReadFile("mail/" + m.File)
	if err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(conn, "PROXY TCP4 %s 192.0.2.1 40000 25\r\n", m.Client); err != nil {
		return "", err
	}
	c := textproto.NewConn(conn)
	steps := []string{"", "EHLO " + m.Helo, "MAIL FROM:<" + m.From + ">"}
	for _, to := range m.To {
		steps = append(steps, "RCPT TO:<"+to+">")
	}
	for _, line := range append(steps, "DATA") {
		if code, reply, err := say(c, line); err != nil || code >= 400 {
			return reply, err
		}
	}
	w := c.DotWriter()
	if _, err := w.Write(bytes.ReplaceAll(content, []byte("\n"), []byte("\r\n"))); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	_, reply, err := say(c, "")
	c.PrintfLine("QUIT")
	return reply, err
}

// say sends a line, unless it is empty, and reads the reply.
func say(c *textproto.Conn, line string) (code int, reply string, err error) {
	if line != "" {
		if err := c.PrintfLine("%s", line); err != nil {
			return 0, "", err
		}
	}
	code, text, err := c.ReadResponse(0)
	return code, fmt.Sprintf("%d %s", code, strings.ReplaceAll(text, "\n", " ")), err
}
