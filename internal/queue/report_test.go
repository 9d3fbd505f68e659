package queue

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample makes a report about two recipients.
func sample(kind string) report {
	at := time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	m := &Message{
		ID: "m", Sender: "jeanne@here.example", Created: at, Expires: at.Add(5 * 24 * time.Hour),
		Params: mail.Params{EnvelopeID: "QQ314159"},
	}
	return report{
		kind: kind, id: "06ab12cd34ef56gh78ij", hostname: "gate.example", message: m, now: at.Add(4 * time.Hour),
		about: []*Settlement{
			{
				Transfer: &Transfer{Message: m, Recipient: "bob@there.example", Params: mail.RcptParams{Original: "rfc822;bob@alias.example"}},
				Reply: Reply{
					Host: "mx1.there.example [192.0.2.1]:25", Code: 550, Enhanced: "5.1.1", Command: "RCPT",
					Text: "The email account that you tried to reach does not exist.\nPlease try double-checking the recipient's email address for typos.",
				},
			},
			{
				Transfer: &Transfer{Message: m, Recipient: "cy@there.example", Attempts: 11},
				Reply:    Reply{Host: "mx2.there.example [192.0.2.2]:25", Enhanced: "4.4.1", Text: "no answer in time", Command: "connect"},
			},
		},
		original: returned{octets: []byte("From: Jeanne <jeanne@here.example>\r\nSubject: =?utf-8?q?d=C3=A9jeuner?=\r\nMessage-ID: <1@here.example>\r\n"), messageID: "<1@here.example>"},
	}
}

func TestReports(t *testing.T) {
	for _, kind := range []string{failed, delayed, relayed, done} {
		got := sample(kind).build()
		path := filepath.Join("testdata", kind+".eml")
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v; got\n%s", kind, err, got)
		}
	}
}

// What a report is made of, as a mail program would see it.
func parts(t *testing.T, octets []byte) []*mail.Part {
	t.Helper()
	m := mail.NewMessage(octets)
	root := m.Root()
	if kind(root) != "multipart/report" || m.Err() != nil {
		t.Fatalf("%s, %v:\n%s", kind(root), m.Err(), octets)
	}
	return root.Parts
}

func kind(p *mail.Part) string { return p.Type + "/" + p.Subtype }

// A report leaves ASCII where what it is about does (RFC 6533), and its header only where whom it goes to does.
func TestReportGlobal(t *testing.T) {
	const status, global = "message/delivery-status", "message/global-delivery-status"
	for name, c := range map[string]struct {
		set  func(r *report)
		want []string // types
		says []string // in what it says
	}{
		"recipient": {func(r *report) { r.about[0].Transfer.Recipient = "jörg@xn--bcher-kva.example" },
			[]string{global, "message/global-headers"},
			[]string{"Original-Recipient: rfc822; bob@alias.example\r\nFinal-Recipient: utf-8; jörg@xn--bcher-kva.example\r\n", "Final-Recipient: rfc822; cy@there.example\r\n", "    jörg@bücher.example\r\n"}},
		"original recipient": {func(r *report) { r.about[0].Transfer.Params.Original = "utf-8;用户@例子.example" },
			[]string{global, "message/global-headers"}, []string{"Original-Recipient: utf-8; 用户@例子.example\r\nFinal-Recipient: rfc822; bob@there.example\r\n"}},
		"words of the server": {func(r *report) {
			r.about[0].Transfer.Recipient, r.about[0].Reply.Text = "jörg@there.example", "inconnu : jörg, désolé"
		},
			[]string{global, "message/global-headers"}, []string{"Diagnostic-Code: smtp; 550 5.1.1 inconnu : jörg, désolé\r\n"}},
		"words alone": {func(r *report) { r.about[0].Reply.Text = "désolé" },
			[]string{status, "text/rfc822-headers"}, []string{"Diagnostic-Code: smtp; 550 5.1.1 d?sol?\r\n"}},
		"header":                         {func(r *report) { r.original.octets = []byte("Subject: déjeuner\r\n") }, []string{status, "message/global-headers"}, nil},
		"header of none knows which set": {func(r *report) { r.original.octets = []byte("Subject: d\xe9jeuner\r\n") }, []string{status, "text/rfc822-headers"}, nil},
		"whole": {func(r *report) {
			r.original.octets, r.original.whole = []byte("Subject: déjeuner\r\n\r\n\xff\r\n"), true
		}, []string{status, "message/global"}, nil},
		"body": {func(r *report) { r.original.octets, r.original.whole = []byte("Subject: x\r\n\r\né\r\n"), true }, []string{status, "message/rfc822"}, nil},
		"sender": {func(r *report) { r.message.Sender = "josé@xn--bcher-kva.example" },
			[]string{status, "text/rfc822-headers"}, []string{"\r\nTo: <josé@xn--bcher-kva.example>\r\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := sample(failed)
			c.set(&r)
			octets := r.build()
			list := parts(t, octets)
			if got := []string{kind(list[1]), kind(list[2])}; !slices.Equal(got, c.want) {
				t.Errorf("parts %q, want %q", got, c.want)
			}
			for _, want := range c.says {
				if !strings.Contains(string(octets), want) {
					t.Errorf("%q is missing in\n%s", want, octets)
				}
			}
			if m := mail.NewMessage(octets); m.NeedsUTF8() != r.message.Sender.NeedsUTF8() {
				t.Errorf("SMTPUTF8 is needed: %v\n%s", m.NeedsUTF8(), octets)
			}
		})
	}
}

// Our own words are English: what they mean stands before them for who reads French. A server's words stand alone, and so does what
// somebody here gives as his reason.
func TestReportMeaning(t *testing.T) {
	const words = "our own words"
	for _, c := range []struct {
		code    int
		status  string
		meaning string
	}{
		{0, "5.1.1", "cette boîte aux lettres n'existe pas"}, {0, "4.1.1", "cette boîte aux lettres n'existe pas"},
		{0, "5.1.2", "ce domaine n'existe pas, ou n'a ni serveur de courrier ni"}, {0, "5.1.10", "ce domaine ne reçoit pas de courrier"},
		{0, "4.4.1", "le serveur du destinataire est injoignable"}, {0, "5.7.30", "aucune connexion sûre au serveur du destinataire n'a pu être"},
		{550, "5.1.1", ""}, {0, "5.7.1", ""},
	} {
		r := sample(failed)
		r.about = r.about[:1]
		r.about[0].Reply = Reply{Code: c.code, Enhanced: c.status, Text: words}
		english, french, _ := strings.Cut(r.words(), "\r\n-- \r\n")
		if want := "Ce qui s'est passé :\r\n            " + c.meaning; c.meaning != "" && !strings.Contains(french, want) {
			t.Errorf("%s: %q is missing in\n%s", c.status, want, french)
		}
		if n := strings.Count(french, "            "); c.meaning == "" && n != 1 {
			t.Errorf("%d %s: %d lines in\n%s", c.code, c.status, n, french)
		}
		if !strings.Contains(english, "            ") || strings.Count(english, "            ") != 1 || !strings.Contains(french, words) {
			t.Errorf("%s:\n%s", c.status, r.words())
		}
	}
}

// Each part says of itself what it is: the one for programs that it is ASCII (RFC 3464 §2.1).
func TestReportEncoding(t *testing.T) {
	r := sample(failed)
	r.original.octets = []byte("Subject: d\xe9jeuner\r\n")
	if got := mail.NewMessage(r.build()).Header().Get("Content-Transfer-Encoding"); got != "8bit" {
		t.Errorf("all of it says %q", got)
	}
	for i, want := range []string{"8bit", "7bit", "8bit"} {
		if got := parts(t, r.build())[i].Header.Get("Content-Transfer-Encoding"); got != want {
			t.Errorf("part %d says %q, want %q", i, got, want)
		}
	}
}

// Whatever a server says, the report keeps its form.
func FuzzReport(f *testing.F) {
	f.Add("no\r\n--=_06ab12cd34ef56gh78ij--\r\n", "mx\r\nX: y", "a;b\r\nAction: relayed")
	f.Add(strings.Repeat("x", 3000), "", "")
	f.Fuzz(func(t *testing.T, text, host, original string) {
		r := sample(failed)
		r.about[0].Reply.Text, r.about[0].Reply.Host, r.about[0].Transfer.Params.Original = text, host, original
		octets := r.build()
		if strings.Contains(text+host+original, r.id) {
			return // nobody can know it
		}
		list := parts(t, octets)
		if len(list) != 3 || kind(list[1]) != "message/delivery-status" && kind(list[1]) != "message/global-delivery-status" {
			t.Fatalf("%d parts:\n%s", len(list), octets)
		}
		if strings.ContainsAny(strings.ReplaceAll(string(octets), "\r\n", ""), "\r\n") {
			t.Fatalf("bare CR or LF:\n%q", octets)
		}
		if n := strings.Count(string(octets), "\r\nAction: "); n != 2 {
			t.Fatalf("%d actions:\n%s", n, octets)
		}
		for line := range strings.SplitSeq(string(octets), "\r\n") {
			if len(line) > 998 {
				t.Fatalf("a line of %d octets", len(line))
			}
		}
	})
}
