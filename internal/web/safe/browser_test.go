package safe

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium begins a browser that ends with the test.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("no chromium: ", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-features", "IsolateSandboxedIframes")) // a frame in another process could not be watched
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// A witness notes what a browser does that it should not.
type witness struct {
	mu     sync.Mutex
	base   string
	seen   []string
	loaded int
}

func (w *witness) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, fmt.Sprintf(format, args...))
}

func (w *witness) watch(ctx context.Context) error {
	return chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *page.EventJavascriptDialogOpening:
			w.note("dialog %q", e.Message)
			go func() { // fails where the dialog is gone already
				_, _ = chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
			}()
		case *network.EventRequestWillBeSent:
			if u := e.Request.URL; !strings.HasPrefix(u, w.base) && !strings.HasPrefix(u, "data:image/") {
				w.note("request of %s", u)
			}
		case *log.EventEntryAdded:
			w.note("log %s: %s", e.Entry.Level, e.Entry.Text)
		case *runtime.EventExceptionThrown:
			w.note("exception %s", e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			w.note("console %s", e.Type)
		}
	})
}

// show opens documents, each in a frame of one page, and waits until all are there.
func show(t *testing.T, ctx context.Context, documents []string, sandbox, policy string) []string {
	t.Helper()
	w := &witness{}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("Content-Type", "text/html; charset=utf-8")
		var n int
		switch _, err := fmt.Sscanf(r.URL.Path, "/%d", &n); {
		case r.URL.Path == "/":
			for i := range documents {
				fmt.Fprintf(out, `<iframe src="/%d" %s></iframe>`, i, sandbox)
			}
		case err == nil && n < len(documents):
			if policy != "" {
				out.Header().Set("Content-Security-Policy", policy)
			}
			fmt.Fprint(out, documents[n])
			w.mu.Lock()
			w.loaded++
			w.mu.Unlock()
		case r.URL.Path != "/favicon.ico":
			w.note("request of %s", r.URL)
		}
	}))
	defer server.Close()
	w.base = server.URL
	ctx, cancel := chromedp.NewContext(ctx)
	defer cancel()
	if err := w.watch(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(server.URL+"/")); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[int](clickAll)); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.loaded != len(documents) {
		t.Errorf("%d documents were loaded of %d", w.loaded, len(documents))
	}
	return w.seen
}

// clickAll does in every frame that may be reached what a curious reader does.
const clickAll = `for (const f of document.querySelectorAll("iframe")) {
	const d = f.contentDocument
	if (d) for (const e of d.querySelectorAll("*")) { e.dispatchEvent(new MouseEvent("mouseover", {bubbles: true})); if (e.click) e.click() }
}
1`

func rendered(t *testing.T, list []string) (documents []string) {
	for _, p := range list {
		v, err := Render(t.Context(), htmlMail(p), Options{Lang: "en", Words: english})
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, string(v.Document))
	}
	return documents
}

// TestBrowser shows all payloads as they are shown to a reader: in a sandbox, under the
// policy; and without either, where what was written has to be enough.
func TestBrowser(t *testing.T) {
	ctx := chromium(t)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	documents := rendered(t, payloads(t))
	bare := make([]string, len(documents))
	for i, d := range documents {
		bare[i] = strings.Replace(d, documentMeta(), "", 1)
		if bare[i] == d {
			t.Fatal("the document has no policy in it")
		}
	}
	for at := 0; at < len(documents); at += 60 {
		end := min(at+60, len(documents))
		for _, s := range show(t, ctx, documents[at:end], `sandbox=""`, Policy()) {
			t.Errorf("shown as to a reader: %s", s)
		}
		for _, s := range show(t, ctx, bare[at:end], "", "") {
			t.Errorf("shown without a guard: %s", s)
		}
	}
}

func documentMeta() string {
	return `<meta http-equiv="Content-Security-Policy" content="` + documentPolicy + `">`
}

// TestBrowserGuards shows payloads as they came: the policy and the sandbox are each enough to keep
// them from running, and the witness sees them where there is neither.
func TestBrowserGuards(t *testing.T) {
	ctx := chromium(t)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	raw := []string{
		"<!DOCTYPE html><img src=x onerror=alert(1)>", "<!DOCTYPE html><script>alert(2)</script>",
		"<!DOCTYPE html><iframe srcdoc='" + html.EscapeString("<script>alert(3)</script>") + "'></iframe>",
	}
	for _, test := range []struct{ sandbox, policy, seen string }{
		{"", "", "dialog"}, {`sandbox=""`, "", "log error"}, {"", Policy(), "log error"},
	} {
		seen := map[string]int{}
		for _, s := range show(t, ctx, raw, test.sandbox, test.policy) {
			kind, _, _ := strings.Cut(s, ":")
			kind, _, _ = strings.Cut(kind, ` "`)
			seen[kind]++
		}
		if seen[test.seen] < 2 || test.seen != "dialog" && seen["dialog"] > 0 {
			t.Errorf("sandbox %q, policy %q: seen were %v, want some %s", test.sandbox, test.policy, seen, test.seen)
		}
	}
}
