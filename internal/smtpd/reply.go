package smtpd

import (
	"strconv"
	"strings"

	"gatepost/internal/mail"
)

// A reply is what the client is told (RFC 5321 §4.2, enhanced codes of RFC
// 3463). All replies are made in this file; they are ASCII and tell nothing of
// what is inside.
type reply struct {
	code     int
	enhanced string
	text     string
	keywords []string // of EHLO's reply
	shut     bool     // the connection ends behind it
}

// append writes r as it goes over the wire.
func (r reply) append(dst []byte) []byte {
	first := r.text
	if r.enhanced != "" {
		first = r.enhanced + " " + r.text
	}
	dst = appendLine(dst, r.code, len(r.keywords) == 0, first)
	for i, k := range r.keywords {
		dst = appendLine(dst, r.code, i == len(r.keywords)-1, k)
	}
	return dst
}

func appendLine(dst []byte, code int, last bool, text string) []byte {
	dst = strconv.AppendInt(dst, int64(code), 10)
	if last {
		dst = append(dst, ' ')
	} else {
		dst = append(dst, '-')
	}
	return append(append(dst, text...), "\r\n"...)
}

// wrongPassword is what a guess at a password costs, in refusals.
const wrongPassword = 5

// cost is what a reply adds to the client's account of refusals: for what it
// did wrong, and what is deferred, but not for a recipient that it may bring later.
func (r reply) cost(verb string) int {
	switch {
	case r.code == loginWrong.code:
		return wrongPassword
	case r.code >= 500, r.code >= 400 && verb != "RCPT":
		return 1
	}
	return 0
}

// Replies that do not depend on a verdict.
var (
	tooMany      = reply{code: 421, enhanced: "4.3.2", text: "too many connections, come back later", shut: true}
	shutDown     = reply{code: 421, enhanced: "4.3.2", text: "going down, come back later", shut: true}
	timedOut     = reply{code: 421, enhanced: "4.4.2", text: "waited too long", shut: true}
	lostContent  = reply{code: 421, enhanced: "4.4.2", text: "connection lost", shut: true}
	tooBad       = reply{code: 421, enhanced: "4.7.0", text: "too many errors", shut: true}
	tooManyGiven = reply{code: 421, enhanced: "4.7.0", text: "too many transactions without a message", shut: true}
	loginOver    = reply{code: 421, enhanced: "4.7.0", text: "what you logged in with has changed, log in again", shut: true}
	broken       = reply{code: 421, enhanced: "4.3.0", text: "local error, come back later", shut: true}

	readyForTLS = reply{code: 220, enhanced: "2.0.0", text: "go ahead"}
	bye         = reply{code: 221, enhanced: "2.0.0", text: "bye"}
	loggedIn    = reply{code: 235, enhanced: "2.7.0", text: "authenticated"}
	fine        = reply{code: 250, enhanced: "2.0.0", text: "ok"}
	senderFine  = reply{code: 250, enhanced: "2.1.0", text: "sender ok"}
	rcptFine    = reply{code: 250, enhanced: "2.1.5", text: "recipient ok"}
	chunkFine   = reply{code: 250, enhanced: "2.0.0", text: "chunk taken"}
	notVerified = reply{code: 252, enhanced: "2.5.2", text: "cannot verify, but will take mail"}
	sendContent = reply{code: 354, text: "end with <CRLF>.<CRLF>"}

	noSpace       = reply{code: 452, enhanced: "4.3.1", text: "no room now, come back later"}
	failed        = reply{code: 451, enhanced: "4.3.0", text: "local error, come back later"}
	loginUnsure   = reply{code: 454, enhanced: "4.7.0", text: "cannot check now, come back later"}
	unknown       = reply{code: 500, enhanced: "5.5.2", text: "command not recognized"}
	otherProtocol = reply{code: 500, enhanced: "5.5.2", text: "this is SMTP", shut: true}
	longCommand   = reply{code: 500, enhanced: "5.5.2", text: "command line too long", shut: true}
	bareCommand   = reply{code: 500, enhanced: "5.5.2", text: "end lines with CRLF", shut: true}
	controls      = reply{code: 500, enhanced: "5.5.2", text: "control character in command"}
	badSyntax     = reply{code: 501, enhanced: "5.5.2", text: "syntax error in arguments"}
	badBase64     = reply{code: 501, enhanced: "5.5.2", text: "cannot decode response"}
	cancelled     = reply{code: 501, enhanced: "5.7.0", text: "authentication cancelled"}
	badArgument   = reply{code: 501, enhanced: "5.5.4", text: "bad argument"}
	heldTooLong   = reply{code: 501, enhanced: "5.5.4", text: "cannot hold a message for so long"}
	badChunk      = reply{code: 501, enhanced: "5.5.4", text: "bad chunk size", shut: true}
	badSender     = reply{code: 501, enhanced: "5.1.7", text: "bad sender address syntax"}
	badRecipient  = reply{code: 501, enhanced: "5.1.3", text: "bad recipient address syntax"}
	notOffered    = reply{code: 502, enhanced: "5.5.1", text: "command not implemented"}
	badOrder      = reply{code: 503, enhanced: "5.5.1", text: "bad sequence of commands"}
	noMechanism   = reply{code: 504, enhanced: "5.5.4", text: "mechanism not offered"}
	loginNeeded   = reply{code: 530, enhanced: "5.7.0", text: "authentication required"}
	tlsFirst      = reply{code: 530, enhanced: "5.7.0", text: "issue STARTTLS first"}
	loginWrong    = reply{code: 535, enhanced: "5.7.8", text: "authentication failed"}
	loginShut     = reply{code: 535, enhanced: "5.7.13", text: "this service is not open to the mailbox, ask your administrator"} // RFC 5248
	tlsNeeded     = reply{code: 538, enhanced: "5.7.11", text: "encryption required"}
	tooLarge      = reply{code: 552, enhanced: "5.3.4", text: "message too large"}
	notASCII      = reply{code: 553, enhanced: "5.6.7", text: "address is not ASCII, and MAIL did not say SMTPUTF8"}
	badParameter  = reply{code: 555, enhanced: "5.5.4", text: "parameter not recognized"}
	bareContent   = reply{code: 554, enhanced: "5.6.0", text: "bare CR or LF in content, end lines with CRLF"}
	longLine      = reply{code: 554, enhanced: "5.6.0", text: "line of content too long"}
	noRecipients  = reply{code: 503, enhanced: "5.5.1", text: "no valid recipients"}
	busyWithChunk = reply{code: 503, enhanced: "5.5.1", text: "the message is not complete, BDAT expected"}
)

// verdicts are the replies of package mail's answers, in their order.
var verdicts = [...]reply{
	mail.OK:                fine,
	mail.NoSuchMailbox:     {code: 550, enhanced: "5.1.1", text: "no such mailbox"},
	mail.NoRelay:           {code: 554, enhanced: "5.7.1", text: "relaying denied"},
	mail.NotYours:          {code: 550, enhanced: "5.7.1", text: "sender address not yours"},
	mail.MailboxFull:       {code: 452, enhanced: "4.2.2", text: "mailbox full"},
	mail.MailboxClosed:     {code: 550, enhanced: "5.2.1", text: "mailbox closed"},
	mail.Refused:           {code: 550, enhanced: "5.7.1", text: "refused by policy"},
	mail.Deferred:          {code: 451, enhanced: "4.7.1", text: "deferred by policy, come back later"},
	mail.Shut:              {code: 554, enhanced: "5.7.1", text: "refused by policy", shut: true},
	mail.Busy:              {code: 421, enhanced: "4.3.2", text: "busy, come back later", shut: true},
	mail.NoSpace:           noSpace,
	mail.Failed:            failed,
	mail.Loop:              {code: 554, enhanced: "5.4.6", text: "mail loop: too many Received fields"},
	mail.TooManyRecipients: {code: 452, enhanced: "4.5.3", text: "too many recipients"},
	mail.OtherPolicy:       {code: 452, enhanced: "4.5.3", text: "send to this recipient on its own"},
	mail.Malformed:         {code: 554, enhanced: "5.6.0", text: "content cannot be taken"},
	mail.MailboxBusy:       {code: 452, enhanced: "4.2.1", text: "mailbox gets too much mail now, come back later"},
}

// answer turns what the machine behind the edge decided into a reply.
func answer(v mail.Verdict) reply {
	r := failed
	if int(v.Answer) < len(verdicts) {
		r = verdicts[v.Answer]
	}
	if v.Answer == mail.OK {
		return r
	}
	if len(v.Links) > 0 && r.code/100 == 5 {
		return released(r, v)
	}
	if v.Reason != "" {
		r.text = sentence(v.Reason)
	}
	r = worded(r, v.Reply)
	if v.ID != "" {
		r.text += " (" + sentence(v.ID) + ")"
	}
	return r
}

// maxReply is the longest reply line, its CRLF included (RFC 5321 §4.5.3.1.5).
const maxReply = 512

// released is the reply for what is held, with the links that have it delivered: as many
// as fit into one line, since servers show their users no more than one, mostly.
func released(r reply, v mail.Verdict) reply {
	end := ""
	if v.ID != "" {
		end = " (" + sentence(v.ID) + ")"
	}
	held, deliver := "held as possible spam", "; to deliver it:"
	if v.Some {
		held, deliver = "refused for some recipients, held as possible spam for others", "; to deliver it to those:"
	}
	r.text = held + deliver
	size := len(reply{code: r.code, enhanced: r.enhanced, text: r.text + end}.append(nil))
	n := 0
	for _, l := range v.Links {
		if size += 1 + len(l); size > maxReply || len(l) > maxText {
			break
		}
		r.text += " " + sentence(l)
		n++
	}
	if n == 0 { // a base of links that is as long as that is refused at the start
		r.text = held
	}
	r.text += end
	return r
}

// Wording is the reply to the end of data that a verdict leads to, for those who
// ask what would be said.
func Wording(v mail.Verdict) string {
	r := answer(v)
	if v.Answer == mail.OK {
		r = accepted(v.ID)
	}
	return strings.TrimSuffix(string(r.append(nil)), "\r\n")
}

// accepted is the reply that takes responsibility (RFC 5321 §6.1).
func accepted(id string) reply {
	return reply{code: 250, enhanced: "2.0.0", text: "accepted " + sentence(id)}
}

// worded puts an admin's own reply in the place of the usual one.
func worded(r reply, own mail.Reply) reply {
	if own.Code < 400 || own.Code > 599 {
		return r
	}
	if r.code/100 != own.Code/100 {
		r.enhanced = strconv.Itoa(own.Code/100) + ".7.1"
	}
	r.code = own.Code
	r.shut = r.shut || own.Code == 421
	if isEnhanced(own.Enhanced, own.Code/100) {
		r.enhanced = own.Enhanced
	}
	if own.Text != "" {
		r.text = sentence(own.Text)
	}
	return r
}

// isEnhanced reports whether s is a status code of RFC 3463 §2 in this class.
func isEnhanced(s string, class int) bool {
	f := strings.Split(s, ".")
	if len(f) != 3 || f[0] != strconv.Itoa(class) {
		return false
	}
	for _, n := range f[1:] {
		if v, err := strconv.ParseUint(n, 10, 16); err != nil || v > 999 {
			return false
		}
	}
	return true
}

// maxText keeps a reply line within RFC 5321 §4.5.3.1.5.
const maxText = 400

// sentence makes a text safe on the wire.
func sentence(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
}

// atGate turns a verdict into one of the two replies that may stand in the
// place of the banner (RFC 5321 §3.1, §3.8).
func atGate(v mail.Verdict) reply {
	r := answer(v)
	r.code, r.shut = 421+133*btoi(r.code >= 500), true
	return r
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// banner greets (RFC 5321 §4.3.1).
func banner(host string) reply { return reply{code: 220, text: host + " ESMTP"} }

// greeting answers HELO, and EHLO with its keywords (RFC 5321 §4.1.1.1).
func greeting(host string, keywords []string) reply {
	return reply{code: 250, text: host, keywords: keywords}
}

// challenge carries a SASL server's challenge, in base64 already (RFC 4954 §4).
func challenge(text string) reply { return reply{code: 334, text: text} }

// translate says in our words what the library answered on its own account,
// and with the codes that the RFCs ask for. verb is the command it answered.
func translate(verb string, code int, enhanced, text string) reply {
	switch {
	case code == 421:
		return broken
	case code == 334:
		return challenge(text)
	}
	switch verb {
	case "MAIL", "RCPT":
		return translatePath(code)
	case "DATA", "BDAT":
		return translateContent(code)
	case "AUTH":
		return translateAuth(code, enhanced)
	case "VRFY":
		return notVerified
	case "QUIT":
		return bye
	case "EXPN", "HELP":
		return notOffered
	}
	if code < 300 {
		return fine
	}
	return badSyntax
}

func translatePath(code int) reply {
	switch code {
	case 501: // of a parameter: the guard has read the address
		return badArgument
	case 502:
		return badOrder
	}
	return badParameter // 500, 504; RFC 5321 §4.1.1.11 has 555 for both
}

func translateContent(code int) reply {
	switch code {
	case 354:
		return sendContent
	case 501:
		return badArgument
	case 502:
		return noRecipients
	}
	return failed
}

func translateAuth(code int, enhanced string) reply {
	switch {
	case code == 454: // RFC 4954 §4: what can't be decoded is 501
		return badBase64
	case code == 501:
		return cancelled
	case code == 502 && enhanced == "5.5.4":
		return badArgument
	}
	return badOrder
}
