package mtasts

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Mode is what a policy asks of senders (RFC 8461 §5).
type Mode string

// The modes.
const (
	Enforce Mode = "enforce" // other servers, and other certificates, get no mail
	Testing Mode = "testing" // they do, and the domain is told
	None    Mode = "none"    // there is no policy any more
)

// Bounds of a policy.
const (
	MaxSize = 64 << 10               // octets of its text (RFC 8461 §3.3)
	maxAge  = 31557600 * time.Second // RFC 8461 §3.2: about a year
	maxMX   = 100
	maxName = 253     // octets of a name (RFC 1035 §2.3.4, as text)
	maxAll  = 4 << 10 // octets of all its names: thousands of policies are kept
)

// A Policy is what a domain asks of those who send to it. The zero Policy asks
// nothing.
type Policy struct {
	Mode   Mode
	MX     []string // lower case, without final dot; "*.example.net" stands for one label
	MaxAge time.Duration
}

// ErrInvalid says that a policy was served that is none.
var ErrInvalid = errors.New("invalid policy")

// ParsePolicy reads a policy as it is served (RFC 8461 §3.2): lines "key: value". Its
// errors wrap ErrInvalid.
func ParsePolicy(text []byte) (Policy, error) {
	if len(text) > MaxSize {
		return Policy{}, fmt.Errorf("%w: it is longer than %d octets", ErrInvalid, MaxSize)
	}
	var p Policy
	all := 0
	first := map[string]string{} // of each key but mx the first counts
	for line := range strings.SplitSeq(string(text), "\n") {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\r"), ":")
		key, value = trim(key), trim(value)
		if _, known := first[key]; !ok || known {
			continue
		}
		if key != "mx" {
			first[key] = value
			continue
		}
		pattern, err := parsePattern(value)
		if err != nil {
			return Policy{}, err
		}
		if p.MX = append(p.MX, pattern); len(p.MX) > maxMX {
			return Policy{}, fmt.Errorf("%w: it has more than %d mx lines", ErrInvalid, maxMX)
		}
		if all += len(pattern); all > maxAll {
			return Policy{}, fmt.Errorf("%w: its mx lines have more than %d octets", ErrInvalid, maxAll)
		}
	}
	return p, p.complete(first)
}

func (p *Policy) complete(first map[string]string) error {
	if first["version"] != "STSv1" {
		return fmt.Errorf("%w: its version is %.20q, not STSv1", ErrInvalid, first["version"])
	}
	p.Mode = Mode(first["mode"])
	switch p.Mode {
	case Enforce, Testing:
		if len(p.MX) == 0 {
			return fmt.Errorf("%w: it names no mx", ErrInvalid)
		}
	case None:
	default:
		return fmt.Errorf("%w: its mode is %.20q", ErrInvalid, first["mode"])
	}
	seconds, err := strconv.ParseUint(first["max_age"], 10, 64)
	if err != nil || len(first["max_age"]) > 10 {
		return fmt.Errorf("%w: its max_age is %.20q", ErrInvalid, first["max_age"])
	}
	p.MaxAge = time.Duration(min(seconds, uint64(maxAge/time.Second))) * time.Second
	return nil
}

// parsePattern reads the value of an mx line: a name, or one whose first label is "*".
func parsePattern(s string) (string, error) {
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	rest := strings.TrimPrefix(name, "*.")
	if len(name) > maxName {
		return "", fmt.Errorf("%w: its mx %.80q is longer than a name", ErrInvalid, s)
	}
	for label := range strings.SplitSeq(rest, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", fmt.Errorf("%w: its mx %.80q is no name", ErrInvalid, s)
		}
	}
	return strings.Clone(name), nil // what is kept does not keep the text that it came with
}

// Matches reports whether the policy names a server (RFC 8461 §4.1). A "*" stands
// for exactly one label.
func (p Policy) Matches(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	_, parent, _ := strings.Cut(host, ".")
	for _, pattern := range p.MX {
		if suffix, wild := strings.CutPrefix(pattern, "*."); pattern == host || wild && parent == suffix {
			return true
		}
	}
	return false
}

// Lines are the policy's lines, as reports have them (RFC 8460 §4.4).
func (p Policy) Lines() []string {
	lines := []string{"version: STSv1", "mode: " + string(p.Mode)}
	for _, mx := range p.MX {
		lines = append(lines, "mx: "+mx)
	}
	return append(lines, "max_age: "+strconv.FormatInt(int64(p.MaxAge/time.Second), 10))
}

// Text is the policy as it is served; ParsePolicy reads it back.
func (p Policy) Text() string { return strings.Join(p.Lines(), "\n") + "\n" }
