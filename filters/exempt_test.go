package filters

import (
	"bytes"
	"context"
	"encoding/base64"
	"image/png"
	"net/netip"
	"testing"
	"time"

	"gatepost/internal/learnt"
	"gatepost/internal/mail"
	"gatepost/internal/picture"
	"gatepost/internal/traffic"
	"gatepost/pipeline"
)

// everything is a Learnt that knows whatever it is asked about.
type everything struct{ learnt.Standing }

func (e everything) Spam(learnt.Kind, []byte) (learnt.Standing, bool) { return e.Standing, true }
func (e everything) NearPicture(uint64, int) (learnt.Standing, bool)  { return e.Standing, true }

// A picture or an attachment that was learnt holds neither mail of those whom nobody believes, nor
// what a shop with a good history sends to its list.
func TestLearntFilesExempt(t *testing.T) {
	var logo bytes.Buffer
	if err := png.Encode(&logo, patches(1)); err != nil {
		t.Fatal(err)
	}
	attached := func(kind string, content []byte) string {
		return "\r\nContent-Type: " + kind + "\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString(content) + "\r\n--b"
	}
	body := "--b" + attached("image/png; name=logo.png", logo.Bytes()) + attached("application/pdf; name=terms.pdf", append([]byte("%PDF-1.4\n"), make([]byte, 200)...)) + "--\r\n"
	one := learnt.Standing{Spam: 1, Domains: 1, Home: learnt.HomeOf("example.net"), Sources: []learnt.Source{learnt.Report}}
	two, trap, traps := one, learnt.Standing{Spam: 1, Networks: 1}, learnt.Standing{Spam: 2, Networks: 2}
	two.Spam = 2
	for name, tt := range map[string]struct {
		learnt.Standing
		rcpt   mail.Path
		header string
		good   bool
		spam   bool
		want   string // where it is none
	}{
		"one person":                          {one, "bob@example.net", "", true, false, "none"},
		"two of the reader's domain":          {two, "bob@example.net", "", true, true, ""},
		"two of another":                      {two, "bob@other.example", "", true, false, "none"},
		"a trap, from one network":            {trap, "bob@example.net", "", true, false, "none"},
		"traps":                               {traps, "bob@example.net", "", true, true, ""},
		"traps, but to a list":                {traps, "bob@example.net", "List-Unsubscribe: <https://shop.example/u>\r\n", true, false, "exempt"},
		"traps, to a list, without a history": {traps, "bob@example.net", "List-Unsubscribe: <https://shop.example/u>\r\n", false, true, ""},
	} {
		now := goldenTime()
		d := Deps{Resolver: fakeDNS{}, Pictures: picture.NewReader(1), Learnt: everything{tt.Standing}, Traffic: traffic.New(traffic.Config{Now: func() time.Time { return now }})}
		client := netip.MustParseAddr("192.0.2.7")
		for range 100 {
			d.Traffic.Took(client, tt.good)
		}
		now = now.Add(7 * time.Hour)
		for _, kind := range []pipeline.Kind{imageHashKind(d), attachmentHashKind(d)} {
			f, err := kind.New(kind.Options())
			if err != nil {
				t.Fatal(err)
			}
			m := mail.NewMessage([]byte("From: news@shop.example\r\nDKIM-Signature: v=1\r\n" + tt.header + "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + body))
			tx := pipeline.NewTransaction(t.Context(), "id", now, mail.Client{Addr: client}, nil).WithMail("news@shop.example", mail.Params{}).WithRcpt().WithData([]mail.Path{tt.rcpt}, m)
			_, _ = pipeline.Fact(t.Context(), tx, "dkim", time.Minute, func(context.Context) (dkimAnswer, error) {
				return dkimAnswer{Result: "pass", Signatures: []dkimSignature{{Domain: "shop.example", Result: "pass"}}}, nil
			})
			want := tt.want
			if tt.spam {
				want = map[string]string{"image-hash": "spam", "attachment-hash": "learnt"}[kind.Name]
			}
			found, err := f.Check(t.Context(), pipeline.Query{Tx: tx, Recipient: tt.rcpt})
			if err != nil || found.Result != want {
				t.Errorf("%s, %s: got %s %q, %v; want %s", name, kind.Name, found.Result, found.Reason, err, want)
			}
			tx.Close()
		}
	}
}
