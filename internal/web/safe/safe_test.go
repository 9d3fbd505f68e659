package safe

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatepost/internal/mail"
)

var english = Words{
	Image: "image not loaded", Content: "content not loaded", Link: "leads to", Form: "form, sends to", Message: "Attached message",
	From: "From", To: "To", Date: "Date", Subject: "Subject", Cut: "The rest is not shown.", Empty: "This message has no text.", Title: "Message",
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// body returns what Render wrote between its page's begin and end.
func body(v View) string {
	_, s, _ := strings.Cut(string(v.Document), `<body><div dir="auto">`)
	s, _, _ = strings.Cut(s, "</div></body>")
	return s
}

// dot is a GIF of one pixel.
const dot = "R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="

// messages are of each shape that mail has.
var messages = map[string]string{
	"plain": "Content-Type: text/plain; charset=iso-8859-1\n\ncaf\xe9 <b>\n> quoted\n>> more\nhttps://evil.example/\n",
	"alternatives": "Content-Type: multipart/alternative; boundary=b\n\n--b\n\nplain text\n--b\nContent-Type: text/html\n\n<p>html text</p>\n--b\n" +
		"Content-Type: text/calendar\n\nBEGIN:VCALENDAR\n--b--\n",
	"related": "Content-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n<img src=\"cid:dot%40x\" alt=D width=9><img src=cid:none><img src=cid:svg>\n--b\n" +
		"Content-Type: image/jpeg; name=dot.gif\nContent-ID: <dot@x>\nContent-Transfer-Encoding: base64\n\n" + dot + "\n--b\n" +
		"Content-Type: image/svg+xml\nContent-ID: <svg>\n\n<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>\n--b--\n",
	"attached": "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nsee there\n--b\nContent-Type: message/rfc822\n\n" +
		"From: =?utf-8?q?C=C3=A9line?= <c@example.org>\nSubject: <b>inner</b>\n\ninner text\n--b\n" +
		"Content-Type: application/pdf\nContent-Disposition: attachment; filename*=utf-8''r%E2%80%AEfdp.exe\nContent-Transfer-Encoding: base64\n\nAAAAAAAA\n--b--\n",
	"report": "Content-Type: multipart/report; boundary=b\n\n--b\n\nIt bounced.\n--b\nContent-Type: message/delivery-status\n\nAction: failed\n--b\n" +
		"Content-Type: text/rfc822-headers\n\nSubject: old\n--b--\n",
	"empty":  "Subject: nothing\n\n",
	"file":   "Content-Type: text/html; name=x.html\nContent-Disposition: attachment\n\n<b>x</b>\n",
	"broken": "Content-Type: multipart/mixed\n\nno boundary <i>\n",
}

func TestRender(t *testing.T) {
	for name, test := range map[string]struct {
		plain bool
		want  string
		view  View
	}{
		"plain": {want: `<div class="text">café &lt;b&gt;
<span class="q1">&gt; quoted
</span><span class="q2">&gt;&gt; more
</span>https://evil.example/
</div>`},
		"alternatives":       {want: `<p>html text</p>`, view: View{HTML: true, Other: true}},
		"alternatives plain": {plain: true, want: `<div class="text">plain text</div>`, view: View{Other: true}},
		"related": {want: `<img alt="D" width="9" src="data:image/gif;base64,` + dot + `"/><span class="box">image not loaded</span><span class="box">image not loaded</span>`,
			view: View{HTML: true, Remote: 2}},
		"attached": {want: `<div class="text">see there</div><div class="message"><p class="note">Attached message</p><table><tbody>` +
			`<tr><th>From</th><td><bdi>Céline &lt;c@example.org&gt;</bdi></td></tr><tr><th>Subject</th><td><bdi>&lt;b&gt;inner&lt;/b&gt;</bdi></td></tr></tbody></table>` +
			`<hr/><div class="text">inner text</div></div>`},
		"report": {want: `<div class="text">It bounced.</div><hr/><div class="text">Action: failed</div><hr/><div class="text">Subject: old</div>`},
		"empty":  {want: `<p class="note">This message has no text.</p>`},
		"file":   {want: `<p class="note">This message has no text.</p>`},
		"broken": {want: "<div class=\"text\">no boundary &lt;i&gt;\n</div>"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := Render(t.Context(), mail.NewMessage([]byte(crlf(messages[strings.Fields(name)[0]]))), Options{Lang: "en", Words: english, Plain: test.plain})
			if err != nil {
				t.Fatal(err)
			}
			if got := body(v); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			if v.Document = nil; fmt.Sprint(v) != fmt.Sprint(test.view) {
				t.Errorf("got %+v, want %+v", v, test.view)
			}
		})
	}
}

func TestList(t *testing.T) {
	for name, want := range map[string]string{
		"plain":    "[] true",
		"attached": "[{r‹U+202E›fdp.exe application/pdf 6}] true",
		"related":  "[{dot.gif image/jpeg 39} { image/svg+xml 59}] true",
		"file":     "[{x.html text/html 10}] true",
	} {
		parts, all := List(mail.NewMessage([]byte(crlf(messages[name]))))
		if got := fmt.Sprint(parts, all); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	many := "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\nContent-Type: image/png\n\nx\n", MaxListed+1) + "--b--\n"
	if parts, all := List(mail.NewMessage([]byte(crlf(many)))); len(parts) != MaxListed || all {
		t.Errorf("got %d parts, all: %v", len(parts), all)
	}
}

func TestClean(t *testing.T) {
	for name, test := range map[string]struct{ source, want string }{
		"paragraphs":       {`<p>a<p>b<b>c<div>d</div></b>`, `<p>a</p><p>b<b>c</b></p><div>d</div>`},
		"lists":            {`<ul><li>a<li>b<ul><li>c</ul></ul><li>d</li>e`, `<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul><div>d</div>e`},
		"terms":            {`<dl><dt>a<dd>b<dt>c</dl>`, `<dl><dt>a</dt><dd>b</dd><dt>c</dt></dl>`},
		"tables":           {`<table><td>a<td>b<tr>c<th colspan=2 rowspan=999>d</table>e`, `<table><tbody><tr><td>a</td><td>b</td></tr><tr><td>c</td><th colspan="2">d</th></tr></tbody></table>e`},
		"caption":          {`<table><caption>a</caption><tr><td>b</table>`, `<table><tbody><tr><td><div>a</div></td></tr><tr><td>b</td></tr></tbody></table>`},
		"no table":         {`<tr><td>a</td></tr></table>b`, `ab`},
		"end reaches":      {`<b><table><td></b></table>a</b>b`, `<b><table><tbody><tr><td></td></tr></tbody></table>a</b>b`},
		"unknown":          {`<o:p>a</o:p><svg><text>b</text></svg><font color=red>c</font></unknown>`, `abc`},
		"hidden is seen":   {`<div style="display:none">a</div><span style="font-size:0">b</span>`, `<div>a</div><span>b</span>`},
		"scripts":          {`<script>a</script><style>b</style><title>c</title>d<noscript><i>e</i></noscript>`, `d<i>e</i>`},
		"bold in table":    {`<table><b>a<tr><td>b</table>`, `<table><tbody><tr><td><b>a</b></td></tr><tr><td>b</td></tr></tbody></table>`},
		"pre":              {"<pre>\n\n a\r\n</pre>", "<pre>\n\n a\n</pre>"},
		"attributes":       {`<p dir=RTL lang=ar align=CENTER id=x class=note title=y onclick=z>a</p><ol start=3 start=4><li>b</ol>`, `<p dir="rtl" lang="ar" align="center">a</p><ol start="3"><li>b</li></ol>`},
		"overrides":        {"a\u202eb\x07", "a‹U+202E›b␇"},
		"remote image":     {`<img src="https://t.example/p?id=1" alt=" Sale! ">`, `<span class="box">image not loaded: <bdi>Sale!</bdi> <bdi class="to">t.example</bdi></span>`},
		"frame":            {`<iframe src=//f.example/>x</iframe>y`, `<span class="box">content not loaded <bdi class="to">f.example</bdi></span>y`},
		"form":             {`<form action="https://evil.example/login">Password <input name=p></form>`, ` <span class="to" title="https://evil.example/login">form, sends to <bdi dir="ltr">https://<b>evil.example</b>/login</bdi></span> Password `},
		"false mark":       {`<span class="to">bank.example</span>`, `<span>bank.example</span>`},
		"link with blocks": {`<a href=https://a.example/><div>x</div></a>y`, `<span class="link"><div>x</div></span> <span class="to" title="https://a.example/">leads to <bdi dir="ltr">https://<b>a.example</b>/</bdi></span>y`},
		"link without end": {`<a href=http://a.example/>x<a href=#y>z`, `<span class="link">x</span> <span class="to" title="http://a.example/">leads to <bdi dir="ltr">http://<b>a.example</b>/</bdi></span><span class="link">z</span>`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := body(check(t, test.source)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestTarget(t *testing.T) {
	for address, want := range map[string][3]string{
		"https://a.example/b?c#d":               {"https://", "a.example", "/b?c#d"},
		"HTTPS:\\\\a.example\\b":                {"HTTPS://", "a.example", `\b`},
		" ht\ntps:a.example/b":                  {"https://", "a.example", "/b"},
		"//a.example":                           {"//", "a.example", ""},
		"https://bank.example@evil.example:8/x": {"https://bank.example@", "evil.example:8", "/x"},
		"https://bank.example\\@evil.example/":  {"https://", "bank.example", `\@evil.example/`},
		"https://evil.example?@bank.example":    {"https://", "evil.example", "?@bank.example"},
		"https://аррӏе.example/":                {"https://", "xn--80ak6aa92e.example", "/"},
		"https://ev%69l.EXAMPLE/":               {"https://", "evil.example", "/"},
		"https://ｅｖｉｌ。example/":                 {"https://", "evil.example", "/"},
		"http://[::1]/":                         {"http://", "[::1]", "/"},
		"mailto:ann@example.org?subject=x":      {"mailto:ann@", "example.org", "?subject=x"},
		"javascript:alert(1)":                   {"javascript:alert(1)", "", ""},
		"/relative":                             {"/relative", "", ""},
		"":                                      {"", "", ""},
	} {
		before, host, after := parts(address)
		if got := [3]string{before, host, after}; got != want {
			t.Errorf("%q: got %q, want %q", address, got, want)
		}
	}
}

func TestFalseTarget(t *testing.T) {
	for text, want := range map[string]bool{
		"https://bank.example/":             true,
		"<b>www.bank.example</b>":           true,
		"bank.example":                      true,
		"evil.example":                      false,
		"https://login.evil.example/x":      false,
		"Click here":                        false,
		"version 1.2":                       false,
		"<img src='x'>":                     false,
		"bank.example and others":           false,
		"evil.example@bank.example":         true,
		"https://bank.example@evil.example": false,
	} {
		got := strings.Contains(target("leads to", "https://www.evil.example/", text), `class="to false"`)
		if got != want {
			t.Errorf("%q: false: %v, want %v", text, got, want)
		}
	}
}

// cpu is the time that the process has computed; a loaded machine does not change it.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// What is meant to cost much costs little: seconds at most, also under the race detector.
func TestBounds(t *testing.T) {
	n := func(s string) string { return strings.Repeat(s, MaxSource/len(s)) }
	var formats strings.Builder
	for i := range 400 {
		fmt.Fprintf(&formats, "<b lang=a%d>", i)
	}
	for name, source := range map[string]string{
		"deep":         n("<div>"),
		"tables":       n("<table>"),
		"cells":        n("<table><td>"),
		"formats":      formats.String() + n("<p>"),
		"ends":         n("<div>")[:MaxSource/2] + n("</p>")[:MaxSource/2],
		"elements":     n("<br>"),
		"attributes":   "<p " + n("a=b ") + ">x",
		"same":         "<p " + n("dir=ltr ") + ">x",
		"links":        n(`<a href="http://a.example/">`),
		"open":         n("<"),
		"comment":      "<!--" + n("-"),
		"entities":     n("&lt;"),
		"one image":    n(`<img src="data:image/gif;base64,` + dot + `">`),
		"long address": `<a href="http://` + n("a") + `">x</a>`,
		"quotes":       n(">"),
		"text":         n("x "),
	} {
		t.Run(name, func(t *testing.T) {
			begin := cpu(t)
			v := check(t, source+"THE END")
			if took := cpu(t) - begin; took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			if len(v.Document) > 2*maxOutput+maxWritten {
				t.Errorf("the document has %d octets", len(v.Document))
			}
			if strings.Contains(string(v.Document), "THE END") != !strings.Contains(body(v), english.Cut) {
				t.Errorf("what is cut is not told, or told without need: %.300s", body(v))
			}
		})
	}
}

func TestImages(t *testing.T) {
	gif := func(width, height string) string { return "GIF89a" + width + height + "\x00\x00\x00" }
	m := func(content string) *mail.Message {
		return mail.NewMessage([]byte("Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<img src=cid:i>\r\n--b\r\nContent-Type: image/gif\r\nContent-ID: <i>\r\nContent-Transfer-Encoding: binary\r\n\r\n" + content + "\r\n--b--\r\n"))
	}
	for name, test := range map[string]struct {
		message *mail.Message
		shown   bool
	}{
		"small":         {m(gif("\x01\x00", "\x01\x00")), true},
		"many pixels":   {m(gif("\xff\xff", "\xff\xff")), false},
		"no pixels":     {m(gif("\x00\x00", "\x01\x00")), false},
		"many octets":   {m(gif("\x01\x00", "\x01\x00") + strings.Repeat("x", MaxImage)), false},
		"another thing": {m("<svg onload=alert(1)>"), false},
	} {
		v, err := Render(t.Context(), test.message, Options{Words: english})
		if err != nil || strings.Contains(body(v), "<img") != test.shown {
			t.Errorf("%s: got %.200s, %v", name, body(v), err)
		}
	}
}

// An image that is shown often is in the document once, but for a small one; all together
// are no more than the bound.
func TestImagesRepeated(t *testing.T) {
	dot, _ := base64.StdEncoding.DecodeString(dot)
	for name, c := range map[string]struct{ octets, want int }{"small": {100, 4}, "large": {900 << 10, 2}} {
		var b strings.Builder
		b.WriteString("Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n" + strings.Repeat("<img src=cid:1>", 2) + "<img src=cid:2><img src=cid:3>")
		for i := range 3 {
			image := string(dot) + strings.Repeat(string(rune('a'+i)), c.octets)
			fmt.Fprintf(&b, "\r\n--b\r\nContent-Type: image/gif\r\nContent-ID: <%d>\r\nContent-Transfer-Encoding: binary\r\n\r\n%s", i+1, image)
		}
		v, err := Render(t.Context(), mail.NewMessage([]byte(b.String()+"\r\n--b--\r\n")), Options{Words: english})
		if got := strings.Count(body(v), "<img"); err != nil || got != c.want || len(v.Document) > maxWritten+8<<10 {
			t.Errorf("%s: got %d images in %d octets, %v", name, got, len(v.Document), err)
		}
	}
}

// Who does not wait any more is not worked for.
func TestRenderEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v, err := Render(ctx, htmlMail("<p>text"), Options{Words: english})
	if !errors.Is(err, context.Canceled) || len(v.Document) > 0 {
		t.Errorf("got %q, %v", v.Document, err)
	}
}

func TestImagesTogether(t *testing.T) {
	var b strings.Builder
	b.WriteString("Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n")
	for i := range MaxImages + 9 {
		fmt.Fprintf(&b, "<img src=cid:%d>", i)
	}
	for i := range MaxImages + 9 {
		fmt.Fprintf(&b, "\r\n--b\r\nContent-Type: image/gif\r\nContent-ID: <%d>\r\nContent-Transfer-Encoding: base64\r\n\r\n%s", i, dot)
	}
	v, err := Render(t.Context(), mail.NewMessage([]byte(b.String()+"\r\n--b--\r\n")), Options{Words: english})
	if got := strings.Count(body(v), "<img"); err != nil || got != MaxImages || v.Remote != 9 {
		t.Errorf("got %d images, %d not shown, %v", got, v.Remote, err)
	}
}

// Messages in messages, without end.
func TestNested(t *testing.T) {
	v, err := Render(t.Context(), mail.NewMessage([]byte(strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 40)+"\r\ndeep")), Options{Words: english})
	if got := strings.Count(body(v), `class="message"`); err != nil || got != MaxNested || !v.Cut {
		t.Errorf("got %d, cut %v, %v", got, v.Cut, err)
	}
}

// A message whose content can't be read is an error, not a page.
func TestUnreadable(t *testing.T) {
	if _, err := Render(t.Context(), mail.NewSpooled(strings.NewReader("Subject: x\r\n"), 500), Options{}); err == nil {
		t.Error("no error")
	}
}

func TestPolicy(t *testing.T) {
	got := Policy()
	for _, want := range []string{"default-src 'none'", "img-src data:;", "style-src 'sha256-", "frame-ancestors 'self'", "; sandbox"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	if strings.Contains(got, "unsafe") {
		t.Error(got)
	}
}

func TestLine(t *testing.T) {
	for s, want := range map[string]string{
		"plain": "plain", "a\r\nb\tc": "a  b c", "x\u202egpj.exe": "x‹U+202E›gpj.exe", "a\x00\x7f\u0085": "a␀␡‹U+0085›",
		"שלום\u200f": "שלום\u200f", "\u2067x\u2069": "‹U+2067›x‹U+2069›", "👩‍💻": "👩‍💻", "bad\xff": "bad\ufffd",
	} {
		if got := Line(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}
