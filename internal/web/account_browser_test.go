package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	chromium "gatepost/test/browser"
)

// Over plain HTTP to a name a browser sends no Sec-Fetch-Site, and what it says of the
// origin hangs on our Referrer-Policy: forms work all the same.
func TestFormsOverPlainHTTPInBrowser(t *testing.T) {
	_, s := live(t, Config{})
	tab := chromium.Open(t, chromium.Options{Host: "mail.lan", Allowed: []string{"Cross-Origin-Opener-Policy"}})
	tab.Go(strings.Replace(s.url, "127.0.0.1", "mail.lan", 1) + "/account")
	tab.Focused("#name")
	tab.Press("olga\tsecret of olga\r")
	tab.See("Set up a second factor")
}

// A person logs in by keyboard alone, sets up a second factor, and logs in with that: on
// each page axe finds nothing serious, in light and dark, in either language, on a phone.
func TestAccountInBrowser(t *testing.T) {
	for name, tt := range map[string]struct {
		o                             chromium.Options
		who, heading, setUp, on, code string
	}{
		"desktop, light, English": {chromium.Options{}, "olga", "Account", "Set up a second factor", "The second factor is on.", "Second factor"},
		"phone, dark, French": {chromium.Options{Size: chromium.Phone, Dark: true, Language: "fr"},
			"ann@example.org", "Compte", "Configurer un second facteur", "Le second facteur est activé.", "Second facteur"},
	} {
		t.Run(name, func(t *testing.T) {
			h, s := live(t, Config{})
			tab := chromium.Open(t, tt.o)
			logIn := func() {
				tab.Go(s.url + "/account")
				tab.Accessible()
				tab.Focused("#name")
				tab.Press(tt.who + "\t" + "secret of " + tt.who + "\r") // the name has the focus
			}
			logIn()
			tab.See(tt.setUp)
			tab.Accessible()
			tab.Shoot("account " + name)
			tab.Click(`a[href="/account/factor"]`)
			tab.See(tt.setUp)
			tab.Accessible()
			tab.Shoot("factor " + name)
			secret := chromium.Eval[string](tab, `document.querySelector("code.secret").textContent`)
			tab.Type("#code", appCode(t, secret, h.clock()))
			tab.Type("#password", "secret of "+tt.who)
			tab.Press("\r")
			tab.See(tt.on)
			tab.Accessible()
			tab.Go(s.url + "/settings?mailbox=ann@example.org")
			tab.Click(`form[action="/settings/lock"] button`)
			tab.Has(`#h-lock ~ p .badge--good`)
			tab.Accessible()
			tab.Shoot("settings " + name)
			tab.Click(`.who button`)
			tab.Has("#name")
			h.later(time.Minute)
			logIn()
			tab.See(tt.code)
			tab.Accessible()
			tab.Press(appCode(t, secret, h.clock()) + "\r")
			tab.See(tt.heading)
			if at, err := url.Parse(tab.At()); err != nil || at.Path != "/account" {
				t.Errorf("the browser is at %s", tab.At())
			}
			tab.Click(`a[href="/account/password"]`)
			tab.Has("#old")
			tab.Accessible()
			if width := chromium.Eval[float64](tab, `document.documentElement.scrollWidth - window.innerWidth`); width > 0 {
				t.Errorf("the page is %v px wider than the window", width)
			}
		})
	}
}

// Blocked log-ins, and pages of failures, can be read by everybody.
func TestBansInBrowser(t *testing.T) {
	_, s := live(t, Config{})
	stranger := s.as(t, "")
	for i := range 5 {
		stranger.post("/login", "/login", "name", "ann@example.org", "password", strings.Repeat("x", i+1))
	}
	tab := chromium.Open(t, chromium.Options{Size: chromium.Phone, Allowed: []string{"404"}})
	tab.Go(s.url + "/bans")
	tab.Focused("#name")
	tab.Press("olga\tsecret of olga\r")
	tab.See("ann@example.org")
	tab.Accessible()
	tab.Shoot("bans")
	tab.Click(`td.act button`)
	tab.See("Nobody is blocked.")
	tab.Accessible()
	tab.Go(s.url + "/nothing")
	tab.See("There is nothing here")
	tab.Accessible()
}
