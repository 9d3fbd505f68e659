package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/captcha"
)

// heldMail are Challenges of one message, whose token is "good".
type heldMail struct {
	mu        sync.Mutex
	c         Challenge
	fails     error
	delivered int
	answers   []string
}

func (h *heldMail) answer(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers = append(h.answers, what)
}

// Challenge implements Challenges.
func (h *heldMail) Challenge(_ context.Context, token string) (Challenge, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch token {
	case "good":
		return h.c, nil
	case "broken":
		return Challenge{}, errors.New("the store is away")
	}
	return Challenge{}, ErrNoChallenge
}

// Deliver implements Challenges.
func (h *heldMail) Deliver(_ context.Context, c Challenge, client netip.Addr) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fails != nil {
		return h.fails
	}
	h.delivered++
	h.c.State = ChallengeDelivered
	return nil
}

func waiting() *heldMail {
	return &heldMail{c: Challenge{
		ID: "tx1", Domains: []string{"example.org", "exämple.org"}, Subject: "Lunch <b>today</b>?", Time: noon.Add(-time.Hour),
		Expires: noon.AddDate(0, 1, 0), State: ChallengeWaits,
	}}
}

// challengeSite serves the challenge page; every answer is 123456, and there is little work.
func challengeSite(t *testing.T, h *heldMail) *site {
	tasks := captcha.New(captcha.Config{Now: func() time.Time { return noon }, Draw: func() string { return "123456" }, Bits: 10})
	return start(t, Config{Challenges: h, Captcha: tasks, Answered: h.answer})
}

var (
	taskField  = regexp.MustCompile(`name="task" value="([^"]+)"`)
	nonceField = regexp.MustCompile(`data-nonce="([^"]+)" data-bits="(\d+)"`)
)

// task reads a page's task, and does its work.
func (p shown) task(t *testing.T) (id, proof string) {
	t.Helper()
	m, w := taskField.FindStringSubmatch(p.body), nonceField.FindStringSubmatch(p.body)
	if m == nil || w == nil {
		t.Fatalf("no task in\n%s", p.body)
	}
	bits, _ := strconv.Atoi(w[2])
	for n := 0; ; n++ {
		if proof := strconv.Itoa(n); (captcha.Work{Nonce: w[1], Bits: bits}).Done(proof) {
			return m[1], proof
		}
	}
}

func TestChallengePage(t *testing.T) {
	s := challengeSite(t, waiting())
	b := s.as(t, "")
	page := b.get("/c/good")
	page.wants(t, http.StatusOK, `<html lang="en">`, "<h1>Deliver your message</h1>", "example.org, exämple.org",
		"<bdi>Lunch &lt;b&gt;today&lt;/b&gt;?</bdi>", "20 Nov 2026, 11:00</time> UTC", "20 Dec 2026, 12:00</time> UTC",
		`<label for="answer">`, `autocomplete="off"`, `aria-describedby="answer-hint"`, `<a href="/c/good?lang=fr" lang="fr" hreflang="fr"`)
	for name, want := range map[string]string{
		"X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "same-origin", "Cache-Control": "no-store", "Set-Cookie": "",
	} {
		if got := page.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	b.get("/c/good?lang=fr").wants(t, http.StatusOK, `<html lang="fr">`, "Remettre votre message", "20/12/2026", `action="/c/good?lang=fr"`,
		"/sound?lang=fr", `hreflang="en"`)
	b.head.Set("Accept-Language", "fr")
	b.get("/c/good").wants(t, http.StatusOK, "Remettre votre message")
	b.get("/c/good?lang=en").wants(t, http.StatusOK, "Deliver your message")
	b.get("/c/good?lang=xx").wants(t, http.StatusOK, "Remettre votre message")
	for _, word := range []string{"keywords", "filter", "score", "trap", "spf"} {
		if strings.Contains(strings.ToLower(page.body), word) {
			t.Errorf("the sender is told of %q", word)
		}
	}
}

func TestChallengeStates(t *testing.T) {
	for state, want := range map[ChallengeState]string{
		ChallengeOnward: "is on its way to another server", ChallengeRefused: "did not take it",
		ChallengeDelivered: "You can close this page.", ChallengeExpired: "Please send it again.", ChallengeGone: "no longer held here",
	} {
		h := waiting()
		h.c.State = state
		s := challengeSite(t, h)
		page := s.as(t, "").get("/c/good")
		page.wants(t, http.StatusOK, want, "Lunch")
		if strings.Contains(page.body, "<form") || strings.Contains(page.body, "Held until") {
			t.Errorf("%s: there is something to do", state)
		}
		again := s.as(t, "").post("", "/c/good", "task", "x", "answer", "123456")
		if again.wants(t, http.StatusSeeOther); again.Header.Get("Location") != "/c/good?lang=en" || h.delivered > 0 {
			t.Errorf("%s: an answer leads to %q, %d delivered", state, again.Header.Get("Location"), h.delivered)
		}
	}
	h := waiting()
	h.c.Part, h.c.Back, h.c.Subject = true, true, ""
	challengeSite(t, h).as(t, "").get("/c/good").wants(t, http.StatusOK, "Some of its recipients have it already", "so it is held again", `<span class="quiet">none</span>`, "<form")
}

func TestChallengeUnknown(t *testing.T) {
	s := challengeSite(t, waiting())
	b := s.as(t, "")
	b.get("/c/none").wants(t, http.StatusNotFound, "This link does not work")
	b.get("/c/none?lang=fr").wants(t, http.StatusNotFound, "Ce lien ne fonctionne pas")
	if got := b.post("", "/c/none", "task", "x"); got.StatusCode != http.StatusSeeOther {
		t.Errorf("an answer: %s", got.Status)
	}
	b.get("/c/broken").wants(t, http.StatusInternalServerError, "Something went wrong")
	b.get("/captcha/none/image").wants(t, http.StatusNotFound)
	b.get("/captcha/none/sound").wants(t, http.StatusNotFound)
	if strings.Contains(s.log.String(), "none") || strings.Contains(s.log.String(), "broken") {
		t.Errorf("the token is in the log:\n%s", s.log)
	}
}

func TestChallengeAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		change  func(form map[string]string)
		status  int
		text    string
		counted string
	}{
		"right":              {func(map[string]string) {}, http.StatusSeeOther, "", "right"},
		"right, with blanks": {func(f map[string]string) { f["answer"] = " 123 456 " }, http.StatusSeeOther, "", "right"},
		"without the work":   {func(f map[string]string) { f["proof"] = "" }, http.StatusSeeOther, "", "right"},
		"wrong":              {func(f map[string]string) { f["answer"] = "123457" }, http.StatusUnprocessableEntity, "Those were not the digits", "wrong"},
		"another's task":     {func(f map[string]string) { f["task"] = "other" }, http.StatusUnprocessableEntity, "too old, or were used already", "over"},
		"no task":            {func(f map[string]string) { delete(f, "task") }, http.StatusUnprocessableEntity, "too old, or were used already", "over"},
	} {
		t.Run(name, func(t *testing.T) {
			h := waiting()
			b := challengeSite(t, h).as(t, "")
			form := map[string]string{"answer": "123456"}
			form["task"], form["proof"] = b.get("/c/good").task(t)
			tt.change(form)
			got := b.post("", "/c/good", "task", form["task"], "answer", form["answer"], "proof", form["proof"])
			got.wants(t, tt.status, tt.text)
			if want := tt.status == http.StatusSeeOther; (h.delivered == 1) != want {
				t.Errorf("%d delivered", h.delivered)
			}
			if len(h.answers) != 1 || h.answers[0] != tt.counted {
				t.Errorf("counted %q, want %s", h.answers, tt.counted)
			}
			if h.delivered == 1 {
				b.get(got.Header.Get("Location")).wants(t, http.StatusOK, "Delivered")
				return
			}
			got.wants(t, tt.status, "<title>Error: Deliver your message", `role="alert"><a href="#answer">`, `aria-invalid="true" autofocus`, `id="answer-problem"`)
			if id, _ := got.task(t); id == form["task"] {
				t.Error("there is no new task")
			}
		})
	}
}

func TestChallengeFails(t *testing.T) {
	h := waiting()
	h.fails = errors.New("the disk is full")
	s := challengeSite(t, h)
	b := s.as(t, "")
	task, proof := b.get("/c/good").task(t)
	got := b.post("", "/c/good", "task", task, "answer", "123456", "proof", proof)
	got.wants(t, http.StatusServiceUnavailable, "nothing is lost", "<form")
	if !strings.Contains(s.log.String(), "the disk is full") || strings.Contains(got.body, "disk") {
		t.Error("the cause is in the page, or not in the log")
	}
	h.fails = nil
	task, proof = got.task(t)
	if got := b.post("", "/c/good", "task", task, "answer", "123456", "proof", proof); got.StatusCode != http.StatusSeeOther || h.delivered != 1 {
		t.Errorf("once more: %s, %d delivered", got.Status, h.delivered)
	}
}

func TestChallengeLimit(t *testing.T) {
	s := challengeSite(t, waiting())
	b := s.as(t, "")
	page := b.get("/c/good")
	for n := 1; n < captcha.BarePerClient; n++ {
		task, _ := page.task(t)
		page = b.post("", "/c/good", "task", task, "answer", "0")
		page.wants(t, http.StatusUnprocessableEntity)
	}
	task, _ := page.task(t)
	b.post("", "/c/good", "task", task, "answer", "0").wants(t, http.StatusUnprocessableEntity)
	task, proof := b.get("/c/good").task(t)
	late := b.post("", "/c/good", "task", task, "answer", "123456")
	late.wants(t, http.StatusTooManyRequests, "Please wait a moment", "Nothing is lost", "in 60 minutes", "Lunch")
	if got := late.Header.Get("Retry-After"); got != "3600" {
		t.Errorf("Retry-After: %s", got)
	}
	if got := b.post("", "/c/good", "task", task, "answer", "123456", "proof", proof); got.StatusCode != http.StatusSeeOther {
		t.Errorf("with the work: %s", got.Status)
	}
}

// Scanners look at everything, some of it twice, and use up nothing.
func TestChallengeIsLookedAt(t *testing.T) {
	h := waiting()
	s := challengeSite(t, h)
	scanner := s.as(t, "")
	for n := range captcha.MadePerThing - 1 {
		page := scanner.get("/c/good")
		page.wants(t, http.StatusOK)
		if n > 2 {
			continue
		}
		for _, at := range matches(`(?:src|href)="(/captcha/[^"]+)"`, page.body) {
			for range 2 {
				scanner.get(at).wants(t, http.StatusOK)
			}
		}
		if got := scanner.do(http.MethodHead, "/c/good", nil); got.StatusCode != http.StatusOK {
			t.Errorf("HEAD: %s", got.Status)
		}
	}
	b := s.as(t, "")
	task, proof := b.get("/c/good").task(t)
	b.get("/c/good").wants(t, http.StatusTooManyRequests, "in 1 minute.")
	if got := b.post("", "/c/good", "task", task, "answer", "123456", "proof", proof); got.StatusCode != http.StatusSeeOther || h.delivered != 1 {
		t.Errorf("the sender: %s, %d delivered", got.Status, h.delivered)
	}
}

func TestCaptchaDrawings(t *testing.T) {
	b := challengeSite(t, waiting()).as(t, "")
	page := b.get("/c/good")
	at := matches(`(?:src|href)="(/captcha/[^"]+)"`, page.body)
	if len(at) != 3 || at[1] != at[2] {
		t.Fatalf("got %q", at)
	}
	image, sound := b.get(at[0]), b.get(at[1])
	if kind := image.Header.Get("Content-Type"); kind != "image/png" || !strings.HasPrefix(image.body, "\x89PNG") {
		t.Errorf("image: %s, %.20q", kind, image.body)
	}
	if kind := sound.Header.Get("Content-Type"); kind != "audio/wav" || !strings.HasPrefix(sound.body, "RIFF") {
		t.Errorf("sound: %s, %.20q", kind, sound.body)
	}
	b.head.Set("Range", "bytes=4-1003")
	if part := b.get(at[1]); part.StatusCode != http.StatusPartialContent || part.body != sound.body[4:1004] {
		t.Errorf("a part of the sound: %s, %d octets", part.Status, len(part.body))
	}
}

// A page in French has its digits read in French, and one in English in English.
func TestCaptchaSpeaksThePagesLanguage(t *testing.T) {
	tasks := captcha.New(captcha.Config{Now: func() time.Time { return noon }, Bits: 10})
	b := start(t, Config{Challenges: waiting(), Captcha: tasks, Answered: func(string) {}}).as(t, "")
	for lang, other := range map[string]string{"fr": "en", "en": "fr"} {
		page := b.get("/c/good?lang=" + lang)
		id, _ := page.task(t)
		at := matches(`<audio [^>]*src="([^"]+)"`, page.body)
		if len(at) != 1 {
			t.Fatalf("%s: got %q", lang, at)
		}
		sound := b.get(at[0])
		sound.wants(t, http.StatusOK)
		for spoken, want := range map[string]bool{lang: true, other: false} { // a sound that was drawn is kept
			kept, err := tasks.Audio(id, spoken)
			if err != nil || (sound.body == string(kept)) != want {
				t.Errorf("page in %s: its sound is that in %s: %v, want %v (%v)", lang, spoken, !want, want, err)
			}
		}
	}
}

// Whoever presses the button twice sees what the first did.
func TestChallengeAtOnce(t *testing.T) {
	h := waiting()
	b := challengeSite(t, h).as(t, "")
	task, proof := b.get("/c/good").task(t)
	var wg sync.WaitGroup
	got := make([]string, 10)
	for n := range got {
		wg.Go(func() {
			form := fmt.Sprintf("task=%s&answer=123456&proof=%s", task, proof)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.site.url+"/c/good", strings.NewReader(form))
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			resp, err := b.http.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			io.Copy(io.Discard, resp.Body)
			got[n] = resp.Status
		})
	}
	wg.Wait()
	for _, status := range got {
		if status != "303 See Other" {
			t.Errorf("got %q", got)
			break
		}
	}
	if h.delivered != 1 {
		t.Errorf("%d delivered", h.delivered)
	}
}

func TestChallengeFromElsewhere(t *testing.T) {
	h := waiting()
	b := challengeSite(t, h).as(t, "")
	task, proof := b.get("/c/good").task(t)
	b.head.Set("Origin", "https://evil.example")
	b.head.Set("Sec-Fetch-Site", "cross-site")
	b.post("", "/c/good", "task", task, "answer", "123456", "proof", proof).wants(t, http.StatusForbidden)
	if h.delivered > 0 {
		t.Error("another site's form delivered")
	}
	delete(b.head, "Origin")
	delete(b.head, "Sec-Fetch-Site")
	b.post("", "/c/good", "task", task, "answer", strings.Repeat("1", maxAnswerForm)).wants(t, http.StatusRequestEntityTooLarge)
}

func TestTurns(t *testing.T) {
	var all turns
	done, err := all.take(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	other, err := all.take(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	other()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := all.take(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	done()
	if len(all.busy) > 0 {
		t.Errorf("%d turns are kept", len(all.busy))
	}
}
