package directory

import (
	"slices"
	"testing"

	"gatepost/internal/mail"
)

// Who is behind an alias or a list, through others, too, is in it; its owner is not for
// that, nor who only gets a copy.
func TestGroups(t *testing.T) {
	d := newFixture(t)
	ctx := t.Context()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []mail.Path{"ann", "bob", "cy"} {
		must(d.AddMailbox(ctx, Mailbox{Address: name + "@example.org"}, ""))
	}
	must(d.AddAlias(ctx, Alias{Address: "team@example.org", Targets: []mail.Path{"ann@example.org", "bob+work@example.org"}}))
	must(d.AddAlias(ctx, Alias{Address: "all@example.org", Kind: Distribution, Targets: []mail.Path{"team@example.org"}, Owner: "cy@example.org"}))
	must(d.ChangeMailbox(ctx, "bob@example.org", func(m *Mailbox) error { m.Copies = []mail.Path{"cy@example.org"}; return nil }))
	for name, want := range map[mail.Path][]mail.Path{
		"ann@example.org": {"team@example.org", "all@example.org"},
		"Bob@example.org": {"team@example.org", "all@example.org"},
		"cy@example.org":  nil,
		"no@example.org":  nil,
	} {
		if got := d.Snapshot().Groups(name); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}
