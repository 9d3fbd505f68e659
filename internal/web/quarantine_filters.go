package web

import (
	"net/http"

	"gatepost/internal/access"
	"gatepost/quarantine"
)

// tallyDays is how far back the page of filters counts.
const tallyDays = 30

// A tallyRow is how right a filter was.
type tallyRow struct {
	quarantine.Tally
	Name  string
	Entry string
	Share int // of what it held, released by people, in percent
}

type tallyPage struct {
	Days int
	Rows []tallyRow
}

// showTallies says what each filter held, and how much of it people wanted all the same.
// The counts are the node's, so they are for operators.
func (s *Server) showTallies(w http.ResponseWriter, r *http.Request) error {
	if err := s.allow(r, access.Object{}); err != nil {
		return err
	}
	v := visitOf(r)
	list, err := s.Held.Tallies(r.Context(), v.Now.AddDate(0, 0, -tallyDays))
	if err != nil {
		return err
	}
	data := tallyPage{Days: tallyDays}
	for _, t := range list {
		row := tallyRow{Tally: t, Name: s.filterName(v, t.Filter), Entry: t.Filter}
		if t.Held > 0 {
			row.Share = (100*t.Released + t.Held/2) / t.Held
		}
		data.Rows = append(data.Rows, row)
	}
	return s.page(w, r, http.StatusOK, "filters", data)
}
