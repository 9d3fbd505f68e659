package mailbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// TestBaseSubject: RFC 5256 §2.1.
func TestBaseSubject(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "",
		"hello":                          "hello",
		"Re: hello":                      "hello*",
		"RE:hello":                       "hello*",
		"Fwd: hello (fwd)":               "hello*",
		"re [2]: [list] hello":           "hello*",
		"[list] hello":                   "hello",
		"[list]":                         "[list]",
		"[a] [b]":                        "[b]",
		"[a] re: [b] fw: x":              "x*",
		"[Fwd: hello]":                   "hello*",
		"[fwd: Re: [list] hello (FWD) ]": "hello*",
		"  many \t spaces  here ":        "many spaces here",
		"re hello":                       "re hello",
		"Regards":                        "Regards",
		"Re:":                            "*",
		"[a[b]] c":                       "[a[b]] c",
		"forward: x":                     "forward: x",
	} {
		base, reply := BaseSubject(in)
		if reply {
			base += "*"
		}
		if base != want {
			t.Errorf("%q: got %q, want %q", in, base, want)
		}
	}
}

// letter is a message as SortableOf reads it.
func letter(uid UID, minute int, header string) Sortable {
	m := mail.NewMessage([]byte(strings.ReplaceAll(header, "\n", "\r\n") + "\r\n"))
	row := Message{Entry: Entry{UID: uid}, InternalDate: time.Date(2026, 11, 1, 0, minute, 0, 0, time.UTC), Size: int64(100 - uid), Envelope: AppendEnvelope(nil, m.Header())}
	s := SortableOf(&row)
	s.ReadReferences(strings.Join(m.Header().All("References"), " "))
	return s
}

func TestSort(t *testing.T) {
	list := []Sortable{
		letter(1, 3, "From: zoe@a.example\nTo: x@a.example\nSubject: Re: b\nDate: Sun, 01 Nov 2026 00:09:00 +0000\n"),
		letter(2, 2, "From: Abe <yan@a.example>\nSubject: a\nCc: c@a.example\nDate: Sun, 01 Nov 2026 02:00:00 +0200\n"),
		letter(3, 1, "From: =?utf-8?q?=C3=89mile?= <bob@a.example>\nSubject: =?utf-8?q?B?=\n"),
	}
	for _, tt := range []struct {
		by   []SortOrder
		want string
	}{
		{[]SortOrder{{Key: ByArrival}}, "[3 2 1]"},
		{[]SortOrder{{Key: ByDate}}, "[2 3 1]"},
		{[]SortOrder{{Key: ByDate, Reverse: true}}, "[1 3 2]"},
		{[]SortOrder{{Key: ByFrom}}, "[3 2 1]"},
		{[]SortOrder{{Key: ByDisplayFrom}}, "[2 1 3]"},
		{[]SortOrder{{Key: BySize}}, "[3 2 1]"},
		{[]SortOrder{{Key: BySubject}}, "[2 1 3]"},
		{[]SortOrder{{Key: BySubject}, {Key: ByArrival}}, "[2 3 1]"},
		{[]SortOrder{{Key: ByCc, Reverse: true}}, "[2 1 3]"},
		{[]SortOrder{{Key: ByTo}}, "[2 3 1]"},
		{[]SortOrder{{Key: ByDisplayTo}}, "[2 3 1]"},
	} {
		got := slices.Clone(list)
		Sort(got, tt.by)
		var uids []UID
		for _, m := range got {
			uids = append(uids, m.UID)
		}
		if fmt.Sprint(uids) != tt.want {
			t.Errorf("%v: got %v, want %s", tt.by, uids, tt.want)
		}
	}
}

// TestThreads: RFC 5256 §3.
func TestThreads(t *testing.T) {
	for _, tt := range []struct {
		name       string
		list       []string // each message's id, references and subject, in the order in which they were sent
		references string
		subjects   string
	}{
		{"nothing", nil, "", ""},
		{"a chain", []string{"a  x", "b a x", "c a,b x"}, "(1 2 3)", "(1 (2)(3))"},
		{"two answers", []string{"a  x", "b a x", "c a x"}, "(1 (2)(3))", "(1 (2)(3))"},
		{"a branch", []string{"a  x", "b a x", "c a,b x", "d a,b x"}, "(1 2 (3)(4))", "(1 (2)(3)(4))"},
		{"others", []string{"a  x", "b  y", "c b y"}, "(1)(2 3)", "(1)(2 3)"},
		{"a parent that is missing", []string{"b a x", "c a z"}, "((1)(2))", "(1)(2)"},
		{"a parent that is missing, alone", []string{"b a x"}, "(1)", "(1)"},
		{"a parent in between is missing", []string{"a  x", "c a,b x"}, "(1 2)", "(1 2)"},
		{"a circle", []string{"a b x", "b a x"}, "(2 1)", "(1 2)"},
		{"itself", []string{"a a x"}, "(1)", "(1)"},
		{"the same id", []string{"a  x", "a  y", "b a x"}, "(1 3)(2)", "(1 3)(2)"},
		{"no id", []string{"-  x", "-  y"}, "(1)(2)", "(1)(2)"},
		{"by subject alone", []string{"a  x", "b  Re:_x"}, "(1 2)", "(1 2)"},
		{"the same subject, no reply", []string{"a  x", "b  x"}, "((1)(2))", "(1 2)"},
		{"reply first", []string{"a  Re:_x", "b  x"}, "(2 1)", "(1 2)"},
		{"three of one subject", []string{"a  x", "b  x", "c  x"}, "((1)(2)(3))", "(1 (2)(3))"},
		{"the answer came before", []string{"b a x", "a  x"}, "(2 1)", "(1 2)"},
	} {
		var list []Sortable
		for i, one := range tt.list {
			part := strings.Split(one, " ")
			header := "Subject: " + strings.ReplaceAll(part[2], "_", " ") + "\n"
			if part[0] != "-" {
				header += "Message-ID: <" + part[0] + "@x>\n"
			}
			if part[1] != "" {
				header += "References: <" + strings.ReplaceAll(part[1], ",", "@x> <") + "@x>\n"
			}
			list = append(list, letter(UID(i+1), i, header))
		}
		for how, want := range map[string]string{"references": tt.references, "subjects": tt.subjects} {
			threads, err := ReferenceThreads(t.Context(), list)
			if how == "subjects" {
				threads = BySubjectThreads(list)
			}
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, one := range threads {
				got += one.String()
			}
			if got != want {
				t.Errorf("%s, by %s: got %s, want %s", tt.name, how, got, want)
			}
		}
	}
}

// TestThreadsAtRandom: whatever refers to what, each message is in one place, once.
func TestThreadsAtRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var list []Sortable
		for i := range 1 + r.IntN(30) {
			header := fmt.Sprintf("Message-ID: <%d@x>\nSubject: %s\nReferences:", r.IntN(40), []string{"", "a", "Re: a", "b", "Fwd: b"}[r.IntN(5)])
			for range r.IntN(4) {
				header += fmt.Sprintf(" <%d@x>", r.IntN(40))
			}
			list = append(list, letter(UID(i+1), r.IntN(60), header+"\n"))
		}
		seen := map[UID]int{}
		var visit func(t *Thread)
		visit = func(t *Thread) {
			if t.UID != 0 {
				seen[t.UID]++
			}
			for _, c := range t.Children {
				visit(c)
			}
		}
		threads, err := ReferenceThreads(t.Context(), list)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range threads {
			visit(one)
		}
		for _, m := range list {
			if seen[m.UID] != 1 {
				t.Fatalf("message %d is there %d times of %+v", m.UID, seen[m.UID], list)
			}
		}
	}
}

// TestLongChain: a chain that has no end is cut, and takes no time that grows with its square.
func TestLongChain(t *testing.T) {
	var list []Sortable
	for i := range 100_000 {
		m := Sortable{UID: UID(i + 1), ID: fmt.Sprint(i)}
		if i > 0 {
			m.References = []string{fmt.Sprint(i - 1)}
		}
		list = append(list, m)
	}
	if got, err := ReferenceThreads(t.Context(), list); err != nil || len(got) != 100_000/maxChain {
		t.Errorf("%d threads, %v", len(got), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ReferenceThreads(ctx, list); err == nil {
		t.Error("it goes on when nobody waits")
	}
}

// TestInventedReferences: messages that nobody has, each with many before it, are gone through once.
func TestInventedReferences(t *testing.T) {
	var list []Sortable
	const half = 20_000
	for i := range 2 * half {
		m := Sortable{UID: UID(i + 1), ID: fmt.Sprint("m", i), References: []string{"e0.18"}}
		if i < half {
			m.References = nil
			for k := range maxReferences - 1 {
				m.References = append(m.References, fmt.Sprintf("e%d.%d", i, k))
			}
			m.References = append(m.References, fmt.Sprintf("e%d.0", i-1))
		}
		list = append(list, m)
	}
	if _, err := ReferenceThreads(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}
