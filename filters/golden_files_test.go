package filters

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/internal/learnt"
	"gatepost/internal/outbreak"
)

// fakeFiles are the attachments that a golden case's node has learnt, a line "learnt SHA256", or "virus SHA256".
type fakeFiles map[string]learnt.Source

// Spam implements Learnt.
func (f fakeFiles) Spam(kind learnt.Kind, sum []byte) (learnt.Standing, bool) {
	s := learnt.Standing{Spam: 2, Sources: []learnt.Source{f[string(sum)]}, Networks: 2, Last: time.Unix(1_700_000_000, 0)}
	return s, kind == learnt.Attachment && f[string(sum)] != ""
}

// NearPicture implements Learnt.
func (fakeFiles) NearPicture(uint64, int) (learnt.Standing, bool) { return learnt.Standing{}, false }

// parseFiles reads what a case's node knows of files: "learnt SHA256", or "seen SHA256 N", which is
// that recipients of N organisations got it a minute ago.
func parseFiles(t *testing.T, text string) (Learnt, Outbreak) {
	t.Helper()
	known, book := fakeFiles{}, outbreak.New(outbreak.Config{Now: goldenTime})
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		sum, err := hex.DecodeString(words[1])
		if err != nil || len(sum) != len(outbreak.Sum{}) {
			t.Fatalf("files %q: %v", line, err)
		}
		switch words[0] {
		case "learnt":
			known[string(sum)] = learnt.Trap
			continue
		case "virus":
			known[string(sum)] = learnt.Virus
			continue
		}
		n := 0
		if _, err := fmt.Sscan(words[2], &n); err != nil || words[0] != "seen" {
			t.Fatalf("files %q: %v", line, err)
		}
		for i := range n {
			book.Record([]outbreak.Sum{outbreak.Sum(sum)}, []string{fmt.Sprintf("d%d.example", i)}, goldenTime().Add(-time.Minute))
		}
	}
	return known, book
}
