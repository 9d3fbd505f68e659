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
// node from taking mail, each a sentence; nothing means that it can.
func (m *Metrics) Handler(ready func(context.Context) []string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapes}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { answer(w, ready(r.Context())) })
	return mux
}

// answer writes the reasons, or "ok" where there are none.
func answer(w http.ResponseWriter, reasons []string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	text := "ok"
	if len(reasons) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		text = strings.Join(reasons, "\n")
	}
	io.WriteString(w, text+"\n") // the client that would be told is gone
}
