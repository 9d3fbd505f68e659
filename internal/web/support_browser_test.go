package web

import (
	"context"
	"net/netip"
	"testing"

	"gatepost/internal/access"
	chromium "gatepost/test/browser"
)

// noSupports is told, and tells nobody.
type noSupports struct{}

// SupportBegan implements Supports.
func (noSupports) SupportBegan(context.Context, access.Person, netip.Addr) {}

// SupportActs implements Supports.
func (noSupports) SupportActs(context.Context, access.Person, bool, string) error { return nil }

// An owner gives support access by keyboard, and another browser uses it: on each page axe finds nothing serious, in either
// language, on a phone.
func TestSupportInBrowser(t *testing.T) {
	for name, tt := range map[string]struct {
		o                                     chromium.Options
		made, unused, begin, banner, of, gone string
	}{
		"desktop, light, English": {chromium.Options{Allowed: []string{"404", "422"}},
			"This link gives support access", "the link was not used yet", "Begin", "Support access to ann@example.org until", "support of ann@example.org", "This link was used before"},
		"phone, dark, French": {chromium.Options{Size: chromium.Phone, Dark: true, Language: "fr", Allowed: []string{"404", "422"}},
			"Ce lien donne", "le lien n’a pas encore servi", "Commencer", "Accès d’assistance à ann@example.org jusqu’au", "assistance de ann@example.org", "Ce lien a déjà servi"},
	} {
		t.Run(name, func(t *testing.T) {
			_, s := live(t, Config{Supports: noSupports{}})
			look := func(tab *chromium.Tab, what string) {
				t.Helper()
				tab.Accessible()
				tab.Shoot("support " + what + " " + name)
				if width := chromium.Eval[float64](tab, `document.documentElement.scrollWidth - window.innerWidth`); width > 0 {
					t.Errorf("%s: the page is %v px wider than the window", what, width)
				}
			}
			own := chromium.Open(t, tt.o)
			own.Go(s.url + "/account")
			own.Focused("#name")
			own.Press("ann@example.org\tsecret of ann@example.org\r")
			own.Click(`a[href="/account/support"]`)
			own.Has("#hours")
			look(own, "form")
			own.Type("#password", "wrong")
			own.Press("\r")
			own.Has("#password-error")
			look(own, "wrong")
			own.Type("#password", "secret of ann@example.org")
			own.Press("\r")
			own.See(tt.made)
			look(own, "link")
			link := chromium.Eval[string](own, `document.querySelector("code.secret").textContent`)
			own.Go(s.url + "/account")
			own.See(tt.unused)
			look(own, "listed")

			helper := chromium.Open(t, tt.o)
			helper.Go(link)
			helper.See("ann@example.org")
			look(helper, "offered")
			helper.Click("main button.primary")
			helper.See(tt.banner)
			helper.Go(s.url + "/settings")
			helper.See(tt.banner)
			helper.See(tt.of)
			look(helper, "settings")
			helper.Click(".support button")
			helper.Has("#name")
			helper.Go(link)
			helper.See(tt.gone)
			look(helper, "gone")
		})
	}
}
