package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/web/safe"
)

// Addresses is whom owners see of those who have mailboxes beside them: of all in their domain, or of groups that they are
// in, as the domain leaves it open. It never has anybody of another domain.
type Addresses interface {
	// HasAddresses reports whether the owner of a mailbox may see any list.
	HasAddresses(box int64) bool
	// Addresses returns a part of a list. It fails with ErrNoAddresses where he may not see it, or there is none.
	Addresses(ctx context.Context, box int64, q AddressQuery) (AddressPart, error)
}

// ErrNoAddresses: there is no such list, or it is not open to who asks.
var ErrNoAddresses = errors.New("no such address list")

// An AddressQuery asks for a part of an address list.
type AddressQuery struct {
	Group  string // address of a group; "": the whole domain or, where that is not open, the first group
	Search string // words of names and addresses
	After  string // the last address of the part before
	Limit  int
	Kinds  bool // whether to tell which are groups, which takes a look at all groups
}

// An AddressPart is one.
type AddressPart struct {
	Domain string   // whose list is open; "": only those of groups are
	Groups []string // addresses of those that the owner is in, at most MaxAddressGroups
	Group  string   // whose members the rows are; "": all of the domain
	Rows   []Address
}

// MaxAddressGroups bounds from how many groups one chooses.
const MaxAddressGroups = 200

// An Address is who stands in a list.
type Address struct {
	Name    string // "": none was given
	Address string
	Group   bool // a group's, and no person's; only where that was asked
}

// ShownName is the name for people.
func (a Address) ShownName() string { return safe.Line(a.Name) }

func (s *Server) addressRoutes() []route {
	use := access.MailboxUse
	return []route{
		{pattern: "GET /mailbox/addresses", action: use, handle: s.addresses},
		{pattern: "GET /mailbox/addresses.csv", action: use, handle: s.addressesAsCSV},
		{pattern: "GET /mailbox/addresses.vcf", action: use, handle: s.addressesAsCards},
	}
}

// addressesOnPage is how many addresses a page has.
const addressesOnPage = 50

// An addressesPage is a part of a list, and what was asked.
type addressesPage struct {
	AddressPart
	Search     string
	Next       string // path of the part after it; "": there is none
	CSV, Cards string // paths of all that was asked for, as files
}

// readAddressQuery reads which list is asked for, and which words.
func readAddressQuery(r *http.Request) AddressQuery {
	get := r.URL.Query().Get
	return AddressQuery{Group: cutTo(get("of"), maxField), Search: strings.TrimSpace(cutTo(get("search"), maxField))}
}

// addresses shows a part of the list that the visitor asks for.
func (s *Server) addresses(w http.ResponseWriter, r *http.Request) (err error) {
	q := readAddressQuery(r)
	q.After, q.Limit = cutTo(r.URL.Query().Get("after"), maxField), addressesOnPage+1
	page := addressesPage{Search: q.Search}
	page.AddressPart, err = s.Addresses.Addresses(r.Context(), visitOf(r).Person.Box, q)
	if errors.Is(err, ErrNoAddresses) {
		return errNotFound
	}
	if err != nil {
		return err
	}
	if len(page.Rows) > addressesOnPage {
		page.Rows = page.Rows[:addressesOnPage]
		page.Next = "/mailbox/addresses?" + url.Values{"of": {page.Group}, "search": {page.Search}, "after": {page.Rows[addressesOnPage-1].Address}}.Encode()
	}
	asked := url.Values{"of": {page.Group}, "search": {page.Search}}.Encode()
	page.CSV, page.Cards = "/mailbox/addresses.csv?"+asked, "/mailbox/addresses.vcf?"+asked
	return s.page(w, r, http.StatusOK, "addresses", page)
}
