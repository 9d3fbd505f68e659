package filters

import (
	"context"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/picture"
	"gatepost/pipeline"
)

const promptMail = "Subject: hello\r\nFrom: Ann <ann@"

// withContent is a query about a message.
func withContent(t *testing.T, from mail.Path, message string) pipeline.Query {
	c := mail.Client{Addr: netip.MustParseAddr("192.0.2.7"), Helo: "mail.example.net"}
	tx := pipeline.NewTransaction(t.Context(), "id", time.Now(), c, nil)
	t.Cleanup(tx.Close)
	tx = tx.WithHelo(c).WithMail(from, mail.Params{}).WithData([]mail.Path{"bob@here.example"}, mail.NewMessage([]byte(message)))
	return pipeline.Query{Tx: tx, Domain: "here.example", Recipient: "bob@here.example"}
}

// TestPrompt: what says that it will not wait asks nobody, and what has to ask says so.
func TestPrompt(t *testing.T) {
	const signature = "DKIM-Signature: v=1; a=rsa-sha256; d=one.example; s=a; h=from; bh=AA==; b=AA==\r\n"
	zone := map[string]string{"one.example": "v=spf1 ip4:192.0.2.7 -all", "_dmarc.one.example": "v=DMARC1; p=reject"}
	cases := []struct {
		name, filter  string
		message       string
		before, after bool // whether it is prompt, before and after the DNS was asked
	}{
		{"no signature", "dkim", promptMail + "one.example>\r\n\r\nhi\r\n", true, true},
		{"signed", "dkim", signature + promptMail + "one.example>\r\n\r\nhi\r\n", false, true},
		{"badly signed", "dkim", "DKIM-Signature: v=1; d=one.example\r\n" + promptMail + "one.example>\r\n\r\nhi\r\n", true, true},
		{"signed too often", "dkim", strings.Repeat(signature, maxSignatures+1) + promptMail + "one.example>\r\n\r\nhi\r\n", false, false},
		{"no chain", "arc", promptMail + "one.example>\r\n\r\nhi\r\n", true, true},
		{"a chain", "arc", "ARC-Seal: i=1; cv=none\r\n" + promptMail + "one.example>\r\n\r\nhi\r\n", false, false},
		{"unsigned", "dmarc", promptMail + "one.example>\r\n\r\nhi\r\n", false, true},
		{"signed, too", "dmarc", signature + promptMail + "one.example>\r\n\r\nhi\r\n", false, false},
		{"two authors", "dmarc", "From: <ann@one.example>, <bob@two.example>\r\n\r\nhi\r\n", false, true},
		{"unsigned", "phish", promptMail + "one.example>\r\n\r\nhi\r\n", false, true},
		{"signed, too", "checksum", signature + promptMail + "one.example>\r\n\r\nhi\r\n", false, false},
		{"many authors", "dmarc", "From: " + strings.Repeat("<ann@one.example>, ", 1000) + "<ann@one.example>\r\n\r\nhi\r\n", false, false},
		{"a picture", "phish", "Content-Type: image/png\r\n" + promptMail + "one.example>\r\n\r\nhi\r\n", false, false},
		{"of those whom somebody may trust", "checksum", promptMail + "one.example>\r\n\r\nhi\r\n", false, false},
		{"off", "antivirus", promptMail + "one.example>\r\n\r\nhi\r\n", true, true},
		{"off", "uribl", promptMail + "one.example>\r\n\r\nhi\r\n", true, true},
	}
	for _, c := range cases {
		t.Run(c.filter+" "+c.name, func(t *testing.T) {
			dns := &askedDNS{keptDNS: fakeKept(zone, time.Hour), known: map[string]bool{}}
			all := everyFilter(t, Deps{Resolver: dns, Pictures: picture.NewReader(1), Trust: trustOf{}})
			f := all[c.filter]
			for i, want := range []bool{c.before, c.after} {
				q := withContent(t, "ann@one.example", c.message)
				if got := f.(pipeline.Prompter).Prompt(q); got != want {
					t.Errorf("time %d: prompt %t, want %t", i, got, want)
				}
				asked := dns.count()
				if _, err := f.Check(t.Context(), q); err != nil {
					t.Fatal(err)
				}
				if want && dns.count() != asked {
					t.Errorf("time %d: it said that it would not wait, and asked the DNS", i)
				}
				if _, err := all["dmarc"].Check(t.Context(), q); err != nil { // which asks about SPF, too
					t.Fatal(err)
				}
			}
		})
	}
}

// askedDNS keeps keys from when they are asked for, and all else from the beginning.
type askedDNS struct {
	*keptDNS
	mu    sync.Mutex
	known map[string]bool // keys
	again int             // questions about those
}

func (a *askedDNS) Keeps(record, name string) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if strings.Contains(name, "._domainkey.") && !a.known[name] {
		return 0
	}
	return a.keptDNS.Keeps(record, name)
}

func (a *askedDNS) LookupTXT(ctx context.Context, name string) ([]string, error) {
	a.mu.Lock()
	if a.known[name] {
		a.again++
	}
	a.known[name] = strings.Contains(name, "._domainkey.")
	a.mu.Unlock()
	return a.keptDNS.LookupTXT(ctx, name)
}

// count is how many questions were asked whose answer was not a kept key.
func (a *askedDNS) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked - a.again
}

// everyFilter makes one of each kind, as it ships.
func everyFilter(t *testing.T, d Deps) map[string]pipeline.Filter {
	t.Helper()
	all := map[string]pipeline.Filter{}
	for _, k := range Catalog(d) {
		var options any = &struct{}{}
		if k.Options != nil {
			options = k.Options()
		}
		f, err := k.New(options)
		if err != nil {
			t.Fatal(err)
		}
		all[k.Name] = f
	}
	return all
}

// TestRememberedDMARC: what is remembered of DMARC is what would be found out again, to the
// last word, and does not change as it is used.
func TestRememberedDMARC(t *testing.T) {
	zone := map[string]string{
		"one.example": "v=spf1 ip4:192.0.2.7 -all", "_dmarc.one.example": "v=DMARC1; p=reject; sp=quarantine; np=none",
		"_dmarc.two.example": "v=DMARC1; p=none", "_dmarc.three.example": "v=DMARC1; p=quarantine; t=y; aspf=s",
		"mail.three.example": "v=spf1 ip4:192.0.2.7 -all",
	}
	memory := remember(fakeKept(zone, time.Hour))
	for range 3 {
		for _, from := range []mail.Path{"", "ann@one.example", "ann@mail.three.example", "ann@four.example"} {
			for _, author := range []string{"one.example", "www.one.example", "two.example", "three.example", "four.example", "one.example>, Bob <bob@two.example", ""} {
				message := promptMail + author + ">\r\n\r\nhi\r\n"
				plain := dmarcFilter{Deps{Resolver: fakeKept(zone, 0)}}
				want, errWant := plain.Check(t.Context(), withContent(t, from, message))
				got, err := dmarcFilter{Deps{Resolver: memory}}.Check(t.Context(), withContent(t, from, message))
				if err != nil || errWant != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%s from %s:\ngot  %+v (%v)\nwant %+v (%v)", author, from, got, err, want, errWant)
				}
			}
		}
	}
}
