package app

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"gatepost/internal/config"
	"gatepost/internal/queue"
)

// A TLS report goes by the queue: from nobody, for a day, with its content stored.
func TestReportSender(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("hostname: gate.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, []string{"data=" + t.TempDir()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, name := range []string{"mta-sts", "tls session counts", "tls reports"} {
		if !slices.ContainsFunc(a.beside, func(s service) bool { return s.name == name }) {
			t.Errorf("%q does not run", name)
		}
	}
	const text = "Subject: report\r\n\r\nx\r\n"
	if err := (reportSender{app: a}).Send(t.Context(), "tls@a.example", []byte(text)); err != nil {
		t.Fatal(err)
	}
	list, err := a.store.Queue().Find(t.Context(), queue.Query{})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	got := list[0]
	if got.Recipient != "tls@a.example" || got.Destination != "mx:a.example" || !got.Message.Sender.IsNull() || got.Message.Expires.Sub(got.Message.Created) != 24*time.Hour {
		t.Errorf("%+v of %+v", got, got.Message)
	}
	content, err := contents{a.blobs}.Open(t.Context(), got.Message.Blob)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	if b, err := io.ReadAll(io.NewSectionReader(content, 0, content.Size())); err != nil || string(b) != text {
		t.Errorf("%q, %v", b, err)
	}
}
