package test

import (
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/test/machine"
	mta "gatepost/test/peer"
)

// Addresses beyond ASCII go out to a Postfix and come in from it (RFC 6531). A server without SMTPUTF8 gets
// what it can take; of what it can't the sender hears (RFC 6533).
func TestInternational(t *testing.T) {
	t.Parallel()
	m := serve(t, interopConfig, "", hurried)
	const jose, user = "josé@bücher.example", "用户@例子.example"
	run(t, m, "", "domain", "add", "bücher.example")
	run(t, m, password, "mailbox", "add", jose, "--password-stdin")
	p := startServer(t, "postfix", mta.Config{Domains: []string{"xn--fsqu00a.example"}, Relay: m.SMTP, RelayTLS: true})
	run(t, m, "", "host", "add", "postfix", "--address", p.addr, "--roles", "smtp-in")
	run(t, m, "", "domain", "add", "例子.example", "--host", "postfix")
	o := startServer(t, "opensmtpd", mta.Config{Domains: []string{"plain.example"}})
	livesAt(t, m, "plain", o.addr)

	const body = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nBonjour, 用户\r\n"
	out := parcel{name: "déjeuner", from: jose, to: []string{user}, copies: 1,
		content: "From: José <" + jose + ">\r\nTo: " + user + "\r\nMessage-ID: <1@bücher.example>\r\nSubject: déjeuner\r\n" + body}
	hand(t, m.SMTP, out, " BODY=8BITMIME SMTPUTF8")
	arrived(t, []parcel{out}, func() []string { return p.mails(t) })

	in := parcel{name: "午饭", from: user, to: []string{jose}, copies: 1,
		content: "From: " + user + "\r\nTo: José <" + jose + ">\r\nMessage-ID: <2@例子.example>\r\nSubject: 午饭\r\n" + body}
	hand(t, p.addr, in, " BODY=8BITMIME SMTPUTF8")
	arrived(t, []parcel{in}, func() []string { return box(t, m, jose, "INBOX") })
	came := strings.Join(strings.Fields(strings.Join(box(t, m, jose, "INBOX"), "")), " ")
	for _, want := range []string{"Return-Path: <用户@xn--fsqu00a.example> ", " with UTF8SMTPS ", " for <josé@xn--bcher-kva.example>;"} {
		if !strings.Contains(came, want) {
			t.Errorf("%q is missing in\n%.1000s", want, came)
		}
	}

	fits := parcel{name: "plain", from: "ann@elsewhere.example", to: []string{"any@plain.example"}, copies: 1,
		content: "From: ann@elsewhere.example\r\nDate: Wed, 25 Nov 2026 12:00:00 +0000\r\nMessage-ID: <3@elsewhere.example>\r\nSubject: plain\r\n" + body}
	hand(t, m.SMTP, fits, " BODY=8BITMIME SMTPUTF8")
	arrived(t, []parcel{fits}, func() []string { return o.mails(t) })
	out.to = []string{"用户@plain.example"}
	hand(t, m.SMTP, out, " BODY=8BITMIME SMTPUTF8")
	cannotTold(t, m, jose, out.to[0])
}

// cannotTold waits for a report in a mailbox that a recipient's server lacks SMTPUTF8, and looks at its form.
func cannotTold(t *testing.T, m *machine.Machine, who, recipient string) {
	t.Helper()
	var report string
	until(t, 30*time.Second, "a report on "+recipient, func() bool {
		for _, message := range box(t, m, who, "INBOX") {
			if strings.Contains(message, "Final-Recipient: utf-8; "+recipient+"\r\n") {
				report = message
			}
		}
		return report != ""
	})
	for _, want := range []string{"Action: failed\r\n", "Status: 5.6.7\r\n", "To: <josé@xn--bcher-kva.example>\r\n", "does not offer SMTPUTF8"} {
		if flat := strings.ReplaceAll(report, "\r\n ", " "); !strings.Contains(flat, want) {
			t.Errorf("%q is missing in the report", want)
		}
	}
	root := mail.NewMessage([]byte(report)).Root()
	var kinds []string
	for _, part := range root.Parts {
		kinds = append(kinds, part.Type+"/"+part.Subtype)
	}
	if got, want := strings.Join(kinds, " "), "text/plain message/global-delivery-status message/global-headers"; got != want || root.Params["report-type"] != "delivery-status" {
		t.Errorf("its parts are %s, want %s:\n%s", got, want, report)
	}
}
