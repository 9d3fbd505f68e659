package test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatepost/test/machine"
)

// What people here send is looked at for what is dangerous and for what must not leave, by
// the policy of the recipient's domain, or, where that is none of ours, of their own. Nothing
// else of a policy is for them.
func TestOutgoingIsJudged(t *testing.T) {
	t.Parallel()
	submission := freePort(t)
	m := serve(t, `hostname: mx.test.example
policies:
  - {name: default, pipeline: [{filter: attachment}]}
  - name: home
    reject_score: 1
    pipeline:
      - {filter: keywords, spam_from: 1, patterns: [{word: pest}], on: {spam: reject}}
      - attachment
      - fingerprint
  - name: broken
    pipeline: [{filter: antivirus, engines: [{clamd: ["127.0.0.1:1"]}], timeout: 1s}]
`, flowZone, "listen.submission="+submission)
	ann := domain(t, m, "home.example", "--policy", "home")
	bob, eve := domain(t, m, "plain.example"), domain(t, m, "broken.example", "--policy", "broken")
	var plan strings.Builder
	for i := range 400 {
		fmt.Fprintf(&plan, "%c%c%clow ", 'a'+i%26, 'a'+i*i%26, 'a'+i/26)
		if i%10 == 9 {
			plan.WriteString("\r\n")
		}
	}
	file := filepath.Join(t.TempDir(), "plan.txt")
	if err := os.WriteFile(file, []byte(plan.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, m, "", "fingerprint", "add", file, "--domain", "home.example")

	program := "From: " + ann + "\r\nSubject: tool\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=tool.exe\r\n" +
		"Content-Disposition: attachment; filename=tool.exe\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString([]byte("MZ\x90\x00 This program cannot be run in DOS mode")) + "\r\n"
	letter := noteBy(ann, "the plan", "As promised:\r\n"+plan.String())
	p := dialAt(t, submission, "")
	p.want("220", p.answer())
	p.want("250", p.say("EHLO laptop.example"))
	p.want("235", p.say(plain(ann, password)))
	for _, c := range []struct{ name, content, to, want string }{
		{"a program to a colleague", program, ann, "held attachment"},
		{"a program to another domain here", program, bob, "held attachment"},
		{"a program to the world", program, "friend@elsewhere.example", "held attachment"},
		{"a document to a colleague", letter, ann, "held fingerprint"},
		{"a document to the world", letter, "friend@elsewhere.example", "held fingerprint"},
		{"a document where the recipient's policy does not look for it", letter, bob, "delivered"},
		{"words that are for strangers", noteBy(ann, "pest", "pest"), ann, "delivered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.t = t
			followed(t, m, p.send(ann, c.content, c.to).id(t), c.to+" "+c.want)
		})
	}
	t.Run("no engine", func(t *testing.T) {
		p.t = t
		if sent := p.send(ann, noteBy(ann, "unscanned", "x"), eve); !strings.HasPrefix(sent.data, "451") {
			t.Errorf("got %q, want 451", sent.data)
		}
	})
	t.Run("released by an operator alone", func(t *testing.T) { releasedOutside(t, m) })
}

// releasedOutside releases what is held on its way to the world.
func releasedOutside(t *testing.T, m *machine.Machine) {
	n := 0
	for _, h := range asked[[]row](t, m, "quarantine", "list") {
		if h.Recipient != "friend@elsewhere.example" {
			continue
		}
		n++
		if out, err := m.Run("", "quarantine", "release", h.ID); err == nil {
			t.Errorf("%s: released without --guarded: %s", h.Filter, out)
		}
		run(t, m, "", "quarantine", "release", h.ID, "--guarded")
	}
	if n != 2 {
		t.Errorf("%d messages to the world are held, want 2", n)
	}
}
