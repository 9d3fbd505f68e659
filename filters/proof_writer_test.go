package filters

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

func TestWriter(t *testing.T) {
	message, key := signedMessage(t)
	twice := append([]byte("From: eve@evil.example\r\n"), message...)
	lets := map[string]string{"example.net": "v=spf1 ip4:192.0.2.7 -all"}
	signed := map[string]string{"ed._domainkey.example.org": key}
	both := map[string]string{"example.net": lets["example.net"], "ed._domainkey.example.org": key}
	for name, c := range map[string]struct {
		from, login mail.Path
		txt         map[string]string
		content     []byte
		down        bool
		who         mail.Path
		how         string
		fails       bool
	}{
		"nobody":                   {from: "ann@example.net"},
		"log-in":                   {from: "ann@example.net", login: "ann@example.net", who: "ann@example.net", how: "log-in"},
		"signed":                   {from: "bounce@example.net", txt: signed, who: "ann@example.org", how: "dkim example.org"},
		"signed, null path":        {txt: signed, who: "ann@example.org", how: "dkim example.org"},
		"null path":                {txt: lets},
		"by SPF":                   {from: "Bob@example.net", txt: lets, who: "bob@example.net", how: "spf"},
		"both: whom readers see":   {from: "bob@example.net", txt: both, who: "ann@example.org", how: "dkim example.org"},
		"two authors prove nobody": {txt: signed, content: twice},
		"the DNS does not answer":  {from: "bob@example.net", down: true, fails: true},
	} {
		dns := fakeDNS{txt: c.txt}
		if c.down {
			dns.err = errors.New("no answer")
		}
		if c.content == nil {
			c.content = bytes.Clone(message)
		}
		client := mail.Client{Addr: netip.MustParseAddr("192.0.2.7"), Helo: "mail.example.org", Login: c.login}
		tx := pipeline.NewTransaction(t.Context(), "id", time.Now(), client, nil).WithHelo(client).WithMail(c.from, mail.Params{})
		if _, _, err := (Proof{dns}).Writer(t.Context(), tx); err == nil {
			t.Errorf("%s: answered before the content is in", name)
		}
		tx = tx.WithData(nil, mail.NewMessage(c.content))
		who, how, err := Proof{dns}.Writer(t.Context(), tx)
		if who != c.who || how != c.how || (err != nil) != c.fails {
			t.Errorf("%s: got %q, %q, %v; want %q, %q", name, who, how, err, c.who, c.how)
		}
		tx.Close()
	}
}
