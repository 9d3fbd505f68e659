package metric

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
)

func get(m *Metrics, path string, reasons ...string) (int, string) {
	w := httptest.NewRecorder()
	m.Handler(func(context.Context) []string { return reasons }, func() []string { return nil }).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, w.Body.String()
}

func TestNumbers(t *testing.T) {
	m := New()
	m.Connection("accepted")
	m.Reply("MAIL", 250)
	m.Reply("XYZZY\"\n", 500)
	m.Content(100, true)
	m.Content(11, false)
	m.Transaction("delivered", 0.25)
	m.Step("spf", "pass", 0.01)
	m.Commit(0.002)
	m.Put(0.001)
	m.Question("stale")
	m.Exchange("192.0.2.53:53", "answered", 0.02)
	m.Exchange("192.0.2.53:53", "silent", 2)
	m.Gauge("in_flight_bytes", "Bytes of messages being received or judged.", func() float64 { return 42 })
	code, body := get(m, "/metrics")
	if code != 200 {
		t.Fatalf("status %d, want 200", code)
	}
	for _, want := range []string{
		`gatepost_smtp_connections_total{fate="accepted"} 1`,
		`gatepost_smtp_replies_total{code="250",verb="MAIL"} 1`,
		`gatepost_smtp_replies_total{code="500",verb="other"} 1`,
		`gatepost_smtp_messages_total{in="file"} 1`,
		`gatepost_smtp_messages_total{in="memory"} 1`,
		`gatepost_smtp_content_bytes_total 111`,
		`gatepost_transactions_total{outcome="delivered"} 1`,
		`gatepost_transaction_seconds_sum 0.25`,
		`gatepost_filter_results_total{filter="spf",result="pass"} 1`,
		`gatepost_filter_seconds_count{filter="spf"} 1`,
		`gatepost_store_commit_seconds_count 1`,
		`gatepost_blob_put_seconds_count 1`,
		`gatepost_in_flight_bytes 42`,
		`gatepost_dns_questions_total{told="stale"} 1`,
		`gatepost_dns_exchanges_total{fate="answered",server="192.0.2.53:53"} 1`,
		`gatepost_dns_exchanges_total{fate="silent",server="192.0.2.53:53"} 1`,
		`gatepost_dns_exchange_seconds_count{server="192.0.2.53:53"} 1`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
}

func TestHealth(t *testing.T) {
	cases := []struct {
		name, path string
		reasons    []string
		code       int
		body       string
	}{
		{"alive", "/healthz", []string{"disk is full"}, 200, "ok\n"},
		{"ready", "/readyz", nil, 200, "ok\n"},
		{"not ready", "/readyz", []string{"disk is full", "no resolver answers"}, 503, "disk is full\nno resolver answers\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			code, body := get(New(), c.path, c.reasons...)
			if code != c.code || body != c.body {
				t.Errorf("got %d %q, want %d %q", code, body, c.code, c.body)
			}
		})
	}
}

func TestTwoNodes(t *testing.T) {
	a, b := New(), New()
	a.Connection("accepted")
	if _, body := get(b, "/metrics"); strings.Contains(body, "accepted") {
		t.Error("two Metrics share their counts")
	}
}

func TestInFlight(t *testing.T) {
	m := New()
	m.InFlight(func() int64 { return 7 })
	if _, body := get(m, "/metrics"); !strings.Contains(body, "gatepost_in_flight_bytes 7\n") {
		t.Errorf("got %q", body)
	}
}
