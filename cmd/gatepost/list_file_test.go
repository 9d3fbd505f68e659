package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"gatepost/internal/control/ops"
)

// TestParts: each request has whole lines, and knows where in the file they stand.
func TestParts(t *testing.T) {
	const size = 1000
	for _, lines := range []int{0, 1, 50, 1000} {
		var file strings.Builder
		file.WriteString("list,value\r\n")
		for i := range lines {
			fmt.Fprintf(&file, "allow,x%d.example\n", i)
		}
		got, sent := 0, 0
		err := parts(strings.NewReader(file.String()), size, func(p ops.ListImport) error {
			if want := fmt.Sprintf("allow,x%d.example\n", got); p.CSV != "" && !strings.HasPrefix(p.CSV, want) || p.After != got+1 || p.Head != "list,value" || len(p.CSV) > size+20 {
				t.Errorf("%d lines: after %d: got %d, %.30q", lines, got, p.After, p.CSV)
			}
			got += strings.Count(p.CSV, "\n")
			sent++
			return nil
		})
		if err != nil || got != lines || sent > 1+file.Len()/size || sent == 0 {
			t.Errorf("%d lines: got %d in %d parts, %v", lines, got, sent, err)
		}
	}
	broken := errors.New("broken")
	if err := parts(strings.NewReader("a\nb\n"), size, func(ops.ListImport) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if err := parts(strings.NewReader("a\n"+strings.Repeat("x", maxListLine+1)), size, func(ops.ListImport) error { return nil }); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a long line: got %v", err)
	}
}
