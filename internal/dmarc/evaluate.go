package dmarc

import (
	"context"
	"slices"
	"strings"
)

// Proven are the domains that a message's authentication proved, in lower-case A-labels.
type Proven struct {
	SPF  string   // of the reverse-path or, where that is null, of HELO; "": none
	DKIM []string // of good signatures
}

// A Verdict is what DMARC says of a message and the domain of its author.
type Verdict struct {
	Author  string      // the domain
	Domain  string      // whose record counts; "": there is none, and all else is zero
	Record  Record      // of that domain
	Pass    bool        // the author is authenticated
	By      string      // the domain that proves him, "" where none does
	SPF     bool        // what SPF proved is aligned
	DKIM    bool        // what a signature proved is
	Policy  Disposition // what the record asks for mail of this author that does not pass
	Asked   Disposition // the same, in test mode one step milder
	Missing bool        // the author's domain does not exist, which counted
}

// Exists reports whether a domain is one that mail could come from. It is asked only where a
// record has another wish for those that are not.
type Exists func(ctx context.Context, domain string) (bool, error)

// Evaluate finds the record that counts for an author's domain, and whether what was proven
// speaks for it (RFC 9989 §5.3). It fails where the DNS does not answer what decides.
func Evaluate(ctx context.Context, w *Walker, author string, proven Proven, exists Exists) (Verdict, error) {
	v := Verdict{Author: author}
	record, at, err := w.policy(ctx, author)
	if err != nil || record == nil || record.Void {
		return v, err
	}
	v.Domain, v.Record = at, *record
	if err := v.align(ctx, w, proven); err != nil {
		return v, err
	}
	v.Pass = v.SPF || v.DKIM
	if err := v.choose(ctx, exists); err != nil && !v.Pass {
		return v, err
	}
	v.Asked = v.Policy
	if record.Testing {
		v.Asked = v.Policy.below()
	}
	return v, nil
}

// align looks which proven domains speak for the author. A failure counts only where nothing
// else does.
func (v *Verdict) align(ctx context.Context, w *Walker, proven Proven) error {
	var failed error
	speaks := func(domain string, strict bool) bool {
		ok, err := w.aligned(ctx, v.Author, domain, strict)
		if err != nil {
			failed = err
		}
		if ok && (v.By == "" || domain == v.Author) {
			v.By = domain
		}
		return ok
	}
	for _, d := range slices.Compact(slices.Sorted(slices.Values(proven.DKIM))) {
		v.DKIM = speaks(d, v.Record.StrictDKIM) || v.DKIM
	}
	v.SPF = proven.SPF != "" && speaks(proven.SPF, v.Record.StrictSPF)
	if v.SPF || v.DKIM {
		return nil
	}
	return failed
}

// aligned reports whether a proven domain speaks for an author's (RFC 9989 §4.10.2).
func (w *Walker) aligned(ctx context.Context, author, domain string, strict bool) (bool, error) {
	if domain == author || strict {
		return domain == author, nil
	}
	org, err := w.Organisation(ctx, author)
	if err != nil || !Within(domain, org) { // an organisation of its own is never above this one's
		return false, err
	}
	other, err := w.Organisation(ctx, domain)
	return other == org, err
}

// Within reports whether a domain is another, or below it.
func Within(domain, above string) bool {
	return domain == above || strings.HasSuffix(domain, "."+above)
}

// choose takes the policy out of the record.
func (v *Verdict) choose(ctx context.Context, exists Exists) error {
	r := v.Record
	v.Policy = r.Policy
	if v.Domain == v.Author {
		return nil
	}
	if r.Subdomain != "" {
		v.Policy = r.Subdomain
	}
	if r.Nonexistent == "" || r.Nonexistent == v.Policy {
		return nil
	}
	is, err := exists(ctx, v.Author)
	if err == nil && !is {
		v.Policy, v.Missing = r.Nonexistent, true
	}
	return err
}
