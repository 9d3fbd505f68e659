package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/access"
)

// A crowd is an address list of so many; it notes what was asked.
type crowd struct {
	size    int
	asked   int // parts
	largest int // of them, as they were asked for
	fails   int // the part that can't be read; 0: none
	began   chan struct{}
	hold    chan struct{} // until then a part waits that has begun; nil: none does
}

// HasAddresses implements Addresses.
func (*crowd) HasAddresses(int64) bool { return true }

// Addresses implements Addresses.
func (c *crowd) Addresses(ctx context.Context, _ int64, q AddressQuery) (AddressPart, error) {
	if ctx.Err() != nil {
		return AddressPart{}, ctx.Err()
	}
	if c.hold != nil {
		c.began <- struct{}{}
		<-c.hold
	}
	c.asked++
	c.largest = max(c.largest, q.Limit)
	if c.asked == c.fails {
		return AddressPart{}, errors.New("the store is away")
	}
	p := AddressPart{Domain: "example.org"}
	from := 0
	if q.After != "" {
		if _, err := fmt.Sscanf(q.After, "p%06d@example.org", &from); err != nil {
			return p, err
		}
		from++
	}
	for n := from; n < c.size && len(p.Rows) < q.Limit; n++ {
		p.Rows = append(p.Rows, Address{Name: "Zoë", Address: fmt.Sprintf("p%06d@example.org", n)})
	}
	return p, nil
}

// addressSite serves a list alone.
func addressSite(t *testing.T, list *crowd) *browser {
	return start(t, Config{Desk: &access.Desk{}, Sessions: asPersons{}, Addresses: list}).as(t, "owner")
}

// All of a long list comes, each once and in order, in parts that have a bound: what came before is on the line when the next is asked
// for, and a line may be as slow as it likes.
func TestAddressFileIsSentInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := &crowd{size: 100_000}
		s, err := New(Config{Key: make([]byte, 32), Desk: &access.Desk{}, Sessions: asPersons{}, Addresses: list, Log: quiet(), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		reader, line := io.Pipe()
		w := &pipedAnswer{header: http.Header{}, line: line}
		go func() {
			s.handler.ServeHTTP(w, ownerAsks(t, "/mailbox/addresses.csv"))
			line.Close()
		}()
		first := make([]byte, 1)
		if _, err := io.ReadFull(reader, first); err != nil || list.asked != 1 {
			t.Errorf("the first octet came after %d parts: %v", list.asked, err)
		}
		time.Sleep(time.Hour)
		rest, err := io.ReadAll(reader)
		lines := strings.Split(string(first)+string(rest), "\n")
		if err != nil || len(lines) != 100_002 || lines[0] != "name,address" || lines[1] != "Zoë,p000000@example.org" || lines[100_000] != "Zoë,p099999@example.org" {
			t.Fatalf("%d lines (%v): %.100q", len(lines), err, lines)
		}
		for n, line := range lines[1:100_001] {
			if want := fmt.Sprintf("Zoë,p%06d@example.org", n); line != want {
				t.Fatalf("line %d: got %q, want %q", n, line, want)
			}
		}
		if list.asked != 21 || list.largest != addressesInPart {
			t.Errorf("asked %d times for up to %d", list.asked, list.largest)
		}
	})
}

// ownerAsks is a request of the owner's.
func ownerAsks(t *testing.T, url string) *http.Request {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	r.RequestURI = ""
	r.AddCookie(&http.Cookie{Name: sessionCookie, Value: "owner"})
	return r
}

// A pipedAnswer is an answer whose reader takes what he likes when he likes.
type pipedAnswer struct {
	header http.Header
	line   io.Writer
}

// Header implements http.ResponseWriter.
func (p *pipedAnswer) Header() http.Header { return p.header }

// WriteHeader implements http.ResponseWriter.
func (p *pipedAnswer) WriteHeader(int) {}

// Write implements http.ResponseWriter.
func (p *pipedAnswer) Write(b []byte) (int, error) { return p.line.Write(b) }

// SetWriteDeadline is what http.ResponseController looks for.
func (p *pipedAnswer) SetWriteDeadline(time.Time) error { return nil }

// Where the list can't be read to its end nobody gets what looks like a whole file; where it can't be read at all there is a page.
func TestAddressFileBreaksOff(t *testing.T) {
	for _, form := range []string{"csv", "vcf"} {
		b := addressSite(t, &crowd{size: 20_000, fails: 3})
		resp, err := b.http.Do(ownerAsks(t, b.site.url+"/mailbox/addresses."+form))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !errors.Is(err, io.ErrUnexpectedEOF) || len(got) < 10_000 {
			t.Errorf("%s: %d octets, %v; want the line cut", form, len(got), err)
		}
		page := addressSite(t, &crowd{fails: 1}).get("/mailbox/addresses." + form)
		page.wants(t, http.StatusInternalServerError, "Something went wrong")
		if got := page.Header.Get("Content-Disposition"); got != "" {
			t.Errorf("%s: the page of a failure is a file: %s", form, got)
		}
	}
}

// One person has one file sent at a time.
func TestAddressFileOneAtATime(t *testing.T) {
	list := &crowd{size: 1, hold: make(chan struct{}), began: make(chan struct{}, 1)}
	b := addressSite(t, list)
	done := make(chan int)
	go func() {
		resp, err := b.http.Do(ownerAsks(t, b.site.url+"/mailbox/addresses.vcf"))
		if err != nil {
			t.Error(err)
			done <- 0
			return
		}
		resp.Body.Close()
		done <- resp.StatusCode
	}()
	<-list.began
	b.get("/mailbox/addresses.csv").wants(t, http.StatusTooManyRequests)
	close(list.hold)
	if got := <-done; got != http.StatusOK {
		t.Errorf("the first: got %d", got)
	}
	b.get("/mailbox/addresses.csv").wants(t, http.StatusOK, "name,address\n")
}
