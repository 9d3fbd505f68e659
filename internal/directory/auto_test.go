package directory

import (
	"testing"

	"gatepost/internal/mail"
)

func TestAutoAllowable(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	change := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := f.ChangeDomain(ctx, "example.net", func(d *Domain) error { d.Names = []string{"example.com"}; return nil })
	change(err)
	f.domain(t, "third.example")
	f.domain(t, "empty.example")
	f.mailbox(t, "archive@third.example")
	f.alias(t, "ann@third.example", "ann@example.net")
	f.alias(t, "all@third.example", "ann@example.net", "eve@example.org")
	_, err = f.ChangeMailbox(ctx, "eve@example.org", func(m *Mailbox) error { m.Copies = []mail.Path{"archive@third.example"}; return nil })
	change(err)
	for name, c := range map[string]struct {
		rcpt, sender mail.Path
		want         bool
	}{
		"a stranger":                           {"ann@example.net", "bob@elsewhere.example", true},
		"himself":                              {"ann@example.net", "Ann@Example.NET", false},
		"a colleague":                          {"ann@example.net", "bob@example.net", false},
		"nobody of the domain":                 {"ann@example.net", "nobody@example.net", false},
		"another name of the domain":           {"ann@example.net", "x@Example.com", false},
		"the recipient under another name":     {"Ann@example.com", "x@example.net", false},
		"himself, tagged":                      {"ann@example.net", "ann+x@third.example", false},
		"an alias of his elsewhere":            {"ann@example.net", "ann@third.example", false},
		"a list that he is in":                 {"ann@example.net", "all@third.example", true},
		"the recipient is an alias":            {"ann@third.example", "bob@example.net", false},
		"another domain here":                  {"ann@example.net", "eve@example.org", true},
		"below the domain":                     {"ann@example.net", "x@sub.example.net", true},
		"the null path":                        {"ann@example.net", "", false},
		"to nobody":                            {"", "bob@elsewhere.example", false},
		"to a domain that is not here":         {"bob@elsewhere.example", "ann@example.net", true},
		"to and from one that is not":          {"bob@elsewhere.example", "eve@elsewhere.example", false},
		"to an address that nobody has":        {"nobody@empty.example", "eve@elsewhere.example", true},
		"who is copied to does not own":        {"eve@example.org", "archive@third.example", true},
		"who is copied has an address of this": {"archive@third.example", "eve@example.org", true},
	} {
		if got := f.Snapshot().AutoAllowable(c.rcpt, c.sender); got != c.want {
			t.Errorf("%s: got %t, want %t", name, got, c.want)
		}
	}
}
