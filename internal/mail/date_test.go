package mail

import (
	netmail "net/mail"
	"testing"
	"time"
)

func TestParseDate(t *testing.T) {
	tests := []struct{ in, want string }{
		{"Mon, 2 Jan 2006 15:04:05 -0700", "2006-01-02T22:04:05Z"},
		{"Mon, 02 Jan 2006 15:04:05 -0700 (MST)", "2006-01-02T22:04:05Z"},
		{"2 Jan 2006 15:04 +0130", "2006-01-02T13:34:00Z"},
		{"Mon,2 January 06 15:04:05 GMT", "2006-01-02T15:04:05Z"},
		{"2 Jan 99 15:04:05 EST", "1999-01-02T20:04:05Z"},
		{"2 Jan 106 15:04:05 Z", "2006-01-02T15:04:05Z"},
		{"Mon Jan  2 15:04:05 2006", "2006-01-02T15:04:05Z"},
		{"Mon Jan  2 15:04:05 PST 2006", "2006-01-02T23:04:05Z"},
		{"2-Jan-2006 15:04:05+01:00", "2006-01-02T14:04:05Z"},
		{"(x) Mon (y), 2 Jan 2006 15:04:05.123 XYZ", "2006-01-02T15:04:05Z"},
		{"31 Dec 2016 23:59:60 +0000", "2016-12-31T23:59:59Z"},
		{"", ""}, {"yesterday", ""}, {"31 Feb 2006 15:04:05 +0000", ""}, {"2 Jan 2006", ""},
		{"2 Jan 2006 25:04:05 +0000", ""}, {"2 Jan 2006 a:b:c", ""}, {"2 Foo 2006 15:04:05", ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, ok := ParseDate(tt.in)
			text := ""
			if ok {
				text = got.UTC().Format(time.RFC3339)
			}
			if text != tt.want {
				t.Errorf("got %q, want %q", text, tt.want)
			}
			if want, err := netmail.ParseDate(tt.in); err == nil && ok && !want.Equal(got) && want.Location() != time.Local {
				t.Logf("net/mail reads %v", want)
			}
		})
	}
	if at, ok := NewMessage([]byte("Date: 2 Jan 2006 15:04:05 -0700\r\n\r\n")).Date(); !ok || at.Unix() != 1136239445 {
		t.Errorf("got %v %v", at, ok)
	}
}

func FuzzParseDate(f *testing.F) {
	f.Add("Mon, 2 Jan 2006 15:04:05 -0700")
	f.Add("2-Jan-2006 15:04:05+01:00")
	f.Add(":04-2006 n-302-")
	f.Fuzz(func(t *testing.T, s string) {
		at, ok := ParseDate(s)
		if !ok {
			return
		}
		again, ok := ParseDate(at.Format(time.RFC1123Z))
		if !ok || !again.Equal(at) {
			t.Errorf("%q: %v again is %v", s, at, again)
		}
	})
}
