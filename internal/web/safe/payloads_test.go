package safe

import (
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gatepost/internal/mail"

	"golang.org/x/net/html"
)

// payloads returns what testdata has against sanitisers.
func payloads(t testing.TB) (list []string) {
	b, err := os.ReadFile("testdata/blns.json")
	if err == nil {
		err = json.Unmarshal(b, &list)
	}
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile("testdata/payloads.txt")
	if err != nil {
		t.Fatal(err)
	}
	escapes := regexp.MustCompile(`\\(n|0|x[0-9a-f]{2}|u[0-9a-f]{4})`)
	for line := range strings.Lines(string(own)) {
		if line = strings.TrimRight(line, "\n"); line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		list = append(list, escapes.ReplaceAllStringFunc(line, func(s string) string {
			switch s[1] {
			case 'n':
				return "\n"
			case '0':
				return "\x00"
			}
			n, _ := strconv.ParseUint(s[2:], 16, 32) // the expression lets no other through
			return string(rune(n))
		}))
	}
	if len(list) < 400 {
		t.Fatalf("only %d payloads were read", len(list))
	}
	return list
}

// htmlMail is a message with that HTML and nothing else.
func htmlMail(source string) *mail.Message {
	return mail.NewMessage([]byte("From: a@example.org\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + source))
}

// oracle says what is dangerous in a document. It knows nothing of how the document was made:
// it parses it as browsers do, and holds all that is found against what may be there.
func oracle(document []byte) (bad []string) {
	root, err := html.Parse(strings.NewReader(string(document)))
	if err != nil {
		return []string{err.Error()}
	}
	elements := words(`html head body title style meta p div blockquote pre h1 h2 h3 h4 h5 h6 ul ol li dl dt dd br hr wbr
		table thead tbody tfoot tr td th b strong i em u s del ins sub sup small code kbd samp q cite span bdi img`)
	attributes := words(`class title dir lang align colspan rowspan start alt width height src`)
	image := regexp.MustCompile(`^data:image/(png|gif|jpeg);base64,[A-Za-z0-9+/]*=*$`)
	ours := 0 // elements of the page, which has each once
	for n := range root.Descendants() {
		switch n.Type {
		case html.CommentNode:
			bad = append(bad, "comment "+n.Data)
		case html.ElementNode:
			if !elements[n.Data] || n.Namespace != "" {
				bad = append(bad, "element "+n.Namespace+" "+n.Data)
			}
			switch n.Data {
			case "style", "title", "html", "head", "body":
				ours++
			case "meta":
				ours++
				continue
			}
			for _, a := range n.Attr {
				switch {
				case !attributes[a.Key] || a.Namespace != "":
					bad = append(bad, n.Data+" has "+a.Key)
				case a.Key == "src" && (n.Data != "img" || !image.MatchString(a.Val)):
					bad = append(bad, n.Data+" loads "+a.Val)
				}
			}
		}
	}
	if ours != 9 {
		bad = append(bad, "the page's own elements were "+strconv.Itoa(ours))
	}
	return bad
}

func words(s string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(s) {
		set[w] = true
	}
	return set
}

// stable says whether a document is the same after it was parsed and written again.
func stable(document []byte) bool {
	once := rewrite(string(document))
	return once == rewrite(once)
}

func rewrite(s string) string {
	root, err := html.Parse(strings.NewReader(s))
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	if err := html.Render(&b, root); err != nil {
		return err.Error()
	}
	return b.String()
}

func check(t *testing.T, source string) View {
	t.Helper()
	v, err := Render(t.Context(), htmlMail(source), Options{Lang: "en", Words: english})
	if err != nil {
		t.Fatal(err)
	}
	if !v.HTML && strings.TrimSpace(source) != "" {
		t.Errorf("%q was not settled:\n%s", source, body(v))
	}
	for _, b := range oracle(v.Document) {
		t.Errorf("%q: %s in\n%s", source, b, body(v))
	}
	if !stable(v.Document) {
		t.Errorf("%q: parsed and written again it is another:\n%s", source, body(v))
	}
	return v
}

func TestPayloads(t *testing.T) {
	all := payloads(t)
	for _, p := range all {
		check(t, p)
	}
	check(t, strings.Join(all, ""))
}

// A sanitiser that lets all through would be seen by the oracle.
func TestOracleSees(t *testing.T) {
	seen := 0
	for _, p := range payloads(t) {
		if len(oracle(document(Options{}, p))) > 0 {
			seen++
		}
	}
	if seen < 250 {
		t.Errorf("the oracle finds something in %d payloads only", seen)
	}
}

// Each of the two stages that write is enough by itself.
func TestStagesAlone(t *testing.T) {
	for _, p := range payloads(t) {
		c := newCleaner(english, newImages(htmlMail(""), t.Context().Err))
		for _, b := range oracle(document(Options{}, c.clean(p))) {
			t.Errorf("the cleaner leaves %s of %q", b, p)
		}
		for _, b := range oracle(document(Options{}, gate().Sanitize(p))) {
			t.Errorf("the gate leaves %s of %q", b, p)
		}
	}
}

func FuzzHTML(f *testing.F) {
	for _, p := range payloads(f) {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, source string) {
		c := newCleaner(english, newImages(htmlMail(""), t.Context().Err))
		cleaned := c.clean(source)
		if _, ok := settle(cleaned); !ok {
			t.Errorf("not settled: %q", cleaned)
		}
		check(t, source)
	})
}

func FuzzRender(f *testing.F) {
	for _, m := range messages {
		f.Add([]byte(crlf(m)))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		m := mail.NewMessage(content)
		for _, plain := range []bool{false, true} {
			v, err := Render(t.Context(), m, Options{Words: english, Plain: plain})
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range oracle(v.Document) {
				t.Errorf("%s in\n%s", b, v.Document)
			}
		}
		if parts, _ := List(m); len(parts) > MaxListed {
			t.Errorf("%d parts are listed", len(parts))
		}
	})
}
