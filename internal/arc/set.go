package arc

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gatepost/internal/dkim"
)

// maxSets bounds a chain (RFC 8617 §4.2.1).
const maxSets = 50

// A Set is what one server added.
type Set struct {
	Instance int    // from 1, the oldest
	Sealer   string // d= of the seal
	Selector string // s= of the seal
	CV       string // what the sealer says of the chain before: "none", "pass", "fail"
	Claims   []Claim
	From     bool // its message signature covers From
	Valid    bool // its message signature still fits the message

	results, message, seal []byte // the fields, as they came
	signature              *dkim.Signature
	sealing                dkim.Tags
}

// The fields of a set, in lower case and in the order in which they are sealed.
const (
	resultsField = "arc-authentication-results"
	messageField = "arc-message-signature"
	sealField    = "arc-seal"
)

// collect gathers the sets of a message by instance. It fails where they are no chain
// (RFC 8617 §5.2, steps 1 to 3); without any it returns none.
func collect(fields []dkim.Field) ([]*Set, error) {
	var sets [maxSets + 1]*Set
	highest := 0
	for _, f := range fields {
		name := strings.ToLower(f.Name)
		if name != resultsField && name != messageField && name != sealField {
			continue
		}
		i, err := instance(name, f.Raw)
		if err != nil {
			return nil, err
		}
		if sets[i] == nil {
			sets[i] = &Set{Instance: i}
		}
		if err := sets[i].take(name, f.Raw); err != nil {
			return nil, err
		}
		highest = max(highest, i)
	}
	for i := 1; i <= highest; i++ {
		if sets[i] == nil {
			return nil, fmt.Errorf("set %d is missing", i)
		}
		if err := sets[i].check(); err != nil {
			return nil, fmt.Errorf("set %d: %w", i, err)
		}
	}
	return sets[1 : highest+1], nil
}

// instance reads i= of a field: in ARC-Authentication-Results it stands in front, else it is
// a tag as others are.
func instance(name string, raw []byte) (int, error) {
	value := valueOf(raw)
	text := ""
	if name == resultsField {
		first, _, ok := strings.Cut(value, ";")
		tag, number, is := strings.Cut(first, "=")
		if !ok || !is || strings.TrimSpace(tag) != "i" {
			return 0, fmt.Errorf("%s does not begin with an instance", name)
		}
		text = strings.TrimSpace(number)
	} else {
		tags, err := dkim.ParseTags(value)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		text = tags.Get("i")
	}
	i, err := strconv.ParseUint(text, 10, 16)
	if err != nil || i == 0 || i > maxSets {
		return 0, fmt.Errorf("%s: instance %.20q is not between 1 and %d", name, text, maxSets)
	}
	return int(i), nil
}

// valueOf is what follows a field's colon; a field without one has none.
func valueOf(raw []byte) string {
	_, value, _ := bytes.Cut(raw, []byte(":"))
	return string(value)
}

// take keeps a field; each is there once.
func (s *Set) take(name string, raw []byte) error {
	place := map[string]*[]byte{resultsField: &s.results, messageField: &s.message, sealField: &s.seal}[name]
	if *place != nil {
		return fmt.Errorf("set %d has two %s", s.Instance, name)
	}
	*place = raw
	return nil
}

// check reads what the set says, and refuses what no set may be (RFC 8617 §4.1).
func (s *Set) check() (err error) {
	switch {
	case s.results == nil:
		return errors.New("no " + resultsField)
	case s.message == nil:
		return errors.New("no " + messageField)
	case s.seal == nil:
		return errors.New("no " + sealField)
	}
	if s.signature, err = dkim.ParseARC(s.message); err != nil {
		return fmt.Errorf("%s: %w", messageField, err)
	}
	s.From = s.signature.Covers("from")
	if err := s.readSeal(); err != nil {
		return fmt.Errorf("%s: %w", sealField, err)
	}
	s.Claims = ParseClaims(afterInstance(s.results))
	return nil
}

// readSeal reads the tags of the seal.
func (s *Set) readSeal() error {
	t, err := dkim.ParseTags(valueOf(s.seal))
	if err != nil {
		return err
	}
	for _, name := range []string{"a", "b", "cv", "d", "s"} {
		if t.Get(name) == "" {
			return fmt.Errorf("no %s=", name)
		}
	}
	if t.Has("h") { // RFC 8617 §4.1.3
		return errors.New("h= must not be there")
	}
	if _, err := strconv.ParseUint(t.Get("t"), 10, 48); t.Has("t") && err != nil {
		return errors.New("t= is no number")
	}
	domain, ok1 := dkim.Domain(t.Get("d"))
	selector, ok2 := dkim.Domain(t.Get("s") + "._domainkey." + domain)
	if !ok1 || !ok2 {
		return errors.New("d= and s= name no key")
	}
	s.sealing, s.Sealer, s.CV = t, domain, t.Get("cv")
	s.Selector = strings.TrimSuffix(selector, "._domainkey."+domain)
	want := "pass"
	if s.Instance == 1 {
		want = "none"
	}
	switch s.CV {
	case want:
		return nil
	case "fail":
		return fmt.Errorf("%s found the chain broken", s.Sealer)
	}
	return fmt.Errorf("cv=%.20s, not %s", s.CV, want)
}

// afterInstance is the value of an ARC-Authentication-Results field behind its instance.
func afterInstance(raw []byte) string {
	_, rest, _ := strings.Cut(valueOf(raw), ";")
	return rest
}
