package filters

import (
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/pipeline"
	"gatepost/rules"
)

// TestTextsFact: all filters get the same texts, and an error where the content fails.
func TestTextsFact(t *testing.T) {
	tx := pipeline.NewTransaction(t.Context(), "id", time.Unix(1_700_000_000, 0), mail.Client{}, nil)
	defer tx.Close()
	if _, err := textsFact(t.Context(), tx); err == nil {
		t.Error("no error before the content is in")
	}
	tx = tx.WithData(nil, mail.NewMessage([]byte("Subject: V\u0456AGRA\r\n\r\nbody\r\n")))
	one, err := textsFact(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	two, err := textsFact(t.Context(), tx)
	if err != nil || one != two {
		t.Errorf("got %p and %p, %v", one, two, err)
	}
	if got := one.In(rules.Subject); len(got) != 1 || string(got[0].Folded) != "viagra" {
		t.Errorf("subject %q", got)
	}
	away := pipeline.NewTransaction(t.Context(), "id", time.Unix(1_700_000_000, 0), mail.Client{}, nil)
	defer away.Close()
	if _, err := textsFact(t.Context(), away.WithData(nil, mail.NewSpooled(strings.NewReader("short"), 10))); err == nil {
		t.Error("no error where the content can't be read")
	}
}
