package mail

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
)

func TestExtract(t *testing.T) {
	m := NewMessage([]byte(crlf("Subject: =?utf-8?q?caf=C3=A9?=\nContent-Type: multipart/mixed; boundary=b\n\n" +
		"--b\nContent-Type: text/plain; charset=iso-8859-1\n\nplain \xe9 see http://a.example/x?y=1, (www.b.example).\n" +
		"--b\nContent-Type: text/html\n\n<p>vi<b></b>agra &eacute;<a href='http://c.example/'>click</a>\n" +
		"--b\nContent-Type: image/png; name=x.png\n\nxxx\n" +
		"--b\nContent-Type: message/rfc822\n\nSubject: inner\n\nforwarded\n--b--\n")))
	e := m.Extract()
	if e.Subject != "café" {
		t.Errorf("subject %q", e.Subject)
	}
	if want := "plain é see http://a.example/x?y=1, (www.b.example).\nforwarded\n"; e.Text != want {
		t.Errorf("text: got %q, want %q", e.Text, want)
	}
	if want := "viagra éclick\n"; e.Visible != want {
		t.Errorf("visible: got %q, want %q", e.Visible, want)
	}
	if want := "<p>vi<b></b>agra &eacute;<a href='http://c.example/'>click</a>\n"; e.HTML != want {
		t.Errorf("html: got %q, want %q", e.HTML, want)
	}
	if want := []string{"http://c.example/", "http://a.example/x?y=1", "www.b.example"}; !slices.Equal(e.URLs(), want) {
		t.Errorf("urls: got %q, want %q", e.URLs(), want)
	}
	if want := []string{"x.png"}; !slices.Equal(e.Filenames, want) || e.Cut {
		t.Errorf("filenames: got %q, want %q, cut %v", e.Filenames, want, e.Cut)
	}
	if want := e.Text + "\n" + e.Visible; e.Body() != want {
		t.Errorf("body: got %q, want %q", e.Body(), want)
	}
}

func TestLinks(t *testing.T) {
	html := `<a href=" http://a.example/?a=1&amp;b=2 ">Go <b>www.bank.example</b><img alt=now src=cid:1></a><a href="#x">in</a>` +
		`<form action=/b><input type=Password></form><form></form>` +
		"<meta http-equiv=refresh content=\"0; URL='http://c.example'\"><a href='/b\nc'><area href=/d><img src=/e.png><base href=/f>" +
		`http://g.example`
	text := "xhttp://no.example HTTPS://d.example/(x) http:// <http://e.example>"
	m := NewMessage([]byte(crlf("Content-Type: multipart/mixed; boundary=b\n\n--b\n\n" + text + "\n--b\nContent-Type: text/html\n\n" + html + "\n--b--\n")))
	e := m.Extract()
	want := []Link{
		{"http://a.example/?a=1&b=2", "Go www.bank.example now", LinkAnchor},
		{"/b", "", LinkForm},
		{"http://c.example", "", LinkRefresh},
		{"/d", "", LinkArea},
		{"/e.png", "", LinkImage},
		{"/f", "", LinkOther},
		{"/bc", "http://g.example", LinkAnchor},
		{"HTTPS://d.example/(x", "", LinkPlain},
		{"http://e.example", "", LinkPlain},
	}
	if got := e.Links(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := e.URLs(), []string{want[0].URL, "/b", "http://c.example", "/d", "/e.png", "/f", "/bc", want[7].URL, want[8].URL}; !slices.Equal(got, want) {
		t.Errorf("urls: got %q, want %q", got, want)
	}
	if want := []Form{{"/b", true}, {"", false}}; !slices.Equal(e.Forms, want) {
		t.Errorf("forms: got %v, want %v", e.Forms, want)
	}
}

// TestPagesInLinks holds that an address which holds a whole page is a link where it can be
// followed, and a picture in the message none.
func TestPagesInLinks(t *testing.T) {
	m := NewMessage([]byte("Content-Type: text/html\r\n\r\n<img src=\"data:image/png;base64,AA\"><a href=\"data:text/html,x\">a</a>"))
	want := []Link{{"data:text/html,x", "a", LinkAnchor}}
	if got := m.Extract().Links(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestExtractBounds(t *testing.T) {
	text := strings.Repeat("http://a.example ", MaxExtract/10)
	for name, content := range map[string]string{
		"text":     "A: b\n\n" + text,
		"html":     "Content-Type: text/html\n\n" + strings.Repeat("<a href=x>", MaxExtract/5),
		"elements": "Content-Type: text/html\n\n" + strings.Repeat("<p><b><i>", MaxExtract/9+1) + "x",
		"ends":     "Content-Type: text/html\n\n" + strings.Repeat("<b>", 200) + strings.Repeat("</i>", MaxExtract/4),
	} {
		e := NewMessage([]byte(content)).Extract()
		if len(e.Text)+len(e.HTML) > MaxExtract+1 || len(e.Visible) > MaxExtract || !e.Cut {
			t.Errorf("%s: %d octets of text, %d of html, %d visible, cut %v", name, len(e.Text), len(e.HTML), len(e.Visible), e.Cut)
		}
	}
}

// TestExtractBehind holds that what no reader sees does not hide what he does: it takes no room,
// and where there is more text than fits, its end is read too.
func TestExtractBehind(t *testing.T) {
	const spam = "<p>buy <a href=http://a.example>now</a>"
	filler := strings.Repeat("x y ", MaxExtract/4+20_000)
	parts := func(list ...string) string {
		return "Content-Type: multipart/mixed; boundary=b\n\n--b\n" + strings.Join(list, "\n--b\n") + "\n--b--\n"
	}
	html := func(s string) string { return "Content-Type: text/html\n\n" + s }
	for _, tt := range []struct {
		name, content string
		cut           bool
	}{
		{"comment", html("<!-- " + filler + "-->" + spam), false},
		{"many comments", html(strings.Repeat("<!-- -->", MaxExtract/8+1) + spam), false},
		{"style", html("<style>" + filler + "</style>" + spam), false},
		{"script", html("<script>" + filler + "</script>" + spam), false},
		{"picture in its address", html("<img src=\"data:image/png;base64," + filler + "\">" + spam), false},
		{"encoded comment", "Content-Transfer-Encoding: base64\n" + html(base64.StdEncoding.EncodeToString([]byte("<!-- "+filler+"-->"+spam))), false},
		{"comment in a part before", parts(html("<!-- "+filler[:MaxExtract-100]+"-->"), html(spam)), false},
		{"comments in parts before", parts(html("<!-- "+filler+"-->"), html("<!-- "+filler+"-->"), html(spam)), false},
		{"hidden text", html("<p hidden>" + filler + "</p>" + spam), true},
		{"tags", html(strings.Repeat("<b></b>", MaxExtract/7+1) + spam), true},
		{"text", filler + " " + "buy http://a.example", true},
		{"text in a part before", parts("\n"+filler, "\n"+filler, html(spam)), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := NewMessage([]byte("A: b\n" + strings.TrimPrefix(tt.content, "x y "))).Extract()
			if !strings.Contains(e.Body(), "buy") || !slices.Contains(e.URLs(), "http://a.example") || e.Cut != tt.cut {
				t.Errorf("cut %v, %d octets of text, %d visible, links %q", e.Cut, len(e.Text), len(e.Visible), e.URLs())
			}
			if len(e.Text)+len(e.Visible)+len(e.Hidden) > MaxExtract+100 || len(e.HTML) > MaxExtract+10 {
				t.Errorf("%d octets of text, %d visible, %d hidden, %d of HTML", len(e.Text), len(e.Visible), len(e.Hidden), len(e.HTML))
			}
		})
	}
}
