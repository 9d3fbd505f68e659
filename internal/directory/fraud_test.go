package directory

import "testing"

// Whether it is worth waiting for the header because of frauds is known without one.
func TestHasFrauds(t *testing.T) {
	f := newFixture(t)
	f.entry(t, Block, "", "ann@bank.example", "")
	if f.Snapshot().HasAuthors("", Fraud) {
		t.Error("a block is a fraud")
	}
	f.entry(t, Fraud, "", ".fraud.example", "")
	if !f.Snapshot().HasAuthors("", Fraud) || f.Snapshot().HasAuthors("", Block) {
		t.Error("a fraud is none")
	}
}
