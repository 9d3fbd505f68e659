package mail

import (
	"bytes"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
)

func TestHeader(t *testing.T) {
	tests := []struct {
		name, content string
		names         []string
		size          int64
	}{
		{"plain", "From: a\r\nTo: b\r\n\r\nbody", []string{"From", "To"}, 18},
		{"bare LF", "From: a\nTo: b\n\nbody", []string{"From", "To"}, 15},
		{"folded", "A: b\r\n c\r\n\td\r\nE: f\r\n\r\n", []string{"A", "E"}, 22},
		{"white space only continues", "A: b\r\n \r\nE: f\r\n\r\n", []string{"A", "E"}, 17},
		{"no empty line", "A: b\r\nC: d", []string{"A", "C"}, 10},
		{"mbox", "From a@example.com Mon Jan  2 15:04:05 2006\r\nA: b\r\n\r\n", []string{"", "A"}, 53},
		{"line without colon", "A: b\r\njunk\r\nC: d\r\n\r\n", []string{"A", "", "C"}, 20},
		{"continues nothing", " x\r\nA: b\r\n\r\n", []string{"", "A"}, 12},
		{"space before colon", "A \t: b\r\n\r\n", []string{"A"}, 10},
		{"8-bit name", "\xe9: b\r\nA: b\r\n\r\n", []string{"", "A"}, 14},
		{"8-bit value", "A: \xe9\r\n\r\n", []string{"A"}, 8},
		{"empty name", ": b\r\nA:\r\n\r\n", []string{"", "A"}, 11},
		{"empty line first", "\r\nA: b\r\n", nil, 2},
		{"all body", "no header here\r\nat all\r\n\r\nA: b\r\n", nil, 0},
		{"nothing", "", nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, m := range both(tt.content) {
				h := m.Header()
				var names []string
				for _, f := range h.Fields {
					names = append(names, f.Name)
				}
				if !slices.Equal(names, tt.names) || h.Size != tt.size || h.Cut {
					t.Errorf("got %q size %d cut %v, want %q size %d", names, h.Size, h.Cut, tt.names, tt.size)
				}
				lossless(t, h, tt.content)
			}
		})
	}
}

// both returns the content in memory and as a spool.
func both(content string) []*Message {
	return []*Message{NewMessage([]byte(content)), NewSpooled(strings.NewReader(content), int64(len(content)))}
}

func lossless(t *testing.T, h *Header, content string) {
	t.Helper()
	var b bytes.Buffer
	for _, f := range h.Fields {
		b.Write(f.Raw)
	}
	rest, ok := strings.CutPrefix(content[:h.Size], b.String())
	if !ok || rest != "" && rest != "\n" && rest != "\r\n" {
		t.Errorf("fields %q are not the header %q", b.String(), content[:h.Size])
	}
}

func TestHeaderValues(t *testing.T) {
	m := NewMessage([]byte("Subject: =?utf-8?q?caf=C3=A9?=\r\n =?utf-8?b?ICE=?=\r\nx-a: 1\r\nX-A:\r\n\t2 \r\nX-B: a\rb\r\nX-C: in\r\n\ttwo\r\n\t\tlines\tonly\n\tand one\r\n\r\n"))
	h := m.Header()
	if got, want := h.Get("subject"), "=?utf-8?q?caf=C3=A9?= =?utf-8?b?ICE=?="; got != want {
		t.Errorf("Get: got %q, want %q", got, want)
	}
	if got, want := h.Text("SUBJECT"), "café !"; got != want {
		t.Errorf("Text: got %q, want %q", got, want)
	}
	if got, want := h.All("X-A"), []string{"1", "2"}; !slices.Equal(got, want) || h.Count("X-A") != 2 {
		t.Errorf("All: got %q, want %q", got, want)
	}
	if got := h.Get("X-B"); got != "ab" {
		t.Errorf("bare CR stays: %q", got)
	}
	if got, want := h.Get("X-C"), "in two \tlines\tonly and one"; got != want {
		t.Errorf("folded by tabs: got %q, want %q", got, want)
	}
	if h.Get("X-None") != "" || h.Count("X-None") != 0 || h.All("X-None") != nil {
		t.Error("a field that is not there has a value")
	}
}

func TestHeaderCut(t *testing.T) {
	long := "A: b\r\n" + strings.Repeat("X: "+strings.Repeat("y", 95)+"\r\n", MaxHeader/100+10) + "\r\nbody"
	for _, m := range both(long) {
		h := m.Header()
		if !h.Cut || h.Size > MaxHeader || h.Size < MaxHeader-100 {
			t.Errorf("size %d cut %v", h.Size, h.Cut)
		}
		lossless(t, h, long)
		if !m.Root().Flags.Has(HeaderCut) {
			t.Error("root not marked")
		}
	}
	one := "A: " + strings.Repeat("x", MaxHeader+10)
	for _, m := range both(one) {
		if h := m.Header(); !h.Cut || h.Size != MaxHeader || len(h.Fields) != 1 {
			t.Errorf("one line: size %d cut %v fields %d", h.Size, h.Cut, len(h.Fields))
		}
	}
}

// TestHeaderLikeNetMail compares with the standard library where that can read.
func TestHeaderLikeNetMail(t *testing.T) {
	for _, content := range []string{
		"From: Jane <jane@example.com>\r\nTo: a@example.org,\r\n b@example.org\r\nSubject: x\r\n\r\nbody",
		"A:1\r\nA: 2\r\nB:  3  \r\n\r\n",
		"List-Id: =?utf-8?q?x?= <a.example.org>\nDate: Mon, 2 Jan 2006 15:04:05 -0700\n\n",
	} {
		want, err := netmail.ReadMessage(strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		h := NewMessage([]byte(content)).Header()
		for name, values := range want.Header {
			got := h.All(name)
			if !slices.Equal(got, values) {
				t.Errorf("%s: got %q, want %q", name, got, values)
			}
		}
	}
}

func FuzzHeader(f *testing.F) {
	for _, s := range []string{"A: b\r\n c\r\n\r\nbody", "From x\nA: b\n\n", " x\r\n\r\n", "A :b\r\r\n\n", "\xff: b", "=?utf-8?q?"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var seen []string
		for _, m := range both(s) {
			h := m.Header()
			lossless(t, h, s)
			var b strings.Builder
			for _, f := range h.Fields {
				v := f.Value()
				if strings.ContainsAny(v, "\r\n") {
					t.Errorf("value %q", v)
				}
				b.WriteString(f.Name + ":" + v + "\n" + h.Text(f.Name))
			}
			seen = append(seen, b.String())
		}
		if seen[0] != seen[1] {
			t.Errorf("in memory %q, spooled %q", seen[0], seen[1])
		}
	})
}
