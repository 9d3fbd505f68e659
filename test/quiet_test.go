package test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// What people write, and what proves who they are, stands in no line of the log, at whatever level: not the
// text of mail that is delivered, held, refused or sent, not passwords, right or wrong, not what a link's
// secret is. Who wrote to whom does.
func TestNoContentInTheLog(t *testing.T) {
	t.Parallel()
	submission := freePort(t)
	m := serve(t, `hostname: mx.test.example
log: {level: debug}
policies: [{name: default, pipeline: [{filter: keywords, spam_from: 1, patterns: [{word: xyzzytrap}]}]}]
`, flowZone, "listen.submission="+submission)
	ann := domain(t, m, "test.example")
	marks := []string{"zebrasubject", "zebrabody", "zebrafile", "zebrasecret", "zebratoken", "zebraname", password}
	for _, secret := range []string{"zebrasecret", password} { // as AUTH has it
		marks = append(marks, strings.ToLower(strings.TrimPrefix(plain(ann, secret), "AUTH PLAIN ")))
	}
	letter := func(word string) string {
		return strings.ReplaceAll("From: zebraname <eva@friends.example>\nTo: <"+ann+">\nSubject: zebrasubject "+word+"\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"+
			"--b\n\nzebrabody "+word+"\n--b\nContent-Type: application/octet-stream; name=zebrafile.exe\nContent-Disposition: attachment; filename=zebrafile.exe\n\nzebrabody\n--b--\n", "\n", "\r\n")
	}
	p := connect(t, m, "")
	for word, want := range map[string]string{"plain": "250", "xyzzytrap": "250"} { // delivered, held
		p.want(want, p.send("eva@friends.example", letter(word), ann).rcpt[0])
	}
	p.want("5", p.say("MAIL FROM:<eva@friends.example> zebratoken"))
	p.want("5", p.say("zebratoken"))
	p = dialAt(t, submission, "")
	p.want("220", p.answer())
	p.want("250", p.say("EHLO laptop.example"))
	p.want("535", p.say(plain(ann, "zebrasecret")))
	p.want("235", p.say(plain(ann, password)))
	p.send(ann, noteBy(ann, "zebrasubject", "zebrabody"), "friend@elsewhere.example")
	imap := dialAt(t, m.IMAP, "")
	imap.want("a NO", imap.asks("a LOGIN "+ann+" zebrasecret", "a "))
	imap.want("b OK", imap.asks("b LOGIN "+ann+` "`+password+`"`, "b "))
	imap.want("c OK", imap.asks("c SELECT INBOX", "c "))
	imap.want("d OK", imap.asks("d SEARCH TEXT zebrabody", "d "))
	imap.want("e OK", imap.asks("e FETCH 1:* BODY.PEEK[]", "e "))
	imap.want("f BAD", imap.asks("f ZEBRATOKEN zebratoken", "f "))
	pop := dialAt(t, m.POP3, "")
	pop.asks("USER "+ann, "+OK Send")
	pop.asks("PASS zebrasecret", "-ERR")
	for _, path := range []string{"/c/zebratoken", "/d/zebratoken", "/share/zebratoken", "/quarantine?text=zebrabody"} {
		if resp, err := http.Get("http://" + m.Web + path); err == nil {
			resp.Body.Close()
		}
	}
	for _, secret := range []string{"zebrasecret", password} {
		if _, at := loggedIn(t, m, ann, secret); (at == "/login") != (secret == "zebrasecret") {
			t.Errorf("the pages: at %s", at)
		}
	}
	until(t, time.Minute, "ann has a report", func() bool { return strings.Count(strings.Join(box(t, m, ann, "INBOX"), ""), "Undelivered") > 0 })
	var log string
	until(t, time.Minute, "the log has what it should", func() bool {
		log = m.Output.String()
		return strings.Contains(log, "level=DEBUG") && strings.Contains(log, "from=eva@friends.example")
	})
	for line := range strings.Lines(log) {
		for _, mark := range marks {
			if strings.Contains(strings.ToLower(line), mark) {
				t.Errorf("%q is in the log: %s", mark, line)
			}
		}
	}
}
