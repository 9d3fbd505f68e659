package filters

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/trust"
	"gatepost/pipeline"
)

// TestFieldNote10Scripts: filters by script hit legitimate languages. They are off until an entry
// is written, look at decoded letters and not at the charset's name, and don't decide about mail
// to a recipient who has written or released mail in that script.
func TestFieldNote10Scripts(t *testing.T) {
	koi8 := "From: a@example.org\r\nSubject: x\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\n" +
		strings.Repeat("\xf0\xd2\xc9\xd7\xc5\xd4 \xd7\xd3\xc5\xcd ", 10) + "\r\n" // Привет всем
	latin := "From: a@example.org\r\nSubject: x\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\n" + strings.Repeat("only a label ", 10) + "\r\n"
	book := trustOf{"reader@example.net": {"cyrillic@script.invalid"}}
	filter, err := newScript(scriptOptions{Script: "Cyrillic", Share: 0.3, Letters: 30, Scope: "both"}, book)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, content string
		rcpt          mail.Path
		want          string
	}{
		{"decoded", koi8, "bob@example.net", "match"},
		{"label", latin, "bob@example.net", "none"},
		{"who reads it", koi8, "reader@example.net", "read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tx := pipeline.NewTransaction(t.Context(), "id", goldenTime(), mail.Client{}, nil)
			defer tx.Close()
			got, err := filter.Check(t.Context(), pipeline.Query{Tx: tx.WithData(nil, mail.NewMessage([]byte(tt.content))), Recipient: tt.rcpt})
			if err != nil || got.Result != tt.want {
				t.Errorf("got %s, %v, want %s", got.Result, err, tt.want)
			}
		})
	}
	t.Run("what is written teaches", func(t *testing.T) {
		if got := Scripts(mail.NewMessage([]byte(koi8))); !slices.Equal(got, []mail.Path{"cyrillic@script.invalid"}) {
			t.Errorf("got %q", got)
		}
		if got := Scripts(mail.NewMessage([]byte(latin))); len(got) > 0 {
			t.Errorf("got %q", got)
		}
	})
	t.Run("does not decide", func(t *testing.T) {
		for _, r := range scriptKind(Deps{}).Results {
			if r.Word == "read" && r.Effect != "none" {
				t.Errorf("the effect of read is %s", r.Effect)
			}
		}
	})
}

// trustOf is a Trust that knows senders by recipient.
type trustOf map[mail.Path][]mail.Path

// Weigh implements Trust.
func (b trustOf) Weigh(ctx context.Context, rcpt, sender mail.Path, now time.Time) (trust.Entry, bool, error) {
	return trust.Entry{Weight: trust.One, Used: now}, slices.Contains(b[rcpt], sender), nil
}

// Use implements Trust.
func (trustOf) Use(trust.Entry, time.Time) {}
