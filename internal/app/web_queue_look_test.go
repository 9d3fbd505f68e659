package app

import (
	"cmp"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/test/browser"
)

// TestQueueKeyboard finds a message, reads why it waits, and deletes it with the keyboard alone.
func TestQueueKeyboard(t *testing.T) {
	n := openPages(t)
	n.waits("test.example", nil, "zoe@far.example")
	n.waits("test.example", nil, "yan@near.example")
	b := browser.Open(t, browser.Options{})
	enter(b, n, "adam")
	b.Go(n.url + "/queue")
	reach(t, b, "#recipient")
	b.Press("yan@near.example") // who is not the first of the list
	b.Press(kb.Enter)
	b.Has(`a[href="/queue"]:not(nav a)`) // the way back from a search
	reach(t, b, "td.main a")
	b.Press(kb.Enter)
	b.Has(`button[value="delete"]`)
	reach(t, b, `button[value="delete"]`)
	b.Press(kb.Enter)
	b.Has(".confirm")
	reach(t, b, ".confirm button.danger")
	b.Press(kb.Enter)
	b.Has(".notice--good")
	left, err := n.store.Queue().Find(t.Context(), queue.Query{Limit: 10})
	n.must(err)
	if len(left) != 1 || left[0].Recipient != "zoe@far.example" {
		t.Errorf("left: %v", left)
	}
}

// TestQueueLooks goes through the pages of the queue as TestQuarantineLooks does.
func TestQueueLooks(t *testing.T) {
	n := openPages(t)
	ids := n.waits("test.example", nil, "zoe.with.a.long.name@far.example", "yan@far.example")
	n.waits("other.example", func(m *queue.Message) { m.Sender = mail.Null }, "xen@other-far.example")
	n.waits("test.example", func(m *queue.Message) { m.Params.Release = time.Now().Add(time.Hour) }, "vic@near.example")
	n.putOff("mx:far.example", "Greylisted, see https://far.example/help?"+mail.NewID(time.Now())+mail.NewID(time.Now())+" and come back later")
	n.must2(n.store.Queue().Change(t.Context(), queue.Query{ID: ids[1]}, queue.Hold))
	for name, o := range map[string]struct {
		who string
		browser.Options
	}{
		"operator": {"olga", browser.Options{}}, "admin-phone-fr": {"adam", browser.Options{Size: browser.Phone, Language: "fr", Dark: true}},
	} {
		t.Run(name, func(t *testing.T) {
			b := browser.Open(t, o.Options)
			enter(b, n, o.who)
			look := func(page string) {
				b.Has("h1")
				b.Shoot("queue-" + page + "-" + name)
				b.Accessible()
				if wide := browser.Eval[string](b, fmt.Sprintf(wider, cmp.Or(o.Size.Width, browser.Desktop.Width))); wide != "" {
					t.Errorf("%s is wider than the window: %s", page, wide)
				}
			}
			for page, path := range map[string]string{"list": "/queue", "none": "/queue?domain=no.example", "one": fmt.Sprint("/queue/", ids[0]), "destinations": "/queue/destinations"} {
				if page == "destinations" && o.who != "olga" {
					continue
				}
				b.Go(n.url + path)
				look(page)
			}
			b.Go(fmt.Sprint(n.url, "/queue/", ids[0]))
			b.Click(`button[value="delete"]`)
			b.Has(".confirm")
			look("confirm")
		})
	}
}
