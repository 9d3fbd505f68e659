package app

import (
	"context"
	"strings"
	"testing"
	"time"

	"gatepost/internal/directory"
)

// The owner of a mailbox that gets more mail of strangers than it takes is told of it, once a day, whichever node
// finds out.
func TestFloodIsTold(t *testing.T) {
	n := openSigned(t)
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.flood.run(ctx) }()
	defer func() { end(); <-ended }()
	id := n.limit("bob@test.example", directory.Limits{Inbound: 2})
	bob, _ := n.directory.Snapshot().Box(id)
	letters := func() (count int) {
		for _, s := range n.sent() {
			if strings.Contains(s, "Subject: Strangers send you too much") && strings.Contains(s, "got 2 messages from strangers") {
				count++
			}
		}
		return count
	}

	m := n.intake.Meter.(*meter)
	for range 2 {
		if m.Flooded(ctx, bob, "stranger@far.example") {
			t.Error("a stranger is put off below the limit")
		}
		m.Stored(id, 1000)
	}
	if !m.Flooded(ctx, bob, "stranger@far.example") {
		t.Error("a stranger is not put off")
	}
	for wait := time.Now(); letters() == 0 && time.Since(wait) < time.Minute; {
		time.Sleep(20 * time.Millisecond)
	}
	other := newFloodTeller(n.App) // another node knows rows alone
	n.must(other.tell(ctx, bob))
	if got := letters(); got != 1 {
		t.Errorf("%d letters, want 1", got)
	}
	old := n.App.now
	n.App.now = func() time.Time { return old().Add(25 * time.Hour) }
	n.must(other.tell(ctx, bob))
	n.App.now = old
	if got := letters(); got != 2 {
		t.Errorf("%d letters a day later, want 2", got)
	}
}

// Octets count as messages do, whatever is declared: a mailbox that had its fill of the hour takes no more of strangers.
func TestFloodOfOctets(t *testing.T) {
	n := openSigned(t)
	id := n.limit("bob@test.example", directory.Limits{InboundBytes: 1 << 20})
	bob, _ := n.directory.Snapshot().Box(id)
	m := n.intake.Meter.(*meter)
	for range 2 {
		if m.Flooded(t.Context(), bob, "stranger@far.example") {
			t.Error("a stranger is put off below the limit")
		}
		m.Stored(id, 600<<10)
	}
	if !m.Flooded(t.Context(), bob, "stranger@far.example") {
		t.Error("a stranger is not put off")
	}
	n.must(newFloodTeller(n.App).tell(t.Context(), bob))
	told := 0
	for _, s := range n.sent() {
		if strings.Contains(s, "got 1 MiB of mail from strangers") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("%d letters, want 1", told)
	}
}

func TestFloodLetter(t *testing.T) {
	words, err := newLetters()
	if err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string][]string{
		"en": {"Language: en", "From: \"Mail of test.example\" <postmaster@test.example>", "ann@test.example got 300 messages from strangers", "letters of your bank", "once a day"},
		"fr": {"Language: fr", "ann@test.example a reçu 300 messages d’inconnus", "messages de votre banque", "une fois par jour"},
	} {
		text := letterOf(t, words.flooded(lang, "ann@test.example", atMost{messages: 300}, "mx.test.example", time.Unix(1e9, 0)))
		says(t, lang, text, want...)
		if strings.Contains(text, "[flood.") {
			t.Errorf("%s: a text is missing in\n%s", lang, text)
		}
	}
}
