package acme

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/acme"

	"gatepost/internal/certificate"
)

// explain says why there is no certificate, and what to do, and how long the authority asks to wait.
func explain(name string, err error) (text string, wait time.Duration) {
	said := problemOf(err)
	if said == nil {
		return plain(err), 0
	}
	if said.Header != nil {
		wait = retryAfter(said.Header.Get("Retry-After"), time.Now())
	}
	kind := said.ProblemType[strings.LastIndex(said.ProblemType, ":")+1:]
	text = fmt.Sprintf("%s (the authority: %s, %s)", advice(name, kind, challengeOf(err)), cmp.Or(kind, strconv.Itoa(said.StatusCode)), printable(said.Detail))
	return text, wait
}

// plain is for what was no answer of the authority.
func plain(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "the authority did not come to an end in time; see tls.acme.directory and the way there: " + printable(err.Error())
	}
	return printable(err.Error())
}

// problemOf finds what the authority said; nil where it said nothing.
func problemOf(err error) *acme.Error {
	var failed *acme.AuthorizationError
	if errors.As(err, &failed) {
		for _, e := range failed.Errors {
			if said := problemOf(e); said != nil {
				return said
			}
		}
	}
	var order *acme.OrderError
	if errors.As(err, &order) && order.Problem != nil {
		return order.Problem
	}
	var said *acme.Error
	errors.As(err, &said)
	return said
}

func challengeOf(err error) string {
	var t tried
	errors.As(err, &t)
	return t.kind
}

// advice is what an admin can do about a kind of problem (RFC 8555 §6.7).
func advice(name, kind, challenge string) string {
	switch kind {
	case "dns":
		return "the DNS has no address for " + name + ": publish an A or AAAA record that leads here"
	case "connection", "tls":
		if challenge == certificate.TLSALPN01 {
			return "port 443 of " + name + " does not lead to listen.webs of this node: see its address in the DNS, the firewall, and that no proxy takes TLS off in front"
		}
		return "port 80 of " + name + " does not lead to listen.web of this node: see its address in the DNS, the firewall, and the proxy in front"
	case "unauthorized", "incorrectResponse":
		return name + " is answered by another server: see all of its addresses in the DNS, IPv6 too, and that a proxy in front hands /.well-known/acme-challenge/ on"
	case "caa":
		return "a CAA record keeps this authority from " + name + ": add it there, or take another directory"
	case "rateLimited":
		return "the authority wants a pause"
	case "rejectedIdentifier", "unsupportedIdentifier":
		return "the authority gives nobody a certificate for " + name
	case "externalAccountRequired":
		return "the authority wants to know whose account this is: set tls.acme.eab_key_id and tls.acme.eab_key_file, which it gives you"
	case "userActionRequired":
		return "the authority has new terms: read and agree to them there"
	case "invalidContact", "unsupportedContact":
		return "the authority takes no such contact: see tls.acme.contact"
	}
	return "the authority refused"
}

// printable is what a stranger said as one short line.
func printable(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
	const most = 300
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}

// mostAsked bounds how long an authority can have us wait.
const mostAsked = 7 * 24 * time.Hour

// retryAfter reads the header field (RFC 9110 §10.2.3), 0 where it says nothing.
func retryAfter(text string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return max(0, min(wait, mostAsked))
}
