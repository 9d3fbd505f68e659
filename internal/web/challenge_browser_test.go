package web

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"gatepost/internal/captcha"
	chromium "gatepost/test/browser"
)

// shot makes the name of a picture.
func shot(parts ...string) string { return strings.Join(parts, "-") }

// A person reads the page, types the digits and has the message delivered, in each
// language and size, by day and night; the browser has done its work by then.
func TestChallengeInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	for name, tt := range map[string]struct {
		o                         chromium.Options
		title, delivered, problem string
	}{
		"desktop": {chromium.Options{}, "Deliver your message", "You can close this page.", "Those were not the digits"},
		"phone":   {chromium.Options{Size: chromium.Phone, Dark: true, Language: "fr"}, "Remettre votre message", "Vous pouvez fermer cette page.", "pas les bons chiffres"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.o.Allowed = []string{"422"}
			h := waiting()
			s := challengeSite(t, h)
			b := chromium.Open(t, tt.o)
			b.Go(s.url + "/c/good")
			b.See(tt.title)
			b.Accessible()
			b.Shoot(shot("challenge", name))
			chromium.Eval[bool](b, `document.querySelector("audio").load(), document.querySelector("audio").preload = "auto", true`)
			for start := time.Now(); chromium.Eval[float64](b, `document.querySelector("audio").duration || 0`) < 8; {
				if time.Since(start) > 2*time.Minute {
					t.Fatal("the sound can't be played")
				}
			}
			b.Type("#answer", "000000")
			b.Click("button.primary")
			b.See(tt.problem)
			b.Accessible()
			b.Shoot(shot("challenge", name, "wrong"))
			if chromium.Eval[string](b, `document.activeElement.id`) != "answer" {
				t.Error("the focus is not in the field that is wrong")
			}
			b.Type("#answer", "123 456")
			b.Click("button.primary")
			b.See(tt.delivered)
			b.Accessible()
			b.Shoot(shot("challenge", name, "delivered"))
			if wide := chromium.Eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
				t.Errorf("the page is %d pixels too wide", wide)
			}
			if h.delivered != 1 {
				t.Errorf("%d delivered", h.delivered)
			}
		})
	}
}

// The keyboard alone: the field and the button are reached in the page's order.
func TestChallengeByKeyboard(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	h := waiting()
	s := challengeSite(t, h)
	b := chromium.Open(t, chromium.Options{})
	b.Go(s.url + "/c/good")
	b.Has("#answer")
	var way []string
	for range 30 {
		b.Press(kb.Tab)
		at := chromium.Eval[string](b, `document.activeElement.id || document.activeElement.className || document.activeElement.localName`)
		if len(way) == 0 || way[len(way)-1] != at {
			way = append(way, at) // a player has several stops
		}
		if at == "answer" {
			break
		}
	}
	if got := strings.Join(way, " "); got != "skip brand a audio a answer" {
		t.Errorf("the way is %q", got)
	}
	b.Press("123456")
	b.Press(kb.Enter)
	b.See("You can close this page.")
	if h.delivered != 1 {
		t.Errorf("%d delivered", h.delivered)
	}
}

// Without scripts the captcha alone is asked for.
func TestChallengeWithoutScript(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	h := waiting()
	s := challengeSite(t, h)
	page := s.as(t, "").get("/c/good")
	page.wants(t, http.StatusOK, "<noscript>")
	b := chromium.Open(t, chromium.Options{NoScript: true})
	b.Go(s.url + "/c/good")
	b.Click("#answer")
	b.Press("123456")
	b.Press(kb.Enter)
	for range 100 {
		h.mu.Lock()
		done := h.delivered
		h.mu.Unlock()
		if done == 1 {
			return
		}
		b.Has("h1")
	}
	t.Error("nothing is delivered")
}

// The work in a real browser is what captcha takes, and done before a person has typed.
func TestChallengeWork(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	s := start(t, Config{Challenges: waiting(), Captcha: captcha.New(captcha.Config{Now: func() time.Time { return noon }})})
	b := chromium.Open(t, chromium.Options{})
	var all time.Duration
	tries := 0
	const rounds = 3
	for range rounds {
		b.Go(s.url + "/c/good")
		start := time.Now()
		for chromium.Eval[string](b, `document.querySelector("[name=proof]").value`) == "" {
			if time.Since(start) > 2*time.Minute {
				t.Fatal("the work is not done")
			}
		}
		all += time.Since(start)
		n, _ := strconv.Atoi(chromium.Eval[string](b, `document.querySelector("[name=proof]").value`))
		tries += n
		w := captcha.Work{Nonce: chromium.Eval[string](b, `document.querySelector("form").dataset.nonce`), Bits: captcha.Bits}
		if proof := chromium.Eval[string](b, `document.querySelector("[name=proof]").value`); !w.Done(proof) {
			t.Errorf("%q is no proof", proof)
		}
	}
	t.Logf("%d bits in %v on average, %.0f tries a second", captcha.Bits, all/rounds, float64(tries)/all.Seconds())
}
