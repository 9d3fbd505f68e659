package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"gatepost/internal/proposal"
)

// Proposals tests that what open returns keeps samples and decisions. Each call of open is a new, empty store.
func Proposals(t *testing.T, open func(*testing.T) proposal.Rows) {
	for name, test := range map[string]func(*testing.T, proposal.Rows){
		"a sample comes back as it was": sampleRoundTrip,
		"bounded":                       sampleBounds,
		"taken back":                    sampleForgotten,
		"what is old goes":              sampleExpired,
		"decisions":                     proposalDecided,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func sampleOf(message, person string, class proposal.Class, ago time.Duration) proposal.Sample {
	return proposal.Sample{Message: message, Person: person, Class: class, Time: time.Now().Add(-ago).UTC().Truncate(time.Microsecond), Words: "claim your prize"}
}

func bring(t *testing.T, rows proposal.Rows, caps proposal.Caps, list ...proposal.Sample) {
	t.Helper()
	if err := rows.Bring(t.Context(), list, caps); err != nil {
		t.Fatal(err)
	}
}

// wantSamples compares the messages that are kept.
func wantSamples(t *testing.T, rows proposal.Rows, want string) {
	t.Helper()
	list, err := rows.Samples(t.Context())
	var got []string
	for _, s := range list {
		got = append(got, s.Message)
	}
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func sampleRoundTrip(t *testing.T, rows proposal.Rows) {
	spam := sampleOf("m1", "jürgen@far.example", proposal.Told, time.Minute)
	spam.Words, spam.Hosts = "claim your prize\nсегодня и завтра", []string{"evil.example", "worse.example"}
	wanted := proposal.Sample{Message: "m2", Person: "ann", Class: proposal.Wanted, Time: spam.Time.Add(time.Second), Sums: []uint32{0, 7, 1<<32 - 1}}
	bring(t, rows, proposal.Caps{}, spam, wanted)
	list, err := rows.Samples(t.Context())
	for i := range list {
		if len(list[i].Hosts) == 0 {
			list[i].Hosts = nil
		}
	}
	if want := []proposal.Sample{wanted, spam}; err != nil || !reflect.DeepEqual(list, want) {
		t.Errorf("got %+v, %v; want %+v", list, err, want)
	}
	spam.Class, spam.Hosts = proposal.Wanted, nil // he changes his mind
	bring(t, rows, proposal.Caps{}, spam)
	if list, err = rows.Samples(t.Context()); err != nil || len(list) != 2 || list[1].Class != proposal.Wanted {
		t.Errorf("got %+v, %v", list, err)
	}
}

func sampleBounds(t *testing.T, rows proposal.Rows) {
	caps := proposal.Caps{Day: 2, Class: 3}
	bring(t, rows, caps, sampleOf("a1", "ann", proposal.Told, 5*time.Minute), sampleOf("a2", "ann", proposal.Told, 4*time.Minute),
		sampleOf("a3", "ann", proposal.Told, 3*time.Minute), sampleOf("w1", "ann", proposal.Wanted, 2*time.Minute))
	wantSamples(t, rows, "w1 a2 a1")
	bring(t, rows, caps, sampleOf("b1", "bob", proposal.Told, time.Minute), sampleOf("c1", "eve", proposal.Told, 0))
	wantSamples(t, rows, "c1 b1 w1 a2") // the oldest gave way, and that of another class did not
	bring(t, rows, caps, sampleOf("d1", "joe", proposal.Trap, 25*time.Hour), sampleOf("d2", "joe", proposal.Trap, 25*time.Hour), sampleOf("d3", "joe", proposal.Trap, 25*time.Hour))
	if list, err := rows.Samples(t.Context()); err != nil || len(list) != 7 {
		t.Errorf("what is a day old counts: %d, %v", len(list), err)
	}
}

func sampleForgotten(t *testing.T, rows proposal.Rows) {
	bring(t, rows, proposal.Caps{}, sampleOf("m1", "ann", proposal.Told, 3), sampleOf("m1", "bob", proposal.Told, 2), sampleOf("m2", "ann", proposal.Told, 1))
	forget := func(message, person string) {
		t.Helper()
		if err := rows.Forget(t.Context(), message, person); err != nil {
			t.Fatal(err)
		}
	}
	forget("m1", "bob")
	if list, err := rows.Samples(t.Context()); err != nil || len(list) != 2 {
		t.Errorf("%d, %v", len(list), err)
	}
	forget("m1", "")
	forget("m1", "")
	wantSamples(t, rows, "m2")
}

func sampleExpired(t *testing.T, rows proposal.Rows) {
	for i := range 5 {
		bring(t, rows, proposal.Caps{}, sampleOf(fmt.Sprint("m", i), "ann", proposal.Trap, time.Duration(i)*time.Hour))
	}
	for _, want := range []int{2, 1, 0} {
		if n, err := rows.Expire(t.Context(), time.Now().Add(-90*time.Minute), 2); n != want || err != nil {
			t.Errorf("removed %d, %v; want %d", n, err, want)
		}
	}
	wantSamples(t, rows, "m0 m1")
}

func proposalDecided(t *testing.T, rows proposal.Rows) {
	when := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	phrase := proposal.Decision{Pattern: proposal.Pattern{Kind: proposal.Phrase, Text: "claim your prize"}, Accepted: true, Weight: 2.5, Who: "olga", Why: "traps", Time: when}
	host := proposal.Decision{Pattern: proposal.Pattern{Kind: proposal.Domain, Text: "ärger.example"}, Who: "olga", Time: when.Add(time.Minute)}
	at := int64(-1)
	wants := func(list ...proposal.Decision) {
		t.Helper()
		got, revision, err := rows.Decided(t.Context(), at)
		if err != nil || revision <= at || !reflect.DeepEqual(got, list) {
			t.Errorf("got %+v, revision %d, %v; want %+v", got, revision, err, list)
		}
		if got, again, err := rows.Decided(t.Context(), revision); err != nil || len(got) != 0 || again != revision {
			t.Errorf("nothing changed: %+v, %d, %v", got, again, err)
		}
		at = revision
	}
	decide := func(d proposal.Decision, most int, want error) {
		t.Helper()
		if err := rows.Decide(t.Context(), d, most); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	wants()
	decide(phrase, 2, nil)
	wants(phrase)
	decide(host, 1, proposal.ErrFull)
	decide(host, 2, nil)
	wants(host, phrase)
	phrase.Weight, phrase.Accepted, phrase.Time = 0, false, when.Add(time.Hour)
	decide(phrase, 2, nil)
	wants(phrase, host)
	for _, want := range []bool{true, false} {
		if was, err := rows.Withdraw(t.Context(), host.Pattern); was != want || err != nil {
			t.Errorf("got %v, %v", was, err)
		}
	}
	wants(phrase)
}
