package intake

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// maxAuthors bounds the authors that one submitted message may name.
const maxAuthors = 20

// submitted makes of what a log-in sends what goes on (RFC 6409 §8): every author must be
// an identity of the log-in; what is missing of From, Date and Message-ID is added, and who
// really wrote it where it is on behalf of another, or there are several authors (RFC 5322
// §3.6.2). Bcc goes: who stands there must not be told to the others (§3.6.3). What others'
// servers bring stays as it is.
func (t *Transaction) submitted(ctx context.Context, m *mail.Message) (*mail.Message, mail.Verdict, error) {
	if t.tx.Client.Login.IsNull() || m.Header().Cut {
		return m, mail.Verdict{}, nil
	}
	behalf, v, err := t.authors(ctx, m)
	if v.Answer != mail.OK || err != nil {
		return m, v, err
	}
	h := m.Header()
	var added []byte
	var remove []string
	add := func(name, value string) {
		added = mail.AppendField(added, name, value)
		remove = append(remove, name)
	}
	if h.Count("From") == 0 {
		author := t.tx.Envelope.ReversePath
		if author.IsNull() {
			author = t.tx.Client.Login
		}
		add("From", "<"+string(author)+">")
	}
	if behalf && h.Count("Sender") == 0 {
		add("Sender", "<"+string(t.tx.Client.Login)+">")
	}
	if strings.TrimSpace(h.Get("Date")) == "" {
		add("Date", t.tx.Time.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	}
	if strings.TrimSpace(h.Get("Message-ID")) == "" {
		add("Message-ID", "<"+t.ID()+"@"+t.in.config().Hostname+">")
	}
	if remove = append(remove, "Bcc", "Resent-Bcc"); len(added) == 0 && h.Count("Bcc")+h.Count("Resent-Bcc") == 0 {
		return m, mail.Verdict{}, nil
	}
	gone := func(f mail.Field) bool {
		return slices.ContainsFunc(remove, func(name string) bool { return strings.EqualFold(name, f.Name) })
	}
	return mail.BuildView(m, added, gone, "").Message(m), mail.Verdict{}, nil
}

// authors checks From and Sender, and reports whether the message needs a Sender: it is on
// behalf of another, or there are several authors.
func (t *Transaction) authors(ctx context.Context, m *mail.Message) (behalf bool, v mail.Verdict, err error) {
	h := m.Header()
	if h.Count("From") > 1 || h.Count("Sender") > 1 { // each reader would show another
		return false, t.malformed("a message has one From field, and one Sender at most"), nil
	}
	for _, field := range []string{"From", "Sender"} {
		if h.Count(field) == 0 {
			continue
		}
		paths, bad := authorsIn(h.Get(field))
		switch {
		case bad != "":
			return false, t.malformed("the field " + field + " has no address: " + bad), nil
		case len(paths) > maxAuthors || field == "Sender" && len(paths) > 1:
			return false, t.malformed("the field " + field + " has too many addresses"), nil
		}
		for _, p := range paths {
			how, err := t.in.identity(ctx, t.snapshot, t.tx.Client.Login, p)
			if err != nil {
				return false, mail.Verdict{}, err
			}
			if how == mailbox.NoSending || field == "Sender" && how != mailbox.SendAs {
				return false, notYours(t.ID(), t.tx.Client.Login, p), nil
			}
			behalf = behalf || how == mailbox.SendOnBehalf || len(paths) > 1
		}
	}
	return behalf, mail.Verdict{}, nil
}

// authorsIn reads a list of authors; bad is what of it is no address.
func authorsIn(value string) (paths []mail.Path, bad string) {
	for _, a := range mail.ParseAddressList(value) {
		if a.Mark != mail.Mailbox {
			continue
		}
		p, ok := a.Path()
		if !ok {
			return nil, cmp.Or(a.Local, "<>") + " is none"
		}
		paths = append(paths, p)
	}
	if len(paths) == 0 {
		return nil, "it is empty"
	}
	if !mail.OneReading(value) { // others would show an author whom nobody has looked at
		return nil, strings.TrimSpace(value) + " can be read in two ways"
	}
	return paths, ""
}

func (t *Transaction) malformed(reason string) mail.Verdict {
	return mail.Verdict{Answer: mail.Malformed, ID: t.ID(), Reason: reason}
}
