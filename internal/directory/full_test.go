package directory

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A mailbox's owner does not fill the memory of the node.
func TestListsAreBounded(t *testing.T) {
	d := newFixture(t)
	var file strings.Builder
	file.WriteString("list,value,scope\n")
	for i := range MaxMailboxEntries + 150 {
		fmt.Fprintf(&file, "block,u%d@shop.example,ann@example.net\n", i)
	}
	done, err := d.ImportEntries(t.Context(), strings.NewReader(file.String()), Import{})
	if err != nil || done.Added != MaxMailboxEntries || done.Failed != 150 || !strings.Contains(done.Faults[0].Text, "full") {
		t.Errorf("got %d added, %d failed, %v", done.Added, done.Failed, err)
	}
	e := Entry{List: Block, Value: "one@more.example", Scope: Scope{MailboxScope, "ann@example.net"}}
	if _, err := d.AddEntry(t.Context(), e); !errors.Is(err, ErrFull) {
		t.Errorf("add: got %v, want ErrFull", err)
	}
	if _, err := d.EnsureEntry(t.Context(), e); !errors.Is(err, ErrFull) {
		t.Errorf("ensure: got %v, want ErrFull", err)
	}
	e.Value = "u7@shop.example"
	if _, err := d.EnsureEntry(t.Context(), e); err != nil {
		t.Errorf("what is there: got %v", err)
	}
	e.Scope = Scope{DomainScope, "example.org"}
	if _, err := d.AddEntry(t.Context(), e); err != nil {
		t.Errorf("the domain: got %v", err)
	}
}
