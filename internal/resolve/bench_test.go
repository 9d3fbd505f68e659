package resolve

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"gatepost/internal/resolve/resolvetest"
	"gatepost/test/peer"
)

// BenchmarkCached is what an answer from memory costs.
func BenchmarkCached(b *testing.B) {
	s, err := resolvetest.Serve(zone)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	r, err := New(Config{Servers: []string{s.Addr}})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	ctx := Budget{Questions: 100, Time: time.Minute, Parallel: 10}.Begin(b.Context())
	for _, c := range []struct {
		name string
		ask  func() error
	}{
		{"records", func() error { _, err := r.Lookup(ctx, "example.org", TXT); return err }},
		{"absence", func() error { _, err := r.Lookup(ctx, "nobody.example.org", A); return err }},
		{"capital letters", func() error { _, err := r.Lookup(ctx, "Example.ORG", TXT); return err }},
		{"LookupTXT", func() error { _, err := r.LookupTXT(ctx, "example.org"); return err }},
		{"LookupAddr", func() error { _, err := r.LookupAddr(ctx, "192.0.2.1"); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.ask(); errors.Is(err, ErrTemporary) {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkUnbound is how many questions a second go through a Resolver, and how many the
// same code asks unbound with nothing around it.
func BenchmarkUnbound(b *testing.B) {
	d, err := peer.StartDNSSEC(b.TempDir(), []peer.Zone{{Name: "plain.example", Text: "*.wild A 192.0.2.1\nmx A 192.0.2.1\n", Unsigned: true}})
	if errors.Is(err, peer.ErrMissing) {
		b.Skip(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	defer d.Stop()
	r, err := New(Config{Servers: []string{d.Resolver}, Timeout: 5 * time.Second, CacheSize: 10_000})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	var n atomic.Int64
	fresh := func() string { return fmt.Sprintf("n%d.wild.plain.example", n.Add(1)) }
	direct := func(name string) error {
		m, err := exchange(b.Context(), "udp", d.Resolver, r.query(question{name: name, typ: A}))
		if err == nil && m.Rcode != dns.RcodeSuccess {
			err = errors.New(dns.RcodeToString[m.Rcode])
		}
		return err
	}
	resolved := func(name string) error {
		_, err := r.Lookup(b.Context(), name, A)
		return err
	}
	for _, c := range []struct {
		name string
		ask  func() error
	}{
		{"direct, new names", func() error { return direct(fresh()) }},
		{"resolved, new names", func() error { return resolved(fresh()) }},
		{"direct, one name", func() error { return direct("mx.plain.example") }},
		{"resolved, one name", func() error { return resolved("mx.plain.example") }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(8) // of each core
			var failed atomic.Int64
			before := cpu()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if c.ask() != nil {
						failed.Add(1)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "questions/s")
			b.ReportMetric(float64((cpu()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
			if 100*failed.Load() > int64(b.N) {
				b.Errorf("%d of %d failed", failed.Load(), b.N)
			}
		})
	}
}

// cpu is the processor's time that this process has taken, without the servers'.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
