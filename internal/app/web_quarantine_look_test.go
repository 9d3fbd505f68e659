package app

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/quarantine"
	"gatepost/test/browser"

	"github.com/chromedp/chromedp/kb"
)

// richMail has what mail of today has: alternatives, a link that is false, images here and
// elsewhere, an attachment.
const richMail = "From: \"Your Bank\" <help@bank.example>\nTo: ann@test.example\nSubject: Your account\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=m\n\n" +
	"--m\nContent-Type: multipart/alternative; boundary=a\n\n--a\n\nPlease confirm your account.\n--a\nContent-Type: text/html; charset=utf-8\n\n" +
	"<style>body{background:#eee}</style><table width=600 align=center><tr><td><h1>Your Bank</h1><p>Dear customer,</p><p>please <b>confirm</b> your account at " +
	"<a href=\"https://bank.example.evil.test/login?id=12345\">https://www.bank.example/</a> within <i>24 hours</i>.</p><ul><li>It is quick<li>It is safe</ul>" +
	"<img src=\"https://evil.test/pixel?u=1\" alt=\"Bank logo\"><blockquote>Thank you, your bank</blockquote></td></tr></table>" +
	"<form action=https://evil.test/take>Password <input name=p><script>alert(1)</script></form>\n--a--\n" +
	"--m\nContent-Type: application/pdf; name=\"invoice.pdf\"\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQK\n--m--\n"

// wroteHere is what a server of ours writes on top of a message.
const wroteHere = "Return-Path: <bounce@mailer.evil.test>\r\nReceived: from mailer.evil.test ([192.0.2.9]) by HOST with ESMTPS (TLS1.3) id x; Fri, 20 Nov 2026 06:00:00 +0000\r\n" +
	"Authentication-Results: HOST; spf=pass smtp.mailfrom=bounce@mailer.evil.test; dmarc=fail header.from=bank.example\r\n" +
	"X-Gatepost-Id: tx1\r\nX-Spam-Flag: YES\r\nX-Spam-Score: 9.5\r\nX-Spam-Status: Yes, score=9.5 required=7.5 tests=rdns: 2, keywords: spam\r\n"

// furnish holds what pages are looked at with.
func (n *pagesNode) furnish() (id string) {
	n.t.Helper()
	subjects := []string{
		"Your invoice for November", "😀 Big sale: 70 % off everything, only today, for you and all of your friends, " + strings.Repeat("and again ", 20),
		"", "Re: minutes of the meeting", "\u202egpj.exe", "Votre facture d’électricité",
	}
	for i := range 60 {
		n.held("ann@test.example", plainMail, func(h *quarantine.Held) {
			h.Subject = subjects[i%len(subjects)]
			h.Filter = []string{"keywords", "spf", "dnsbl", "score"}[i%4]
			switch i % 6 {
			case 2:
				h.Author, h.Sender, h.Proof = "", "", ""
			case 3:
				h.Author, h.Guarded, h.Filter, h.Reason = "Bob <bob@partner.example>", true, "antivirus", "Eicar-Test-Signature"
			case 4:
				h.Author = "Very Long Name of a Very Long Company in a Very Long Street <" + strings.Repeat("x", 60) + "@long.example>"
			}
			if i%6 == 3 && i > 50 {
				h.Asked = time.Now()
			}
		})
	}
	h := n.held("ann@test.example", richMail, func(h *quarantine.Held) {
		h.Subject, h.Author, h.Sender, h.Proof = "Your account will be closed", "Your Bank <help@bank.example>", "bounce@mailer.evil.test", ""
		h.View.Prefix = []byte(strings.ReplaceAll(wroteHere, "HOST", n.hostnames.own))
	})
	n.entry(directory.Allow, "friend@far.example", "ann@test.example")
	n.entry(directory.Block, ".spam.example", "ann@test.example")
	n.entry(directory.Block, "192.0.2.0/24", "test.example")
	return h.ID
}

// enter logs in by the form.
func enter(b *browser.Tab, n *pagesNode, name string) {
	b.Go(n.url + "/login")
	b.Type("#name", name)
	b.Type("#password", pagesPassword)
	b.Click("main button")
	b.Has("form.who") // which the form itself does not have
}

// wider names the elements of a page that reach over an edge at so many pixels, where the
// page does: on a phone the window grows with them.
const wider = `document.documentElement.scrollWidth <= %[1]d ? "" : [...document.body.querySelectorAll("*")]
	.filter(e => e.getBoundingClientRect().right > %[1]d).map(e => e.tagName + "." + e.className + " " + e.getBoundingClientRect().right).join(", ")`

// TestQuarantineLooks goes through the pages as people see them, and has axe-core look at
// each. SCREENSHOTS names where pictures go.
func TestQuarantineLooks(t *testing.T) {
	n := openPages(t)
	id := n.furnish()
	for name, o := range map[string]struct {
		who string
		browser.Options
	}{
		"owner-desktop":  {"ann@test.example", browser.Options{}},
		"owner-phone-fr": {"ann@test.example", browser.Options{Size: browser.Phone, Language: "fr"}},
		"operator-dark":  {"olga", browser.Options{Dark: true}},
		"admin-phone":    {"adam", browser.Options{Size: browser.Phone, Dark: true}},
		"owner-noscript": {"ann@test.example", browser.Options{NoScript: true}},
	} {
		t.Run(name, func(t *testing.T) {
			b := browser.Open(t, o.Options)
			enter(b, n, o.who)
			if o.NoScript { // an act needs none
				h := n.held("ann@test.example", plainMail, nil)
				b.Go(n.url + "/quarantine/" + h.ID)
				b.Click(`form[action$="/release"] button.primary`)
				b.Has(".notice--good")
				if got := n.state(h.ID); got != quarantine.StateReleased {
					t.Errorf("it is %s", got)
				}
				return
			}
			for page, path := range map[string]string{
				"list": "/quarantine", "search": "/quarantine?state=any&sender=nobody&text=x", "none": "/quarantine?text=nothing+like+it", "message": "/quarantine/" + id,
				"source": "/quarantine/" + id + "/source", "headers": "/quarantine/" + id + "/headers", "paste": "/headers", "lists": "/lists", "import": "/lists/import", "filters": "/quarantine/filters",
			} {
				if page == "filters" && o.who != "olga" || o.Size.Phone && page != "list" && page != "message" && page != "lists" {
					continue
				}
				b.Go(n.url + path)
				b.Has("h1")
				b.Shoot(fmt.Sprintf("quarantine-%s-%s", page, name))
				b.Accessible()
				if n := browser.Eval[int](b, `document.querySelectorAll("h1").length`); n != 1 {
					t.Errorf("%s has %d h1", page, n)
				}
				if wide := browser.Eval[string](b, fmt.Sprintf(wider, cmp.Or(o.Size.Width, browser.Desktop.Width))); wide != "" {
					t.Errorf("%s is wider than the window: %s", page, wide)
				}
			}
			b.Go(n.url + "/quarantine/" + id)
			b.Click(`form[action$="/delete"] button`)
			b.Has(".confirm")
			b.Shoot("quarantine-confirm-" + name)
			b.Accessible()
		})
	}
}

// reach presses the tab key until something has the focus.
func reach(t *testing.T, b *browser.Tab, selector string) {
	t.Helper()
	for range 60 {
		b.Press(kb.Tab)
		if browser.Eval[bool](b, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
			return
		}
	}
	t.Fatalf("no number of tabs leads to %s", selector)
}

// TestQuarantineKeyboard finds, reads and deletes a message with the keyboard alone.
func TestQuarantineKeyboard(t *testing.T) {
	n := openPages(t)
	h := n.held("ann@test.example", plainMail, nil)
	b := browser.Open(t, browser.Options{})
	enter(b, n, "ann@test.example")
	b.Go(n.url + "/quarantine")
	reach(t, b, "#text")
	b.Press("offer")
	b.Press(kb.Enter)
	b.Has("td.main a")
	reach(t, b, "td.main a")
	b.Press(kb.Enter)
	b.Has(".walk")
	reach(t, b, `form[action$="/delete"] button`)
	b.Press(kb.Enter)
	b.Has(".confirm")
	reach(t, b, ".confirm button.danger")
	b.Press(kb.Enter)
	b.Has(".notice--good")
	if got := n.state(h.ID); got != quarantine.StateDeleted {
		t.Errorf("it is %s", got)
	}
}
