package filters

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"gatepost/internal/bulk"
	"gatepost/internal/learnt"
	"gatepost/internal/mail"
	"gatepost/rules"
)

// lessons are learnt.Rows that know some prints.
type lessons struct {
	learnt.Rows
	entries []learnt.Entry
}

func (l lessons) Load(_ context.Context, _ int64, f func(learnt.Entry) error) (int64, error) {
	for _, e := range l.entries {
		if err := f(e); err != nil {
			return 0, err
		}
	}
	return 1, nil
}

// memoryOf is what is known after a message was taught as spam.
func memoryOf(t testing.TB, m *mail.Message, client netip.Addr, s learnt.Standing) *learnt.Memory {
	t.Helper()
	var rows lessons
	for _, p := range TextPrints(m, client) {
		rows.entries = append(rows.entries, learnt.Entry{Print: p, Standing: s})
	}
	d := learnt.New(learnt.Config{Rows: rows, Now: goldenTime})
	if err := d.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d.Memory()
}

func crlf(text string) *mail.Message {
	return mail.NewMessage([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
}

// parseTaught is a case's section "taught"; nil: nothing was.
func parseTaught(t *testing.T, section func(string) string) *learnt.Memory {
	head, message, _ := strings.Cut(section("taught"), "\n")
	if head == "" {
		return nil
	}
	s := learnt.Standing{First: goldenTime(), Last: goldenTime()}
	var source, client string
	if _, err := fmt.Sscan(head, &source, &s.Spam, &client); err != nil {
		t.Fatalf("taught %q: %v", head, err)
	}
	s.Sources = []learnt.Source{learnt.Source(source)}
	if s.Sources[0] == learnt.Trap {
		s.Networks = s.Spam
	} else { // one is of the reader's domain, several of two
		s.Domains, s.Home = min(s.Spam, 2), learnt.HomeOf("example.net")
	}
	if strings.TrimSpace(message) == "-" {
		message = section("message")
	}
	return memoryOf(t, crlf(message), netip.MustParseAddr(client), s)
}

// parseSeen is a case's section "seen".
func parseSeen(t *testing.T, section func(string) string) *bulk.Window {
	w := bulk.New(bulk.Config{})
	f := bulk.Of(crlf(section("message")), rules.Fold)
	for line := range strings.Lines(section("seen")) {
		var n int
		var what string
		if _, err := fmt.Sscan(line, &n, &what); err != nil {
			t.Fatalf("seen %q: %v", line, err)
		}
		for i := range n {
			switch what {
			case "organisations":
				w.Add(&f, fmt.Sprintf("org%d.example", i), "", goldenTime())
			case "signers":
				w.Add(&f, "org0.example", fmt.Sprintf("signer%d.example", i), goldenTime())
			default:
				t.Fatalf("seen %q", line)
			}
		}
	}
	return w
}
