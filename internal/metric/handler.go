package metric

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

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

// Serve answers on l until ctx ends; requests under way have a moment to end.
func (m *Metrics) Serve(ctx context.Context, l net.Listener, ready func(context.Context) []string) error {
	s := &http.Server{
		Handler:           m.Handler(ready),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // what clients do wrong is no news
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		moment, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		stopped <- errors.Join(s.Shutdown(moment), s.Close())
	})
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		if stop() {
			return fmt.Errorf("metric: serve: %w", err)
		}
	}
	<-stopped // what it says is only that somebody had to be cut off
	return nil
}
