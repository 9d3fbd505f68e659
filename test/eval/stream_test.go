package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// few is a corpus of messages that came in on days that shuffle their names.
func few(t *testing.T, n int) *corpus {
	c := &corpus{dir: t.TempDir(), written: map[string]bool{}}
	for i := range n {
		day := time.Date(2002, 9, 1+(i*7)%n, 12, 0, 0, 0, time.UTC).Format(time.RFC1123Z)
		content := "Received: from a by b;\r\n " + day + "\r\nDate: Mon, 2 Sep 1980 15:59:18 +0100\r\nContent-Type: text/plain\r\n\r\ntext\r\n"
		c.messages = append(c.messages, message{"m", i%4 == 0, mail.NewMessage([]byte(content))})
	}
	return c
}

func TestStreams(t *testing.T) {
	const n = 100
	for _, s := range append([]shape{shuffled(1), byDate(), blocks(true), blocks(false)}, others()...) {
		t.Run(s.name, func(t *testing.T) {
			c := few(t, n)
			a, err := s.make(c)
			if err != nil {
				t.Fatal(err)
			}
			b, err := s.make(c)
			if err != nil || !slices.Equal(a.steps, b.steps) {
				t.Errorf("another order each time, %v", err)
			}
			spam, wrong := 0, 0
			for _, st := range a.steps {
				spam += one(st.truth)
				wrong += one(st.truth != st.told)
				if content, err := os.ReadFile(st.path); err != nil || strings.Contains(string(content), "\r") {
					t.Fatalf("%q, %v", content, err)
				}
			}
			want := map[string][3]int{"a tenth of the spam": {77, 2, 0}, "a tenth of the ham": {32, 25, 0}, "5 % wrong labels": {n, 25, wrong}}
			got, ok := [3]int{len(a.steps), spam, wrong}, false
			if _, ok = want[s.name]; !ok {
				want[s.name] = [3]int{n, 25, 0}
			}
			if got != want[s.name] || strings.HasPrefix(s.name, "5 %") && (wrong < 1 || wrong > 12) {
				t.Errorf("%d messages, %d spam, %d with the wrong label; want %v", got[0], got[1], got[2], want[s.name])
			}
		})
	}
}

func TestByDate(t *testing.T) {
	c := few(t, 20)
	s, err := byDate().make(c)
	if err != nil {
		t.Fatal(err)
	}
	var last time.Time
	for _, st := range s.steps {
		content, err := os.ReadFile(st.path)
		if err != nil {
			t.Fatal(err)
		}
		when := received(content)
		if when.Before(last) || when.Year() != 2002 {
			t.Errorf("%v after %v", when, last)
		}
		last = when
	}
}

func TestCut(t *testing.T) {
	const in = "Received: from c by d;\r\n Thu, 22 Aug 2002 12:36:23 +0100\r\nFrom: a\r\nDate: Thu, 22 Aug 2002 12:36:23 +0100\r\nMime-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed;\r\n boundary=x\r\n\r\nDate: stays\r\n"
	for name, tt := range map[string]struct {
		of   func([]byte) []byte
		want string
	}{
		"body":     {body, "Mime-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=x\r\n\r\nDate: stays\r\n"},
		"no dates": {dateless, "Received: from c by d\r\nFrom: a\r\nMime-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=x\r\n\r\nDate: stays\r\n"},
	} {
		if got := string(tt.of([]byte(in))); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestBlocks(t *testing.T) {
	for _, spam := range []bool{true, false} {
		s, err := blocks(spam).make(few(t, 40))
		if err != nil {
			t.Fatal(err)
		}
		changes := 0
		for i := 1; i < 20; i++ {
			changes += one(s.steps[i].truth != s.steps[i-1].truth)
		}
		if s.steps[0].truth != spam || s.steps[19].truth == spam || changes != 1 {
			t.Errorf("%v first: begins with %v, ends with %v, %d changes", spam, s.steps[0].truth, s.steps[19].truth, changes)
		}
	}
}
