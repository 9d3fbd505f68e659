package bulk

import (
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"gatepost/internal/mail"
	"gatepost/internal/sketch"
	"gatepost/rules"
)

// letter is a message with a text of its own.
func letter(header, body string) *mail.Message {
	return mail.NewMessage([]byte(strings.ReplaceAll(header+"\n\n"+body, "\n", "\r\n")))
}

// A text that is long enough to be known by.
const offer = "our new collection of watches has arrived in the shop and you can order any of them today with a discount for all customers of the house"

func TestNormalise(t *testing.T) {
	const to = "To: Ann Miller <a.jones@here.example>\nSubject: x"
	for name, tt := range map[string]struct{ header, body, subject, want string }{
		"letters alone":       {to, "Buy  2 watches,\nnow -- at $19.99!!", "x", "buy watches now at"},
		"no addresses":        {to, "write to bob@far.example or see http://far.example/x?id=17 and www.far.example", "x", "write to or see and"},
		"not who it is to":    {to, "Dear Ann Miller, dear Jones, dear reader", "x", "dear dear dear reader"},
		"not what is quoted":  {to, "I agree.\n> Buy watches\n >> and rings\nBob", "x", "i agree bob"},
		"no signature":        {to, "I agree.\n-- \nBob Smith, the Firm", "x", "i agree"},
		"no original message": {to, "See below.\n-----Original Message-----\nFrom: Eve\nBuy watches", "x", "see below"},
		"no footer":           {to, "See you.\n_______________________________________________\nchat mailing list\nchat@lists.example", "x", "see you"},
		"a line in the text":  {to, "Watches\n====================\n" + strings.Repeat("Rings and more. ", 100), "x", "watches" + strings.Repeat(" rings and more", 100)},
		"no prefixes":         {"Subject: Re: AW: [7] Watches", "x", "watches", "x"},
		"what HTML shows": {"Subject: x\nContent-Type: text/html", "<p>Buy <b>wat</b>ches<style>p {}</style> today, it is the very last day of all</p>", "x",
			"buy watches today it is the very last day of all"},
		"each of the characters": {"Subject: x\nContent-Type: text/plain; charset=utf-8", "现在购买 now", "x", "现 在 购 买 now"},
	} {
		m := letter(tt.header, tt.body)
		n := Normalise(m, rules.Fold)
		subject := n.subject(m, rules.Fold)
		if n.Body.String() != tt.want || subject.String() != tt.subject {
			t.Errorf("%s: got %q, %q; want %q, %q", name, subject.String(), n.Body.String(), tt.subject, tt.want)
		}
	}
}

// What a reader of HTML sees counts, not the plain text beside it.
func TestNormaliseAlternative(t *testing.T) {
	m := letter("Content-Type: multipart/alternative; boundary=b", "--b\n\nrandom words of a story\n--b\nContent-Type: text/html\n\n<p>"+offer+"</p>\n--b--\n")
	if n := Normalise(m, rules.Fold); n.Body.String() != offer {
		t.Errorf("got %q", n.Body.String())
	}
}

func TestFingerprint(t *testing.T) {
	of := func(header, body string) Fingerprint { return Of(letter(header, body), rules.Fold) }
	base := of("To: ann@here.example\nSubject: watches", "Dear Ann,\n\n"+offer+"\nhttp://shop.example/?id=4711\n")
	for name, tt := range map[string]struct {
		f          Fingerprint
		same, near bool
	}{
		"another name, number, link and subject": {of("To: bob@there.example\nSubject: rings for 7", "Dear Bob,\n\n"+offer+"\nhttp://other.example/abc\n"), true, true},
		"broken in other places":                 {of("To: ann@here.example", "dear\n"+strings.ReplaceAll(offer, " ", "\n")), true, true},
		"some words more":                        {of("To: ann@here.example", "dear customer of ours\n"+offer), false, true},
		"quoted, and answered":                   {of("To: ann@here.example", "> "+offer+"\nno thanks, we have enough of them and will not order anything in the next few years, but do write again"), false, false},
	} {
		if equal := tt.f.Sketch.Equal(&base.Sketch); (tt.f.Sum == base.Sum) != tt.same || (equal >= 17) != tt.near {
			t.Errorf("%s: same sum %v, equal in %d places; want %v, near %v", name, tt.f.Sum == base.Sum, equal, tt.same, tt.near)
		}
	}
	short := of("Subject: your order has come", "see more at http://shop.example/a?1")
	if !short.Short || short.Sum.IsZero() || !short.Sketch.IsZero() {
		t.Errorf("a short text: %+v", short)
	}
	if other := of("Subject: your order 7 has come", "see more at http://shop.example/b?2"); other.Sum != short.Sum {
		t.Error("a short text with another number is another")
	}
	for name, f := range map[string]Fingerprint{
		"another host":    of("Subject: your order has come", "see more at http://far.example/a?1"),
		"another subject": of("Subject: your order has gone", "see more at http://shop.example/a?1"),
	} {
		if f.Sum == short.Sum {
			t.Errorf("%s: the same sum", name)
		}
	}
	if f := of("Subject: hi", "thanks"); !f.Short || !f.Sum.IsZero() {
		t.Errorf("next to no text: %+v", f)
	}
	if f := of("Subject: x", "yes\n> "+strings.Repeat(offer+"\n> ", 3)); !f.Quoted {
		t.Error("most of it is quoted, and that is not said")
	}
	if f := of("Subject: x", strings.Repeat(offer+" ", 2000)); !f.Cut {
		t.Error("it is cut, and that is not said")
	}
}

// slowly does what a reader does to a text, without thinking of time: all of it is folded, cut into tokens, and those into
// words.
func slowly(text string, names map[string]bool) (words []string) {
	for token := range strings.FieldsSeq(rules.Fold(text)) {
		if strings.Contains(token, "@") || strings.Contains(token, "://") || strings.HasPrefix(token, "www.") {
			continue
		}
		for word := range strings.FieldsFuncSeq(token, func(r rune) bool { return !unicode.IsLetter(r) }) {
			first, _ := utf8.DecodeRuneInString(word)
			switch {
			case names[word]:
			case unspaced(first):
				words = append(words, strings.Split(word, "")...)
			default:
				words = append(words, word)
			}
		}
	}
	return words
}

// What is read in one go is what reading slowly finds, and normal text is its own normal form.
func FuzzWords(f *testing.F) {
	for _, s := range []string{
		"Dear Ann, buy 2 watches at http://x.example or WWW.x.example, write to a@b",
		"\xff 现在 <a href=x>y</a> h\x01ttp:/\x02/x a\x7fb w\x00ww.x", "\u00a0www.x\u3000y ﬁne\u0301 e\u0301 \u0301e z", "a\u200b ＠ b ＠c \u00a8",
		"Ѵіаgrа ann@ ANN's аnn", ": :/ :// www www. .www", "",
	} {
		f.Add(s)
	}
	var who names
	who.add([]byte("ann"))
	f.Fuzz(func(t *testing.T, text string) {
		r := reader{names: who, fold: rules.Fold}
		r.read(text)
		want := slowly(text, map[string]bool{"ann": true})
		if got := r.w.String(); got != strings.Join(want, " ") || r.w.Len() != len(want) {
			t.Fatalf("%q: got %q, want %q", text, got, want)
		}
		for i, word := range want {
			if r.w.numbers[i] != sketch.Number([]byte(word)) {
				t.Errorf("word %d of %q has another number", i, want)
			}
		}
		if string(r.w.letters) != strings.Join(want, "") {
			t.Errorf("letters %q of %q", r.w.letters, want)
		}
		again := reader{names: who, fold: rules.Fold}
		if again.read(r.w.String()); again.w.String() != r.w.String() && rules.Fold(r.w.String()) == r.w.String() {
			t.Errorf("got %q, and of that %q", r.w.String(), again.w.String())
		}
	})
}

// TestMaker: what stood in memory before is not in what is made in it, by one or by several at a time.
func TestMaker(t *testing.T) {
	maker := &Maker{}
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for i := range 40 {
				words := strings.Fields(offer)
				text := strings.Join(words[:(i*7+n)%len(words)], " ") + strings.Repeat(" Wörter 现在", i%5*n)
				m := letter("To: house@here.example\nSubject: "+words[i%len(words)]+"\nContent-Type: text/plain; charset=utf-8", text)
				if got, want := maker.Of(m, rules.Fold), Of(m, rules.Fold); got != want {
					t.Errorf("%q: got %v, want %v", text, got, want)
				}
			}
		})
	}
	wg.Wait()
	long := letter("Subject: x", strings.Repeat(offer+"\n", 2*maxKept/len(offer)))
	if got, want := maker.Of(long, rules.Fold), Of(long, rules.Fold); got != want {
		t.Errorf("a long text: got %v, want %v", got, want)
	}
}

func FuzzNormalise(f *testing.F) {
	f.Add("To: ann@here.example\nSubject: Re: x", "Dear Ann, buy 2 watches\n> at http://x.example\n-- \nme")
	f.Add("Content-Type: text/html", "<p>\xff 现在 <a href=x>y</a>")
	f.Add("", "____________________\n-----Original Message-----")
	f.Fuzz(func(t *testing.T, header, body string) {
		m := letter(header, body)
		n := Normalise(m, rules.Fold)
		if text := n.Body.String(); strings.ContainsAny(text, "0123456789@\n") || strings.Contains(text, "  ") {
			t.Errorf("got %q", text)
		}
		Of(m, rules.Fold)
	})
}

func BenchmarkOf(b *testing.B) {
	m := letter("To: ann@here.example", strings.Repeat(offer+"\n", 40))
	m.Extract()
	b.ReportAllocs()
	for b.Loop() {
		Of(m, rules.Fold)
	}
}
