package web

import (
	"context"
	"net/http"

	"gatepost/internal/access"
	"gatepost/internal/web/safe"
)

// Node is the node that serves the pages, for operators.
type Node interface {
	// Reload reads the configuration again and puts it in force, for who asks. Where it can't, mistakes
	// says why in lines, and nothing has changed.
	Reload(ctx context.Context, who string) (done Reloaded, mistakes []string)
}

// Reloaded is what a reload did, by the paths of settings.
type Reloaded struct {
	Changed, NeedsRestart []string
}

func (s *Server) nodeRoutes() []route {
	return []route{
		{pattern: "GET /node", action: access.NodeReload, handle: s.node},
		{pattern: "POST /node/reload", action: access.NodeReload, handle: s.reload},
	}
}

// A nodePage is the button, and what came of it.
type nodePage struct {
	Done bool // it was pressed
	Reloaded
	Mistakes []string
}

// node shows what can be done to the node.
func (s *Server) node(w http.ResponseWriter, r *http.Request) error {
	if err := s.allow(r, access.Object{}); err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, "node", nodePage{})
}

// reload does what gatepost reload does, and says the same.
func (s *Server) reload(w http.ResponseWriter, r *http.Request) error {
	if err := s.allow(r, access.Object{}); err != nil {
		return err
	}
	page, status := nodePage{Done: true}, http.StatusOK
	done, mistakes := s.Node.Reload(r.Context(), visitOf(r).Person.Name)
	page.Reloaded = done
	for _, m := range mistakes {
		status = http.StatusUnprocessableEntity
		page.Mistakes = append(page.Mistakes, safe.Line(m))
	}
	return s.page(w, r, status, "node", page)
}
