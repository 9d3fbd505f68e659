package main

import (
	"io"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

func TestClean(t *testing.T) {
	const hop = "Received: from a.example (a.example [192.0.2.1]) by dogma.slashnull.org\r\n    (8.11.6/8.11.6) with ESMTP id x for <jm@jmason.org>;\r\n    Wed, 15 May 2002 08:58:18 +0100\r\n"
	const border = "Received: from a.example (a.example [192.0.2.1])\r\n\tby mx.site.example with SMTP;\r\n    Wed, 15 May 2002 08:58:18 +0100\r\n"
	for name, tt := range map[string]struct{ in, want string }{
		"leaking fields":   {"From: a\r\nX-Spam-Status: Yes,\r\n\ttests=x\r\nSubject: b\r\n\r\nX-Spam-Flag: stays\r\n", "From: a\r\nSubject: b\r\n\r\nX-Spam-Flag: stays\r\n"},
		"nothing to clean": {"From: a\r\n b\r\n\r\n\r\nx", "From: a\r\n b\r\n\r\n\r\nx"},
		"no body":          {"x-spam-flag: y\r\nFrom: a\r\n", "From: a\r\n"},
		"empty":            {"", ""},
		"mbox line":        {"From a@b.example  Thu Aug 22 12:36:23 2002\r\nFrom: a\r\n\r\n", "From: a\r\n\r\n"},
		"list marks":       {"List-Id: x\r\nX-BeenThere: x\r\nPrecedence: bulk\r\nSender: a-admin@b.example\r\nTo: c\r\n\r\n", "To: c\r\n\r\n"},
		"mail programs":    {"Status: RO\r\nX-Status: \r\nX-UIDL: 1\r\nX-UID: 2\r\nX-Keywords:\r\nDate: d\r\n\r\n", "Date: d\r\n\r\n"},
		"own hops": {
			"Received: from localhost by phobos.labs.netnoteinc.com (Postfix)\r\n" + hop + "Received: from b by a.example; x\r\n\r\n",
			border + "Received: from b by a.example; x\r\n\r\n",
		},
		"an own name further down": {
			"Received: from b by a.example; x\r\nReceived: from c by localhost; y\r\n\r\n",
			"Received: from b by a.example; x\r\nReceived: from c by localhost; y\r\n\r\n",
		},
		"masks": {
			"To: zzzz@localhost.netnoteinc.com, jm-rpm@jmason.org, rpm-zzzlist@freshrpms.net, jm@other.example\r\n\r\nDear yyyy, see http://spamassassin.taint.org/\r\n",
			"To: user@site.example, user@site.example, rpm-list@freshrpms.net, jm@other.example\r\n\r\nDear user, see http://site.example/\r\n",
		},
	} {
		if got := string(clean([]byte(tt.in))); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestRepeats(t *testing.T) {
	of := func(name string, spam bool, text string) message {
		return message{name, spam, mail.NewMessage([]byte("Subject: x\r\n\r\n" + text))}
	}
	offer := strings.Repeat("our new collection of watches has arrived in the shop and you can order any of them today ", 2)
	var out strings.Builder
	repeats(&out, []message{of("a", true, offer), of("b", true, offer+"or tomorrow"), of("c", false, offer), of("d", false, "hello")}, options{names: true})
	for _, want := range []string{"checksum  0 of 2, 0.00 %", "checksum or sketch     1 of 2, 50.00 %  1 of 2, 50.00 %", "  c "} {
		if got := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(got, strings.Join(strings.Fields(want), " ")) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if err := run(io.Discard, options{corpus: t.TempDir()}); err == nil {
		t.Error("an empty corpus is measured")
	}
}

func TestSheet(t *testing.T) {
	var out strings.Builder
	sheet{{"filter", "%"}, {"a", "0.10"}}.write(&out)
	if got, want := out.String(), "| filter | %    |\n| --- | --- |\n| a      | 0.10 |\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
