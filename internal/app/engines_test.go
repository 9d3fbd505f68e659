package app

import (
	"log/slog"
	"strings"
	"testing"

	"gatepost/filters"
	"gatepost/internal/mail"
)

// What is known of an engine outlives a new configuration that names it, too; one that is
// named no more is forgotten.
func TestEnginesOutliveReload(t *testing.T) {
	var log strings.Builder
	w := newEngineWatch(t.TempDir(), slog.New(slog.NewTextHandler(&log, nil)))
	first := w.fresh()
	scanner := first.engines().Clamd([]string{"/nonexistent/one"})
	first.engines().Spamd([]string{"127.0.0.1:1"})
	w.watch(first)
	m := mail.NewMessage([]byte("x"))
	for range 4 {
		if _, err := scanner.Scan(t.Context(), m); err == nil {
			t.Fatal("no error")
		}
	}
	if n := strings.Count(log.String(), "an engine does not answer"); n != 1 {
		t.Errorf("%d warnings of one trouble:\n%s", n, &log)
	}
	second := w.fresh()
	makers := second.engines()
	same := func(a filters.Scanner, b filters.Scanner) bool { return a == b }
	if !same(makers.Clamd([]string{"/nonexistent/one"}), scanner) {
		t.Error("the engine is another one")
	}
	makers.Clamd([]string{"/nonexistent/two", "/nonexistent/one"})
	if makers.Rspamd([]string{"127.0.0.1:1"}, "a") == nil || len(second.services) != 3 {
		t.Errorf("%d services, want 3", len(second.services))
	}
	w.watch(second)
	seen := []string{}
	for _, c := range w.conditions() {
		seen = append(seen, c.Kind+" "+c.Address)
		if c.Address == "/nonexistent/one" && (c.Failures != 3 || c.Trouble == nil) {
			t.Errorf("got %+v, want what was known", c)
		}
	}
	if got, want := strings.Join(seen, ", "), "clamd /nonexistent/one, clamd /nonexistent/two, rspamd 127.0.0.1:1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := w.troubles(); len(got) != 1 || !strings.Contains(got[0], "/nonexistent/one is in trouble") {
		t.Errorf("troubles: %q", got)
	}
}
