package mtasts

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseRecord(t *testing.T) {
	for _, c := range []struct {
		texts []string
		want  string // "" is no policy
	}{
		{[]string{"v=STSv1; id=20160831085700Z;"}, "20160831085700Z"}, // RFC 8461 §3.1
		{[]string{"v=STSv1;id=a"}, "a"},
		{[]string{"v=STSv1 ; x=y; id = a ; "}, "a"},
		{[]string{"v=spf1 -all", "v=STSv1; id=a;"}, "a"},
		{[]string{"v=STSv1; id=a;", "v=STSv1; id=b;"}, ""},
		{[]string{"v=STSv1; id=a;", "v=STSv1; id=a;"}, ""},
		{[]string{"v=STSv1;"}, ""},
		{[]string{"v=STSv1; id=;"}, ""},
		{[]string{"v=STSv1; id=a-b;"}, ""},
		{[]string{"v=STSv1; id=" + strings.Repeat("a", 32)}, strings.Repeat("a", 32)},
		{[]string{"v=STSv1; id=" + strings.Repeat("a", 33)}, ""},
		{[]string{"v=STSv1; what; id=a"}, ""},
		{[]string{"id=a; v=STSv1"}, ""},
		{[]string{"v=STSv12; id=a"}, ""},
		{nil, ""},
	} {
		if got, ok := ParseRecord(c.texts); got != c.want || ok != (c.want != "") {
			t.Errorf("%q: got %q, %v, want %q", c.texts, got, ok, c.want)
		}
	}
}

const served = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.NET.\r\nmax_age: 604800\r\n"

func TestParsePolicy(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Policy // the zero one is ErrInvalid
	}{
		"as in the RFC":       {served, Policy{Enforce, []string{"mail.example.com", "*.example.net"}, 7 * 24 * time.Hour}},
		"LF, odd spaces":      {"version:STSv1\nmode:\ttesting \nmx:a.example\nmax_age:60", Policy{Testing, []string{"a.example"}, time.Minute}},
		"none":                {"version: STSv1\nmode: none\nmax_age: 0\n", Policy{Mode: None}},
		"the first counts":    {"version: STSv1\nmode: none\nmode: enforce\nmax_age: 1\nmax_age: 2\nfoo: bar\nbaz\n\n", Policy{Mode: None, MaxAge: time.Second}},
		"aged":                {"version: STSv1\nmode: none\nmax_age: 4000000000\n", Policy{Mode: None, MaxAge: maxAge}},
		"aged beyond 32 bits": {"version: STSv1\nmode: none\nmax_age: 9999999999\n", Policy{Mode: None, MaxAge: maxAge}},
		"no version":          {"mode: none\nmax_age: 1\n", Policy{}},
		"version 2":           {"version: STSv2\nmode: none\nmax_age: 1\n", Policy{}},
		"no mode":             {"version: STSv1\nmx: a.example\nmax_age: 1\n", Policy{}},
		"mode of nobody":      {"version: STSv1\nmode: always\nmx: a.example\nmax_age: 1\n", Policy{}},
		"no age":              {"version: STSv1\nmode: none\n", Policy{}},
		"negative age":        {"version: STSv1\nmode: none\nmax_age: -1\n", Policy{}},
		"endless age":         {"version: STSv1\nmode: none\nmax_age: 99999999999\n", Policy{}},
		"no mx":               {"version: STSv1\nmode: enforce\nmax_age: 1\n", Policy{}},
		"mx of nobody":        {"version: STSv1\nmode: enforce\nmx: a..example\nmax_age: 1\n", Policy{}},
		"all mx":              {"version: STSv1\nmode: enforce\nmx: *\nmax_age: 1\n", Policy{}},
		"star within":         {"version: STSv1\nmode: enforce\nmx: a.*.example\nmax_age: 1\n", Policy{}},
		"long mx":             {"version: STSv1\nmode: none\nmx: " + long(253) + "\nmax_age: 1\n", Policy{None, []string{long(253)}, time.Second}},
		"too long an mx":      {"version: STSv1\nmode: enforce\nmx: " + long(254) + "\nmax_age: 1\n", Policy{}},
		"too long in all":     {"version: STSv1\nmode: enforce\n" + strings.Repeat("mx: "+long(251)+"\n", 17) + "max_age: 1\n", Policy{}},
		"too many mx":         {"version: STSv1\nmode: enforce\n" + strings.Repeat("mx: a.example\n", 101) + "max_age: 1\n", Policy{}},
		"too long":            {served + strings.Repeat("x", MaxSize), Policy{}},
		"empty":               {"", Policy{}},
		"a page":              {"<html><body>not found</body></html>", Policy{}},
	} {
		got, err := ParsePolicy([]byte(c.text))
		if c.want.Mode == "" {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: got %v, %v", name, got, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}

// long is a name of so many octets.
func long(n int) string {
	return strings.Repeat(strings.Repeat("a", 49)+".", n/50) + strings.Repeat("b", n%50-1) + "c"
}

func TestMatches(t *testing.T) {
	p := Policy{MX: []string{"mail.example.com", "*.example.net"}}
	for host, want := range map[string]bool{
		"mail.example.com": true, "MAIL.example.com.": true, "a.mail.example.com": false, "example.com": false,
		"a.example.net": true, "a.b.example.net": false, "example.net": false, "aexample.net": false, "": false,
	} {
		if got := p.Matches(host); got != want {
			t.Errorf("%q: got %v", host, got)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add("v=STSv1; id=20160831085700Z;")
	f.Add("v=STSv1; a=b; id=1")
	f.Fuzz(func(t *testing.T, text string) {
		id, ok := ParseRecord([]string{text})
		if ok != (id != "") || ok && !isID(id) {
			t.Errorf("%q: %q, %v", text, id, ok)
		}
	})
}

// What can be read can be written and read again.
func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(served))
	f.Add([]byte("version: STSv1\nmode: none\nmax_age: 0\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePolicy(text)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Error(err)
			}
			return
		}
		again, err := ParsePolicy([]byte(p.Text()))
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("got %+v, %v, want %+v", again, err, p)
		}
		p.Matches(string(text))
	})
}
