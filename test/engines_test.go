package test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"gatepost/test/machine"
	mta "gatepost/test/peer"
)

// scanned is the settings of a policy that has two clamds look at mail, below an allow entry.
const scanned = `
hostname: mx.test.example
policies:
  - name: default
    pipeline:
      - {filter: sender-allow, require_auth: false}
      - filter: antivirus
        timeout: 8s
        engines:
          - {name: one, clamd: ONE}
          - {name: two, clamd: ["TWO"]}
`

// anEngine starts an engine that ends with the test.
func anEngine(t *testing.T, start func() (*mta.Engine, error)) *mta.Engine {
	t.Helper()
	e, err := start()
	if errors.Is(err, mta.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	return e
}

func aClamd(t *testing.T) *mta.Engine {
	return anEngine(t, func() (*mta.Engine, error) { return mta.StartClamd("StreamMaxLength 1M") })
}

// carrying makes a message with an attachment.
func carrying(subject, attachment string) string {
	text := base64.StdEncoding.EncodeToString([]byte(attachment))
	var b strings.Builder
	for len(text) > 76 {
		b.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	return "From: Eve <eve@sender.example>\r\nTo: you\r\nSubject: " + subject + "\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\n\r\nsee there\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b.String() + text + "\r\n--b--\r\n"
}

// heard sends a message and checks how the answer begins.
func heard(t *testing.T, m *machine.Machine, to, content, want string) mailing {
	t.Helper()
	begin := time.Now()
	got := mailFrom(t, m, goodClient, sender, content, to)
	if !strings.HasPrefix(got.data, want) {
		t.Errorf("after %s got %q, want %q", time.Since(begin), got.data, want)
	}
	return got
}

// Field note 12: no antivirus engine, no mail; one that answers suffices; nothing is
// delivered unscanned, and what no engine takes is not deferred for ever.
func TestFieldNote12AntivirusDown(t *testing.T) {
	t.Parallel()
	one, two := aClamd(t), aClamd(t)
	m := serve(t, strings.NewReplacer("ONE", one.Socket, "TWO", two.Addr).Replace(scanned), flowZone)
	ann := domain(t, m, "test.example")
	clean, virus := carrying("clean", "harmless"), carrying("virus", mta.EICAR())

	heard(t, m, ann, clean, "250")
	held := heard(t, m, ann, virus, "250")
	followed(t, m, held.id(t), ann+" held antivirus")
	run(t, m, "", "list", "add", "allow", sender)
	allowed := heard(t, m, ann, virus, "250") // runs after the allow entry, too
	followed(t, m, allowed.id(t), ann+" held antivirus")

	role := "postmaster@test.example" // whom nothing else keeps mail from
	heard(t, m, role, virus, "550")   // nothing is held for it
	toRole := heard(t, m, role, clean, "250")
	followed(t, m, toRole.id(t), role+" delivered")

	for range 5 { // while the signatures are loaded anew
		reload(t, one)
		reload(t, two)
		again := heard(t, m, ann, virus, "250")
		followed(t, m, again.id(t), ann+" held antivirus")
	}

	large := heard(t, m, ann, carrying("large", strings.Repeat("harmless ", 200_000)), "250")
	followed(t, m, large.id(t), ann+" held antivirus")
	sees(t, "a large message", run(t, m, "", "journal", "show", large.id(t)), "unscanned", "larger or deeper than scanners look")

	one.Freeze()
	heard(t, m, ann, clean, "250")
	slow := heard(t, m, ann, virus, "250")
	followed(t, m, slow.id(t), ann+" held antivirus")
	two.Kill()
	before := len(box(t, m, ann, "INBOX"))
	deferred := heard(t, m, ann, clean, "451")
	followed(t, m, refusedID(t, deferred.data), ann+" deferred antivirus")
	one.Kill()
	until(t, 20*time.Second, "both are in trouble", func() bool { return strings.Count(run(t, m, "", "engines"), " trouble ") == 2 })
	heard(t, m, ann, clean, "451")
	heard(t, m, ann, virus, "451")
	if got := box(t, m, ann, "INBOX"); len(got) != before {
		t.Errorf("%d messages were delivered unscanned", len(got)-before)
	}
	sees(t, "numbers", metrics(t, m), fmt.Sprintf("gatepost_engine_up{address=%q,engine=\"clamd\"} 0\n", one.Socket))
	if _, says := get(t, m, "/readyz"); !strings.Contains(says, "clamd at "+one.Socket+" is in trouble") {
		t.Errorf("health: %s", says)
	}

	if err := one.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, 60*time.Second, "mail is taken again", func() bool {
		return strings.HasPrefix(mailFrom(t, m, goodClient, sender, clean, ann).data, "250")
	})
	back := heard(t, m, ann, virus, "250")
	followed(t, m, back.id(t), ann+" held antivirus")
	until(t, time.Minute, "the log says that it is well", func() bool { return strings.Contains(m.Output.String(), "an engine is well again") })
	log := m.Output.String()
	for what, want := range map[string]int{"an engine does not answer as it should": 2, "an engine is well again": 1} {
		if n := strings.Count(log, what); n != want {
			t.Errorf("the log says %d times %q, want %d", n, what, want)
		}
	}
	if got := withSubject(box(t, m, ann, "INBOX"), "virus"); len(got) > 0 {
		t.Errorf("%d viruses were delivered", len(got))
	}
}

func reload(t *testing.T, e *mta.Engine) {
	t.Helper()
	c, err := net.Dial("unix", e.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answer := make([]byte, 20)
	if _, err := c.Write([]byte("zRELOAD\x00")); err != nil {
		t.Fatal(err)
	}
	if n, _ := c.Read(answer); !strings.HasPrefix(string(answer[:n]), "RELOADING") {
		t.Errorf("clamd says %q", answer[:n])
	}
}
