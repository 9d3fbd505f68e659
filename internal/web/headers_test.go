package web

import (
	"strings"
	"testing"
)

func oneHost() []string { return []string{"mx.example.org"} }

// pasted is what somebody has copied from a mail program.
const pasted = "\ufeff\n  \nReceived: from mail.far.example (mail.far.example [192.0.2.1]) by mx.example.org with ESMTPS (TLS1.3) id 1; Fri, 20 Nov 2026 06:01:00 +0000\n" +
	"Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=a@far.example; dkim=temperror header.d=far.example; dmarc=fail header.from=bank.example; vbr=pass\n" +
	"X-Spam-Flag: YES\nX-Spam-Score: 9\nX-Spam-Status: Yes, score=9 required=7.5 tests=rdns: 2, words: spam\n" +
	"Received: from \u202eevil <script>alert(1)</script> by mail.far.example with SMTP; Fri, 20 Nov 2026 06:00:00 +0000\n" +
	"Received: by older.far.example; Fri, 20 Nov 2026 07:00:00 +0000\n" +
	"Authentication-Results: mx.example.org; dmarc=pass\n" +
	"From: \"<b>Bank</b>\" <help@bank.example>\nReply-To: thief@evil.example\nAuto-Submitted: auto-generated\nList-Unsubscribe: <https://evil.example/\"><img src=x>>\n\nText"

// What somebody pastes is explained, in either language, and none of it gets out of its place.
func TestPastedHeaders(t *testing.T) {
	_, s := live(t, Config{Hosts: oneHost})
	b := s.as(t, "")
	b.login("ann@example.org")
	got := b.post("/headers", "/headers", "text", pasted)
	got.wants(t, 200,
		"\u2068mail.far.example (192.0.2.1)\u2069 handed it to \u2068mx.example.org\u2069.", "encrypted (TLS)", "60 seconds after the step before", "not encrypted",
		"before the step before, which can", "SPF: the server that sent it may send for \u2068a@far.example\u2069.", "\u2068DKIM\u2069: could not be found out, since the DNS did not answer.",
		"DMARC: it does not come from the domain", "It does not come from the domain that it says it is from", "\u2068VBR\u2069: \u2068pass\u2069.",
		"They took it for spam.", "It has \u20689\u2069 points. What has \u20687.5\u2069 is spam.", "<dt>words</dt>", "stands where anybody may have written it",
		"which is of another domain than the author. Lists do that", "A program wrote it.", "&lt;b&gt;Bank&lt;/b&gt;", "‹U&#43;202E›evil")
	for _, wrong := range []string{"<script>alert", "<b>", "<img src=x", "\u202e", "No server of ours wrote the top lines"} {
		if strings.Contains(got.body, wrong) {
			t.Errorf("%q is in the page", wrong)
		}
	}
	if n := strings.Count(got.body, `badge--good">this server`); n != 1 {
		t.Errorf("%d steps are told to be by this server, want 1", n)
	}
	b.post("/account", "/account/language", "language", "fr")
	b.post("/headers", "/headers", "text", pasted).wants(t, 200, "l’a remis à", "Ils l’ont pris pour du spam.", "60 secondes après l’étape précédente")
}

// Each result that has words of its own is a whole sentence, in either language.
func TestResultWords(t *testing.T) {
	_, s := live(t, Config{Hosts: oneHost})
	b := s.as(t, "")
	b.login("ann@example.org")
	for _, lang := range []string{"en", "fr"} {
		b.post("/account", "/account/language", "language", lang)
		for _, method := range []string{"spf", "dkim", "dmarc", "arc", "iprev", "auth"} {
			for _, value := range []string{"pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"} {
				header := "Received: by mx.example.org\nAuthentication-Results: mx.example.org; " + method + "=" + value + "\nFrom: a@far.example\n"
				if got := b.post("/headers", "/headers", "text", header); got.StatusCode != 200 || strings.Contains(got.body, "%!") || strings.Contains(got.body, "headers."+method) {
					t.Errorf("%s, %s=%s: %s", lang, method, value, got.Status)
				}
			}
		}
	}
}

// What no server of ours wrote is told to be nobody's word.
func TestForeignHeaders(t *testing.T) {
	_, s := live(t, Config{Hosts: oneHost})
	b := s.as(t, "")
	b.login("ann@example.org")
	_, below, _ := strings.Cut(pasted, "tests=rdns: 2, words: spam\n")
	got := b.post("/headers", "/headers", "text", below)
	got.wants(t, 200, "No server of ours wrote the top lines", "Nothing that can be believed tells whether it comes from whom it says.")
	for _, wrong := range []string{"DMARC: it comes", "took it for spam", `badge--good`} {
		if strings.Contains(got.body, wrong) {
			t.Errorf("%q is in the page", wrong)
		}
	}
	b.post("/headers", "/headers", "text", "From the other day\nnothing").wants(t, 422, "There is no header in that")
	if got := b.post("/headers", "/headers", "text", strings.Repeat("x", maxPasted)); got.StatusCode != 413 {
		t.Errorf("what is too large: got %s", got.Status)
	}
}
