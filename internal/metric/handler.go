package metric

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrapes is how many clients are shown the numbers at once.
const scrapes = 4

// Handler answers /metrics, /healthz and /readyz. ready returns what keeps the
// node from taking mail, each a sentence; nothing means that it can. notes returns
// what is wrong and keeps it from nothing: it stands in both answers and changes
// no status.
func (m *Metrics) Handler(ready func(context.Context) []string, notes func() []string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapes}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, nil, notes()) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { answer(w, ready(r.Context()), notes()) })
	return mux
}

// answer writes the reasons, or "ok" where there are none; then the notes.
func answer(w http.ResponseWriter, reasons, notes []string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	lines := []string{"ok"}
	if len(reasons) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		lines = reasons
	}
	for _, n := range notes {
		lines = append(lines, "note: "+n)
	}
	io.WriteString(w, strings.Join(lines, "\n")+"\n") // the client that would be told is gone
}
