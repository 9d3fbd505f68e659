package dmarc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
)

// A Resolver asks the DNS; a *net.DNSError with IsNotFound says that there is nothing, any
// other error that nobody could tell.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// A Walker finds records and organisations (RFC 9989 §4.10). It asks for each name once: it
// is made for one message, or one report. It is safe for use by many goroutines.
type Walker struct {
	resolver Resolver
	mu       sync.Mutex
	known    map[string]*found
}

type found struct {
	once   sync.Once
	record *Record // nil: none, or several
	err    error
}

// NewWalker returns a Walker that knows nothing yet.
func NewWalker(r Resolver) *Walker { return &Walker{resolver: r, known: map[string]*found{}} }

// at returns the record of a domain itself; nil where there is none, or more than one.
func (w *Walker) at(ctx context.Context, domain string) (*Record, error) {
	w.mu.Lock()
	f := w.known[domain]
	if f == nil {
		f = &found{}
		w.known[domain] = f
	}
	w.mu.Unlock()
	f.once.Do(func() { f.record, f.err = w.fetch(ctx, domain) })
	return f.record, f.err
}

func (w *Walker) fetch(ctx context.Context, domain string) (*Record, error) {
	name := "_dmarc." + domain
	if len(name) > 253 {
		return nil, nil
	}
	texts, err := w.resolver.LookupTXT(ctx, name)
	if err != nil {
		if absent(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("looking up %s: %w", name, plain(err))
	}
	var record *Record
	for _, text := range texts {
		r, ok := Parse(text)
		if !ok {
			continue
		}
		if record != nil { // RFC 9989 §4.8: then there is none
			return nil, nil
		}
		record = &r
	}
	return record, nil
}

func absent(err error) bool {
	var dnsError *net.DNSError
	return errors.As(err, &dnsError) && dnsError.IsNotFound
}

// plain is an error of the DNS without our server's address.
func plain(err error) error {
	var dnsError *net.DNSError
	if errors.As(err, &dnsError) {
		return errors.New(dnsError.Err)
	}
	return err
}

// A step is one place of a walk.
type step struct {
	domain string
	record *Record // nil: none
}

// walk goes from a domain up the tree (RFC 9989 §4.8): the names longest first, up to one
// that says what it is.
func (w *Walker) walk(ctx context.Context, domain string) (steps []step, err error) {
	names := walkNames(domain)
	steps = make([]step, len(names))
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		steps[i].domain = name
		if i > 0 {
			wg.Go(func() { steps[i].record, errs[i] = w.at(ctx, name) })
		}
	}
	steps[0].record, errs[0] = w.at(ctx, domain) // one of them costs no goroutine
	wg.Wait()
	for i, s := range steps {
		if errs[i] != nil {
			return nil, errs[i]
		}
		if s.record != nil && s.record.PSD != Unsaid {
			return steps[:i+1], nil
		}
	}
	return steps, nil
}

// maxWalk is how many names a walk has.
const maxWalk = 8

// walkNames are the names of a walk: the domain, then those above it, of a long name the
// seven shortest.
func walkNames(domain string) []string {
	labels := strings.Split(domain, ".")
	names := []string{domain}
	for i := max(1, len(labels)-maxWalk+1); i < len(labels); i++ {
		names = append(names, strings.Join(labels[i:], "."))
	}
	return names
}

// Organisation returns the organisational domain of a domain (RFC 9989 §4.10.2).
func (w *Walker) Organisation(ctx context.Context, domain string) (string, error) {
	steps, err := w.walk(ctx, domain)
	if err != nil {
		return "", err
	}
	return organisation(domain, steps), nil
}

// organisation judges a walk.
func organisation(domain string, steps []step) string {
	shortest := domain
	for i, s := range steps {
		switch {
		case s.record == nil:
			continue
		case s.record.PSD == Organise:
			return s.domain
		case s.record.PSD == Public && i > 0:
			return labelBelow(domain, s.domain)
		}
		shortest = s.domain
	}
	return shortest
}

// labelBelow is the part of a domain that has one label more than one above it.
func labelBelow(domain, above string) string {
	head := strings.TrimSuffix(domain, "."+above)
	return head[strings.LastIndexByte(head, '.')+1:] + "." + above
}

// policy finds the record that counts for an author's domain, and where it is
// (RFC 9989 §4.10.1); nil where there is none.
func (w *Walker) policy(ctx context.Context, author string) (*Record, string, error) {
	record, err := w.at(ctx, author)
	if err != nil || record != nil {
		return record, author, err
	}
	steps, err := w.walk(ctx, author)
	if err != nil {
		return nil, "", err
	}
	org := organisation(author, steps)
	for _, s := range steps {
		if s.domain == org && s.record != nil {
			return s.record, org, nil
		}
	}
	last := steps[len(steps)-1]
	if last.record != nil && last.record.PSD == Public {
		return last.record, last.domain, nil
	}
	return nil, "", nil
}
