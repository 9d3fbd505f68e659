package app

import (
	"cmp"
	"fmt"
	"testing"

	"gatepost/internal/directory"
	"gatepost/test/browser"
)

// Pages of which parts are shut are as accessible as the others, and fit on a telephone.
func TestShutPagesLook(t *testing.T) {
	n := openPagesWith(t, true)
	ann := n.logIn("ann@test.example")
	ann.wants("a rule")(ann.post("/mailbox/rules", "/mailbox/rules/edit", append(ruleForm("x", "forward", "pal@far.example"), "do", "save")...))(200)
	key := ann.ruleKeys()[0]
	n.shutTo("test.example", directory.PageForwards, directory.PageVacation, directory.PagePassword, directory.PageAntiSpam)
	for name, o := range map[string]browser.Options{"desktop": {}, "phone-fr": {Size: browser.Phone, Language: "fr"}} {
		t.Run(name, func(t *testing.T) {
			b := browser.Open(t, o)
			enter(b, n, "ann@test.example")
			for page, path := range map[string]string{
				"mailbox": "/mailbox", "account": "/account", "settings": "/settings", "rules": "/mailbox/rules", "rule": "/mailbox/rules/edit", "kept": "/mailbox/rules/edit?rule=" + key,
			} {
				b.Go(n.url + path)
				b.Has("h1")
				b.Shoot(fmt.Sprintf("shut-%s-%s", page, name))
				b.Accessible()
				if wide := browser.Eval[string](b, fmt.Sprintf(wider, cmp.Or(o.Size.Width, browser.Desktop.Width))); wide != "" {
					t.Errorf("%s is wider than the window: %s", page, wide)
				}
			}
		})
	}
}
