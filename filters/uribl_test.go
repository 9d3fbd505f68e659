package filters

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/dnsbl"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// inContent returns a query about a message, whose lines are ended by LF here.
func inContent(t *testing.T, content string) pipeline.Query {
	t.Helper()
	tx := pipeline.NewTransaction(t.Context(), "id", time.Unix(0, 0), mail.Client{Addr: netip.MustParseAddr("192.0.2.7")}, nil)
	t.Cleanup(tx.Close)
	m := mail.NewMessage([]byte(strings.ReplaceAll(content, "\n", "\r\n")))
	tx = tx.WithMail("ann@example.org", mail.Params{}).WithRcpt().WithData([]mail.Path{"bob@example.net"}, m)
	return pipeline.Query{Tx: tx, Domain: "example.net"}
}

// TestURIBLFailureCountsOnce holds that a message with many domains does not silence a list
// that fails for a moment.
func TestURIBLFailureCountsOnce(t *testing.T) {
	dns := &listDNS{say: map[string]func(string) string{"d.example": always("servfail")}}
	health := dnsbl.NewHealth(dns, nil)
	f, err := newURIBL(Deps{Resolver: dns, Lists: health}, uriblOptions{Lists: []uriblList{{Zone: "d.example"}}, Share: 0.5, Lookups: 100})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for i := range 50 {
		fmt.Fprintf(&text, "http://d%d.com/\n", i)
	}
	q := inContent(t, "From: ann@example.org\n\n"+text.String())
	found, err := f.Check(t.Context(), q)
	if err != nil || found.Result != "temperror" {
		t.Errorf("got %s, %v", found.Result, err)
	}
	if err := f.(pipeline.Recorder).Record(t.Context(), q, found); err != nil {
		t.Fatal(err)
	}
	if c := health.Conditions()[0]; c.Asked != 1 || c.InARow != 1 {
		t.Errorf("asked %d, errors in a row %d, want 1 of each", c.Asked, c.InARow)
	}
}

// silentList is a ListHealth that finds one zone silent.
type silentList struct{ oneBroken }

func (s *silentList) Trouble(l dnsbl.List) error {
	if s.oneBroken.Trouble(l) != nil {
		return dnsbl.ErrSilent
	}
	return nil
}

// TestURIBLDoesNotWaitForTheSilent holds that a list which does not answer is not asked, and
// has no voice.
func TestURIBLDoesNotWaitForTheSilent(t *testing.T) {
	dns := &listDNS{say: map[string]func(string) string{"silent.example": func(string) string { t.Error("asked"); return "" }, "d.example": always("127.0.0.2")}}
	lists := []uriblList{{Zone: "silent.example", Weight: 9}, {Zone: "d.example"}}
	f, err := newURIBL(Deps{Resolver: dns, Lists: &silentList{oneBroken{zone: "silent.example"}}}, uriblOptions{Lists: lists, Share: 0.5, Lookups: 100})
	if err != nil {
		t.Fatal(err)
	}
	found, err := f.Check(t.Context(), inContent(t, "From: ann@example.org\n\nhttp://evil.com/"))
	if err != nil || found.Reason != "evil.com, in text, is listed by d.example" {
		t.Errorf("got %s: %s, %v", found.Result, found.Reason, err)
	}
}

// TestLinksAreBounded holds that a message of nothing but domains costs no more than so many,
// and that those which a reader can follow come first.
func TestLinksAreBounded(t *testing.T) {
	var page strings.Builder
	page.WriteString("From: ann@example.org\nContent-Type: text/html\n\n")
	for i := range 5000 {
		fmt.Fprintf(&page, "<img src=\"http://image%d.com/\"> word%d.com\n", i, i)
	}
	page.WriteString("<a href=\"http://evil.com/\">here</a>")
	got, err := linksFact(t.Context(), inContent(t, page.String()).Tx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Hosts) != maxHosts || got.Cut == "" || len(got.List) > maxLinks {
		t.Errorf("%d hosts, %d links, cut %q", len(got.Hosts), len(got.List), got.Cut)
	}
	if got.Hosts[0].Name != "word0.com" && got.Hosts[0].Name != "evil.com" {
		t.Errorf("first %s", got.Hosts[0].Name)
	}
}

// TestLinksOrder holds in which order hosts are asked about, each once.
func TestLinksOrder(t *testing.T) {
	got, err := linksFact(t.Context(), inContent(t, "From: ann@from.org\nReply-To: ann@reply.org\nList-Unsubscribe: <https://anchor.org/u>, <https://list.org/u>\nSubject: subject.org\n"+
		"Content-Type: text/html\n\n<img src=http://image.org/1><img src=http://anchor.org/1> text.org and ann@mailbox.org, www.address.org"+
		"<a href=\"https://www.google.com/url?q=http://behind.org/\">x</a> <a href=http://anchor.org/>x</a>").Tx, nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, h := range got.Hosts {
		names = append(names, h.Name)
	}
	want := "behind.org google.com anchor.org address.org subject.org text.org mailbox.org image.org list.org reply.org"
	if s := strings.Join(names, " "); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
}
