package dnsbl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// A Fault is the kind of an Error: why what a list said, or that it said nothing, tells
// nothing about who was asked about.
type Fault string

// The faults. Each has its own cure, which Answer.Cause names.
const (
	TimedOut       Fault = "timeout"          // no answer within the time that there was
	Failed         Fault = "dns failure"      // SERVFAIL and the like
	PublicResolver Fault = "public resolver"  // the list does not serve the resolver that asks
	TooMany        Fault = "too many queries" // the list does not serve so many
	Misspelt       Fault = "misspelt zone"
	Parked         Fault = "parked" // an address outside of 127.0.0.0/8
	UnknownCode    Fault = "unknown code"
	// Cancelled is that nobody waited for the answer; it is nothing against the list.
	Cancelled Fault = "cancelled"
)

// byList reports whether a fault is in what the list said, so that it will say it again.
func (f Fault) byList() bool {
	return slices.Contains([]Fault{PublicResolver, TooMany, Misspelt, Parked, UnknownCode}, f)
}

// Classify tells what an answer to a question means, and of an Error its kind and cause,
// which says what to do. One declared code makes a hit, whatever undeclared ones stand beside
// it, but for those by which a list refuses to serve.
func (l List) Classify(codes []netip.Addr, err error) (State, Fault, string) {
	if err != nil {
		return failure(err)
	}
	switch {
	case len(codes) == 0:
		return Miss, "", ""
	case slices.ContainsFunc(codes, l.isRefusal):
		fault, cause := refusal(codes)
		return Error, fault, cause
	case slices.ContainsFunc(codes, isForeign):
		return Error, Parked, fmt.Sprintf("answered %s, outside 127.0.0.0/8: the list is dead or its domain parked; take it out", join(codes))
	case slices.ContainsFunc(codes, l.Codes.Has):
		return Hit, "", ""
	}
	return Error, UnknownCode, fmt.Sprintf("answered %s, which is not among its codes: see its operator's page", join(codes))
}

// failure classifies what the resolver could not find out.
func failure(err error) (State, Fault, string) {
	var dnsError *net.DNSError
	is := errors.As(err, &dnsError)
	switch {
	case is && dnsError.IsNotFound:
		return Miss, "", ""
	case is && dnsError.IsTimeout:
		return Error, TimedOut, dnsError.Err
	case errors.Is(err, context.DeadlineExceeded):
		return Error, TimedOut, "no answer in time"
	case errors.Is(err, context.Canceled):
		return Error, Cancelled, err.Error()
	case is:
		return Error, Failed, dnsError.Err
	}
	return Error, Failed, err.Error()
}

// dnswlRefusal is by which lists of the kind of dnswl.org tell that they don't serve who asks.
var dnswlRefusal = netip.AddrFrom4([4]byte{127, 0, 0, 255})

func (l List) isRefusal(a netip.Addr) bool {
	return refusals.Contains(a) || l.Kind == Allow && a == dnswlRefusal
}

func isForeign(a netip.Addr) bool { return !loopback.Contains(a) }

// refusal explains an answer in 127.255.255.0/24, or 127.0.0.255 of a list of the good.
func refusal(codes []netip.Addr) (Fault, string) {
	fault := PublicResolver
	why := "the list refuses queries through this resolver: use a resolver of your own, or a key from the list's operator"
	switch {
	case slices.Contains(codes, netip.AddrFrom4([4]byte{127, 255, 255, 252})):
		fault, why = Misspelt, "the list says that its zone is misspelt"
	case slices.Contains(codes, netip.AddrFrom4([4]byte{127, 255, 255, 255})):
		fault, why = TooMany, "the list refuses so many queries: get a key from its operator"
	}
	return fault, fmt.Sprintf("answered %s: %s", join(codes), why)
}
