package web

import (
	"net/http"

	"gatepost/internal/access"
	"gatepost/internal/web/safe"
)

func (s *Server) banRoutes() []route {
	return []route{
		{pattern: "GET /bans", action: access.BlockView, handle: s.bans},
		{pattern: "POST /bans/lift", action: access.BlockLift, handle: s.liftBan},
	}
}

// A ban is a block as it is shown.
type ban struct {
	access.Block
	Name string // of the account; "": of a network
}

// bans shows whose log-ins are blocked. Names that are nobody's are not shown: people type
// their passwords there.
func (s *Server) bans(w http.ResponseWriter, r *http.Request) error {
	if err := s.allow(r, access.Object{}); err != nil {
		return err
	}
	v := visitOf(r)
	var list []ban
	for _, b := range s.Desk.Blocks() {
		name := ""
		switch {
		case b.Kind == access.BlockNetwork:
		case s.Accounts.Has(b.Account):
			name = safe.Line(b.Account)
		default:
			name = v.T("bans.unknown")
		}
		list = append(list, ban{b, name})
	}
	return s.page(w, r, http.StatusOK, "bans", list)
}

func (s *Server) liftBan(w http.ResponseWriter, r *http.Request) error {
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
