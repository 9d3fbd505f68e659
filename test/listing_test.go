package test

import (
	"strings"
	"testing"
	"time"

	"gatepost/internal/control/ops"
)

// lister moves the one message of a folder into another, by MOVE or as programs without it do.
const lister = `
import imaplib, sys
host, port = sys.argv[1].split(":")
m = imaplib.IMAP4(host, int(port))
m.login(sys.argv[2], sys.argv[3])
source, target, how = sys.argv[4:]
assert m.select(source)[1] == [b"1"], source
if how == "MOVE":
    assert m.uid("MOVE", "1:*", target)[0] == "OK"
else:
    assert m.uid("COPY", "1:*", target)[0] == "OK"
    assert m.store("1", "+FLAGS", r"(\Deleted)")[0] == "OK"
    assert m.expunge()[0] == "OK"
m.logout()
`

// An owner blocks a sender and allows him again by moving his mail about in a mail program: the
// list says so, the message goes where it belongs, and the next one is taken accordingly.
func TestListingFolders(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: [sender-allow, {filter: sender-block, on: {blocked: reject}}, spf]}]\n", flowZone)
	ann := domain(t, m, "test.example")
	mailFrom(t, m, goodClient, sender, note("news", "text"), ann).id(t)
	for _, step := range []struct{ from, to, how, lists, lands string }{
		{"INBOX", "Filters/Block", "MOVE", "block", "Junk"},
		{"Junk", "Filters/Allow", "MOVE", "allow", "INBOX"},
		{"INBOX", "Filters/Block", "COPY", "block", "Junk"},
		{"Junk", "Filters/Allow", "COPY", "allow", "INBOX"},
	} {
		python(t, lister, m.IMAP, ann, password, step.from, step.to, step.how)
		until(t, 30*time.Second, step.how+" to "+step.to, func() bool { return len(box(t, m, ann, step.lands)) == 1 })
		if there := len(box(t, m, ann, step.to)) + len(box(t, m, ann, step.from)); there != 0 {
			t.Errorf("%s to %s: %d are left", step.how, step.to, there)
		}
		var entries []string
		for _, e := range asked[[]ops.Entry](t, m, "list", "list", "--scope", ann) {
			entries = append(entries, e.List+" "+e.Value)
		}
		if got := strings.Join(entries, ", "); got != step.lists+" "+sender {
			t.Errorf("%s to %s: the list has %q", step.how, step.to, got)
		}
		p := dialProxy(t, m, goodClient)
		p.want("220", p.answer())
		p.want("250", p.say("EHLO sender.example"))
		p.want("250", p.say("MAIL FROM:<"+sender+">"))
		if step.lists == "block" {
			p.want("550", p.say("RCPT TO:<"+ann+">"))
		} else {
			p.want("250", p.say("RCPT TO:<"+ann+">"))
		}
	}
}
