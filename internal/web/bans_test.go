package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/internal/ban"
	"gatepost/internal/captcha"
)

// noBans are none.
type noBans struct{}

func (noBans) Bans(context.Context, ban.Query) ([]ban.Ban, error) { return nil, nil }
func (noBans) Lift(context.Context, string, string, string) (ban.Ban, error) {
	return ban.Ban{}, ban.ErrNone
}
func (noBans) Find(netip.Addr, func(ban.Cause) bool) (ban.Ban, bool) { return ban.Ban{}, false }
func (noBans) Hit(ban.Ban, string)                                   {}
func (noBans) LiftOwn(context.Context, netip.Addr, string) error     { return ban.ErrNone }

// someBans are bans in a test's memory. The visitor's is the first.
type someBans struct {
	list   []ban.Ban
	lifted []string
	hits   int
	fail   error
}

func (s *someBans) Bans(_ context.Context, q ban.Query) (list []ban.Ban, err error) {
	for _, b := range s.list {
		if (q.After == 0 || b.ID < q.After) && len(list) < q.Limit {
			list = append(list, b)
		}
	}
	return list, s.fail
}

func (s *someBans) Lift(_ context.Context, id, who, _ string) (ban.Ban, error) {
	for i, b := range s.list {
		if fmt.Sprint(b.ID) == id {
			s.list = append(s.list[:i:i], s.list[i+1:]...)
			s.lifted = append(s.lifted, who)
			return b, nil
		}
	}
	return ban.Ban{}, ban.ErrNone
}

func (s *someBans) Find(a netip.Addr, shuts func(ban.Cause) bool) (ban.Ban, bool) {
	if len(s.list) == 0 || !s.list[0].Network.Contains(a) || shuts != nil && !shuts(s.list[0].Cause) {
		return ban.Ban{}, false
	}
	return s.list[0], true
}

func (s *someBans) Hit(ban.Ban, string) { s.hits++ }

func (s *someBans) LiftOwn(_ context.Context, _ netip.Addr, reason string) error {
	if s.fail == nil {
		s.lifted, s.list = append(s.lifted, "self: "+reason), nil
	}
	return s.fail
}

func banOf(id int64, network string, cause ban.Cause) ban.Ban {
	return ban.Ban{
		ID: id, Network: netip.MustParsePrefix(network), Cause: cause, Note: "a <b>note</b> \u202eof " + network, Step: 2, Imposed: noon.Add(-time.Minute), Until: noon.Add(time.Hour), Hits: 4711,
	}
}

// An operator sees who is banned, page by page, and lifts it.
func TestBannedAddresses(t *testing.T) {
	all := &someBans{}
	_, s := live(t, Config{Bans: all})
	b := s.as(t, "")
	b.login("olga")
	b.get("/bans").wants(t, http.StatusOK, "No address is banned.", "Nobody is blocked.")
	for i := 250; i > 0; i-- {
		all.list = append(all.list, banOf(int64(i), fmt.Sprintf("192.0.2.%d/32", i), ban.Causes()[i%5]))
	}
	page := b.get("/bans")
	page.wants(t, http.StatusOK, "192.0.2.250", "192.0.2.151", "wrote to a trap", "by hand", "a &lt;b&gt;note&lt;/b&gt;", "4711", "20 Nov 2026, 13:00", "no. 2", `href="/bans?before=151"`)
	if strings.Contains(page.body, "192.0.2.150") || strings.Contains(page.body, "\u202e") {
		t.Error("the page is too long, or turns text around")
	}
	b.get("/bans?before=151").wants(t, http.StatusOK, "192.0.2.150", `href="/bans?before=51"`, `href="/bans"`)
	if last := b.get("/bans?before=51"); strings.Contains(last.body, "before=1\"") {
		t.Error("the last page leads on")
	}
	b.get("/bans?before=x").wants(t, http.StatusOK, "192.0.2.250")
	b.post("/bans", "/bans/end", "id", "250").wants(t, http.StatusSeeOther)
	b.get("/bans").wants(t, http.StatusOK, "The ban is lifted.")
	for _, id := range []string{"250", "192.0.2.249", ""} {
		b.post("/bans", "/bans/end", "id", id).wants(t, http.StatusSeeOther)
		b.get("/bans").wants(t, http.StatusOK, "The ban was over already.")
	}
	if len(all.list) != 249 || strings.Join(all.lifted, ",") != "olga" {
		t.Errorf("%d are left, lifted by %v", len(all.list), all.lifted)
	}
	all.fail = errors.New("the store is down")
	b.get("/bans").wants(t, http.StatusInternalServerError)
}

// From a banned address nobody logs in; who is logged in goes on, and the page of the ban
// is there for all.
func TestBannedCannotLogIn(t *testing.T) {
	for cause, shut := range map[ban.Cause]bool{ban.Login: true, ban.Admin: true, ban.Honeypot: false, ban.Harvest: false, ban.Protocol: false} {
		t.Run(string(cause), func(t *testing.T) {
			all := &someBans{}
			_, s := live(t, Config{Banned: all, Captcha: captcha.New(captcha.Config{}), BanContact: "help@example.org"})
			inside, stranger := s.as(t, ""), s.as(t, "")
			inside.login("olga")
			stranger.get("/login").wants(t, http.StatusOK)
			stranger.get("/ban").wants(t, http.StatusOK, "Your address is not banned", "127.0.0.1")
			all.list = []ban.Ban{banOf(1, "127.0.0.0/24", cause)}
			inside.get("/account").wants(t, http.StatusOK)
			if got := stranger.get("/login"); (got.Header.Get("Location") == "/ban") != shut {
				t.Errorf("the log-in page: %s, %q", got.Status, got.Header.Get("Location"))
			}
			if (all.hits > 0) != shut {
				t.Errorf("%d hits", all.hits)
			}
			page := stranger.get("/ban")
			page.wants(t, http.StatusOK, "Your address is banned", "127.0.0.0/24", "20 Nov 2026, 13:00", "help@example.org")
			if strings.Contains(page.body, "note") || strings.Contains(page.body, "trap") || strings.Contains(page.body, "<form method=\"post\" action=\"/ban\"") {
				t.Errorf("it tells too much: %s", page.body)
			}
		})
	}
}

// A person lifts a ban for failed log-ins: with the digits and a reason, if it was not done
// within a day.
func TestOwnBanIsLifted(t *testing.T) {
	all := &someBans{list: []ban.Ban{banOf(1, "127.0.0.0/24", ban.Login)}}
	tasks := captcha.New(captcha.Config{Now: func() time.Time { return noon }, Draw: func() string { return "123456" }, Bits: 1})
	_, s := live(t, Config{Banned: all, Captcha: tasks, Challenges: waiting()})
	b := s.as(t, "")
	task := func() string { return find(t, `name="task" value="([^"]+)"`, b.get("/ban").body) }
	b.post("/ban", "/ban", "task", task(), "answer", "123456", "reason", " ").wants(t, http.StatusUnprocessableEntity, "what happened")
	b.post("/ban", "/ban", "task", task(), "answer", "999999", "reason", "my phone").wants(t, http.StatusUnprocessableEntity, "Those were not the digits", `value="my phone"`)
	b.post("/ban", "/ban", "task", "none", "answer", "123456", "reason", "my phone").wants(t, http.StatusUnprocessableEntity, "too old")
	all.fail = ban.ErrOften
	b.post("/ban", "/ban", "task", task(), "answer", "123456", "reason", "my phone").wants(t, http.StatusUnprocessableEntity, "within the last day")
	all.fail = nil
	b.post("/ban", "/ban", "task", task(), "answer", "123456", "reason", "my phone").wants(t, http.StatusSeeOther)
	b.get("/ban").wants(t, http.StatusOK, "The ban is lifted.", "Your address is not banned")
	if strings.Join(all.lifted, ",") != "self: my phone" {
		t.Errorf("lifted %v", all.lifted)
	}
}
