// Package browser drives Debian's Chromium, for tests that look at the pages as a
// person does: with a mouse, with the keyboard alone, on a phone, in the dark, by what a
// screen reader is told.
//
// A Tab watches what the page does meanwhile. Whatever it writes to the console as an
// error, throws, fails to load, or asks of any other host than the page's own, is a
// failure of the test.
package browser

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A Size is a window's, in CSS pixels.
type Size struct {
	Width, Height int64
	Phone         bool // touch, and the scale of a phone
}

// Sizes that are looked at.
var (
	Desktop = Size{1280, 900, false}
	Phone   = Size{390, 844, true}
)

// Options say how a Tab is looked at. The zero value is an English desktop in the light.
type Options struct {
	Size     Size
	Language string // of Accept-Language; "" is en
	Dark     bool
	Allowed  []string // what a console error may contain, where it is meant to be there
	NoScript bool
	Host     string // a name that is 127.0.0.1 to this browser; "": none
}

// A Tab is one page in one browser of its own, without anything kept from before.
type Tab struct {
	t   testing.TB
	ctx context.Context
	end context.CancelFunc

	mu       sync.Mutex
	troubles []string
	allowed  []string
	host     string // of what was opened; "" before
}

// patience bounds one step; a loaded machine starts Chromium slowly.
const patience = 2 * time.Minute

// Open starts a browser that ends with the test. The test is skipped where there is no
// Chromium, unless CI is set.
func Open(t testing.TB, o Options) *Tab {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is missing: make tools installs it")
		}
		t.Skip("no chromium")
	}
	if o.Size == (Size{}) {
		o.Size = Desktop
	}
	more := []chromedp.ExecAllocatorOption{}
	if o.Host != "" {
		more = append(more, chromedp.Flag("host-resolver-rules", "MAP "+o.Host+" 127.0.0.1"), chromedp.Flag("disable-features", "HttpsUpgrades,HttpsFirstBalancedMode"))
	}
	ctx, end := chromedp.NewExecAllocator(t.Context(), append(append(chromedp.DefaultExecAllocatorOptions[:], more...),
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("lang", language(o)), chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(int(o.Size.Width), int(o.Size.Height)))...)
	tab := &Tab{t: t, allowed: o.Allowed}
	tab.ctx, tab.end = chromedp.NewContext(ctx, chromedp.WithListener(tab.listen))
	t.Cleanup(func() {
		tab.end()
		end()
		for _, s := range tab.Troubles() {
			t.Error("in the browser: " + s)
		}
	})
	if err := chromedp.Do(tab.ctx); err != nil { // the browser lives as long as the first context
		t.Fatalf("browser: start: %v", err)
	}
	step(tab, "start", emulate(o))
	return tab
}

func language(o Options) string {
	if o.Language == "" {
		return "en"
	}
	return o.Language
}

// emulate sets what the person has in hand.
func emulate(o Options) chromedp.Action[chromedp.Void] {
	scheme, scale := "light", 1.0
	if o.Dark {
		scheme = "dark"
	}
	if o.Size.Phone {
		scale = 2
	}
	return chromedp.Steps(
		call(cdplog.Enable, cdp.Empty{}),
		call(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: o.Size.Width, Height: o.Size.Height, DeviceScaleFactor: scale, Mobile: o.Size.Phone,
		}),
		call(emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: o.Size.Phone}),
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		}),
		call(emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: language(o)}),
		call(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": language(o)}}),
		call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: o.NoScript}),
	)
}

// call is a command of the protocol as a step.
func call[P any](command cdp.Command[P, cdp.Empty], params P) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		_, err = cdp.Call(ctx, t, command, params)
		return none, err
	}
}

// listen notes what should not happen.
func (b *Tab) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.trouble("thrown: %s", thrown(e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var words []string
			for _, a := range e.Args {
				words = append(words, string(a.Value)+a.Description)
			}
			b.trouble("console: %s", strings.Join(words, " "))
		}
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError {
			b.trouble("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		b.mu.Lock()
		own := b.host
		b.mu.Unlock()
		if u, err := url.Parse(e.Request.URL); err == nil && own != "" && u.Host != own && (u.Scheme == "http" || u.Scheme == "https" || u.Scheme == "ws") {
			b.trouble("a request to another host: %s", e.Request.URL)
		}
	}
}

func thrown(d *runtime.ExceptionDetails) string {
	if d.Exception != nil && d.Exception.Description != "" {
		return d.Exception.Description
	}
	return d.Text
}

func (b *Tab) trouble(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, a := range b.allowed {
		if strings.Contains(text, a) {
			return
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.troubles = append(b.troubles, text)
}

// Troubles returns what went wrong in the browser so far, and forgets it.
func (b *Tab) Troubles() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.troubles
	b.troubles = nil
	return list
}

// step takes one, within the patience for it, and returns its value.
func step[T any](b *Tab, what string, a chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, a)
	if err != nil {
		b.t.Fatalf("browser: %s: %v; the page:\n%s", what, err, b.glimpse())
	}
	return value
}

// glimpse is what the page shows, for who has to find out why a step did not end.
func (b *Tab) glimpse() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + (document.body ? document.body.innerText : "")`))
	if err != nil {
		return err.Error()
	}
	return text[:min(len(text), 2000)]
}

// Go opens an address and waits until it is loaded.
func (b *Tab) Go(address string) {
	b.t.Helper()
	if u, err := url.Parse(address); err == nil {
		b.mu.Lock()
		b.host = u.Host
		b.mu.Unlock()
	}
	step(b, "open "+address, chromedp.Navigate(address))
}

// Type writes into the field that a selector finds.
func (b *Tab) Type(selector, text string) {
	b.t.Helper()
	field := chromedp.CSS(selector)
	step(b, "find "+selector, chromedp.WaitVisible(field))
	Eval[string](b, fmt.Sprintf(`document.querySelector(%q).value = ""`, selector)) // chromedp.SetValue can't set it to nothing
	step(b, "type into "+selector, chromedp.SendKeys(field, text))
}

// Click clicks what a selector finds once it can be seen.
func (b *Tab) Click(selector string) {
	b.t.Helper()
	step(b, "click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// Press presses keys wherever the focus is; see chromedp/kb for those without a letter.
func (b *Tab) Press(keys string) {
	b.t.Helper()
	step(b, "press a key", chromedp.KeyEvent(keys))
}

// See waits until the page's text has a text.
func (b *Tab) See(text string) {
	b.t.Helper()
	b.await("see "+text, `want => document.body && document.body.innerText.includes(want)`, text)
}

// Focused waits until what a selector finds has the focus, and takes what Press types.
func (b *Tab) Focused(selector string) {
	b.t.Helper()
	b.await("the focus in "+selector, `want => document.activeElement && document.activeElement.matches(want)`, selector)
}

// await waits until a function of one text is true in the page, whichever the browser goes to meanwhile.
func (b *Tab) await(what, function, text string) {
	b.t.Helper()
	look := chromedp.PollFunction[bool](function,
		chromedp.WithPollingArgs(text), chromedp.WithPollingTimeout(patience/2), chromedp.WithPollingInterval(50*time.Millisecond))
	step(b, what, chromedp.Action[bool](func(ctx context.Context, t *chromedp.Target) (bool, error) {
		for {
			seen, err := look(ctx, t)
			if err == nil || !leaving(err) || ctx.Err() != nil {
				return seen, err
			}
		}
	}))
}

// leaving reports whether a step failed because the browser went on to another page.
func leaving(err error) bool {
	return strings.Contains(err.Error(), "navigated") || strings.Contains(err.Error(), "Cannot find context")
}

// Has waits until a selector finds something that can be seen.
func (b *Tab) Has(selector string) {
	b.t.Helper()
	step(b, "find "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
}

// Eval returns the value of an expression in the page.
func Eval[T any](b *Tab, expression string) T {
	b.t.Helper()
	return step(b, "evaluate "+expression, chromedp.Evaluate[T](expression))
}

// Text is what the page says.
func (b *Tab) Text() string {
	b.t.Helper()
	return Eval[string](b, `document.body ? document.body.innerText : ""`)
}

// At is the page's address.
func (b *Tab) At() string {
	b.t.Helper()
	return Eval[string](b, `location.href`)
}

// Shoot keeps a picture of the whole page as name.png where SCREENSHOTS names a directory.
func (b *Tab) Shoot(name string) {
	b.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	png := step(b, "picture", chromedp.FullScreenshot(100))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
