package app

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// deadDNS knows no name.
type deadDNS struct{}

func (deadDNS) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
}

// TestDNSLists holds what an admin is told of a list that is dead: once in the log, and as
// often as he asks, also after a reload.
func TestDNSLists(t *testing.T) {
	policy := "policies:\n  - name: default\n    pipeline:\n      - filter: dnsbl\n        lists: [{zone: a.example}, {zone: b.example, kind: domain}]\n      - filter: uribl\n        lists: [{zone: c.example, test: test.c.example}]\n"
	file := t.TempDir() + "/config.yaml"
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, []string{"data=" + t.TempDir(), "hostname=mx.example.org", "resolver.servers=127.0.0.1:1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var text logText
	a, err := New(t.Context(), c, slog.New(slog.NewTextHandler(&text, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	a.lists.resolver = deadDNS{}
	for range 2 {
		if _, err := a.Reload(c); err != nil { // with that resolver
			t.Fatal(err)
		}
		list, err := a.dnsLists(t.Context(), ops.DNSLists{Zone: "A.Example", Probe: true})
		if err != nil || len(list) != 1 {
			t.Fatalf("%v, %v", list, err)
		}
		l := list[0]
		if l.State != "observed" || !strings.Contains(l.Trouble, "so it is dead") || time.Since(l.Since) > time.Hour || l.Checked.IsZero() {
			t.Errorf("got %+v", l)
		}
	}
	if n := strings.Count(text.String(), "only observed"); n != 3 {
		t.Errorf("%d warnings, want one a list:\n%s", n, text.String())
	}
	if lists := a.lists.current.Load().Conditions(); len(lists) != 3 || lists[2].List.Test != "test.c.example" {
		t.Errorf("%v", lists)
	}
	if _, err := a.dnsLists(t.Context(), ops.DNSLists{Zone: "other.example"}); control.KindOf(err) != control.Missing {
		t.Errorf("another: %v", err)
	}
}

// logText is what was logged.
type logText struct {
	mu sync.Mutex
	strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.Write(p)
}
