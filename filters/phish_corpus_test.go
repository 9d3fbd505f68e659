package filters

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/pipeline"
	"gatepost/test/load"
)

// noDNS knows no name: nobody in the corpus has proven anything.
type noDNS struct{ Resolver }

func (noDNS) LookupTXT(_ context.Context, name string) ([]string, error) {
	return nil, &net.DNSError{Err: "no such name", Name: name, IsNotFound: true}
}

// maxFalse is the share of ham in which a trick with a score may be found.
const maxFalse = 0.01

// TestPhishOnCorpus counts in how many messages of the public corpus each trick is found,
// and prints that with -v:
//
//	go test ./filters -run TestPhishOnCorpus -v
func TestPhishOnCorpus(t *testing.T) {
	f, err := newPhish(Deps{Resolver: noDNS{}}, *defaultPhish())
	if err != nil {
		t.Fatal(err)
	}
	counts := map[bool]map[string]int{true: {}, false: {}}
	all := map[bool]int{}
	dir, err := filepath.EvalSymlinks("../corpus")
	if err != nil {
		t.Skip("make corpus brings the corpus:", err)
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		spam := strings.Contains(path, "spam-")
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".txt") || strings.HasPrefix(d.Name(), "cmds") || !spam && !strings.Contains(path, "ham-") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		all[spam]++
		for _, name := range tricksOf(t, f, load.Lines(b)) {
			counts[spam][name]++
			if os.Getenv("PHISH_TELL") == name && !spam {
				t.Log(path)
			}
		}
		return nil
	})
	if err != nil || all[false]*all[true] == 0 {
		t.Fatalf("%d ham, %d spam: %v", all[false], all[true], err)
	}
	names := []string{"any", "score 2 and more", "score 4 and more"}
	for i := range tricks {
		names = append(names, i.String())
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%-20s %12s %12s\n", "trick", "ham", "spam")
	for _, name := range names {
		ham := float64(counts[false][name]) / float64(all[false])
		fmt.Fprintf(&table, "%-20s %5d %5.2f%% %5d %5.2f%%\n", name, counts[false][name], 100*ham,
			counts[true][name], 100*float64(counts[true][name])/float64(all[true]))
		if ham > maxFalse {
			t.Errorf("%s is found in %.2f %% of ham", name, 100*ham)
		}
	}
	t.Logf("%d ham, %d spam\n%s", all[false], all[true], &table)
}

// tricksOf returns the tricks that are found in a message, each once.
func tricksOf(t *testing.T, f pipeline.Filter, content []byte) (names []string) {
	tx := pipeline.NewTransaction(t.Context(), "id", time.Unix(0, 0), mail.Client{}, nil)
	defer tx.Close()
	tx = tx.WithMail("", mail.Params{}).WithRcpt().WithData([]mail.Path{"bob@example.net"}, mail.NewMessage(content))
	found, err := f.Check(t.Context(), pipeline.Query{Tx: tx, Domain: "example.net"})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range found.Evidence {
		if strings.HasPrefix(e.Value, "+") && !slices.Contains(names, e.Key) {
			names = append(names, e.Key)
		}
	}
	if found.Score > 0 {
		names = append(names, "any")
	}
	for _, limit := range []float64{2, 4} {
		if found.Score >= limit {
			names = append(names, fmt.Sprintf("score %g and more", limit))
		}
	}
	return names
}

// BenchmarkLinks reads the links of the public corpus's messages, and looks for tricks; the
// messages are parsed before.
func BenchmarkLinks(b *testing.B) {
	contents, err := load.Corpus("../corpus/")
	if err != nil {
		b.Skip(err)
	}
	f, err := newPhish(Deps{Resolver: noDNS{}}, *defaultPhish())
	if err != nil {
		b.Fatal(err)
	}
	var queries []pipeline.Query
	for _, content := range contents[:1000] {
		tx := pipeline.NewTransaction(b.Context(), "id", time.Unix(0, 0), mail.Client{}, nil)
		defer tx.Close()
		tx = tx.WithMail("", mail.Params{}).WithRcpt().WithData([]mail.Path{"bob@example.net"}, mail.NewMessage(content))
		tx.Message.Extract().Links()
		queries = append(queries, pipeline.Query{Tx: tx, Domain: "example.net"})
	}
	b.Run("fact", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			readLinks(queries[i%len(queries)].Tx.Message, nil)
		}
	})
	b.Run("phish", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, err := f.Check(b.Context(), queries[i%len(queries)]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
