package sieve

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// An Answer is what vacation (RFC 5230) would send to who wrote a message.
type Answer struct {
	Every     time.Duration // nothing goes to the same sender again within that; 0: it answers each time
	Handle    string        // what is remembered with the sender: one answer has one handle
	Subject   string        // "" : from the message's
	From      mail.Path     // null: the owner's main address
	FromName  string
	Addresses []mail.Path // more addresses of the owner
	Reason    string      // the text; or with Mime an entity with its header
	Mime      bool
}

// Bounds of how often a sender is answered (RFC 5230 §4.1, RFC 6131 §2).
const (
	everyUsual = 7 * 24 * time.Hour
	everyLeast = 24 * time.Hour
	everyMost  = 90 * 24 * time.Hour
	maxAnswer  = 64 << 10 // octets of Reason
	maxSubject = 500
)

func vacationCommands() map[string]commandSpec {
	return map[string]commandSpec{
		"vacation": {signature{needs: []string{"vacation"}, args: "s", tags: []tagSpec{
			{name: ":days", takes: 'n', group: "every"}, {name: ":seconds", takes: 'n', needs: "vacation-seconds", group: "every"},
			{name: ":subject", takes: 's'}, {name: ":from", takes: 's'}, {name: ":addresses", takes: 'S'}, {name: ":mime"}, {name: ":handle", takes: 's'}}}, makeVacation},
	}
}

// every reads how long a sender is left alone.
func (a *call) every() time.Duration {
	if v, ok := a.tags[":days"]; ok {
		return min(max(time.Duration(min(v.number, 1000))*24*time.Hour, everyLeast), everyMost)
	}
	if v, ok := a.tags[":seconds"]; ok {
		return min(time.Duration(min(v.number, 1<<31))*time.Second, everyMost)
	}
	return everyUsual
}

func makeVacation(c *compiler, a *call) op {
	if v, ok := a.tags[":from"]; ok {
		if s, ok := v.strings[0].literal(); ok {
			if _, err := address(s); err != nil {
				c.fail(v.at, ":from: %v", err)
			}
		}
	}
	every, handle := a.every(), a.handle()
	return func(r *run) error {
		away := &Answer{Every: every, Mime: a.has(":mime")}
		var err error
		text := func(tag string) (s string) {
			if v, ok := a.tags[tag]; ok && err == nil {
				s, err = v.strings[0].expand(r)
			}
			return s
		}
		away.Subject, away.Handle = strings.Join(strings.Fields(text(":subject")), " "), text(":handle")
		from := text(":from")
		if err == nil {
			away.Reason, err = a.args[0].strings[0].expand(r)
		}
		if err != nil {
			return err
		}
		if len(away.Reason) > maxAnswer || len(away.Subject) > maxSubject {
			return fmt.Errorf("vacation: the text has %d octets at most, its subject %d", maxAnswer, maxSubject)
		}
		if from != "" {
			if away.From, err = address(from); err != nil {
				return fmt.Errorf("vacation :from: %w", err)
			}
			away.FromName = mail.ParseAddressList(from)[0].Name
		}
		if v, ok := a.tags[":addresses"]; ok {
			list, err := expandAll(r, v.strings)
			if err != nil {
				return err
			}
			for _, s := range list {
				if p, err := address(s); err == nil { // what is no address is nobody's
					away.Addresses = append(away.Addresses, p)
				}
			}
		}
		if away.Handle == "" {
			away.Handle = handle
		}
		sum := sha256.Sum256([]byte(away.Handle))
		away.Handle = hex.EncodeToString(sum[:16])
		return r.add(Action{Kind: Vacation, Away: away})
	}
}

// handle is that of an answer to which its script gives none (RFC 5230 §4.7): by the text as the script
// has it, since with the subject of each message in it each would be another answer.
func (a *call) handle() string {
	written := func(tag string) string {
		if v, ok := a.tags[tag]; ok {
			return v.strings[0].source()
		}
		return ""
	}
	subject := strings.Join(strings.Fields(written(":subject")), " ")
	return fmt.Sprintf("%q %q %v %q", subject, written(":from"), a.has(":mime"), a.args[0].strings[0].source())
}

// Declines says why nobody is answered, "" where somebody is: whom an answer would reach by
// mistake, and what no person wrote (RFC 5230 §4.5, §4.6; RFC 3834 §2).
func (a *Answer) Declines(env *Env) string {
	h := env.Message.Header()
	auto := strings.ToLower(h.Get("Auto-Submitted"))
	switch {
	case env.From.IsNull():
		return "it comes from no address"
	case a.isMine(env.From, env):
		return "it comes from the owner"
	case isProgram(env.From):
		return "it comes from a program's address"
	case auto != "" && auto != "no" && !strings.HasPrefix(auto, "no ") && !strings.HasPrefix(auto, "no;"):
		return "a program sent it (Auto-Submitted)"
	case isList(h):
		return "it comes from a list"
	case h.Get("X-Auto-Response-Suppress") != "" && !strings.EqualFold(h.Get("X-Auto-Response-Suppress"), "none"):
		return "its sender wants no answer of a program (X-Auto-Response-Suppress)"
	case !a.named(h, env):
		return "it is not addressed to the owner"
	}
	return ""
}

// isList reports whether the header is that of a list, or of mail in bulk.
func isList(h *mail.Header) bool {
	for _, f := range h.Fields {
		if len(f.Name) > 5 && strings.EqualFold(f.Name[:5], "List-") {
			return true
		}
	}
	return slices.Contains([]string{"bulk", "list", "junk"}, strings.ToLower(h.Get("Precedence")))
}

// isProgram reports whether an address is one that nobody reads (RFC 5230 §4.6).
func isProgram(p mail.Path) bool {
	local := strings.ToLower(p.Local())
	return strings.HasPrefix(local, "owner-") || strings.HasSuffix(local, "-request") || strings.HasSuffix(local, "-owner") || strings.HasSuffix(local, "-bounces") ||
		strings.HasPrefix(local, "bounce") || slices.Contains([]string{"listserv", "majordomo", "mailer-daemon", "postmaster", "noreply", "no-reply", "donotreply", "do-not-reply"}, local)
}

func (a *Answer) isMine(p mail.Path, env *Env) bool {
	same := func(o mail.Path) bool { return o.Fold().Base() == p.Fold().Base() }
	return slices.ContainsFunc(env.Owner, same) || slices.ContainsFunc(a.Addresses, same) || same(env.To)
}

// named reports whether one of the owner's addresses stands where a person puts it.
func (a *Answer) named(h *mail.Header, env *Env) bool {
	for _, name := range []string{"To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"} {
		for _, v := range h.All(name) {
			for _, one := range mail.ParseAddressList(v) {
				if p, ok := one.Path(); ok && a.isMine(p, env) {
					return true
				}
			}
		}
	}
	return false
}

// Compose returns the answer as a message. The id is its Message-ID, with angle brackets.
func (a *Answer) Compose(env *Env, id string) []byte {
	h := env.Message.Header()
	from := a.From
	if from.IsNull() && len(env.Owner) > 0 {
		from = env.Owner[0]
	}
	subject := a.Subject
	if subject == "" {
		subject = "Auto: " + h.Text("Subject")
	}
	var b []byte
	if a.FromName == "" {
		b = fmt.Appendf(b, "From: %s\r\n", from)
	} else {
		b = append(b, mail.AppendField(nil, "From", a.FromName)...)
		b = fmt.Appendf(bytes.TrimSuffix(b, []byte("\r\n")), "\r\n <%s>\r\n", from)
	}
	b = fmt.Appendf(b, "To: %s\r\n", env.From)
	b = mail.AppendField(b, "Subject", subject)
	b = fmt.Appendf(b, "Date: %s\r\nMessage-ID: %s\r\n", env.Now.Format("Mon, 02 Jan 2006 15:04:05 -0700"), id)
	if ref := messageID(h.Get("Message-ID")); ref != "" {
		b = fmt.Appendf(b, "In-Reply-To: %s\r\n", ref)
		list := append(strings.Fields(h.Get("References")), ref)
		b = mail.AppendField(b, "References", strings.Join(lastIDs(list), " "))
	}
	b = append(b, "Auto-Submitted: auto-replied (vacation)\r\nPrecedence: bulk\r\nX-Auto-Response-Suppress: All\r\nMIME-Version: 1.0\r\n"...)
	if a.Mime {
		return append(b, crlf(a.Reason)...)
	}
	b = append(b, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"...)
	code := base64.StdEncoding.EncodeToString([]byte(crlf(a.Reason)))
	for len(code) > 76 {
		b, code = append(append(b, code[:76]...), "\r\n"...), code[76:]
	}
	return append(append(b, code...), "\r\n"...)
}

// messageID returns what stands as one Message-ID, "" where there is none.
func messageID(s string) string {
	if f := strings.Fields(s); len(f) == 1 && len(f[0]) < 500 && strings.HasPrefix(f[0], "<") && strings.HasSuffix(f[0], ">") {
		return f[0]
	}
	return ""
}

// lastIDs keeps the references that are Message-IDs, twenty at most.
func lastIDs(list []string) []string {
	list = slices.DeleteFunc(list, func(s string) bool { return messageID(s) == "" })
	return list[max(0, len(list)-20):]
}

// crlf gives every line the end that mail has.
func crlf(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}
