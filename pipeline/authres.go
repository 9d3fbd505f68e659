package pipeline

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-msgauth/authres"

	"gatepost/internal/mail"
)

// AuthenticationResults returns the value, unfolded, of an Authentication-Results
// field (RFC 8601 §2.2) by which the host named id tells results; "none" where there
// are none.
//
// Much of what results hold was chosen by whoever sent the message. Whatever it is, it
// stays inside its own value: control characters are replaced, everything but plain
// tokens and addresses is quoted, and long values are cut.
func AuthenticationResults(id string, results []authres.Result) string {
	s := clean(id)
	n := 0
	for _, r := range results {
		method, value, params := resultOf(r)
		if !isKeyword(method) || !isKeyword(value) {
			continue
		}
		n++
		s += "; " + method + "=" + value
		if reason := params["reason"]; reason != "" {
			s += " reason=" + quote(reason)
		}
		for _, key := range slices.Sorted(maps.Keys(params)) {
			if key != "reason" && params[key] != "" && isKeyword(key) {
				s += " " + key + "=" + propertyValue(params[key])
			}
		}
	}
	if n == 0 {
		s += "; none"
	}
	return s
}

// resultOf takes a result apart into the words of RFC 8601 §2.7.
func resultOf(r authres.Result) (method, value string, params map[string]string) {
	switch r := r.(type) {
	case *authres.SPFResult:
		return "spf", string(r.Value), map[string]string{"reason": r.Reason, "smtp.mailfrom": r.From, "smtp.helo": r.Helo}
	case *authres.DKIMResult:
		return "dkim", string(r.Value), map[string]string{"reason": r.Reason, "header.d": r.Domain, "header.i": r.Identifier}
	case *authres.IPRevResult:
		return "iprev", string(r.Value), map[string]string{"reason": r.Reason, "policy.iprev": r.IP}
	case *authres.DMARCResult:
		return "dmarc", string(r.Value), map[string]string{"reason": r.Reason, "header.from": r.From}
	case *authres.AuthResult:
		return "auth", string(r.Value), map[string]string{"reason": r.Reason, "smtp.auth": r.Auth}
	case *authres.ARCResult:
		params = map[string]string{"smtp.remote-ip": r.RemoteIP}
		if r.OldestPass > 0 {
			params["header.oldest-pass"] = strconv.Itoa(r.OldestPass)
		}
		return "arc", string(r.Value), params
	case *authres.GenericResult:
		return r.Method, string(r.Value), r.Params
	}
	return "", "", nil
}

// ReceivedSPF returns the value, unfolded, of a Received-SPF field (RFC 7208 §9.1)
// by which receiver tells what it found out about a client.
func ReceivedSPF(receiver string, c mail.Client, from mail.Path, r *authres.SPFResult) string {
	result := string(r.Value)
	if !isKeyword(result) {
		return ""
	}
	identity := "mailfrom"
	if r.From == "" {
		identity = "helo"
	}
	pairs := []string{
		"receiver=" + pairValue(receiver), "client-ip=" + pairValue(c.Addr.String()),
		"envelope-from=" + quote(string(from)), "helo=" + pairValue(c.Helo), "identity=" + identity,
	}
	if r.Reason != "" {
		pairs = append(pairs, "problem="+quote(r.Reason))
	}
	return result + " " + strings.Join(pairs, "; ")
}

// maxValue bounds one value in octets: an address at its longest, quoted.
const maxValue = 300

// clean makes one line of printable text of s: octets that are not UTF-8, and
// control characters, become "?".
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
	if len(s) > maxValue {
		s = strings.ToValidUTF8(s[:maxValue], "")
	}
	return s
}

// quote writes a quoted-string (RFC 5322 §3.2.4).
func quote(s string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(clean(s), `\`, `\\`), `"`, `\"`) + `"`
}

// propertyValue writes a pvalue: an address, a domain or a token as it is, all else
// quoted.
func propertyValue(s string) string { return plainOr(s, "-._+@") }

// pairValue writes a value of RFC 7208 §9.1: a dot-atom as it is, all else quoted.
func pairValue(s string) string { return plainOr(s, "-._") }

func plainOr(s, also string) string {
	for i := 0; i < len(s); i++ {
		if !isAlphanumeric(s[i]) && strings.IndexByte(also, s[i]) < 0 {
			return quote(s)
		}
	}
	if s == "" || len(s) > maxValue {
		return quote(s)
	}
	return s
}

// isKeyword reports whether s may stand for a method, a result or a property.
func isKeyword(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isAlphanumeric(s[i]) && strings.IndexByte("-._", s[i]) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
