package challenge

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
	"gatepost/test/bubble"
)

// A spammer makes one message of the day: its sender, header, and what SPF and DKIM say of
// it, as they would be found. The address that must get nothing is in each the victim's.
type spammer struct {
	name  string
	share int // in a hundred
	make  func(r *rand.Rand, victim string) Case
}

const victimDomain = "@victim.example"

func forgers() []spammer {
	from := func(p string) *mail.Header { return header("From: <" + p + victimDomain + ">") }
	plain := func(spf string) func(*rand.Rand, string) Case {
		return func(_ *rand.Rand, v string) Case {
			return Case{Sender: mail.Path(v + victimDomain), SPF: spf, Header: from(v)}
		}
	}
	return []spammer{
		{"the domain disowns it", 25, plain("fail")},
		{"the domain is not sure", 20, plain("softfail")},
		{"the domain does not say", 10, plain("neutral")},
		{"the domain has no record", 15, plain("none")},
		{"the record is broken, or the DNS", 5, func(r *rand.Rand, v string) Case {
			return plain([]string{"permerror", "temperror", ""}[r.IntN(3)])(r, v)
		}},
		{"disowned, with an old message that the domain signed", 3, func(_ *rand.Rand, v string) Case {
			return Case{Sender: mail.Path(v + victimDomain), SPF: "fail", Proof: "dkim victim.example", Header: from(v)}
		}},
		{"a message that another there has signed, brought again", 4, func(_ *rand.Rand, v string) Case {
			return Case{Sender: mail.Path(v + victimDomain), SPF: "softfail", Proof: "dkim victim.example", Header: from("spammer")}
		}},
		{"by a forwarder that rewrites senders", 5, func(r *rand.Rand, v string) Case {
			form := []string{"SRS0=%x=TT=victim.example=%s@fwd.example", "SRS1=%x=fwd2.example==ab=TT=victim.example=%s@fwd.example"}[r.IntN(2)]
			return Case{Sender: mail.Path(fmt.Sprintf(form, r.Uint32(), v)), SPF: "pass", Proof: "spf", Header: from(v)}
		}},
		{"through a list", 4, func(r *rand.Rand, v string) Case {
			line := []string{"List-Id: <l.lists.example>", "Precedence: bulk", "Precedence: list"}[r.IntN(3)]
			return Case{Sender: mail.Path("l-bounces+" + v + "=victim.example@lists.example"), SPF: "pass", Proof: "spf", Header: header(line, "From: <"+v+victimDomain+">")}
		}},
		{"reports and automatic answers to what was forged", 5, func(r *rand.Rand, v string) Case {
			sender := mail.Path(v + victimDomain)
			if r.IntN(2) == 0 {
				sender = mail.Null
			}
			return Case{Sender: sender, SPF: "pass", Proof: map[bool]string{false: "spf"}[sender.IsNull()], Header: header("Auto-Submitted: auto-replied", "Content-Type: multipart/report")}
		}},
		{"in the recipient's own name", 3, func(_ *rand.Rand, v string) Case {
			return Case{Sender: mail.Path(v + "@a.example"), SPF: "none", Own: true, Header: header("From: <" + v + "@a.example>")}
		}},
		{"with a virus", 1, func(_ *rand.Rand, v string) Case {
			return Case{Sender: mail.Path(v + victimDomain), SPF: "pass", Proof: "spf", Guarded: true, Header: from(v)}
		}},
	}
}

// TestForgedDay has a day of 100,000 forged messages, and a few honest ones among them, go
// through the rules and the notifier: no forged address gets a notice, honest senders get
// one for each recipient domain, and it is counted of each message what its sender heard.
func TestForgedDay(t *testing.T) {
	const forged, honestSenders, honestMails = 100_000, 200, 1000
	r := rand.New(rand.NewPCG(3834, 7208))
	var order []spammer
	for _, s := range forgers() {
		for range s.share {
			order = append(order, s)
		}
	}
	if len(order) != 100 {
		t.Fatalf("shares add up to %d", len(order))
	}
	notifying(t, 500, func(t *testing.T, m *memory, n *Notifier) {
		begun := time.Now()
		take := func(tx string, c Case, domain string) {
			c.Arrived, c.Now = time.Now(), time.Now()
			if why := c.Refusal(); why != "" {
				counts{m}.Told(string(why))
				return
			}
			m.hold(n, Due{Tx: tx, Sender: c.Sender, Proof: c.Proof, Guarded: c.Guarded, Domains: []string{domain}})
		}
		for i := range forged {
			s := order[r.IntN(len(order))]
			take(fmt.Sprint(s.name, " ", i), s.make(r, fmt.Sprint("v", r.IntN(20_000))), []string{"a.example", "b.example"}[r.IntN(2)])
			if i%(forged/honestMails) == 0 {
				who := fmt.Sprint("h", r.IntN(honestSenders), "@honest.example")
				take("honest", Case{Sender: mail.Path(who), SPF: "pass", Proof: "spf", Header: header("From: <" + who + ">")}, "a.example")
			}
			if i%100 == 0 {
				bubble.Sleep(24 * time.Hour / (forged / 100))
			}
		}
		synctest.Wait()
		if d := time.Since(begun); d < 24*time.Hour || d > 25*time.Hour {
			t.Errorf("the day took %v", d)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		got := map[mail.Path]int{}
		for _, s := range m.sent {
			if !strings.HasSuffix(string(s.Sender), "@honest.example") {
				t.Fatalf("a notice to %s, forged: %s", s.Sender, s.Tx)
			}
			if got[s.Sender]++; got[s.Sender] > 1 {
				t.Errorf("%d notices to %s in a day", got[s.Sender], s.Sender)
			}
		}
		if len(got) < honestSenders*9/10 {
			t.Errorf("%d honest senders were told, of %d", len(got), honestSenders)
		}
		sum := 0
		for _, n := range m.counted {
			sum += n
		}
		if sum != forged+honestMails || m.counted["notice"] != len(m.sent) {
			t.Errorf("%d are counted, of %d: %v", sum, forged+honestMails, m.counted)
		}
		t.Logf("%d messages: %v", sum, m.counted)
	})
}
