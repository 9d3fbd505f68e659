package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"gatepost/internal/mail"
)

// secure reports whether the person's browser speaks HTTPS to us, or to the proxy
// before us.
func (s *Server) secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(s.URL, "https://")
}

// peerOf is the other end of the connection.
func peerOf(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return mail.Unmap(at.Addr())
}

// client is who asks: the peer, or, where that is a proxy that we trust, the last one in
// X-Forwarded-For that is none. What stands before it anybody may have written.
func (s *Server) client(r *http.Request) netip.Addr {
	at := peerOf(r)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !within(s.Proxies, at) {
			break
		}
		next, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		at = mail.Unmap(next)
	}
	return at
}

func within(nets []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(a) })
}

// forwarded reports whether somebody stands between the client and us, who says so.
func forwarded(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	return false
}

// health shows the node's numbers to those who may see them; to others there is no such
// page.
func (s *Server) health(w http.ResponseWriter, r *http.Request) error {
	if s.Health == nil || forwarded(r) || !within(s.Metrics, peerOf(r)) {
		return errNotFound
	}
	s.Health.ServeHTTP(w, r)
	return nil
}
