package test

import (
	"io"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	netmail "net/mail"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatepost/test/browser"
	"gatepost/test/machine"
)

// digestOf sends ann her digest and returns its text part, as her mail program has it.
func digestOf(t *testing.T, m *machine.Machine, ann string) string {
	t.Helper()
	before := len(box(t, m, ann, "INBOX"))
	run(t, m, "", "quarantine", "digest", ann, "--send")
	until(t, 20*time.Second, "the digest is in the inbox", func() bool { return len(box(t, m, ann, "INBOX")) > before })
	all := box(t, m, ann, "INBOX")
	mail, err := netmail.ReadMessage(strings.NewReader(all[len(all)-1]))
	if err != nil {
		t.Fatal(err)
	}
	if from := mail.Header.Get("From"); !strings.Contains(from, "postmaster@test.example") || mail.Header.Get("Return-Path") != "<>" {
		t.Errorf("from %q, return path %q", from, mail.Header.Get("Return-Path"))
	}
	_, boundary, _ := strings.Cut(mail.Header.Get("Content-Type"), `boundary="`)
	part, err := multipart.NewReader(mail.Body, strings.TrimSuffix(boundary, `"`)).NextRawPart()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(part))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// linkBelow is the link of a name after a message's subject.
func linkBelow(t *testing.T, text, subject, name string) string {
	t.Helper()
	_, rest, _ := strings.Cut(text, subject+"\n")
	found := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(name) + `\s?:\n\s+(\S+)$`).FindStringSubmatch(rest)
	if found == nil {
		t.Fatalf("no link %q below %q in\n%s", name, subject, text)
	}
	return found[1]
}

// An owner is told of what is held, by a mail that no filter holds; follows a link, and
// has the message by one press of a button. What only follows links gets nothing.
func TestDigest(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	m := prepare(t, releaseConfig, flowZone)
	m.Sets = append(m.Sets, "web.url=http://"+m.Web, "log.level=debug")
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	ann := domain(t, m, "test.example")
	holdOne(t, m, "lunch", "x", ann)
	blocked := holdOne(t, m, "pills", "x", ann)
	text := digestOf(t, m, ann)
	links := regexp.MustCompile(`http://\S+/[du]/\S+`).FindAllString(text, -1)
	if len(links) < 5 {
		t.Fatalf("%d links in\n%s", len(links), text)
	}

	before := run(t, m, "", "quarantine", "list", "--state", "any", "--json") + run(t, m, "", "list", "list", "--json")
	for _, link := range links {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			r, err := http.NewRequestWithContext(t.Context(), method, link, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("%s %s: %s", method, link, resp.Status)
			}
		}
	}
	if after := run(t, m, "", "quarantine", "list", "--state", "any", "--json") + run(t, m, "", "list", "list", "--json"); after != before {
		t.Errorf("following links changed\n%s\nto\n%s", before, after)
	}

	tab := browser.Open(t, browser.Options{Size: browser.Phone, Language: "fr"})
	tab.Go(linkBelow(t, text, "lunch", "Release"))
	tab.See("Libérer ce message")
	tab.Accessible()
	tab.Shoot("digest-release")
	tab.Click("main button")
	tab.See("Le message est libéré")
	tab.Accessible()
	until(t, 20*time.Second, "the message is in the inbox", func() bool { return len(withSubject(box(t, m, ann, "INBOX"), "lunch")) == 1 })
	tab.Go(linkBelow(t, text, "pills", "Block sender"))
	tab.See("Bloquer l’expéditeur de ce message")
	tab.Shoot("digest-block")
	tab.Click("main button")
	tab.See("L’expéditeur est bloqué")
	if s := heldState(t, m, blocked); s != "deleted" {
		t.Errorf("the blocked sender's message is %s", s)
	}
	if list := run(t, m, "", "list", "list", "--json"); !strings.Contains(list, "eve@sender.example") {
		t.Errorf("lists: %s", list)
	}
	tab.Go(linkBelow(t, text, "", "No more such mails"))
	tab.See("Courriers sur les messages retenus")
	tab.Click("main button")
	tab.See("ne reçoit plus de courrier")
	tab.Accessible()
	tab.Shoot("digest-unsubscribe")
	if out, errs, status := m.Try("", "quarantine", "digest", ann); status == 0 {
		t.Errorf("who wants none: %q %q", out, errs)
	}
	for i, link := range links {
		if at := strings.LastIndexByte(link, '/'); strings.Contains(m.Output.String(), link[at+1:]) {
			t.Errorf("the token of link %d is in the log", i)
		}
	}
}
