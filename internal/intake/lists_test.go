package intake_test

import (
	"net/netip"
	"path/filepath"
	"testing"

	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// TestLists: each question of the pipeline is asked of the directory's list that it is of.
func TestLists(t *testing.T) {
	db, dir := openDirectory(t, filepath.Join(t.TempDir(), "db"))
	defer db.Close()
	const fromNetwork = "ann@x.example from 192.0.2.0/24"
	for value, kind := range map[string]directory.Kind{"192.0.2.0/24": "", "y.example": "", "z.example": directory.Author, fromNetwork: ""} {
		if _, err := dir.AddEntry(t.Context(), directory.Entry{List: directory.Allow, Kind: kind, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := dir.AddDomain(t.Context(), directory.Domain{Name: "ours.example"}); err != nil {
		t.Fatal(err)
	}
	for list, value := range map[directory.List]string{directory.Trap: "trap@ours.example", directory.Fraud: ".fraud.example"} {
		if _, err := dir.AddEntry(t.Context(), directory.Entry{List: list, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	near, far := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("198.51.100.7")
	for name, c := range map[string]struct {
		asked pipeline.Subject
		want  string
	}{
		"client":                             {pipeline.Subject{Client: near}, "192.0.2.0/24"},
		"sender":                             {pipeline.Subject{Sender: "ann@y.example"}, "y.example"},
		"author":                             {pipeline.Subject{Author: "ann@z.example"}, "z.example"},
		"sender from a network":              {pipeline.Subject{Sender: "Ann@x.example", Client: near}, fromNetwork},
		"from another network":               {pipeline.Subject{Sender: "ann@x.example", Client: far}, ""},
		"the sender without the network":     {pipeline.Subject{Sender: "ann@x.example"}, ""},
		"trap":                               {pipeline.Subject{Trap: "Trap@ours.example"}, "trap@ours.example"},
		"fraud":                              {pipeline.Subject{Fraud: "ann@pay.fraud.example"}, ".fraud.example"},
		"a trap is no sender":                {pipeline.Subject{Sender: "trap@ours.example"}, ""},
		"an allowed sender has to be proven": {pipeline.Subject{Sender: "ann@y.example", Client: near}, ""},
	} {
		got, ok := intake.ListsOf(dir.Snapshot()).Find(c.asked, mail.Path(""))
		if got.Value != c.want || ok != (c.want != "") {
			t.Errorf("%s: got %+v, want %q", name, got, c.want)
		}
	}
}
