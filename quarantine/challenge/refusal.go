package challenge

import (
	"slices"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// A Why is the reason for which a sender is told nothing: one of a few words, for the
// held message, for logs and for counting. "" is none.
type Why string

// Why nothing is told.
const (
	NullSender  Why = "null sender"    // there is nobody to tell (RFC 5321 §4.5.5)
	Dangerous   Why = "guarded"        // a virus's sender is no person, and no click may release it
	List        Why = "list"           // a notice would go to all, a refusal end the reader's membership
	Automatic   Why = "automatic"      // a program wrote it (RFC 3834 §2)
	NoReader    Why = "bounce address" // a program reads what comes there
	Relayed     Why = "relayed"        // a relay of ours brought it, and does not say from whom
	Forwarded   Why = "forwarded"      // the proof is for a forwarder's domain, not for the sender's
	Disowned    Why = "spf fail"       // the sender's domain says that it is not he
	NotProven   Why = "not proven"     // nothing says that it is he
	OwnDomain   Why = "own domain"     // the recipient's own
	TooOld      Why = "too old"        // longer ago than MaxAge
	Bounces     Why = "bounces"        // an earlier notice came to nobody
	ToldLately  Why = "told lately"    // about the same recipient domain
	NotSpam     Why = "not spam"       // it was held for another reason
	Firm        Why = "firm"           // somebody blocked him, or his domain says that it is not he: the result stands
	SwitchedOff Why = "switched off"   // since it was due: the domain tells nobody any more, or there are no links
)

// MaxAge is how old a message may be whose sender is sent a notice, by its arrival and
// by its own Date: what waits longer tells of something that was forgotten.
const MaxAge = 24 * time.Hour

// A Case is a held message and what is known of its sender. What is not known yet is left
// empty.
type Case struct {
	Sender  mail.Path    // the reverse-path
	Header  *mail.Header // nil: looked at before
	Proof   string       // of the reverse-path's domain, "": none
	SPF     string       // the result of RFC 7208, "" where it was not asked
	Guarded bool
	Relayed bool      // a relay of ours brought it, and does not say from whom
	Own     bool      // the sender's domain is the recipient's, and such are not told
	Arrived time.Time // here
	Now     time.Time
	Bounces bool // a notice to the sender failed for good
	Told    bool // the sender had a notice about the same recipient domain lately
}

// Refusal says why no notice may be sent, "" where one may. Whatever else holds: without a
// proof of the sender there is none, and none after an SPF fail, even where a signature
// proves the domain.
func (c Case) Refusal() Why {
	_, forwarded := c.Sender.Unforwarded()
	for _, r := range []struct {
		why   Why
		holds bool
	}{
		{NullSender, c.Sender.IsNull()},
		{Dangerous, c.Guarded},
		{Relayed, c.Relayed},
		{Disowned, c.SPF == "fail"},
		{NotProven, c.Proof == "" || strings.HasPrefix(c.Proof, "dkim ") && !c.authored()},
		{Forwarded, forwarded},
		{List, isList(c.Header)},
		{Automatic, isAutomatic(c.Header) || suppresses(c.Header)},
		{NoReader, noReader(c.Sender) || isRole(c.Sender)},
		{OwnDomain, c.Own},
		{TooOld, c.Now.Sub(c.Arrived) > MaxAge || isStale(c.Header, c.Now)},
		{Bounces, c.Bounces},
		{ToldLately, c.Told},
	} {
		if r.holds {
			return r.why
		}
	}
	return ""
}

// authored reports whether the reverse-path is the author's, as far as is known. A
// signature is for the author's address: anybody may bring a signed message again, under
// the reverse-path of another person at the same provider.
func (c Case) authored() bool {
	if c.Header == nil {
		return true
	}
	for _, a := range mail.ParseAddressList(c.Header.Get("From")) {
		if p, ok := a.Path(); ok && p.Canonical() == c.Sender.Canonical() {
			return true
		}
	}
	return false
}

// Unread says why nobody would read the link in the answer to a message, "" where
// somebody would. The answer of a list's message goes to the list's program, which takes
// it for the reader's address failing; a refusal of what a program wrote likewise.
func Unread(sender mail.Path, h *mail.Header) Why {
	switch {
	case sender.IsNull():
		return NullSender
	case isList(h):
		return List
	case isAutomatic(h):
		return Automatic
	case noReader(sender):
		return NoReader
	}
	return ""
}

// isList tells mail to many: by RFC 2369 and RFC 2919, by what came before them, and by
// what bulk mailers write for large receivers.
func isList(h *mail.Header) bool {
	if h == nil {
		return false
	}
	for _, f := range h.Fields {
		switch name := strings.ToLower(f.Name); name {
		case "mailing-list", "x-mailing-list", "x-list", "feedback-id", "x-campaign", "x-campaign-id":
			return true
		case "precedence":
			switch word(f.Value()) {
			case "bulk", "list", "junk":
				return true
			}
		default:
			if strings.HasPrefix(name, "list-") {
				return true
			}
		}
	}
	return false
}

// isAutomatic tells what no person wrote (RFC 3834 §5), and reports (RFC 6522).
func isAutomatic(h *mail.Header) bool {
	if h == nil {
		return false
	}
	for _, f := range h.Fields {
		switch strings.ToLower(f.Name) {
		case "auto-submitted":
			if word(f.Value()) != "no" {
				return true
			}
		case "x-autoreply", "x-autorespond", "x-auto-reply", "x-autogenerated", "x-cron-env":
			return true
		case "precedence":
			if word(f.Value()) == "auto_reply" {
				return true
			}
		case "content-type":
			if word(f.Value()) == "multipart/report" {
				return true
			}
		}
	}
	return false
}

// suppresses reports whether the sender wants no automatic answer, in Microsoft's way.
func suppresses(h *mail.Header) bool {
	return h != nil && h.Count("X-Auto-Response-Suppress") > 0 && word(h.Get("X-Auto-Response-Suppress")) != "none"
}

// word is the first word of a value, in lower case, without what follows a semicolon,
// comma or comment.
func word(v string) string {
	v = strings.TrimSpace(v)
	if i := strings.IndexAny(v, "; \t,("); i >= 0 {
		v = v[:i]
	}
	return strings.ToLower(v)
}

// noReader reports whether a sender is an address that programs alone read.
func noReader(sender mail.Path) bool {
	local := sender.Canonical().Local()
	if local == "" { // there was nothing but what a program made
		return !sender.IsNull()
	}
	tokens := strings.FieldsFunc(local, func(c rune) bool { return strings.ContainsRune("-._", c) })
	joined := strings.Join(tokens, "")
	switch joined {
	case "noreply", "donotreply", "nereply", "nepasrepondre", "mailerdaemon", "nobody", "daemon", "listserv", "majordomo", "null":
		return true
	}
	for i, t := range tokens {
		end := i == 0 || i == len(tokens)-1
		switch {
		case end && mail.IsBounceWord(t):
			return true
		case end && (t == "owner" || t == "request") && slices.ContainsFunc(tokens, func(o string) bool { return o != t && !mail.IsMade(o) }):
			return true // of a list, which has a name: owner.5 is a person
		case t == "noreply", t == "donotreply":
			return true
		}
	}
	return strings.HasPrefix(joined, "noreply")
}

// isRole reports whether a sender is a role that answers by itself, or must not be made
// to.
func isRole(sender mail.Path) bool {
	return slices.Contains([]string{"postmaster", "abuse", "root", "hostmaster", "webmaster"}, sender.Canonical().Local())
}

// isStale reports whether a message's own Date is long past. One that can't be read, or
// lies ahead, says nothing.
func isStale(h *mail.Header, now time.Time) bool {
	if h == nil {
		return false
	}
	date, ok := mail.ParseDate(h.Get("Date"))
	return ok && now.Sub(date) > MaxAge
}
