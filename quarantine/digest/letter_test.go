package digest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/token"
)

var update = flag.Bool("update", false, "write golden files anew")

var morning = time.Date(2026, 11, 25, 5, 0, 0, 0, time.UTC)

// links have keys that are their names.
func links(base string) Links {
	keys := func(_ context.Context, name string) ([]byte, error) { return []byte(name), nil }
	return Links{Base: base, Tokens: token.New(keys, func() time.Time { return morning })}
}

func writer(t *testing.T) *Writer {
	t.Helper()
	w, err := NewWriter("mx.example.org", links("https://mail.example.org"), "en")
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func paris(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// hostile are rows as strangers write them.
func hostile() []Row {
	row := func(id, author, sender, subject, filter string) Row {
		return Row{
			ID: "held" + id, Recipient: "ann@example.org", Author: author, Sender: mail.Path(sender), Subject: subject, Filter: filter,
			Time: morning.Add(-9 * time.Hour), Expires: morning.Add(29 * 24 * time.Hour), Proven: true,
		}
	}
	plain := row("1", "Bob Martin <bob@client.example>", "bob@client.example", "Facture d’octobre 2026, no 4711", "score")
	links := row("2", `"http://login.evil.example/" <support@bank.example>`, "bounce@evil.example", "Confirm at https://evil.example/login?u=1 or www.evil.example now", "spf")
	links.Proven = false
	controls := row("3", "A\r\nBcc: x@y.example\x00 <a@b.example>", "", "one\r\nX-Evil: yes\x1b[31m\u202egnp.exe\u202c\u200b two\ttabs", "dnsbl")
	long := row("4", strings.Repeat("very long name ", 30)+"<l@long.example>", "l@long.example", strings.Repeat("Wörter ", 60)+strings.Repeat("x", 300), "keywords")
	markup := row("5", `<script>alert(1)</script> <"><b>@evil.example>`, "b@evil.example", `<img src=x onerror=alert(1)> </td></table> {{.}} %s %d`, "my own: <filter>")
	danger := row("6", "Accounts <accounts@supplier.example>", "accounts@supplier.example", "Invoice", "antivirus")
	danger.Guarded, danger.Recipient = true, "sales@example.org"
	asked := danger
	asked.ID, asked.Asked, asked.Subject = "held7", morning.Add(-time.Hour), ""
	hebrew := row("8", "משה <moshe@shop.example>", "moshe@shop.example", "מבצע סוף שנה 50% Z̷̢̛̛̛͓̈́̈́ä̸l̵g̶o", "rdns")
	return []Row{plain, links, controls, long, markup, danger, asked, hebrew}
}

func letters(t *testing.T) map[string]Letter {
	reader := Reader{Key: Key{Box: 1}, Address: "ann@example.org", Domain: "example.org", Zone: paris(t)}
	all := Letter{
		Reader: reader, Time: morning, ID: "0digest",
		Fresh:  Part{Rows: hostile(), Count: 1234},
		Ending: Part{Rows: []Row{{ID: "old", Recipient: "ann@example.org", Author: "Shop <shop@shop.example>", Sender: "shop@shop.example", Subject: "Sale", Filter: "keywords", Time: morning.Add(-28 * 24 * time.Hour), Expires: morning.Add(30 * time.Hour)}}, Count: 1},
	}
	few := all
	few.Fresh = Part{Rows: hostile()[:1], Count: 1}
	few.Ending = Part{}
	ending := all
	ending.Fresh = Part{}
	ending.Reader.Address, ending.Reader.Domain, ending.Reader.Name = "jörg@xn--mller-kva.example", "xn--mller-kva.example", "müller.example"
	cases := map[string]Letter{}
	for _, lang := range []string{"en", "fr"} {
		for name, l := range map[string]Letter{"all": all, "one": few, "ending": ending} {
			l.Reader.Language = lang
			cases[name+"."+lang] = l
		}
	}
	return cases
}

// parts reads a mail as another program does.
func parts(t *testing.T, b []byte) (header netmail.Header, text, html string) {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s, %v", kind, err)
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	var got []string
	for _, want := range []string{"text/plain; charset=utf-8", "text/html; charset=utf-8"} {
		p, err := r.NextRawPart()
		if err != nil || p.Header.Get("Content-Type") != want || p.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
			t.Fatalf("part %v, %v", p, err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.ReplaceAll(string(body), "\r\n", "\n"))
	}
	if _, err := r.NextPart(); err != io.EOF {
		t.Errorf("a third part: %v", err)
	}
	return m.Header, got[0], got[1]
}

func TestWriteGolden(t *testing.T) {
	w := writer(t)
	for name, l := range letters(t) {
		t.Run(name, func(t *testing.T) {
			b, err := w.Write(t.Context(), l)
			if err != nil {
				t.Fatal(err)
			}
			_, text, html := parts(t, b)
			head, _, _ := strings.Cut(string(b), "\r\n\r\n")
			golden(t, name+".head.txt", strings.ReplaceAll(head, "\r\n", "\n")+"\n")
			golden(t, name+".txt", text)
			golden(t, name+".html", html)
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s\n%v", name, got, want, err)
	}
}

// What a mail has must hold whatever strangers wrote: lines that every server takes,
// fields once, and no link but ours.
func TestWriteIsSafe(t *testing.T) {
	w := writer(t)
	for name, l := range letters(t) {
		b, err := w.Write(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		head, body, _ := bytes.Cut(b, []byte("\r\n\r\n"))
		for line := range bytes.SplitSeq(body, []byte("\r\n")) {
			if len(line) > 76 || bytes.ContainsFunc(line, func(c rune) bool { return c > '~' || c < ' ' && c != '\t' }) {
				t.Errorf("%s: line %q", name, line)
			}
		}
		for _, field := range []string{"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "List-Unsubscribe", "List-Unsubscribe-Post"} {
			if n := strings.Count("\r\n"+string(head), "\r\n"+field+": "); n != 1 {
				t.Errorf("%s: %d times %s", name, n, field)
			}
		}
		_, text, html := parts(t, b)
		for _, part := range []string{text, html} {
			if n, ours := strings.Count(part, "://"), strings.Count(part, "https://mail.example.org/"); n != ours || n == 0 {
				t.Errorf("%s: %d links, %d of them ours", name, n, ours)
			}
		}
		for _, never := range []string{"<script", "<img", "javascript:", " src=\"", "@import", "url("} {
			if strings.Contains(html, never) {
				t.Errorf("%s: the page has %s", name, never)
			}
		}
	}
}

// Both parts have the same links: those that a row may have, and no others.
func TestWriteLinks(t *testing.T) {
	w := writer(t)
	for name, tt := range map[string]struct {
		row  Row
		want string
	}{
		"proven":       {Row{Sender: "a@b.example", Proven: true}, "release allow block"},
		"not proven":   {Row{Sender: "a@b.example"}, "release block"},
		"null sender":  {Row{}, "release"},
		"dangerous":    {Row{Sender: "a@b.example", Proven: true, Guarded: true}, "ask block"},
		"asked before": {Row{Sender: "a@b.example", Guarded: true, Asked: morning}, "block"},
		"elsewhere":    {Row{Sender: "a@b.example", Proven: true}, "release"},
	} {
		tt.row.ID, tt.row.Expires = "held1", morning.Add(time.Hour)
		l := Letter{Reader: Reader{Key: Key{Box: 1}, Address: "ann@example.org", Domain: "example.org", Zone: time.UTC}, Fresh: Part{[]Row{tt.row}, 1}, Time: morning, ID: "0digest"}
		if name == "elsewhere" {
			l.Reader.Key = Key{Recipient: "ann@example.org"}
		}
		b, err := w.Write(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		_, text, html := parts(t, b)
		for _, part := range []string{text, html} {
			var got []string
			for _, m := range regexp.MustCompile(`/d/([\w-]+)`).FindAllStringSubmatch(part, -1) {
				act, held, err := w.links.Opened(t.Context(), m[1])
				if err != nil || held != "held1" {
					t.Errorf("%s: %s of %s, %v", name, act, held, err)
				}
				got = append(got, string(act))
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("%s: got %q, want %q", name, got, tt.want)
			}
			u := regexp.MustCompile(`/u/([\w-]+)`).FindStringSubmatch(part)
			if who, err := w.links.Stopped(t.Context(), u[1]); err != nil || who != "ann@example.org" {
				t.Errorf("%s: stops %s, %v", name, who, err)
			}
		}
	}
}

// Tokens are worth nothing for another purpose, or changed.
func TestOpenedRefuses(t *testing.T) {
	l := links("https://mail.example.org")
	act, err := l.Act(t.Context(), Release, Row{ID: "held1", Expires: morning.Add(time.Hour)}, morning)
	if err != nil {
		t.Fatal(err)
	}
	stop, err := l.Stop(t.Context(), "ann@example.org", morning)
	if err != nil {
		t.Fatal(err)
	}
	act, stop = strings.TrimPrefix(act, l.Base+"/d/"), strings.TrimPrefix(stop, l.Base+"/u/")
	if _, err := l.Stopped(t.Context(), act); !errors.Is(err, token.ErrToken) {
		t.Errorf("an act's stops: %v", err)
	}
	for name, text := range map[string]string{"another purpose": stop, "nothing": "", "cut": act[1:], "changed": "A" + act[1:]} {
		if a, held, err := l.Opened(t.Context(), text); !errors.Is(err, token.ErrToken) || a != "" || held != "" {
			t.Errorf("%s: got %s, %s, %v", name, a, held, err)
		}
	}
	odd, err := l.Tokens.Seal(t.Context(), purposeAct, token.Statement{Made: morning, Expires: morning.Add(time.Hour), Fields: []string{"delete", "held1"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Opened(t.Context(), odd); !errors.Is(err, token.ErrToken) {
		t.Errorf("an unknown act: %v", err)
	}
}

// Another program reads the author as it was meant.
func TestWriteFrom(t *testing.T) {
	for name, l := range letters(t) {
		b, err := writer(t).Write(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		header, _, _ := parts(t, b)
		from, err := header.AddressList("From")
		want := cmp.Or(l.Reader.Name, l.Reader.Domain)
		if err != nil || len(from) != 1 || from[0].Address != "postmaster@"+l.Reader.Domain || !strings.HasSuffix(from[0].Name, " "+want) {
			t.Errorf("%s: from %+v, %v", name, from, err)
		}
	}
}

func TestFirstOfTheMonth(t *testing.T) {
	for lang, want := range map[string]string{"en": "Fri 1 Jan 2027", "fr": "ven. 1er janv. 2027"} {
		p := phrases{texts: writer(t).texts, lang: lang, zone: time.UTC}
		if got := strings.ReplaceAll(p.day(time.Date(2027, 1, 1, 6, 0, 0, 0, time.UTC)), "\u00a0", " "); got != want {
			t.Errorf("%s: got %q, want %q", lang, got, want)
		}
	}
}
