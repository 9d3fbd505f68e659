package imap

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
	"unique"
	"unsafe"

	"gatepost/internal/door"
	"gatepost/mailbox"
)

func TestUTF7(t *testing.T) {
	tests := map[string]struct {
		wire, name string
		ok         bool
	}{
		"ascii":                 {"INBOX", "INBOX", true},
		"RFC 3501 §5.1.3":       {"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語", true},
		"ampersand":             {"a&-b", "a&b", true},
		"outside the BMP":       {"&2D3cSw-", "👋", true},
		"not closed":            {"&AOk", "", false},
		"printable in base64":   {"&AGE-", "", false},
		"two runs in a row":     {"&AOk-&AOk-", "", false},
		"standard base64":       {"&//8-", "", false},
		"lone surrogate":        {"&2D0-", "", false},
		"half a character":      {"&AA-", "", false},
		"ampersand of its own":  {"a & b", "", false},
		"bits left over at end": {"&AOl-", "", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := decodeUTF7(test.wire)
			if ok != test.ok || ok && got != test.name {
				t.Errorf("decode: got %q, %v, want %q, %v", got, ok, test.name, test.ok)
			}
			if test.ok && encodeUTF7(test.name) != test.wire {
				t.Errorf("encode: got %q, want %q", encodeUTF7(test.name), test.wire)
			}
		})
	}
}

func FuzzUTF7(f *testing.F) {
	f.Add("~peter/mail/&U,BTFw-/&ZeVnLIqe-")
	f.Add("a&-b&")
	f.Add("台北 & \x00\U0001f44b")
	f.Fuzz(func(t *testing.T, s string) {
		if name, ok := decodeUTF7(s); ok && encodeUTF7(name) != s {
			t.Errorf("%q reads as %q, which is written %q", s, name, encodeUTF7(name))
		}
		if utf8.ValidString(s) && !strings.ContainsRune(s, utf8.RuneError) {
			if back, ok := decodeUTF7(encodeUTF7(s)); !ok || back != s {
				t.Errorf("%q is written %q, which reads as %q, %v", s, encodeUTF7(s), back, ok)
			}
		}
	})
}

func TestPattern(t *testing.T) {
	tests := []struct {
		pattern, name string
		want          bool
	}{
		{"*", "a/b", true}, {"%", "a/b", false}, {"%", "a", true}, {"a/%", "a/b", true}, {"a/%", "a/b/c", false},
		{"%/b", "a/b", true}, {"*b", "a/b", true}, {"a*c%e", "abcde", true}, {"a*c%e", "abc/de", false}, {"", "a", false},
		{"inbox", "INBOX", true}, {"InBoX/%", "INBOX/a", true}, {"inboxes", "INBOXES", false}, {"%%", "ab", true},
	}
	for _, test := range tests {
		if got := newPattern(test.pattern).match(test.name); got != test.want {
			t.Errorf("%q matches %q: got %v", test.pattern, test.name, got)
		}
	}
}

// A pattern made to be slow is not.
func TestPatternIsLinear(t *testing.T) {
	p := newPattern(strings.Repeat("*a%a", maxPattern/4))
	if p.match(strings.Repeat("a", mailbox.MaxName) + "b") {
		t.Error("matched")
	}
}

func viewOf(uids ...mailbox.UID) *view {
	v := &view{}
	for _, u := range uids {
		v.add(mailbox.Entry{UID: u})
	}
	v.told = len(v.entries)
	return v
}

// A session keeps 16 octets of each message, so that a million fit.
func TestEntryIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(entry{}); size > 16 {
		t.Errorf("an entry takes %d octets", size)
	}
}

func TestResolve(t *testing.T) {
	v := viewOf(3, 5, 6, 9)
	tests := []struct {
		set  string
		uid  bool
		want string // UIDs; "BAD" for an error
	}{
		{"1", false, "3"}, {"2:3", false, "5:6"}, {"4:2", false, "5:9"}, {"*", false, "9"}, {"*:3", false, "6:9"}, {"5", false, "BAD"},
		{"1,3,2,1:2", false, "3:6"}, {"3", true, "3"}, {"4", true, ""}, {"1:4", true, "3"}, {"4:8", true, "5:6"},
		{"99:*", true, "9"}, {"*:99", true, "9"}, {"1:*", true, "3:9"}, {"10:20", true, ""}, {"0", true, "BAD"}, {"1:", true, "BAD"},
		{"4294967296", true, "BAD"}, {"1,,2", true, "BAD"},
	}
	for _, test := range tests {
		p := &parser{b: []byte(test.set)}
		set := p.numbers()
		err := p.end()
		var spans []span
		if err == nil {
			spans, err = v.resolve(set, test.uid)
		}
		got := v.uids(spans).String()
		if err != nil {
			got = "BAD"
		}
		if got != test.want {
			t.Errorf("%q (uid %v): got %q, want %q", test.set, test.uid, got, test.want)
		}
	}
}

// Whatever the set, its places are in the view, rising and apart.
func FuzzNumberSet(f *testing.F) {
	for _, s := range []string{"1", "1:*", "*:4,2", "3,1,2", "$", "9:1,5:6", "4294967295:1"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, uid bool) {
		v := viewOf(3, 5, 6, 9)
		v.entries = append(v.entries, entry{uid: 12, flags: unique.Make(mailbox.Flags{})}) // not told yet
		p := &parser{b: []byte(s)}
		set := p.numbers()
		if p.end() != nil {
			return
		}
		spans, err := v.resolve(set, uid)
		if err != nil {
			return
		}
		at := -1
		for _, sp := range spans {
			if sp.first <= at || sp.end <= sp.first || sp.end > v.told {
				t.Fatalf("%q: spans %v", s, spans)
			}
			at = sp.end
		}
		for rest := spans; len(rest) > 0; {
			var front []span
			if front, rest = take(rest, 2); len(front) == 0 {
				t.Fatalf("%q: nothing taken of %v", s, rest)
			}
		}
	})
}

// No command makes the parser panic or go on for ever, whatever state it is in.
func FuzzCommand(f *testing.F) {
	for _, s := range []string{
		"a LOGIN {1+}\r\nx \"y\"", `a FETCH 1:* (FLAGS BODY.PEEK[1.2.HEADER.FIELDS (a "b")]<0.5> BINARY[1]) (CHANGEDSINCE 5)`,
		`a SEARCH RETURN (MIN) CHARSET UTF-8 OR (SEEN NOT FROM "x") UID 1:5 SENTON 1-Feb-2020 MODSEQ "/f/\\s" all 7`,
		`a STORE 1 (UNCHANGEDSINCE 1) -FLAGS.SILENT \Seen $x`, `a LIST (SUBSCRIBED RECURSIVEMATCH) "" (a% *) RETURN (STATUS (MESSAGES))`,
		`a APPEND INBOX (\Seen) " 1-Feb-2020 00:00:00 +0000" {3+}` + "\r\nabc", `a CREATE x (USE (\Sent))`, "a UID MOVE $ &AOk-",
		"a SELECT x (CONDSTORE)", "a STATUS x (MESSAGES)", `a ID ("a" NIL)`, "a UID EXPUNGE 1,2", "a IDLE",
		`a SETQUOTA "" (STORAGE 5 MESSAGE 7)`, "a GETQUOTAROOT x", "a STATUS x (DELETED-STORAGE)",
		"a SELECT x (QRESYNC (1 2 3:4 (1,2 3,4)))", "a UID FETCH 1:* (SAVEDATE PREVIEW (LAZY)) (CHANGEDSINCE 1 VANISHED)", "a ENABLE QRESYNC UTF8=ACCEPT",
		`a NOTIFY SET STATUS (selected (MessageNew (UID BODY.PEEK[]) MessageExpunge)) (subtree (a "b") (MailboxName)) (mailboxes c NONE)`, "a APPEND INBOX UTF8 (~{1+}\r\nx)", "a APPEND x (\\Seen) {1+}\r\nx \" 1-Jan-2020 10:00:00 +0000\" ~{2+}\r\nyz {0}\r\n", "a AUTHENTICATE PLAIN AA==",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRequest(raw{b: append(b, "\r\n"...)}, maxInline)
		if err != nil {
			return
		}
		cmd, ok := table[r.name]
		if !ok || r.name == "IDLE" || r.name == "COMPRESS" || r.name == "AUTHENTICATE" || r.name == "STARTTLS" {
			return // they talk on the wire
		}
		c := newConn(&Server{Store: nothing{}, Bodies: void{}, Auth: nobody{}, Log: slog.New(slog.DiscardHandler), Changes: &mailbox.Changes{}}, door.NewConn(pipe(t), door.Limits{}))
		c.limits.FailedLogin = 0
		c.view, c.state = viewOf(1, 2, 5), selected
		c.qresync, c.utf8 = len(b)%2 == 0, len(b)%2 == 0
		_, err = cmd.run(c, t.Context(), r)
		replyTo(reply{}, err)
	})
}

// A reader ends, with a whole command or an error, and stays in its bounds.
func FuzzReader(f *testing.F) {
	f.Add([]byte("a NOOP\r\n"))
	f.Add([]byte("a LOGIN {3+}\r\nabc {1}\r\nx\r\nb NOOP\r\n"))
	f.Add([]byte("a X {99+}\r\n" + strings.Repeat("y", 120)))
	f.Add([]byte("a APPEND x {99+}\r\n" + strings.Repeat("y", 99) + " {3+}\r\nabc {30}\r\n" + strings.Repeat("z", 30) + "\r\nb NOOP\r\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		r := reader{r: bufio.NewReaderSize(bytes.NewReader(b), 16), line: 60, inline: 20, total: 100, accept: func() error { return nil }}
		r.spool = func(have *spooled, n int64) (*spooled, error) {
			switch {
			case n > 200, have != nil && have.size+n > 300:
				return nil, errMessageTooBig
			case have != nil:
				return have, nil
			}
			s, err := newSpool(dir)
			if err == nil {
				t.Cleanup(func() { s.Close() })
			}
			return s, err
		}
		for {
			cmd, err := r.read(nil)
			if len(cmd.b) > r.total {
				t.Fatalf("%d octets", len(cmd.b))
			}
			if err == nil && cmd.b[len(cmd.b)-1] != '\n' {
				t.Fatalf("%q has no end", cmd.b)
			}
			if err == nil && cmd.spool != nil {
				for _, p := range cmd.spool.parts {
					if p.at > len(cmd.b) || p.off+p.size > cmd.spool.size || cmd.spool.size > 300 {
						t.Fatalf("%q has %+v of %d beside it", cmd.b, p, cmd.spool.size)
					}
				}
			}
			if err != nil && !errors.Is(err, errTooBig) && !errors.Is(err, errMessageTooBig) {
				return
			}
		}
	})
}

func pipe(t *testing.T) net.Conn {
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	return a
}

// errNothing is what nothing answers.
var errNothing = errors.New("nothing here")

// nothing is a store without anything.
type nothing struct{}

func (nothing) Latest(context.Context, []int64) (map[int64]mailbox.ModSeq, error) {
	return nil, errNothing
}

func (nothing) Measure(context.Context, int64, mailbox.UIDSet, bool) (u mailbox.Usage, err error) {
	return u, nil
}

func (nothing) OpenBox(context.Context, int64, string, time.Time, ...string) error { return errNothing }
func (nothing) Usage(context.Context, int64) (u mailbox.Usage, err error) {
	return u, errNothing
}
func (nothing) Folders(context.Context, int64) ([]mailbox.Folder, error) { return nil, nil }
func (nothing) Folder(_ context.Context, _ int64, name string) (mailbox.Folder, error) {
	return mailbox.Folder{ID: 1, Name: name}, nil
}
func (nothing) CreateFolder(context.Context, int64, string, mailbox.Use) (f mailbox.Folder, err error) {
	return f, errNothing
}
func (nothing) RenameFolder(context.Context, int64, string, string) error { return errNothing }
func (nothing) SetUse(context.Context, int64, string, mailbox.Use) error  { return errNothing }
func (nothing) DeleteFolder(context.Context, int64, string) error         { return errNothing }
func (nothing) OpenHeld(context.Context, int64) error                     { return errNothing }
func (nothing) Gather(context.Context, int64) error                       { return errNothing }
func (nothing) Subscriptions(context.Context, int64) ([]string, error)    { return nil, nil }
func (nothing) Subscribe(context.Context, int64, string, bool) error      { return errNothing }
func (nothing) Index(context.Context, int64, func(mailbox.Entry)) (f mailbox.Folder, err error) {
	return f, errNothing
}
func (nothing) Pages(context.Context, int64, mailbox.PageKind, uint32, uint32) ([]mailbox.Page, error) {
	return nil, nil
}
func (nothing) KeepPages(context.Context, int64, []mailbox.Page) error { return errNothing }
func (nothing) Since(context.Context, int64, mailbox.ModSeq) (d mailbox.Delta, err error) {
	return d, nil
}
func (nothing) Gone(context.Context, int64, mailbox.ModSeq) (d mailbox.Delta, err error) {
	return d, nil
}
func (nothing) Changed(context.Context, int64, mailbox.ModSeq, mailbox.UID, int) ([]mailbox.Entry, error) {
	return nil, nil
}
func (nothing) Messages(_ context.Context, _ int64, set mailbox.UIDSet, _ mailbox.Part) ([]mailbox.Message, error) {
	return []mailbox.Message{{Entry: mailbox.Entry{UID: set[0].First}, Envelope: []byte(`("x" NIL)`), BodyStructure: []byte("()")}}, nil
}
func (nothing) Deliver(context.Context, *mailbox.Delivery) error { return errNothing }

func (nothing) DeliverAll(context.Context, []*mailbox.Delivery) error { return errNothing }
func (nothing) SetPlanned(context.Context, int64, mailbox.FlagPlan) (after mailbox.ModSeq, done bool, err error) {
	return
}
func (nothing) SetFlags(context.Context, int64, mailbox.UIDSet, mailbox.FlagChange) (s mailbox.Stored, err error) {
	return s, errNothing
}
func (nothing) Likely(context.Context, int64, mailbox.TextQuery) ([]mailbox.UID, bool, error) {
	return nil, false, errNothing
}
func (nothing) Expunge(context.Context, int64, mailbox.UIDSet) error { return errNothing }
func (nothing) Copy(context.Context, int64, mailbox.UIDSet, int64) (c mailbox.Copied, err error) {
	return c, errNothing
}
func (nothing) Move(context.Context, int64, mailbox.UIDSet, int64) (c mailbox.Copied, err error) {
	return c, errNothing
}
