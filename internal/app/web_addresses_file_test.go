package app

import (
	"encoding/csv"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-vcard"

	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
)

// addressFiles are the ways to an address list as a file.
func addressFiles() []string { return []string{"/mailbox/addresses.csv", "/mailbox/addresses.vcf"} }

// download fetches a file, and fails where it isn't said to be one.
func (v *visitor) download(path, kind, name string) string {
	v.n.t.Helper()
	resp, err := v.http.Get(v.n.url + path)
	v.n.must(err)
	how, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition"))
	if err != nil || how != "attachment" || params["filename"] != name {
		v.n.t.Errorf("%s: %s; want a file %s", path, resp.Header.Get("Content-Disposition"), name)
	}
	if got, cache := resp.Header.Get("Content-Type"), resp.Header.Get("Cache-Control"); got != kind || cache != "no-store" {
		v.n.t.Errorf("%s: %s, %s; want %s, no-store", path, got, cache, kind)
	}
	status, body := v.answer(resp, nil)
	if status != http.StatusOK {
		v.n.t.Fatalf("%s: got %d\n%s", path, status, body)
	}
	return body
}

// cards fetches a list as cards, by address, having another's parser read them.
func (v *visitor) cards(query, name string) map[string]vcard.Card {
	v.n.t.Helper()
	found := map[string]vcard.Card{}
	for cards := vcard.NewDecoder(strings.NewReader(v.download("/mailbox/addresses.vcf"+query, "text/vcard; charset=utf-8", name))); ; {
		card, err := cards.Decode()
		if errors.Is(err, io.EOF) {
			return found
		}
		v.n.must(err)
		found[card.Value(vcard.FieldEmail)] = card
	}
}

// rows fetches a list as CSV, names by address.
func (v *visitor) rows(query, name string) map[string]string {
	v.n.t.Helper()
	lines, err := csv.NewReader(strings.NewReader(v.download("/mailbox/addresses.csv"+query, "text/csv; charset=utf-8", name))).ReadAll()
	v.n.must(err)
	if !slices.Equal(lines[0], []string{"name", "address"}) {
		v.n.t.Errorf("the columns are %q", lines[0])
	}
	found := map[string]string{}
	for _, line := range lines[1:] {
		found[line[1]] = line[0]
	}
	return found
}

// Whoever does not see a list does not get it as a file, and is told what the page tells him.
func TestAddressFileIsForWhoSeesTheList(t *testing.T) {
	n := openPages(t)
	n.must2(n.addGroup(t.Context(), ops.GroupAdd{Address: "desk@test.example", Members: []string{"bob@test.example"}}))
	ann, carl, olga := n.logIn("ann@test.example"), n.logIn("carl@other.example"), n.logIn("olga")
	nobody := &visitor{n, &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	for _, path := range addressFiles() {
		nobody.wants("logged out")(nobody.get(path))(http.StatusSeeOther, "/login")
		n.listed("off")
		ann.wants("shut")(ann.get(path))(http.StatusNotFound, "-bob@test.example")
		n.listed("groups")
		ann.wants("in no group")(ann.get(path))(http.StatusNotFound, "-bob@test.example")
		ann.wants("another's group")(ann.get(path+"?of=desk@test.example"))(http.StatusNotFound, "-bob@test.example")
		n.listed("domain")
		ann.wants("another's group, open")(ann.get(path+"?of=desk@test.example"))(http.StatusNotFound, "-bob@test.example")
		carl.wants("another domain's")(carl.get(path))(http.StatusNotFound, "-bob@test.example")
		olga.wants("no owner's")(olga.get(path))(http.StatusForbidden, "-bob@test.example")
		ann.wants("open")(ann.get(path))(http.StatusOK, "bob@test.example", "-carl@other.example")
	}
}

// A file has whom the page has, and what stands for something else in a file is told apart.
func TestAddressFile(t *testing.T) {
	n := openPages(t)
	ctx := t.Context()
	names := map[string]string{
		"ann@test.example":   "",
		"bob@test.example":   "=HYPERLINK(\"http://evil.example\";\"Bob\")",
		"eve@test.example":   `Ève-Désirée, dite « La; Belle »\`,
		"long@test.example":  "Marie-Thérèse Éléonore d’Aÿ-Lefèvre de la Tour d’Auvergne-Lauraguais, née Hélène Garçonnet-Müller",
		"minus@test.example": "-1+1", "plus@test.example": "+1", "at@test.example": "@SUM(A1)", "=1+1@test.example": "Zoë",
	}
	for address, name := range names {
		if !slices.Contains([]string{"ann@test.example", "bob@test.example"}, address) {
			n.must2(n.directory.AddMailbox(ctx, directory.Mailbox{Address: mail.Path(address)}, ""))
		}
		n.must2(n.setMailbox(ctx, ops.MailboxSet{Address: address, Name: &name}))
	}
	off, desk := false, "Accueil"
	n.must2(n.directory.AddMailbox(ctx, directory.Mailbox{Address: "hidden@test.example"}, ""))
	n.must2(n.setMailbox(ctx, ops.MailboxSet{Address: "hidden@test.example", Listed: &off}))
	n.must2(n.addGroup(ctx, ops.GroupAdd{Address: "desk@test.example", Members: []string{"ann@test.example", "eve@test.example"}}))
	n.must2(n.setMailbox(ctx, ops.MailboxSet{Address: "desk@test.example", Name: &desk}))
	names["desk@test.example"] = desk
	n.listed("domain")
	ann := n.logIn("ann@test.example")
	ann.wants("the ways there")(ann.get("/mailbox/addresses?search=test"))(http.StatusOK, `href="/mailbox/addresses.vcf?of=&search=test"`, `href="/mailbox/addresses.csv?of=&search=test"`)
	ann.wants("nothing to save")(ann.get("/mailbox/addresses?search=nobody"))(http.StatusOK, "-addresses.vcf", "-addresses.csv")

	want := maps.Clone(names)
	want["bob@test.example"], want["minus@test.example"], want["plus@test.example"], want["at@test.example"] = "'"+names["bob@test.example"], "'-1+1", "'+1", "'@SUM(A1)"
	delete(want, "=1+1@test.example")
	want["'=1+1@test.example"] = "Zoë"
	got := ann.rows("", "addresses-test.example.csv")
	for address, name := range want {
		if is, there := got[address]; !there || is != name {
			t.Errorf("CSV: %s is %q, want %q", address, is, name)
		}
	}
	cards := ann.cards("", "addresses-test.example.vcf")
	if len(cards) != len(got) || cards["hidden@test.example"] != nil {
		t.Errorf("%d cards, %d lines; want as many, without who is hidden", len(cards), len(got))
	}
	names["ann@test.example"] = "ann@test.example" // a card can't go without a name
	for address, name := range names {
		card := cards[address]
		kind := "individual"
		if address == "desk@test.example" {
			kind = "group"
		}
		if is := strings.ReplaceAll(card.Value(vcard.FieldFormattedName), `\;`, ";"); is != name || card.Value(vcard.FieldKind) != kind || card.Value(vcard.FieldVersion) != "4.0" {
			t.Errorf("%s: got %v, want %s %q, 4.0", address, card, kind, name)
		}
	}
	n.searched(ann, cards)
}

// searched: a file has what was searched for, in the language of who asks; and cards are the same each time.
func (n *pagesNode) searched(ann *visitor, all map[string]vcard.Card) {
	n.t.Helper()
	ann.wants("French")(ann.post("/account", "/account/language", "language", "fr"))(http.StatusOK)
	ann.wants("French")(ann.get("/mailbox/addresses"))(http.StatusOK, "Télécharger en vCard", "Télécharger en CSV")
	if got := ann.rows("?search=desiree", "adresses-test.example.csv"); !maps.Equal(got, map[string]string{"eve@test.example": `Ève-Désirée, dite « La; Belle »\`}) {
		n.t.Errorf("a search: got %q", got)
	}
	if got := ann.rows("?search=nobody", "adresses-test.example.csv"); len(got) != 0 {
		n.t.Errorf("a search for nobody: got %q", got)
	}
	group := ann.cards("?of=desk@test.example", "adresses-desk@test.example.vcf")
	if got := slices.Sorted(maps.Keys(group)); !slices.Equal(got, []string{"ann@test.example", "eve@test.example"}) {
		n.t.Errorf("a group: got %q", got)
	}
	for address, card := range group {
		if got, want := card.Value(vcard.FieldUID), all[address].Value(vcard.FieldUID); got != want || !strings.HasPrefix(got, "urn:uuid:") {
			n.t.Errorf("%s: UID %q, and then %q", address, want, got)
		}
	}
}
