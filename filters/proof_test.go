package filters

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// signedMessage is that of a golden case, with the key that it is signed with.
func signedMessage(t *testing.T) (message []byte, key string) {
	t.Helper()
	b, err := os.ReadFile("testdata/sender-allow/dkim-aligned.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range txtar.Parse(b).Files {
		switch f.Name {
		case "message":
			message = []byte(strings.ReplaceAll(string(f.Data), "\n", "\r\n"))
		case "zone":
			_, rest, _ := strings.Cut(string(f.Data), `_domainkey.example.org. TXT "`)
			key, _, _ = strings.Cut(rest, `"`)
		}
	}
	return message, key
}

// What the filter spf makes of a client on a private network proves nothing: who asks for
// proof is told what the record says.
func TestPrivateClientProvesNothing(t *testing.T) {
	for record, says := range map[string]string{"v=spf1 -all": "fail", "v=spf1 ~all": "softfail"} {
		dns := fakeDNS{txt: map[string]string{"our.example": record}}
		for _, addr := range []string{"192.168.1.7", "127.0.0.1", "fd00::7"} {
			client := mail.Client{Addr: netip.MustParseAddr(addr), Helo: "printer.local"}
			tx := pipeline.NewTransaction(t.Context(), "id", time.Now(), client, nil).WithHelo(client).WithMail("scan@our.example", mail.Params{})
			f, err := spfFilter{dns}.Check(t.Context(), pipeline.Query{Tx: tx})
			if err != nil || f.Result != "private" || len(f.Auth) > 0 {
				t.Errorf("%s, %s: the filter says %+v, %v", record, addr, f, err)
			}
			tx = tx.WithData(nil, mail.NewMessage([]byte("From: scan@our.example\r\n\r\nx")))
			if how, spf, err := (Proof{dns}).Proven(t.Context(), tx); how != "" || spf != says || err != nil {
				t.Errorf("%s, %s: proven %q, %q, %v", record, addr, how, spf, err)
			}
			tx.Close()
		}
	}
}

func TestProven(t *testing.T) {
	message, key := signedMessage(t)
	const lets, bars = "v=spf1 ip4:192.0.2.7 -all", "v=spf1 -all"
	tests := []struct {
		name     string
		from     mail.Path
		login    mail.Path
		txt      map[string]string
		down     bool
		how, spf string
		fails    bool
	}{
		{name: "nobody", from: "ann@example.org", spf: "none"},
		{name: "null", txt: map[string]string{"mail.example.org": lets}},
		{name: "log-in", from: "ann@example.org", login: "ann@example.org", how: "log-in"},
		{name: "spf", from: "ann@example.org", txt: map[string]string{"example.org": lets}, how: "spf", spf: "pass"},
		{name: "spf says no", from: "ann@example.org", txt: map[string]string{"example.org": bars}, spf: "fail"},
		{name: "spf says no, a signature yes", from: "ann@example.org", txt: map[string]string{"example.org": bars, "ed._domainkey.example.org": key}, how: "dkim example.org", spf: "fail"},
		{name: "a signature of others", from: "ann@example.net", txt: map[string]string{"ed._domainkey.example.org": key}, spf: "none"},
		{name: "no answer", from: "ann@example.org", down: true, spf: "temperror", fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dns := fakeDNS{txt: tt.txt}
			if tt.down {
				dns.err = errors.New("no answer")
			}
			client := mail.Client{Addr: netip.MustParseAddr("192.0.2.7"), Helo: "mail.example.org", Login: tt.login}
			tx := pipeline.NewTransaction(t.Context(), "id", time.Now(), client, nil).WithHelo(client).WithMail(tt.from, mail.Params{})
			defer tx.Close()
			tx = tx.WithData(nil, mail.NewMessage(message))
			how, spf, err := Proof{dns}.Proven(t.Context(), tx)
			if how != tt.how || spf != tt.spf || (err != nil) != tt.fails {
				t.Errorf("got %q, %q, %v; want %q, %q", how, spf, err, tt.how, tt.spf)
			}
		})
	}
}
