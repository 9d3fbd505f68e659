package web

import (
	"context"
	"fmt"
	"net/http"

	"gatepost/internal/access"
)

// Proofs has what authorities are shown that are asked for certificates.
type Proofs interface {
	// Proof returns the answer to a token; nil where there is none.
	Proof(ctx context.Context, token string) ([]byte, error)
}

// proofRoutes: an authority asks at port 80, under the name that is to be proved (RFC 8555 §8.3).
func (s *Server) proofRoutes() []route {
	return []route{{pattern: "GET /.well-known/acme-challenge/{token}", action: access.Public, handle: s.proof}}
}

func (s *Server) proof(w http.ResponseWriter, r *http.Request) error {
	answer, err := s.Proofs.Proof(r.Context(), r.PathValue("token"))
	switch {
	case err != nil:
		return fmt.Errorf("web: proof: %w", err)
	case answer == nil:
		return errNotFound
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "no-store")
	_, err = w.Write(answer)
	return err
}
