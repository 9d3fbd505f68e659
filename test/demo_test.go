package test

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/app/demo"
	"gatepost/test/load"
	"gatepost/test/machine"
)

// Every story that the demo tells comes true, and a second run doubles nothing.
func TestDemo(t *testing.T) {
	t.Parallel()
	m, err := machine.New(bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m.Serve = "demo"
	t.Cleanup(m.Kill)
	for restarts, turn := range []string{"first run", "second run"} {
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, 30*time.Second, turn+": the demo tells what to do", func() bool { return strings.Contains(m.Output.String(), "Ctrl-C ends it.") })
		if out := m.Output.String(); !strings.Contains(out, "  bin/gatepost --data "+m.Dir+" quarantine list\n") || strings.Contains(out, "  bin/gatepost quarantine") {
			t.Errorf("%s: commands find no node by what is told:\n%s", turn, out)
		}
		t.Run(turn, func(t *testing.T) {
			checkStories(t, m)
			checkDemoBoxes(t, m, restarts)
			checkDemoSharing(t, m)
		})
		if err := m.Stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// checkStories holds journal and quarantine against the stories.
func checkStories(t *testing.T, m *machine.Machine) {
	firm := []string{"03-phish.eml", "05-forged.eml", "09-blocked.eml", "13-archive.eml"} // disowned by SPF, blocked, dangerous: offered no way
	want := map[string]int{}
	var wantHeld []string
	for _, story := range demo.Messages {
		state, _, _ := strings.Cut(story.Story, ":")
		switch state {
		case "refused":
			state = "no-such-mailbox"
		case "filed":
			state = "delivered"
		}
		held := state == "held"
		if held && !slices.Contains(firm, story.File) {
			state = "held-told" // the pages have an address, so the reply leads there
		}
		for _, to := range story.To {
			want[fmt.Sprintf("%s %s %s", story.From, to, state)]++
			if held {
				wantHeld = append(wantHeld, story.From+" "+to)
			}
		}
	}
	got := map[string]int{}
	for _, r := range asked[[]row](t, m, "journal", "search") {
		got[fmt.Sprintf("%s %s %s", r.Sender, r.Recipient, r.State)]++
	}
	if !maps.Equal(got, want) {
		t.Errorf("journal: got %v\nwant %v", got, want)
	}
	var held []string
	deciders := map[string]string{ // what the stories say
		"security@savingsbank.example": "spf", "test@partner.example": "keywords", "offers@pills.example": "dnsbl",
		"scanner@copyshop.example": "rdns", "deals@shop.example": "sender-block",
		"depot@courier.example": "attachment", "notice@cloudmail.example": "score", // of phish
	}
	for _, r := range asked[[]row](t, m, "quarantine", "list") {
		if want := deciders[r.Sender]; want != "" && r.Filter != want {
			t.Errorf("mail of %s is held by %s, want %s", r.Sender, r.Filter, want)
		}
		held = append(held, r.Sender+" "+r.Recipient)
		if r.State != "held" || r.Filter == "" || r.Reason == "" {
			t.Errorf("held without state, filter or reason: %+v", r)
		}
	}
	slices.Sort(held)
	slices.Sort(wantHeld)
	if !slices.Equal(held, wantHeld) {
		t.Errorf("quarantine: got %v\nwant %v", held, wantHeld)
	}
}

// checkDemoBoxes holds the mailboxes against the stories. Whose mailbox is nearly full is told once: some seconds after
// the first start, or after the second.
func checkDemoBoxes(t *testing.T, m *machine.Machine, restarts int) {
	want := map[string]int{}
	for _, story := range demo.Messages {
		for _, to := range story.To {
			if strings.HasPrefix(story.Story, "delivered") {
				want[to]++
			}
		}
	}
	inbox := func(address string) (got int) {
		if err := load.FetchAll(m.IMAP, address, demo.Password, "INBOX", func([]byte) { got++ }); err != nil {
			t.Fatal(err)
		}
		return got
	}
	cy := demo.Mailboxes[2]
	until(t, 30*time.Second, "what is for Cy is there", func() bool { return inbox(cy) >= want[cy]+restarts })
	for _, address := range demo.Mailboxes {
		if got := inbox(address); got != want[address] && (address != cy || got != want[cy]+1) {
			t.Errorf("%s has %d messages, want %d", address, got, want[address])
		}
	}
}

// checkDemoSharing looks at what the demo's people share, as they do.
func checkDemoSharing(t *testing.T, m *machine.Machine) {
	bob := demo.Mailboxes[1]
	for folder, want := range map[string]string{
		"Shared/" + demo.Mailboxes[0] + "/" + demo.Projects: "[harbour]",
		"Groups/" + demo.Group + "/INBOX":                   "order 4711",
	} {
		got := 0
		err := load.FetchAll(m.IMAP, bob, demo.Password, folder, func(content []byte) {
			if got++; !strings.Contains(string(content), want) {
				t.Errorf("%s has %s", folder, content)
			}
		})
		if err != nil || got != 1 {
			t.Errorf("%s has %d messages for Bob, %v; want 1", folder, got, err)
		}
	}
	kept := 0
	for _, story := range demo.Messages {
		if !strings.HasPrefix(story.Story, "refused") {
			kept++
		}
	}
	if got := len(asked[[]row](t, m, "archive", "search", demo.Domain)); got != kept {
		t.Errorf("the archive has %d messages, want %d", got, kept)
	}
	err := errors.New("not looked at")
	for _, at := range []time.Time{time.Now(), time.Now().Add(-time.Hour)} { // a month may have ended meanwhile
		if err != nil {
			err = load.FetchAll(m.IMAP, bob, demo.Password, "Shared/_archive@"+demo.Domain+"/In/"+at.UTC().Format("2006-01"), func([]byte) {})
		}
	}
	if err != nil {
		t.Errorf("Bob in the archive: %v", err)
	}
	if out := run(t, m, "", "archive", "audit", demo.Domain); !strings.Contains(out, bob+"  read ") {
		t.Errorf("what Bob read is not noted:\n%s", out)
	}
	if out := run(t, m, "", "mailbox", "show", demo.Mailboxes[2]); !regexp.MustCompile(`full: +(95|1\d\d) %`).MatchString(out) { // 95, and the letter
		t.Errorf("Cy's mailbox is not nearly full:\n%s", out)
	}
}
