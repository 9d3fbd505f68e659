package directory

import (
	"strings"
	"testing"

	"gatepost/internal/mail"
)

func TestFindTrapAndFraud(t *testing.T) {
	f := newFixture(t)
	for _, name := range []string{"empty.example", "parked.example", "b.parked.example"} {
		f.domain(t, name)
	}
	if _, err := f.ChangeDomain(t.Context(), "empty.example", func(d *Domain) error { d.Names = []string{"void.example"}; return nil }); err != nil {
		t.Fatal(err)
	}
	for list, values := range map[List][]string{
		Trap:  {"trap@example.net", "old@void.example", "empty.example", ".parked.example", "abuse@parked.example"},
		Fraud: {"bob@bank.example", "fraud.example", ".fraud.example"},
		Block: {"x@example.net", "ann@bank.example"},
	} {
		for _, v := range values {
			f.entry(t, list, "", v, "")
		}
	}
	f.mailbox(t, "used@empty.example") // after the domain was listed
	for name, c := range map[string]struct {
		path        mail.Path
		trap, fraud string
	}{
		"trap":                     {"trap@example.net", "trap trap@example.net global", ""},
		"its case":                 {"TRAP@example.net", "trap trap@example.net global", ""},
		"with a tag":               {"trap+x@example.net", "trap trap@example.net global", ""},
		"another name, listed":     {"old@void.example", "trap old@void.example global", ""},
		"another name of a domain": {"any@void.example", "trap empty.example global", ""},
		"domain":                   {"any@empty.example", "trap empty.example global", ""},
		"in use":                   {"used@empty.example", "", ""},
		"in use, by another name":  {"Used+tag@void.example", "", ""},
		"below":                    {"a@b.parked.example", "trap .parked.example global", ""},
		"not below":                {"a@parked.example", "", ""},
		"postmaster":               {"postmaster@empty.example", "", ""},
		"abuse, listed itself":     {"abuse@parked.example", "trap abuse@parked.example global", ""},
		"blocked is no trap":       {"x@example.net", "", ""},
		"fraud":                    {"Bob@bank.example", "", "fraud bob@bank.example global"},
		"no sub-address":           {"bob+x@bank.example", "", ""},
		"fraud by domain":          {"a@fraud.example", "", "fraud fraud.example global"},
		"fraud below":              {"a@x.fraud.example", "", "fraud .fraud.example global"},
		"blocked is no fraud":      {"ann@bank.example", "", ""},
		"null":                     {"", "", ""},
	} {
		e, ok := f.Snapshot().FindTrap(c.path)
		check(t, name+" as trap", e, ok, c.trap)
		e, ok = f.Snapshot().FindFraud(c.path)
		check(t, name+" as fraud", e, ok, c.fraud)
	}
	e, ok := f.Snapshot().FindSender("trap@example.net", "ann@example.net")
	check(t, "a trap as sender", e, ok, "")
}

// What the shared lists have no place for is refused, in a file as well.
func TestSharedListsRefuse(t *testing.T) {
	f := newFixture(t)
	f.domain(t, "empty.example")
	f.domain(t, "b.parked.example")
	for name, c := range map[string]struct {
		e    Entry
		want error
	}{
		"a domain's trap":  {Entry{List: Trap, Value: "x@example.net", Scope: Scope{DomainScope, "example.net"}}, ErrInvalid},
		"a network":        {Entry{List: Trap, Value: "192.0.2.0/24"}, ErrInvalid},
		"an author":        {Entry{List: Fraud, Kind: Author, Value: "x.example"}, ErrInvalid},
		"from a network":   {Entry{List: Fraud, Value: "x@y.example from 192.0.2.0/24"}, ErrInvalid},
		"an unknown list":  {Entry{List: "tarp", Value: "x@example.net"}, ErrInvalid},
		"somebody's":       {Entry{List: Trap, Value: "ann@example.net"}, ErrInUse},
		"an alias":         {Entry{List: Trap, Value: "sales@example.net"}, ErrInUse},
		"with a tag":       {Entry{List: Trap, Value: "ann+x@example.net"}, ErrInUse},
		"a domain in use":  {Entry{List: Trap, Value: "example.net"}, ErrInUse},
		"domains in use":   {Entry{List: Trap, Value: ".net"}, ErrInUse},
		"nobody's address": {Entry{List: Trap, Value: "nobody@example.net"}, nil},
		"an empty domain":  {Entry{List: Trap, Value: "empty.example"}, nil},
		"below a name":     {Entry{List: Trap, Value: ".parked.example"}, nil},
	} {
		_, err := f.AddEntry(t.Context(), c.e)
		wantErr(t, name, err, c.want)
	}
	file := "list,value,scope\ntrap,ann@example.net,\nfraud,ann@bank.example,example.net\nfraud,bob@bank.example,\n"
	done, err := f.ImportEntries(t.Context(), strings.NewReader(file), Import{})
	if err != nil || done.Added != 1 || len(done.Faults) != 2 || done.Faults[0].Line != 2 || done.Faults[1].Line != 3 {
		t.Errorf("import: got %+v, %v", done, err)
	}
	if e, ok := f.Snapshot().FindFraud("bob@bank.example"); !ok || e.List != Fraud {
		t.Errorf("imported: got %+v, %t", e, ok)
	}
}
