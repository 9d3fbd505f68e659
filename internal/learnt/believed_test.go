package learnt

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/sketch"
)

// What one stranger sent to a trap, or one person reported, is believed by nobody else.
func TestBelieved(t *testing.T) {
	type said struct {
		source Source
		person string
	}
	ann, bob, eve := said{Report, "ann@a.example"}, said{Report, "bob@a.example"}, said{Junk, "eve@b.example"}
	loop, one, two := said{Report, "big.example"}, said{Trap, "trap 192.0.2.0/24"}, said{Trap, "trap 198.51.100.0/24"}
	for name, tt := range map[string]struct {
		said            []said
		ham             int
		here, elsewhere bool // for recipients of a.example, and of others
	}{
		"nobody":                      {nil, 0, false, false},
		"one person":                  {[]said{ann}, 0, false, false},
		"one person twice":            {[]said{ann, ann}, 0, false, false},
		"two of one domain":           {[]said{ann, bob}, 0, true, false},
		"two of two domains":          {[]said{ann, eve}, 0, true, true},
		"the same, and one against":   {[]said{ann, eve}, 1, false, false},
		"three, and one against":      {[]said{ann, bob, eve}, 1, true, true},
		"a feedback loop is a domain": {[]said{loop, eve}, 0, true, true},
		"a trap":                      {[]said{one}, 0, false, false},
		"a trap twice by one network": {[]said{one, one}, 0, false, false},
		"traps by two networks":       {[]said{one, two}, 0, true, true},
		"a trap and a virus":          {[]said{one, {Virus, "virus 198.51.100.0/24"}}, 0, true, true},
		"a trap and a person":         {[]said{one, ann}, 0, true, false},
		"an operator":                 {[]said{{Command, "operator"}}, 0, true, true},
	} {
		s, seen := Standing{Ham: tt.ham}, map[string]Home{}
		for _, one := range tt.said {
			s.Count(one.source, one.person, seen)
		}
		if here, elsewhere := s.Believed("A.example", 2), s.Believed("c.example", 2); here != tt.here || elsewhere != tt.elsewhere {
			t.Errorf("%s: %+v: here %v, elsewhere %v; want %v, %v", name, s, here, elsewhere, tt.here, tt.elsewhere)
		}
		if got := knownOf(s).standing(); got.Networks != s.Networks || got.Domains != s.Domains || got.Home != s.Home {
			t.Errorf("%s: in memory %+v, was %+v", name, got, s)
		}
	}
}

// Who sends spam has tasks solved, and mailboxes: neither ends what an operator or a virus taught.
func TestOppose(t *testing.T) {
	traps := []Source{Trap, Trap}
	for name, tt := range map[string]struct {
		spam    []Source
		against []Source
		want    bool
	}{
		"reports, a sender's task":             {[]Source{Report}, []Source{Challenge}, true},
		"reports, a hundred senders' tasks":    {[]Source{Report}, slices.Repeat([]Source{Challenge}, 100), true},
		"a report, a release":                  {[]Source{Report}, []Source{Release}, false},
		"traps, a release":                     {traps, []Source{Release}, true},
		"traps, two releases":                  {traps, []Source{Release, Inbox}, false},
		"an operator, many releases":           {[]Source{Command}, slices.Repeat([]Source{Release}, 9), true},
		"an operator, one releases":            {[]Source{Command}, []Source{Operator}, false},
		"an operator, and the opposite":        {[]Source{Command}, []Source{Command}, false},
		"a virus, many releases":               {[]Source{Virus, Virus}, slices.Repeat([]Source{Inbox}, 9), true},
		"a virus and a report, many releases":  {[]Source{Virus, Report}, slices.Repeat([]Source{Release}, 9), true},
		"a virus, an operator releases one":    {[]Source{Virus, Virus}, []Source{Operator}, true},
		"a virus, an operator says no":         {slices.Repeat([]Source{Virus}, 9), []Source{Command}, false},
		"two operators, one says the opposite": {[]Source{Command, Command}, []Source{Command}, true},
	} {
		s, seen, against := Standing{}, map[string]Home{}, map[string]Source{}
		for i, source := range tt.spam {
			s.Count(source, fmt.Sprintf("for%d@a.example", i), seen)
		}
		for i, source := range tt.against {
			against[fmt.Sprintf("no%d@a.example", i)] = source
		}
		if s.Oppose(against); s.IsSpam() != tt.want {
			t.Errorf("%s: %s: spam %v, want %v", name, s, s.IsSpam(), tt.want)
		}
	}
}

// Copies that differ a little are one: else each is said by one only.
func TestAnchor(t *testing.T) {
	m := NewMemory(100, Day, func() time.Time { return noon })
	text := func(extra string) Print {
		var words strings.Builder
		for i := range 40 {
			fmt.Fprintf(&words, "word%d ", i)
		}
		s := sketch.Of(sketch.Shingles(words.String()+extra, 1))
		return Print{Sketch, s.Bytes()}
	}
	first, picture := text("ann"), PictureOf(0xff00)
	followed(t, m, spamEntry(first, 1, 0, noon), spamEntry(picture, 1, 0, noon))
	for name, tt := range map[string]struct{ p, want Print }{
		"itself":          {first, first},
		"a copy":          {text("bob"), first},
		"another text":    {Print{Sketch, make([]byte, sketch.Octets)}, Print{Sketch, make([]byte, sketch.Octets)}},
		"a picture":       {PictureOf(0xff03), picture},
		"another picture": {PictureOf(0xffff00), PictureOf(0xffff00)},
		"a checksum":      {sum(Checksum, 1), sum(Checksum, 1)},
	} {
		if got := m.Anchor(tt.p); Compare(got, tt.want) != 0 {
			t.Errorf("%s: got %x, want %x", name, got, tt.want)
		}
	}
}
