package digest

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// width is how long lines of text are, but for links.
const width = 74

// text is the digest as plain text, with LF line ends.
func (s *sheet) text() string {
	var b strings.Builder
	say := func(text string) {
		for _, line := range wrapped(text, width) {
			b.WriteString(line + "\n")
		}
	}
	say(s.Hello)
	b.WriteByte('\n')
	for _, text := range s.Intro {
		say(text)
	}
	say(s.Todo)
	for _, sec := range s.Sections {
		fmt.Fprintf(&b, "\n\n%s\n%s\n", sec.Title, strings.Repeat("-", utf8.RuneCountInString(sec.Title)))
		for _, it := range sec.Items {
			b.WriteByte('\n')
			s.item(&b, it)
		}
		if sec.More != "" {
			b.WriteByte('\n')
			say("… " + sec.More)
			if s.All.URL != "" {
				b.WriteString(s.Named(s.say("more.see")) + "\n  " + string(s.All.URL) + "\n")
			}
		}
	}
	b.WriteString("\n\n" + strings.Repeat("_", 20) + "\n\n")
	for _, text := range s.Footer {
		say(text)
	}
	if s.All.URL != "" {
		b.WriteByte('\n')
		for _, l := range []link{s.All, s.Stop} {
			fmt.Fprintf(&b, "%s\n  %s\n", s.Named(l.Name), l.URL)
		}
	}
	return b.String()
}

// item writes one message: what is known of it in two columns, and its links below.
func (s *sheet) item(b *strings.Builder, it item) {
	facts := []fact{{s.say("subject"), it.Subject}}
	if it.Guarded != "" {
		facts[0].Text = "[" + it.Guarded + "] " + it.Subject
	}
	facts = append(append(facts, it.Facts...), s.times(it)...)
	column := 0
	for _, f := range facts {
		column = max(column, utf8.RuneCountInString(f.Name))
	}
	const indent = "    "
	for i, f := range facts {
		head := indent
		if i == 0 {
			head = fmt.Sprintf("%-4s", fmt.Sprintf("%d.", it.Number))
		}
		pad := strings.Repeat(" ", column-utf8.RuneCountInString(f.Name)+2)
		for n, line := range wrapped(f.Text, width-len(indent)-column-2) {
			if n == 0 {
				b.WriteString(head + f.Name + pad + line + "\n")
				continue
			}
			b.WriteString(indent + strings.Repeat(" ", column+2) + line + "\n")
		}
	}
	for _, note := range it.Notes {
		for _, line := range wrapped(note, width-len(indent)) {
			b.WriteString(indent + line + "\n")
		}
	}
	for _, l := range it.Links {
		b.WriteString(indent + s.Named(l.Name) + "\n" + indent + "  " + string(l.URL) + "\n")
	}
}

// wrapped cuts a text into lines of at most most characters, between words where it can.
func wrapped(text string, most int) (lines []string) {
	var current []rune
	for word := range strings.SplitSeq(text, " ") {
		w := []rune(word)
		if len(current) > 0 && len(current)+1+len(w) > most {
			lines, current = append(lines, string(current)), nil
		}
		if len(current) > 0 {
			current = append(current, ' ')
		}
		for current = append(current, w...); len(current) > most && !strings.Contains(word, "://"); current = current[most:] {
			lines = append(lines, string(current[:most]))
		}
	}
	return append(lines, string(current))
}
