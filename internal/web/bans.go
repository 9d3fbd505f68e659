package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"gatepost/internal/access"
	"gatepost/internal/ban"
	"gatepost/internal/web/safe"
)

// Bans is who is kept out, for operators. *ban.Bans is one.
type Bans interface {
	// Bans returns bans, the newest first.
	Bans(ctx context.Context, q ban.Query) ([]ban.Ban, error)
	// Lift ends the ban of an ID, or fails with ban.ErrNone.
	Lift(ctx context.Context, id, who, reason string) (ban.Ban, error)
}

// bansOfPage is how many bans a page shows.
const bansOfPage = 100

func (s *Server) banRoutes() []route {
	return []route{
		{pattern: "GET /bans", action: access.BlockView, handle: s.bans},
		{pattern: "POST /bans/lift", action: access.BlockLift, handle: s.liftBlock},
		{pattern: "POST /bans/end", action: access.BlockLift, handle: s.endBan},
	}
}

// A bansPage is who is kept out, and whose log-ins are blocked.
type bansPage struct {
	Bans   []banShown
	Next   string // the way to older bans; "": there are none
	First  string // the way back to the newest; "": these are
	Blocks []block
}

// A banShown is a ban with its note made fit to be shown.
type banShown struct {
	ban.Ban
	Note string
}

// A block is one of log-ins as it is shown.
type block struct {
	access.Block
	Name string // of the account; "": of a network
}

// bans shows both. Names that are nobody's are not shown: people type their passwords
// there.
func (s *Server) bans(w http.ResponseWriter, r *http.Request) error {
	if err := s.allow(r, access.Object{}); err != nil {
		return err
	}
	v := visitOf(r)
	page := bansPage{}
	for _, b := range s.Desk.Blocks() {
		name := ""
		switch {
		case b.Kind == access.BlockNetwork:
		case s.Accounts.Has(b.Account):
			name = safe.Line(b.Account)
		default:
			name = v.T("bans.unknown")
		}
		page.Blocks = append(page.Blocks, block{b, name})
	}
	if err := s.addBans(r, &page); err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, "bans", page)
}

// addBans adds those that hold now, a page of them.
func (s *Server) addBans(r *http.Request, page *bansPage) error {
	if s.Bans == nil {
		return nil
	}
	before, _ := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64) // what is none is the newest
	list, err := s.Bans.Bans(r.Context(), ban.Query{Active: true, After: max(before, 0), Limit: bansOfPage + 1})
	if err != nil {
		return err
	}
	if before > 0 {
		page.First = "/bans"
	}
	if len(list) > bansOfPage {
		list = list[:bansOfPage]
		page.Next = "/bans?" + url.Values{"before": {strconv.FormatInt(list[bansOfPage-1].ID, 10)}}.Encode()
	}
	for _, b := range list {
		page.Bans = append(page.Bans, banShown{b, safe.Line(b.Note)})
	}
	return nil
}

// endBan lifts a ban.
func (s *Server) endBan(w http.ResponseWriter, r *http.Request) error {
	if err := s.allow(r, access.Object{}); err != nil {
		return err
	}
	v := visitOf(r)
	over := notice{"info", v.T("bans.end.over")}
	id, err := strconv.ParseInt(r.PostForm.Get("id"), 10, 64)
	if err != nil || s.Bans == nil {
		return s.redirect(w, r, "/bans", over)
	}
	switch _, err := s.Bans.Lift(r.Context(), strconv.FormatInt(id, 10), v.Person.Name, ""); {
	case errors.Is(err, ban.ErrNone):
		return s.redirect(w, r, "/bans", over)
	case err != nil:
		return err
	}
	return s.redirect(w, r, "/bans", notice{"good", v.T("bans.ended")})
}

// liftBlock ends a block of log-ins.
func (s *Server) liftBlock(w http.ResponseWriter, r *http.Request) error {
	if err := s.allow(r, access.Object{}); err != nil {
		return err
	}
	v := visitOf(r)
	if !s.Desk.Lift(r.PostForm.Get("id")) {
		return s.redirect(w, r, "/bans", notice{"info", v.T("bans.over")})
	}
	s.Log.Info("block of log-ins lifted", "by", v.Person.Name)
	return s.redirect(w, r, "/bans", notice{"good", v.T("bans.lifted")})
}
