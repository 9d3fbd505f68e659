package web

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/quarantine"
)

// A search never asks for more than is the person's: an empty field of a query asks for
// all.
func TestMine(t *testing.T) {
	for name, test := range map[string]struct {
		person access.Person
		query  quarantine.Query
		ok     bool
		want   string // domains, box
	}{
		"operator":                {access.Person{Role: access.Operator}, quarantine.Query{}, true, "[] 0"},
		"admin":                   {access.Person{Role: access.Admin, Domains: []string{"a.example"}}, quarantine.Query{}, true, "[a.example] 0"},
		"admin of nothing":        {access.Person{Role: access.Admin}, quarantine.Query{}, false, "[] 0"},
		"helpdesk":                {access.Person{Role: access.Helpdesk, Domains: []string{"a.example"}}, quarantine.Query{Domain: "a.example"}, true, "[a.example] 0"},
		"helpdesk, other domain":  {access.Person{Role: access.Helpdesk, Domains: []string{"a.example"}}, quarantine.Query{Domain: "b.example"}, false, "[a.example] 0"},
		"owner":                   {access.Person{Role: access.Owner, Box: 7, Domains: []string{"a.example"}}, quarantine.Query{Box: 9}, true, "[] 7"},
		"owner without a mailbox": {access.Person{Role: access.Owner}, quarantine.Query{}, false, "[] 0"},
		"nobody":                  {access.Person{}, quarantine.Query{}, false, "[] 0"},
	} {
		q, ok := mine(test.person, test.query)
		if got := fmt.Sprint(q.Domains, q.Box); got != test.want || ok != test.ok {
			t.Errorf("%s: got %s, %v; want %s, %v", name, got, ok, test.want, test.ok)
		}
	}
}

func TestReadSearch(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{
		"text": {"  offer "}, "sender": {"A@Shop.example"}, "client": {"::ffff:192.0.2.1"}, "from": {"2026-11-20"}, "to": {"2026-11-20"}, "domain": {"Bücher.example"},
		"subject": {strings.Repeat("é", maxField)}, "asked": {"yes"}, "trail": {"0~" + strings.Repeat("x.y~", 100) + "../etc"},
	}
	f := readSearch(form)
	q := f.query(paris, time.Date(2026, 11, 25, 23, 30, 0, 0, time.UTC))
	if len(f.Wrong) > 0 || q.Text != "offer" || q.State != quarantine.StateHeld || !q.Asked || q.Client.String() != "192.0.2.1" || q.Domain != "xn--bcher-kva.example" {
		t.Errorf("got %+v, wrong: %v", q, f.Wrong)
	}
	if since, until := q.Since.UTC().Format(time.RFC3339), q.Until.UTC().Format(time.RFC3339); since != "2026-11-19T23:00:00Z" || until != "2026-11-20T23:00:00Z" {
		t.Errorf("from %s to %s", since, until)
	}
	if len(q.Subject) > maxField || strings.Contains(q.Subject, "\ufffd") || len(f.trail) != maxTrail || f.trail[0] != "0" {
		t.Errorf("subject of %d octets, trail of %d", len(q.Subject), len(f.trail))
	}
	again := readSearch(mustQuery(t, f.path("", nil)))
	if got, want := fmt.Sprint(again.values()), fmt.Sprint(f.values()); got != want {
		t.Errorf("read from its own address: got %s, want %s", got, want)
	}
}

func TestSearchMoments(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 25, 23, 30, 0, 0, time.UTC) // the 26th there
	for name, tt := range map[string]struct{ form, since, until, wrong string }{
		"days":          {"from=2026-11-20&to=2026-11-21", "2026-11-20T00:00:00+01:00", "2026-11-22T00:00:00+01:00", ""},
		"a summer day":  {"from=2026-07-01", "2026-07-01T00:00:00+02:00", "0001-01-01T00:00:00Z", ""},
		"minutes":       {"from=2026-11-20&from_time=09:00&to=2026-11-20&to_time=11:30", "2026-11-20T09:00:00+01:00", "2026-11-20T11:31:00+01:00", ""},
		"since 9 today": {"from_time=09:00", "2026-11-26T09:00:00+01:00", "0001-01-01T00:00:00Z", ""},
		"no time":       {"from_time=nine", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "from"},
		"no day":        {"to=2026-02-30", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "to"},
	} {
		form, err := url.ParseQuery(tt.form)
		if err != nil {
			t.Fatal(err)
		}
		f := readSearch(form)
		q := f.query(paris, now)
		if since, until := q.Since.Format(time.RFC3339), q.Until.Format(time.RFC3339); since != tt.since || until != tt.until {
			t.Errorf("%s: from %s to %s, want %s and %s", name, since, until, tt.since, tt.until)
		}
		if _, wrong := f.Wrong[tt.wrong]; wrong != (tt.wrong != "") || len(f.Wrong) > 1 {
			t.Errorf("%s: wrong are %v, want %q", name, f.Wrong, tt.wrong)
		}
	}
}

func mustQuery(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// Whatever is in an address is a page, or its beginning.
func FuzzSearch(f *testing.F) {
	f.Add("text=x&state=any&after=abc.def&trail=0~a.b&from=2026-02-30")
	f.Fuzz(func(t *testing.T, address string) {
		form, err := url.ParseQuery(address)
		if err != nil {
			return
		}
		s := readSearch(form)
		q := s.query(time.UTC, time.Time{})
		for _, path := range []string{s.path("", nil), s.next(quarantine.Cursor{Time: noon, ID: "x"}), s.previous()} {
			if len(path) > 40_000 {
				t.Errorf("an address of %d octets", len(path))
			}
		}
		if q.Limit != heldPage {
			t.Errorf("limit %d", q.Limit)
		}
	})
}

func TestCursor(t *testing.T) {
	want := quarantine.Cursor{Time: time.Date(2026, 11, 20, 12, 0, 0, 123456000, time.UTC), ID: "06h19s3l5dlta93t8fqm"}
	if got, ok := readCursor(cursorText(want)); !ok || got != want {
		t.Errorf("got %v, %v", got, ok)
	}
	for _, text := range []string{"", ".", "x", "1.", ".x", "1." + strings.Repeat("x", 65), "!.x"} {
		if got, ok := readCursor(text); ok {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

// Where a released message stands, as people are told.
func TestWays(t *testing.T) {
	words, err := loadWords()
	if err != nil {
		t.Fatal(err)
	}
	v := &visit{Lang: "en", words: words}
	for name, test := range map[string]struct {
		way  quarantine.Way
		want string
	}{
		"carried":        {quarantine.Way{What: "carried"}, "delivered"},
		"waits":          {quarantine.Way{What: "waiting", Next: noon}, "waiting"},
		"tried":          {quarantine.Way{What: "deferred", Next: noon, Reply: "busy"}, "waiting"},
		"stopped":        {quarantine.Way{What: "held"}, "stopped by an operator"},
		"refused":        {quarantine.Way{What: "refused", Reply: "no such user"}, "failed"},
		"given up":       {quarantine.Way{What: "deferred"}, "failed"},
		"asked for anew": {quarantine.Way{What: "retry", Next: noon}, "waiting"},
	} {
		if got := ways(v, []quarantine.Way{test.way})[0].Word; got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
