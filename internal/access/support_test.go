package access_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/access"
)

// offer makes a link of ann's for an hour.
func (h *house) offer(t *testing.T) (link string) {
	t.Helper()
	ann := h.people["ann@example.org"].person
	link, until, err := h.OfferSupport(t.Context(), ann, time.Hour)
	if err != nil || !until.Equal(h.now.Add(time.Hour)) {
		t.Fatalf("got until %v, %v", until, err)
	}
	return link
}

// use begins the session of a link.
func (h *house) use(t *testing.T, link string) (secret string) {
	t.Helper()
	ticket, err := h.TakeSupport(t.Context(), link, home)
	if err != nil || ticket.Waits || ticket.Stays || !ticket.Person.Support {
		t.Fatalf("got %+v, %v", ticket, err)
	}
	return ticket.Secret
}

// unused wants that a link is worth nothing, be it looked at or used.
func (h *house) unused(t *testing.T, when, link string) {
	t.Helper()
	if p, err := h.Offered(t.Context(), link); !errors.Is(err, access.ErrNoSession) || p.Known() {
		t.Errorf("%s: looked at: got %v, %v", when, p, err)
	}
	if got, err := h.TakeSupport(t.Context(), link, home); !errors.Is(err, access.ErrNoSession) || got.Secret != "" {
		t.Errorf("%s: used: got %v, %v", when, got, err)
	}
}

// A link is nobody's session, and of those who follow it one is let in, under another secret, as support of the owner, until the
// link would have ended.
func TestSupportAccess(t *testing.T) {
	h := open(t)
	own := h.logIn(t, "ann@example.org", "right")
	link := h.offer(t)
	h.wants(t, "the link as a session", link, access.ErrNoSession)
	if _, err := h.Confirm(t.Context(), link, "123456", home); !errors.Is(err, access.ErrNoSession) {
		t.Errorf("the link as one that waits for a code: got %v", err)
	}
	for range 2 { // looking uses nothing up
		if p, err := h.Offered(t.Context(), link); err != nil || p.Name != "ann@example.org" || !p.Support || !p.Until.Equal(h.now.Add(time.Hour)) {
			t.Errorf("the link: got %+v, %v", p, err)
		}
	}
	h.unused(t, "the owner's own session", own)
	h.later(10 * time.Minute)
	secret := h.use(t, link)
	if secret == link {
		t.Error("the session has the secret of the link")
	}
	h.unused(t, "a second time", link)
	h.unused(t, "the session that it began", secret)
	if p := h.wants(t, "in use", secret, nil); !p.Support || p.By() != "support of ann@example.org" || !p.Until.Equal(h.now.Add(50*time.Minute)) {
		t.Errorf("got %+v", p)
	}
	if p := h.wants(t, "the owner", own, nil); p.Support || !p.Until.IsZero() {
		t.Errorf("the owner is %+v", p)
	}
	h.later(50*time.Minute - time.Second)
	h.wants(t, "a second before the end", secret, nil)
	h.later(time.Second)
	h.wants(t, "at its end", secret, access.ErrNoSession)
	if text := h.log.String(); strings.Contains(text, link) || strings.Contains(text, secret) || !strings.Contains(text, "support of ann@example.org") {
		t.Errorf("the log: %s", text)
	}
}

func TestSupportUsedByOne(t *testing.T) {
	h := open(t)
	link := h.offer(t)
	var all sync.WaitGroup
	var won atomic.Int64
	for range 8 {
		all.Go(func() {
			switch _, err := h.TakeSupport(t.Context(), link, home); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, access.ErrNoSession):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d were let in", won.Load())
	}
}

// Support access ends by what ends sessions, before it was used and after.
func TestSupportEnds(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, h *house) error{
		"another password": func(_ *testing.T, h *house) error {
			h.change("ann@example.org", func(k *known) { k.password = "new" })
			return nil
		},
		"suspended": func(_ *testing.T, h *house) error {
			h.change("ann@example.org", func(k *known) { k.suspended = true })
			return nil
		},
		"an hour": func(_ *testing.T, h *house) error { h.later(time.Hour); return nil },
		"each closed": func(t *testing.T, h *house) error {
			ann := h.people["ann@example.org"].person
			list, err := h.Sessions(t.Context(), ann)
			if len(list) != 2 || !list[0].Support || !list[1].Support || list[0].Waiting == list[1].Waiting {
				t.Errorf("listed are %+v, want a link and a session", list)
			}
			for _, s := range list {
				err = errors.Join(err, h.Close(t.Context(), ann, s.ID, ann.By()))
			}
			return err
		},
		"all closed": func(t *testing.T, h *house) error {
			_, err := h.CloseAll(t.Context(), h.people["ann@example.org"].person, "", "admin")
			return err
		},
		"expired": func(t *testing.T, h *house) error {
			h.later(time.Hour)
			return h.Expire(t.Context(), h.now)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			secret, link := h.use(t, h.offer(t)), h.offer(t)
			h.wants(t, "before", secret, nil)
			if err := end(t, h); err != nil {
				t.Fatal(err)
			}
			h.wants(t, "after", secret, access.ErrNoSession)
			h.unused(t, "after", link)
		})
	}
}

// Owners alone give support access, for one of the times, three at a time; who has it gives none.
func TestSupportBounds(t *testing.T) {
	h := open(t)
	ann, olga := h.people["ann@example.org"].person, h.people["olga"].person
	support := ann
	support.Support = true
	for name, ask := range map[string]struct {
		p    access.Person
		life time.Duration
	}{
		"two hours": {ann, 2 * time.Hour}, "no time": {ann, 0}, "an admin": {olga, time.Hour}, "support itself": {support, time.Hour},
	} {
		if link, _, err := h.OfferSupport(t.Context(), ask.p, ask.life); !errors.Is(err, access.ErrSupport) || link != "" {
			t.Errorf("%s: got %q, %v", name, link, err)
		}
	}
	h.use(t, h.offer(t))
	h.offer(t)
	h.offer(t)
	if _, _, err := h.OfferSupport(t.Context(), ann, time.Hour); !errors.Is(err, access.ErrManySupport) {
		t.Errorf("a fourth: got %v", err)
	}
	h.later(time.Hour)
	h.offer(t)
}
