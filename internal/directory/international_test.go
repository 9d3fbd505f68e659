package directory

import (
	"testing"

	"gatepost/internal/mail"
)

// However an address beyond ASCII is written, it is one: in U-labels or A-labels, composed or not, in any case.
func TestInternational(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.domain(t, "Bücher.example")
	box := f.mailbox(t, "Jose\u0301@BÜCHER.example")
	const want = "josé@xn--bcher-kva.example"
	if box.Address != want {
		t.Fatalf("the mailbox is %s", box.Address)
	}
	_, err := f.AddMailbox(ctx, Mailbox{Address: "JOSÉ@xn--bcher-kva.example"}, "")
	wantErr(t, "once more", err, ErrExists)
	f.alias(t, "用户@bücher.example", "José@bücher.example")
	f.alias(t, "Νίκος@bücher.example", "jose\u0301@Bücher.example")
	wantErr(t, "password", f.SetPassword(ctx, box.Address, "clé de josé", "root", ""), nil)
	for _, given := range []string{"josé@bücher.example", "JOSE\u0301@xn--bcher-kva.EXAMPLE", "josé+кот@bücher.example", "用户@bücher.example", "用户+x@bücher.example", "ΝΊΚΟΣ@bücher.example"} {
		p, err := mail.ParsePath(given)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := f.Snapshot().Resolve(p); err != nil || len(r.Boxes) != 1 || r.Boxes[0].Address != want {
			t.Errorf("%s leads to %v, %v", given, r.Boxes, err)
		}
	}
	for _, user := range []string{"josé@bücher.example", "JOSE\u0301@xn--bcher-kva.EXAMPLE"} {
		if m, err := f.Authenticate(ctx, user, "cle\u0301 de josé"); err != nil || m.Address != want {
			t.Errorf("%s logs in as %s, %v", user, m.Address, err)
		}
	}
	for _, user := range []string{"jose@bücher.example", "josé@bucher.example", "jos\xe9@bücher.example"} {
		_, err := f.Authenticate(ctx, user, "clé de josé")
		wantErr(t, user, err, ErrLogin)
	}
	f.entry(t, Block, Address, "SPÄM@例子.example", "josé@bücher.example")
	if e, ok := f.Snapshot().FindSender("späm@xn--fsqu00a.example", "用户@xn--bcher-kva.example"); !ok || e.Value != "späm@xn--fsqu00a.example" {
		t.Errorf("found %v, %v", e, ok)
	}
}
