package test

import (
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"gatepost/internal/blob/s3/s3test"
	"gatepost/test/machine"
)

// A node of an older release and one of this work side by side on one database: mail comes in on both and clients do as chance
// will, while the newer one starts for the first time, is killed, is left away (the way back) and comes again. No message that was
// taken is lost, no UID is given twice, and in the end both say the same. HACKING.md says how it is run.
func TestNeighbouringReleases(t *testing.T) {
	older := os.Getenv("OLDER")
	if older == "" {
		t.Skip("OLDER is no program of an older release (make neighbours)")
	}
	_, dsn := postgres(t)
	bucket := s3test.New("mail")
	web := httptest.NewServer(bucket)
	t.Cleanup(web.Close)
	newer := bin
	bin = older // which makes the database
	a := start(t, bucketSets(dsn, web.URL)...)
	bin = newer
	b, err := machine.New(newer, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b.Sets = a.Sets

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	l := &ledger{taken: map[string][]byte{}}
	w := &witness{t: t, uids: map[string]string{}, appended: map[string]bool{}}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i, m := range []*machine.Machine{a, b, a, b} {
		p := &chancer{m: m, w: w, r: rand.New(rand.NewPCG(seed, uint64(i))), name: fmt.Sprintf("p%d", i)}
		wg.Go(func() { pour(m.SMTP, fmt.Sprintf("s%d", i), rand.New(rand.NewPCG(seed, uint64(50+i))), l, stop) })
		wg.Go(func() { p.run(stop) })
	}
	goesOn := func(what string) {
		t.Helper()
		steps, taken := w.steps.Load(), l.size()
		until(t, 2*time.Minute, what, func() bool { return w.steps.Load() > steps+60 && l.size() > taken+10 })
	}
	goesOn("the older one alone")
	starts := func() {
		t.Helper()
		if err := b.Start(); err != nil {
			t.Fatal(err)
		}
	}
	starts()
	t.Cleanup(b.Kill)
	goesOn("beside the newer one")
	b.Kill()
	goesOn("the older one, which the newer one left behind")
	starts()
	goesOn("both again")
	a.Kill()
	if err := a.Start(); err != nil {
		t.Fatalf("the older one does not start on the newer one's database: %v", err)
	}
	goesOn("both, the older one started last")
	close(stop)
	wg.Wait()
	w.compare(a, b, l)
	for name, m := range map[string]*machine.Machine{"older": a, "newer": b} {
		if out, err := m.Run("", "check", "store"); err != nil {
			t.Errorf("check store of the %s one: %v\n%s", name, err, out)
		}
	}
}
