package filters

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"gatepost/pipeline"
)

// Bounds of the evidence that one finding keeps of the DNS.
const (
	maxSeen     = 24
	maxSeenText = 512
)

// seen collects the DNS answers that led to a finding, as they were.
type seen struct {
	mu   sync.Mutex
	list []pipeline.Evidence
}

// add notes the answer to a question ("TXT example.org").
func (s *seen) add(question string, answer []string, err error) {
	text := strings.Join(answer, " | ")
	if err != nil {
		text = strings.TrimSpace(text + " " + told(err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.list) < maxSeen {
		s.list = append(s.list, pipeline.Evidence{Key: shorten(question), Value: shorten(text)})
	}
}

// evidence returns what was collected so far; who appends to it gets a copy.
func (s *seen) evidence() []pipeline.Evidence {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clip(s.list)
}

func shorten(s string) string {
	if len(s) > maxSeenText {
		s = strings.ToValidUTF8(s[:maxSeenText], "") + "…"
	}
	return s
}

// told says in short why there is no answer.
func told(err error) string {
	var dnsError *net.DNSError
	switch {
	case notFound(err):
		return "(none)"
	case isStale(err):
		return "(stale)"
	case errors.As(err, &dnsError):
		return fmt.Sprintf("(failed: %s)", dnsError.Err)
	}
	return fmt.Sprintf("(failed: %v)", err)
}

// isStale reports whether an error comes with records all the same: no DNS server answers,
// and they are what one said before (RFC 8767). They may speak for a message, so that an
// outage of ours does not keep it waiting; against it they are no better than a failure.
func isStale(err error) bool {
	var stale interface{ Stale() bool }
	return errors.As(err, &stale) && stale.Stale()
}

// notFound reports whether the DNS is sure that there is no such record.
func notFound(err error) bool {
	var dnsError *net.DNSError
	return errors.As(err, &dnsError) && dnsError.IsNotFound
}
