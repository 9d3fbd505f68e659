package store

import (
	"flag"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"gatepost/internal/directory"
)

var (
	listScale = flag.Int("lists", 0, "import, load and export lists of so many entries (TestListScale)")
	listsOn   = flag.String("lists-on", "sqlite", "the engine that they are in: sqlite or postgres")
)

// TestListScale takes a file of many entries in, loads them as a start does, and writes
// them out, and says what each costs.
func TestListScale(t *testing.T) {
	if *listScale == 0 {
		t.Skip("asked for by -lists")
	}
	db := openScale(t)
	d, err := directory.New(t.Context(), directory.Config{Rows: db.Directory(), Entries: db.Directory()})
	if err != nil {
		t.Fatal(err)
	}
	// One line in a thousand is wrong.
	bad := *listScale / 1000
	var done directory.Imported
	measured(t, "import", func() {
		done, err = d.ImportEntries(t.Context(), listFile(*listScale+bad), directory.Import{})
	})
	if err != nil || done.Added != *listScale || done.Failed != bad {
		t.Fatalf("import: got %d added, %d failed, %v", done.Added, done.Failed, err)
	}
	measured(t, "import again", func() {
		done, err = d.ImportEntries(t.Context(), listFile(*listScale+bad), directory.Import{})
	})
	if err != nil || done.Existing != *listScale {
		t.Fatalf("import again: got %d there already, %v", done.Existing, err)
	}
	d = nil
	without := liveHeap()
	measured(t, "load", func() {
		d, err = directory.New(t.Context(), directory.Config{Rows: db.Directory(), Entries: db.Directory()})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("in memory: %.1f MB", float64(liveHeap()-without)/1e6)
	if _, ok := d.Snapshot().FindClient(netip.MustParseAddr("10.0.0.1"), ""); !ok {
		t.Error("an entry of the file is not found")
	}
	if _, err := d.AddEntry(t.Context(), directory.Entry{List: directory.Allow, Value: "one@more.example"}); err != nil {
		t.Fatal(err)
	}
	measured(t, "one more", func() {
		_, err = d.AddEntry(t.Context(), directory.Entry{List: directory.Allow, Value: "another@more.example"})
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := &counter{}
	measured(t, "export", func() { err = d.ExportEntries(t.Context(), directory.EntryQuery{}, lines) })
	if err != nil || lines.n != *listScale+3 {
		t.Errorf("export: got %d lines, %v", lines.n, err)
	}
}

func openScale(t *testing.T) *DB {
	if *listsOn == "postgres" {
		return openPostgres(t)
	}
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "gatepost.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// listFile is a file of n entries, of which one in 1001 is wrong: of ten, six are
// addresses, two networks, and two domains.
func listFile(n int) io.Reader {
	r, w := io.Pipe()
	go func() {
		b := &strings.Builder{}
		b.WriteString("list,value,note\n")
		for i := range n {
			a := netip.AddrFrom4([4]byte{byte(10 + i>>16), byte(i >> 8), byte(i), 1})
			switch {
			case i%1001 == 1000:
				fmt.Fprintf(b, "block,%s/24,\n", a)
			case i%10 < 6:
				fmt.Fprintf(b, "block,%s,\n", a)
			case i%10 < 8:
				fmt.Fprintf(b, "block,%s,reported\n", netip.PrefixFrom(a, 24+i%7).Masked())
			default:
				fmt.Fprintf(b, "allow,mail.shop%x.example,a customer\n", i)
			}
			if b.Len() > 1<<16 || i == n-1 {
				if _, err := io.WriteString(w, b.String()); err != nil {
					return
				}
				b.Reset()
			}
		}
		w.Close()
	}()
	return r
}

// measured says how long f takes, by the clock and in seconds of CPU, and how much memory
// the process has of the system after it.
func measured(t *testing.T, what string, f func()) {
	t.Helper()
	start, cpu := time.Now(), cpuTime(t)
	f()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("%s: %.2f s, %.2f s of CPU; the heap had %.0f MB at most", what, time.Since(start).Seconds(), (cpuTime(t) - cpu).Seconds(), float64(m.HeapSys-m.HeapReleased)/1e6)
}

func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// counter counts lines.
type counter struct{ n int }

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	c.n += strings.Count(string(p), "\n")
	return len(p), nil
}
