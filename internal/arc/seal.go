package arc

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/dkim"
)

// ErrNoSeal says that a chain is not gone on with.
var ErrNoSeal = errors.New("the chain is not sealed")

// Seal returns the three fields of a further set (RFC 8617 §5.1), with their line ends, for the top of a message. fields is
// the message's header as it leaves and body its dkim.BodyHash; chain is what Verify found when it came, and results what there is to
// say of it: the value of an Authentication-Results field, the name of the server in front.
//
// It fails with ErrNoSeal where nothing may be added: the chain could not be verified, has 50 sets (§5.1.1.1), or was found broken by
// somebody before (§5.1.2), which stays true. Where it broke here that is sealed, over the new set alone. It fails with
// dkim.ErrUnsignable as dkim.Signer.Sign does.
func Seal(s *dkim.Signer, fields []dkim.Field, body []byte, chain Chain, results string, now time.Time) ([]byte, error) {
	cv := map[Result]string{None: "none", Pass: "pass", Fail: "fail"}[chain.Result]
	last, broken := highest(fields)
	n := last + 1
	switch {
	case cv == "":
		return nil, fmt.Errorf("arc: %w: %s", ErrNoSeal, chain.Reason)
	case n > maxSets:
		return nil, fmt.Errorf("arc: %w: it has %d sets", ErrNoSeal, maxSets)
	case broken:
		return nil, fmt.Errorf("arc: %w: somebody found it broken before", ErrNoSeal)
	}
	own := Set{Instance: n}
	own.results = fmt.Appendf(nil, "ARC-Authentication-Results: i=%d;\r\n\t%s\r\n", n, strings.TrimSpace(results))
	var err error
	if own.message, err = s.SignARC(n, fields, body, now); err != nil {
		return nil, fmt.Errorf("arc: %w", err)
	}
	var before []byte
	if cv == "pass" {
		for _, set := range chain.Sets {
			for _, field := range [][]byte{set.results, set.message, set.seal} {
				before = dkim.Relaxed.AppendField(before, field)
			}
		}
	}
	before = dkim.Relaxed.AppendField(dkim.Relaxed.AppendField(before, own.results), own.message)
	if own.seal, err = s.SignSeal(n, cv, before, now); err != nil {
		return nil, fmt.Errorf("arc: %w", err)
	}
	return append(append(own.seal, own.message...), own.results...), nil
}

// highest returns the greatest instance that a header names, whether it is a chain or not, and whether its seal says that
// the chain is broken.
func highest(fields []dkim.Field) (last int, broken bool) {
	for _, f := range fields {
		name := strings.ToLower(f.Name)
		if name != resultsField && name != messageField && name != sealField {
			continue
		}
		i, err := instance(name, f.Raw)
		if err != nil {
			continue
		}
		if i > last {
			last, broken = i, false
		}
		if name == sealField && i == last {
			if t, err := dkim.ParseTags(valueOf(f.Raw)); err == nil && t.Get("cv") == "fail" {
				broken = true
			}
		}
	}
	return last, broken
}
