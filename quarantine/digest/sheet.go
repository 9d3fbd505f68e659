package digest

import (
	"context"
	"html/template"
)

// A sheet is a digest in words: what both parts show.
type sheet struct {
	phrases
	Language string
	Title    string
	Hello    string
	Intro    []string
	Todo     string
	Columns  []string
	Sections []section
	Footer   []string
	All      link
	Stop     link
}

type section struct {
	Title string // "" where it is the only one
	Items []item
	More  string // how many are not shown; "": none
}

type item struct {
	Number  int
	Subject string
	Facts   []fact
	Held    string
	Removed string
	Guarded string // the mark of what is dangerous; "": it is not
	Notes   []string
	Links   []link
}

// A fact is a line that says something of a message.
type fact struct{ Name, Text string }

type link struct {
	Act  Act
	Name string
	URL  template.URL // ours, or ""
}

// Main reports whether it is the link that most come for.
func (l link) Main() bool { return l.Act == Release }

// Named is a name with what stands between it and what it names.
func (p phrases) Named(name string) string { return p.say("named", name) }

// NamedHeld is the name of an item's beginning.
func (p phrases) NamedHeld() string { return p.Named(p.say("held")) }

// NamedRemoved is that of its end.
func (p phrases) NamedRemoved() string { return p.Named(p.say("removed")) }

func (w Writer) sheet(ctx context.Context, l Letter, stop string) (*sheet, error) {
	lang := w.texts.Match(l.Reader.Language)
	s := &sheet{phrases: phrases{w.texts, lang, l.Reader.Zone}, Language: lang}
	s.Title = s.say("subject.new", l.Fresh.Count)
	if l.Fresh.Count == 0 {
		s.Title = s.say("subject.ending", l.Ending.Count)
	}
	s.Hello = s.say("hello", string(l.Reader.Address))
	if l.Fresh.Count > 0 {
		s.Intro = append(s.Intro, s.say("intro.new", l.Fresh.Count))
	}
	if l.Ending.Count > 0 {
		s.Intro = append(s.Intro, s.say("intro.ending", l.Ending.Count))
	}
	if s.Todo = s.say("intro.todo"); l.Fresh.Count+l.Ending.Count == 1 {
		s.Todo = s.say("intro.single")
	}
	s.Columns = []string{s.say("column.message"), s.say("column.held"), s.say("column.act")}
	number := 0
	for _, part := range []struct {
		title string
		Part
	}{{"heading.new", l.Fresh}, {"heading.ending", l.Ending}} {
		if part.Count == 0 {
			continue
		}
		sec := section{Title: s.say(part.title)}
		for _, r := range part.Rows {
			number++
			it, err := w.item(ctx, s, l, r)
			if err != nil {
				return nil, err
			}
			it.Number = number
			sec.Items = append(sec.Items, it)
		}
		if n := part.Count - len(part.Rows); n > 0 {
			sec.More = s.say("more", n)
		}
		s.Sections = append(s.Sections, sec)
	}
	if w.links.Base != "" {
		s.Footer = append(s.Footer, s.say("footer.links"))
		s.All = link{Name: s.say("footer.all"), URL: template.URL(w.links.All())}
		s.Stop = link{Name: s.say("footer.stop"), URL: template.URL(stop)}
	}
	s.Footer = append(s.Footer, s.say("footer.zone", l.Reader.Zone.String()))
	return s, nil
}

func (w Writer) item(ctx context.Context, s *sheet, l Letter, r Row) (item, error) {
	it := item{Subject: shown(r.Subject, maxSubject), Held: s.moment(r.Time), Removed: s.day(r.Expires)}
	if it.Subject == "" {
		it.Subject = s.say("none.subject")
	}
	it.Facts = s.facts(l.Reader, r)
	if r.Guarded {
		it.Guarded = s.say("guarded")
		it.Notes = append(it.Notes, s.say("guarded.note"))
	} else if !r.Proven && l.Reader.Key.Box != 0 {
		it.Notes = append(it.Notes, s.say("unproven"))
	}
	if !r.Asked.IsZero() {
		it.Notes = append(it.Notes, s.say("asked", s.moment(r.Asked)))
	}
	if w.links.Base == "" {
		return it, nil
	}
	for _, a := range r.acts(l.Reader) {
		url, err := w.links.Act(ctx, a, r, l.Time)
		if err != nil {
			return it, err
		}
		it.Links = append(it.Links, link{Act: a, Name: s.say("act." + string(a)), URL: template.URL(url)})
	}
	return it, nil
}

// acts are what a reader may do about a message. Lists are kept for mailboxes here: who
// has none, or may not change his, can't allow and block for himself.
func (r Row) acts(reader Reader) (list []Act) {
	switch {
	case !r.Guarded:
		list = append(list, Release)
	case r.Asked.IsZero():
		list = append(list, Ask)
	}
	if reader.Key.Box == 0 || reader.Listless || r.Sender.IsNull() {
		return list
	}
	if r.Proven && !r.Guarded {
		list = append(list, Allow)
	}
	return append(list, Block)
}

// facts are what is told of a message beside its subject.
func (p phrases) facts(reader Reader, r Row) []fact {
	author := r.Author
	if author == "" {
		author = string(r.Sender)
	}
	from := sender(author)
	if from == "" {
		from = p.say("none.sender")
	}
	list := []fact{{p.say("sender"), from}}
	if !r.Sender.IsNull() && r.Sender.Fold() != addressOf(author).Fold() {
		list = append(list, fact{p.say("path"), sender(string(r.Sender))})
	}
	if r.Recipient.Fold() != reader.Address.Fold() {
		list = append(list, fact{p.say("to"), sender(string(r.Recipient))})
	}
	return append(list, fact{p.say("why"), p.why(r)})
}

// times are those of a message.
func (p phrases) times(it item) []fact {
	return []fact{{p.say("held"), it.Held}, {p.say("removed"), it.Removed}}
}
