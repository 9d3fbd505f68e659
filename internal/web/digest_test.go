package web

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/token"
	"gatepost/quarantine"
	"gatepost/quarantine/digest"
)

// A desk has a link for each of its tokens, and notes what is done.
type desk struct {
	links   map[string]*DigestLink
	failing error
	done    []string
	off     bool
	refuses error // of what a link is for, though it can be opened
}

func (d *desk) Link(_ context.Context, text, lang string) (DigestLink, error) {
	switch l := d.links[text]; {
	case text == "old":
		return DigestLink{}, token.ErrExpired
	case text == "gone":
		return DigestLink{}, fmt.Errorf("show: %w", quarantine.ErrUnknown)
	case l == nil:
		return DigestLink{}, token.ErrToken
	default:
		copied := *l
		copied.Why = "why in " + lang
		return copied, d.failing
	}
}

func (d *desk) Do(ctx context.Context, text string, act digest.Act) (quarantine.Held, error) {
	l, err := d.Link(ctx, text, "")
	if err != nil {
		return quarantine.Held{}, err
	}
	if act != l.Act && (act != digest.Release || l.Act != digest.Allow) {
		return quarantine.Held{}, token.ErrToken
	}
	h := &d.links[text].Held
	if d.refuses != nil {
		return *h, d.refuses
	}
	if err := h.Open(); err != nil && act != digest.Allow {
		return *h, err
	}
	d.done = append(d.done, string(act)+" "+h.ID)
	by := quarantine.Act{Who: "ann@example.org", What: quarantine.StateReleased, When: noon}
	switch act {
	case digest.Ask:
		h.Asked = noon
		return *h, nil
	case digest.Block:
		by.What = quarantine.StateDeleted
	}
	h.State, h.Acts = by.What, append(h.Acts, by)
	return *h, nil
}

func (d *desk) Wants(_ context.Context, text string) (mail.Path, bool, error) {
	if text != "stop" {
		return "", false, token.ErrToken
	}
	return "ann@example.org", !d.off, d.failing
}

func (d *desk) Want(_ context.Context, text string, wanted bool) error {
	if text != "stop" {
		return token.ErrToken
	}
	d.off = !wanted
	return d.failing
}

// link is one to an act on a held message, changed by the caller.
func link(act digest.Act, change func(*DigestLink)) *DigestLink {
	l := &DigestLink{Act: act, Who: "ann@example.org", Held: quarantine.Held{
		ID: "held-" + string(act), Recipient: "sales@example.org", Box: 7, Sender: "bounce@evil.example", Author: "Bank <x@bank.example>",
		Subject: "Win \u202ewon\x1b <b>now</b>", State: quarantine.StateHeld, Time: noon.Add(-time.Hour), Expires: noon.Add(24 * time.Hour),
	}, Zone: "Europe/Paris"}
	if change != nil {
		change(l)
	}
	return l
}

// ended ends the hold of a link's message.
func ended(state quarantine.State, who string, more ...quarantine.State) func(*DigestLink) {
	return func(l *DigestLink) {
		l.Held.State = state
		l.Held.Acts = []quarantine.Act{{Who: who, What: state, When: noon}}
		for _, what := range more {
			l.Held.Acts = append(l.Held.Acts, quarantine.Act{Who: who, What: what, When: noon})
		}
	}
}

func TestDigestLink(t *testing.T) {
	for name, tt := range map[string]struct {
		link   *DigestLink
		want   []string
		button string // "": none
	}{
		"release":                 {link(digest.Release, nil), []string{"Release this message?", "inbox of ann@example.org", "sales@example.org", "Win ‹U&#43;202E›won␛ &lt;b&gt;now&lt;/b&gt;", "Sent by", "bounce@evil.example", "20 Nov 2026, 12:00", "why in en", "Kept until"}, "release"},
		"allow":                   {link(digest.Allow, nil), []string{"Release this message and allow its sender?"}, "allow"},
		"block":                   {link(digest.Block, nil), []string{"Block the sender of this message?"}, "block"},
		"ask":                     {link(digest.Ask, func(l *DigestLink) { l.Held.Guarded = true }), []string{"Ask an operator", "Dangerous"}, "ask"},
		"asked":                   {link(digest.Ask, func(l *DigestLink) { l.Held.Guarded, l.Held.Asked = true, noon }), []string{"were asked before"}, ""},
		"guarded":                 {link(digest.Release, func(l *DigestLink) { l.Held.Guarded = true }), []string{"Only an operator can release it"}, ""},
		"unproven":                {link(digest.Allow, func(l *DigestLink) { l.Unallowed = quarantine.ErrUnproven }), []string{"can’t be allowed", "Nothing proves"}, "release"},
		"own":                     {link(digest.Allow, func(l *DigestLink) { l.Unallowed = quarantine.ErrOwn }), []string{"your own domain"}, "release"},
		"released before":         {link(digest.Release, ended(quarantine.StateReleased, "bob@example.org")), []string{"Nothing is left to do", "released on 20 Nov 2026, 13:00 by bob@example.org"}, ""},
		"released by an admin":    {link(digest.Release, ended(quarantine.StateReleased, "admin")), []string{"by an administrator at the server"}, ""},
		"released by its sender":  {link(digest.Release, ended(quarantine.StateReleased, "sender, by challenge")), []string{"by its sender, who solved a challenge"}, ""},
		"expired":                 {link(digest.Release, ended(quarantine.StateExpired, "expiry")), []string{"its time was over"}, ""},
		"allow what was released": {link(digest.Allow, ended(quarantine.StateReleased, "ann@example.org")), []string{"It was released on"}, "allow"},
		"allowed before":          {link(digest.Allow, ended(quarantine.StateReleased, "ann@example.org", quarantine.ActAllowed)), []string{"Nothing is left to do"}, ""},
		"block what was deleted":  {link(digest.Block, ended(quarantine.StateDeleted, "ann@example.org")), []string{"It was deleted on"}, "block"},
		"blocked before":          {link(digest.Block, ended(quarantine.StateDeleted, "ann@example.org", quarantine.ActBlocked)), []string{"Nothing is left to do"}, ""},
		"block what was released": {link(digest.Block, ended(quarantine.StateReleased, "ann@example.org")), []string{"Nothing is left to do"}, ""},
		"refused on its way": {link(digest.Release, func(l *DigestLink) {
			ended(quarantine.StateReleased, "ann@example.org")(l)
			l.Held.Ways = []quarantine.Way{{To: "ann@far.example", What: "deferred", Next: noon, Host: "mx.far.example", Code: 451, Reply: "later"}}
		}), []string{"not there yet", "mx.far.example 451 later"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{links: map[string]*DigestLink{"t": tt.link}}
			s := start(t, Config{Digests: d})
			page := s.as(t, "").get("/d/t")
			for i, text := range tt.want {
				tt.want[i] = strings.ReplaceAll(text, "’", "&#39;")
			}
			page.wants(t, http.StatusOK, tt.want...)
			button := ""
			if _, rest, ok := strings.Cut(page.body, `name="act" value="`); ok {
				button, _, _ = strings.Cut(rest, `"`)
			}
			if button != tt.button || strings.Count(page.body, "<button") > 1 {
				t.Errorf("the button does %q, want %q\n%s", button, tt.button, page.body)
			}
			if strings.ContainsAny(page.body, "\u202e\x1b") {
				t.Error("the subject is shown as it is")
			}
			s.as(t, "").do(http.MethodHead, "/d/t", nil).wants(t, http.StatusOK)
			if d.done != nil {
				t.Errorf("looking did %q", d.done)
			}
		})
	}
}

func TestDigestAct(t *testing.T) {
	d := &desk{links: map[string]*DigestLink{
		"r": link(digest.Release, nil), "a": link(digest.Allow, nil), "b": link(digest.Block, nil), "q": link(digest.Ask, func(l *DigestLink) { l.Held.Guarded = true }),
		"u": link(digest.Allow, func(l *DigestLink) { l.Unallowed = quarantine.ErrUnproven }),
		"f": link(digest.Release, func(l *DigestLink) { l.Held.Box = quarantine.Elsewhere }),
	}}
	s := start(t, Config{Digests: d})
	b := s.as(t, "")
	b.post("", "/d/r", "act", "release").wants(t, http.StatusOK, "The message is released")
	b.post("", "/d/r", "act", "release").wants(t, http.StatusConflict, "Nothing is left to do", "by ann@example.org")
	b.post("", "/d/a", "act", "allow").wants(t, http.StatusOK, "its sender allowed")
	b.post("", "/d/b", "act", "block").wants(t, http.StatusOK, "The sender is blocked")
	b.post("", "/d/q", "act", "ask").wants(t, http.StatusOK, "The operators were asked")
	b.post("", "/d/u", "act", "release").wants(t, http.StatusOK, "The message is released")
	b.post("", "/d/f", "act", "release").wants(t, http.StatusOK, "The message is released", "It is on its way to")
	for _, wrong := range []string{"block", "allow", "ask", "", "delete"} {
		b.post("", "/d/r", "act", wrong).wants(t, http.StatusNotFound, "leads nowhere")
	}
	if got, want := strings.Join(d.done, ", "), "release held-release, allow held-allow, block held-block, ask held-ask, release held-allow, release held-release"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDigestNowhere(t *testing.T) {
	d := &desk{}
	s := start(t, Config{Digests: d})
	b := s.as(t, "")
	b.get("/d/old").wants(t, http.StatusGone, "This link is too old")
	b.get("/d/gone").wants(t, http.StatusNotFound, "leads nowhere")
	b.get("/d/other").wants(t, http.StatusNotFound, "leads nowhere")
	b.get("/u/other").wants(t, http.StatusNotFound, "leads nowhere")
	b.post("", "/d/old", "act", "release").wants(t, http.StatusGone)
	b.post("", "/u/other", "List-Unsubscribe", "One-Click").wants(t, http.StatusNotFound)
	b.head.Set("Accept-Language", "fr")
	b.get("/d/other").wants(t, http.StatusNotFound, "Ce lien ne mène nulle part")
	b.head.Set("Sec-Fetch-Site", "cross-site")
	b.post("", "/d/r", "act", "release").wants(t, http.StatusForbidden)
	d = &desk{links: map[string]*DigestLink{"r": link(digest.Release, ended(quarantine.StateReleased, "admin"))}, failing: token.ErrExpired}
	b = start(t, Config{Digests: d}).as(t, "")
	for _, page := range []shown{b.get("/d/r"), b.post("", "/d/r", "act", "release")} {
		page.wants(t, http.StatusGone, "This link is too old", "It was released on", "by an administrator")
		if strings.Contains(page.body, "<button") || strings.Contains(page.body, "sales@example.org") || len(d.done) > 0 {
			t.Errorf("an old link says more, or does something: %q\n%s", d.done, page.body)
		}
	}
	without := start(t, Config{})
	without.as(t, "").get("/d/old").wants(t, http.StatusNotFound)
}

// A message whose recipient is gone stays held, and who wants it is told so.
func TestDigestNobodyLeft(t *testing.T) {
	d := &desk{links: map[string]*DigestLink{"r": link(digest.Release, nil)}, refuses: fmt.Errorf("release: %w", quarantine.ErrNowhere)}
	b := start(t, Config{Digests: d}).as(t, "")
	page := b.post("", "/d/r", "act", "release")
	page.wants(t, http.StatusConflict, "be released", "It stays held")
	if strings.Contains(page.body, "<button") {
		t.Errorf("it is offered again:\n%s", page.body)
	}
	b.head.Set("Accept-Language", "fr")
	b.post("", "/d/r", "act", "release").wants(t, http.StatusConflict, "Il reste retenu")
}

// What fails is our fault, and the token is not in the log.
func TestDigestFails(t *testing.T) {
	d := &desk{links: map[string]*DigestLink{"secret-token": link(digest.Release, nil)}, failing: fmt.Errorf("the store is down")}
	s := start(t, Config{Digests: d})
	b := s.as(t, "")
	b.get("/d/secret-token").wants(t, http.StatusInternalServerError, "Something went wrong")
	b.post("", "/d/secret-token", "act", "release").wants(t, http.StatusInternalServerError)
	b.get("/u/stop").wants(t, http.StatusInternalServerError)
	if log := s.log.String(); !strings.Contains(log, "the store is down") || strings.Contains(log, "secret-token") {
		t.Errorf("log:\n%s", log)
	}
}

func TestDigestStop(t *testing.T) {
	d := &desk{}
	s := start(t, Config{Digests: d})
	b := s.as(t, "")
	b.get("/u/stop").wants(t, http.StatusOK, "ann@example.org gets a mail", "Send me no more")
	b.do(http.MethodHead, "/u/stop", nil).wants(t, http.StatusOK)
	b.post("", "/u/stop").wants(t, http.StatusBadRequest)
	if d.off {
		t.Error("looking ended digests")
	}
	b.post("", "/u/stop", "List-Unsubscribe", "One-Click").wants(t, http.StatusOK, "gets no mail any more", "Send them again")
	if !d.off {
		t.Error("one click did not end digests")
	}
	b.get("/u/stop").wants(t, http.StatusOK, "Send them again")
	b.post("", "/u/stop", "act", "again").wants(t, http.StatusOK, "gets a mail")
	if d.off {
		t.Error("digests are still ended")
	}
	var form bytes.Buffer // the other form that RFC 8058 §3.2 has
	m := multipart.NewWriter(&form)
	if err := m.WriteField("List-Unsubscribe", "One-Click"); err != nil {
		t.Fatal(err)
	}
	m.Close()
	b.head.Set("Content-Type", m.FormDataContentType())
	b.do(http.MethodPost, "/u/stop", &form).wants(t, http.StatusOK)
	if !d.off {
		t.Error("one click as multipart/form-data did not end digests")
	}
}
