package test

import (
	"fmt"
	"strings"
	"testing"
)

// The DNS of ordinary mail: sender.example has all that a domain should have; 203.0.113.80 has
// no name, though plain.example sends from there; nowhere.example does not exist.
const presetsZone = `
sender.example.               MX 10 mx.sender.example.
sender.example.               TXT "v=spf1 ip4:192.0.2.7 -all"
mx.sender.example.            A 192.0.2.7
7.2.0.192.in-addr.arpa.       PTR mx.sender.example.
plain.example.                MX 10 mx.plain.example.
plain.example.                TXT "v=spf1 ip4:203.0.113.80 -all"
mx.plain.example.             A 203.0.113.80
66.113.0.203.in-addr.arpa.    PTR mail.forger.example.
mail.forger.example.          A 203.0.113.66
`

const gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

// uuencoded is a line of a Windows program.
const uuencoded = "M35J0``,````$````__\\``+@`````````0```````````````````````````"

// Each preset as it ships walks mail of every kind: what RCPT or DATA hears, and which filter
// decided.
func TestPresets(t *testing.T) {
	t.Parallel()
	m := prepare(t, "hostname: mx.test.example\ngate: [ip-ban, early-talker, rate]\n", presetsZone)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	run(t, m, "", "list", "add", "allow", "203.0.113.81")
	for _, policy := range []string{"default", "classic", "early-reject"} {
		name := strings.ReplaceAll(policy, "-", "") + ".example"
		domain(t, m, name, "--policy", policy)
	}
	// Strangers have to come again, where the preset says so, and then need not any more.
	for _, name := range []string{"classic", "earlyreject"} {
		sent := mailFrom(t, m, goodClient, sender, note("first", "x"), "ann@"+name+".example")
		if reply := sent.rcpt[0] + sent.data; !strings.Contains(reply, "451 4.7.1") { // antivirus, first in classic, waits for the content
			t.Errorf("%s: a stranger's first attempt: %q", name, reply)
		}
	}
	for _, known := range []string{"sender.example", "plain.example", "192.0.2.0/24", "203.0.113.0/24"} {
		run(t, m, "", "greylist", "pass", known)
	}
	for i, c := range []struct {
		name, client, from, text string
		want                     [3]string // "reply state filter" of default, classic, early-reject
	}{
		{"ordinary", goodClient, sender, "x", [3]string{"250 delivered", "250 delivered", "250 delivered"}},
		{"a forged sender", listedClient, sender, "x", [3]string{"250 held spf", "250 held spf", "550 refused spf"}},
		{"a client without a name", "203.0.113.80", "sam@plain.example", "x", [3]string{"250 held rdns", "250 held rdns", "550 refused rdns"}},
		{"a domain that is not there", goodClient, "x@nowhere.example", "x", [3]string{"250 held mx", "250 held mx", "550 refused mx"}},
		{"an allowed client, whatever it says", "203.0.113.81", "x@nowhere.example", gtube,
			[3]string{"250 delivered ip-allow", "250 delivered ip-allow", "250 delivered ip-allow"}},
		{"spam by its words", goodClient, sender, gtube, [3]string{"250 held keywords", "250 held keywords", "250 held keywords"}},
		{"a program, from an allowed client", "203.0.113.81", sender, "begin 644 invoice.exe\r\n" + uuencoded + "\r\n`\r\nend",
			[3]string{"250 held attachment", "250 delivered ip-allow", "250 held attachment"}},
		{"a report about nothing that was sent", goodClient, "", "x", [3]string{"250 delivered", "250 delivered", "250 delivered"}},
	} {
		for j, name := range []string{"default", "classic", "earlyreject"} {
			to, subject := "ann@"+name+".example", fmt.Sprintf("preset %d %d", i, j)
			sent := mailFrom(t, m, c.client, c.from, note(subject, c.text), to)
			reply := sent.rcpt[0]
			if sent.data != "" {
				reply = sent.data
			}
			rows := asked[[]row](t, m, "journal", "search", "--recipient", to, "--limit", "1")
			if len(rows) != 1 {
				t.Fatalf("%s to %s: %d rows", c.name, to, len(rows))
			}
			got := strings.TrimSpace(reply[:3] + " " + rows[0].State + " " + rows[0].Filter)
			if got != c.want[j] {
				t.Errorf("%s to %s: got %q (%s), want %q", c.name, to, got, rows[0].Reason, c.want[j])
			}
		}
	}
}
