package web

import (
	"net/http"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/mail"
	"gatepost/internal/web/safe"
	"gatepost/quarantine"
)

// A heldRow is a held message in a list, foreign text made fit for a line.
type heldRow struct {
	ID, Subject, Author, Sender, Recipient, Filter, Reason, State string

	Sent    bool // the reverse-path is another than the author's address, and is shown
	Guarded bool
	Asked   bool
	Time    time.Time
	Size    int64
}

// shownSubject is how much of a subject a list shows, in octets.
const shownSubject = 200

func (s *Server) heldRow(v *visit, h quarantine.Held) heldRow {
	row := heldRow{
		ID: h.ID, Subject: safe.Line(firstOctets(h.Subject, shownSubject)), Author: safe.Line(h.Author), Sender: safe.Line(string(h.Sender)), Recipient: safe.Line(ownAddress(h.Recipient)),
		Filter: s.filterName(v, h.Filter), Reason: safe.Line(h.Reason), State: string(h.State), Guarded: h.Guarded, Asked: !h.Asked.IsZero(),
		Time: h.Time, Size: h.Size,
	}
	switch {
	case h.Author == "" && h.Sender == "":
		row.Author = v.T("held.sender.none")
	case h.Author == "":
		row.Author = row.Sender
	default:
		row.Sent = h.Sender != "" && authorOf(h).Fold() != h.Sender.Fold()
	}
	return row
}

// ownAddress writes an address of ours for people to read. Those of strangers stay in
// A-labels, in which letters of other scripts can't pass for Latin ones.
func ownAddress[S ~string](p S) string { return mail.Path(p).Shown() }

// authorOf is the address in what the author's field says, null where there is not one.
func authorOf(h quarantine.Held) mail.Path {
	list := mail.ParseAddressList(h.Author)
	if len(list) != 1 {
		return ""
	}
	p, _ := list[0].Path()
	return p
}

type heldList struct {
	Search         search
	States         []string
	Filters        []formField // that are known, with their names in words
	Domains        []string    // that the person may choose from
	Rows           []heldRow
	Recipients     bool // are shown, since there are several
	Next, Previous string
	First          string
	Until          time.Time // how far was searched, where not to the end
	May            heldRights
	Operator       bool
}

// heldRights are what the person may do to messages of others' choosing; each message is
// asked about again.
type heldRights struct{ Release, Allow, Delete, Block bool }

func rights(v *visit) heldRights {
	p, entry := v.Person, v.mayAny(access.EntryChange)
	return heldRights{
		Release: access.MayAny(p, access.HeldRelease), Allow: entry && access.MayAny(p, access.HeldRelease),
		Delete: access.MayAny(p, access.HeldDelete), Block: entry && access.MayAny(p, access.HeldDelete),
	}
}

// listHeld shows a page of what was searched for, the newest first.
func (s *Server) listHeld(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	f := readSearch(r.URL.Query())
	page, err := s.find(r, &f)
	if err != nil {
		return err
	}
	data := heldList{
		Search: f, States: states(), May: rights(v), Until: page.Until, Previous: f.previous(),
		Recipients: v.Person.Role != access.Owner, Operator: v.Person.Role == access.Operator,
	}
	for _, key := range s.words.Keys() {
		if name, ok := strings.CutPrefix(key, "filter."); ok {
			data.Filters = append(data.Filters, formField{name, v.T(key)})
		}
	}
	if v.Person.Role != access.Owner && v.Person.Role != access.Operator {
		data.Domains = v.Person.Domains
	}
	if f.after != "" {
		data.First = f.path("", nil)
	}
	if page.More {
		data.Next = f.next(page.Next)
	}
	for _, h := range page.Rows {
		data.Recipients = data.Recipients || string(h.Recipient.Fold()) != v.Person.Name
		data.Rows = append(data.Rows, s.heldRow(v, h))
	}
	return s.page(w, r, http.StatusOK, "quarantine", data)
}

// find returns what a person may see of what is searched for; nothing where a field can't
// be read.
func (s *Server) find(r *http.Request, f *search) (quarantine.Page, error) {
	q, ok := s.findable(r, f.query(visitOf(r).Zone, s.Now()))
	if !ok || len(f.Wrong) > 0 {
		return quarantine.Page{}, nil
	}
	return s.Held.Find(r.Context(), q)
}
