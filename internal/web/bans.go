package web

import (
	"net/http"

	"gatepost/internal/access"
)

func (s *Server) banRoutes() []route {
	return []route{
		{pattern: "GET /bans", action: access.BlockView, handle: s.bans},
		{pattern: "POST /bans/lift", action: access.BlockLift, handle: s.liftBan},
	}
}

// bans shows whose log-ins are blocked.
func (s *Server) bans(w http.ResponseWriter, r *http.Request) error {
	if err := s.allow(r, access.Object{}); err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, "bans", s.Desk.Blocks())
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
