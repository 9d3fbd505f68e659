package filters

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/sent"
	"gatepost/internal/srs"
	"gatepost/internal/trust"
)

// fakeLearnt is what a golden case's node knows of senders, and of what it sent.
type fakeLearnt struct {
	now     time.Time
	trust   map[[2]mail.Path]trust.Entry // by recipient and sender
	sent    map[mail.Path][]string       // Message-IDs by reverse-path
	away    map[string]bool              // by section
	uses    []string
	signer  *sent.Signer
	forward *srs.Rewriter
}

func parseLearnt(t testing.TB, trusted, ids string) *fakeLearnt {
	t.Helper()
	l := &fakeLearnt{now: time.Unix(1_700_000_000, 0), trust: map[[2]mail.Path]trust.Entry{}, sent: map[mail.Path][]string{}, away: map[string]bool{}}
	l.away["trust"], l.away["sent"] = strings.TrimSpace(trusted) == "away", strings.TrimSpace(ids) == "away"
	for line := range strings.Lines(trusted) {
		if l.away["trust"] {
			break
		}
		var rcpt, sender mail.Path
		var weight float64
		var how trust.How
		var days int
		if _, err := fmt.Sscan(line, &rcpt, &sender, &weight, &how, &days); err != nil {
			t.Fatalf("trust %q: %v", line, err)
		}
		l.trust[[2]mail.Path{rcpt, sender}] = trust.Entry{
			Key: trust.Key{Scope: trust.ForMailbox(7), Sender: sender}, Weight: trust.Weight(weight * float64(trust.One)),
			How: how, Used: l.now.Add(-time.Duration(days) * 24 * time.Hour),
		}
	}
	for line := range strings.Lines(ids) { // a reverse-path and a Message-ID
		if words := strings.Fields(line); len(words) == 2 {
			l.sent[mail.Path(words[0])] = append(l.sent[mail.Path(words[0])], words[1])
		}
	}
	keys := func(_ context.Context, name string) ([]byte, error) { return []byte(name), nil }
	l.signer = sent.NewSigner(keys, func() time.Time { return l.now })
	l.forward = srs.New([][]byte{[]byte("key")}, func() time.Time { return l.now })
	return l
}

// Weigh implements Trust.
func (l *fakeLearnt) Weigh(_ context.Context, rcpt, sender mail.Path, now time.Time) (trust.Entry, bool, error) {
	if l.away["trust"] {
		return trust.Entry{}, false, errors.New("the store is away")
	}
	e := l.trust[[2]mail.Path{rcpt, sender.Unsigned()}]
	return e, e.At(now) > 0, nil
}

// Use implements Trust.
func (l *fakeLearnt) Use(e trust.Entry, _ time.Time) { l.uses = append(l.uses, string(e.Sender)) }

// Sent implements Ledger.
func (l *fakeLearnt) Sent(_ context.Context, rcpt mail.Path, ids []string) (string, error) {
	if l.away["sent"] {
		return "", errors.New("the store is away")
	}
	for _, id := range ids {
		if slices.Contains(l.sent[rcpt], id) {
			return id, nil
		}
	}
	return "", nil
}

func (l *fakeLearnt) described() (text string) {
	for _, u := range l.uses {
		text += "use: " + u + "\n"
	}
	return text
}
