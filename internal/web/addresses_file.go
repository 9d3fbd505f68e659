package web

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode"

	"gatepost/internal/access"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/vcard"
)

// addressesInPart is how many addresses of a file are held at a time. For each part the whole domain is looked through.
const addressesInPart = 5000

// addressesAsCSV sends the list that is asked for with a line an address; the first names the columns, in any language by
// the same words, which programs know.
func (s *Server) addressesAsCSV(w http.ResponseWriter, r *http.Request) error {
	c := csv.NewWriter(newPaced(w))
	c.Write([]string{"name", "address"})
	return s.saveAddresses(w, r, "csv", "text/csv; charset=utf-8", func(rows []Address) error {
		for _, a := range rows {
			c.Write([]string{directory.Guarded(a.Name), directory.Guarded(a.Address)})
		}
		c.Flush()
		return c.Error() // that of any Write, too
	})
}

// addressesAsCards sends it with a card an address, which has the address for a name where none was given.
func (s *Server) addressesAsCards(w http.ResponseWriter, r *http.Request) error {
	to := newPaced(w)
	return s.saveAddresses(w, r, "vcf", "text/vcard; charset=utf-8", func(rows []Address) error {
		var b []byte
		for _, a := range rows {
			card := vcard.Card{Kind: vcard.Individual, Name: cmp.Or(a.Name, mail.Path(a.Address).Shown()), Address: a.Address}
			if a.Group {
				card.Kind = vcard.Group
			}
			b = card.Append(b)
		}
		_, err := to.Write(b)
		return err
	})
}

// saveAddresses sends the list that is asked for as a file, in parts, for each of which it is asked anew whether it is open. Who
// has one sent waits for its end before the next, since each looks through the whole domain many times.
func (s *Server) saveAddresses(w http.ResponseWriter, r *http.Request, form, kind string, write func([]Address) error) error {
	v := visitOf(r)
	who := access.ID{Kind: v.Person.Kind, Number: v.Person.ID}
	if _, busy := s.saving.LoadOrStore(who, true); busy {
		return tooMany(time.Minute)
	}
	defer s.saving.Delete(who)
	q := readAddressQuery(r)
	q.Limit, q.Kinds = addressesInPart, true
	for begun := false; ; begun = true {
		part, err := s.addressPart(r, q)
		switch {
		case errors.Is(err, ErrNoAddresses), err == nil && part.Domain == "" && part.Group == "": // who is in no group has no list
			return errNotFound
		case err != nil:
			return err
		}
		if !begun {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": part.fileName(v.T("addresses.file"), form)}))
		}
		if write(part.Rows) != nil || len(part.Rows) < q.Limit {
			return nil // or nobody is there who could be told
		}
		q.Group, q.After = part.Group, part.Rows[len(part.Rows)-1].Address
	}
}

// addressPart reads a part of a file, which as a whole takes as long as the line does: that a reader is gone is seen by writing.
func (s *Server) addressPart(r *http.Request, q AddressQuery) (AddressPart, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), handleTime)
	defer cancel()
	return s.Addresses.Addresses(ctx, visitOf(r).Person.Box, q)
}

// fileName is what a list is called as a file: letters and digits of any language, and what systems take in names.
func (p AddressPart) fileName(word, form string) string {
	of := mail.ShownDomain(p.Domain)
	if p.Group != "" {
		of = mail.Path(p.Group).Shown()
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || strings.ContainsRune("-_.@+", r) {
			return r
		}
		return '-'
	}, word+"-"+of+"."+form)
}
