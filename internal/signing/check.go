package signing

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"gatepost/internal/dkim"
)

// Times of Run.
const (
	followEvery = time.Second      // the rows' revision is asked for
	waitEvery   = 5 * time.Minute  // records of keys that wait are looked for
	checkEvery  = time.Hour        // all records are
	lookTime    = 10 * time.Second // one look takes at most
)

// Run follows the rows, looks for records and lets keys grow old, until ctx ends.
func (d *Desk) Run(ctx context.Context) {
	follow, wait := time.NewTicker(followEvery), time.NewTicker(waitEvery)
	defer follow.Stop()
	defer wait.Stop()
	d.Check(ctx, "")
	checked, silent := d.c.Now(), false
	for {
		select {
		case <-ctx.Done():
			return
		case <-follow.C:
			err := d.follow(ctx)
			if err != nil && ctx.Err() == nil && !silent {
				d.c.Log.Error("signing: keys can't be followed", "error", err)
			}
			silent = err != nil
		case <-wait.C:
			all := d.c.Now().Sub(checked).Abs() >= checkEvery // by a clock that may have been put back since
			if all {
				checked = d.c.Now()
			}
			for _, k := range d.Keys("") {
				if all || k.State == Waiting {
					d.check(ctx, k)
				}
			}
			if all {
				d.age(ctx)
			}
		}
	}
}

// follow reads the keys where they changed.
func (d *Desk) follow(ctx context.Context) error {
	revision, err := d.c.Rows.Revision(ctx)
	if err != nil || revision == d.known.Load().revision {
		return err
	}
	return d.reload(ctx)
}

// Check looks for the records of a domain's keys now, of all domains' where it is "", and lets keys grow old.
func (d *Desk) Check(ctx context.Context, domain string) {
	for _, k := range d.Keys(domain) {
		d.check(ctx, k)
	}
	if domain == "" {
		d.age(ctx)
	}
}

// check looks for the record of one key, and keeps what that tells. What the DNS does not answer tells nothing.
func (d *Desk) check(ctx context.Context, k Key) {
	look, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	problem, gone, err := d.look(look, k)
	if err != nil {
		if ctx.Err() == nil {
			d.c.Log.Warn("signing: a record could not be looked for", "name", k.Name(), "error", err)
		}
		return
	}
	err = d.change(ctx, k.Domain, func(keys []Key) ([]Key, error) {
		if problem == "" {
			return found(keys, k.Selector, d.c.Now())
		}
		return faulty(keys, k.Selector, problem, gone)
	})
	switch {
	case err != nil:
		d.c.Log.Error("signing: a key's state is not noted", "key", k.Name(), "error", err)
	case problem != "" && (k.State == Active || k.State == Old):
		d.c.Log.Error("signing: what is signed with a key can't be verified", "key", k.Name(), "state", k.State, "problem", problem)
	case problem == "" && k.State == Waiting:
		d.c.Log.Info("signing: a key's record is there, and it signs from now on", "key", k.Name())
	case problem == "" && k.State == Spent:
		d.c.Log.Warn("signing: a key is not used any more; take its record out of the DNS", "name", k.Name())
	}
}

// look says what is wrong with a key's record, and whether there is none. It fails where the DNS could not tell.
func (d *Desk) look(ctx context.Context, k Key) (problem string, gone bool, err error) {
	private, err := k.private()
	if err != nil {
		return "", false, err
	}
	records, err := d.c.Resolver.LookupTXT(ctx, k.Name())
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound, err == nil && len(records) == 0:
		return "there is no record", true, nil
	case err != nil:
		return "", false, err
	case len(records) > 1: // RFC 6376 §3.6.2.2: what a verifier makes of it nobody can tell
		return fmt.Sprintf("there are %d records, not one", len(records)), false, nil
	}
	if err := dkim.Publishes(records[0], private.Public()); err != nil {
		return err.Error(), false, nil
	}
	return "", false, nil
}

// age lets the keys of all domains grow old, where the clock is believed: one that leapt would have them replaced
// at once, and records of keys taken out of the DNS by which mail is verified still.
func (d *Desk) age(ctx context.Context) {
	now, ok := d.c.Old(ctx)
	if !ok {
		return
	}
	last := ""
	for _, k := range d.Keys("") {
		if k.Domain == last {
			continue
		}
		last = k.Domain
		err := d.change(ctx, k.Domain, func(keys []Key) ([]Key, error) {
			return aged(k.Domain, keys, d.c.Keep(), d.c.Rotate(), now)
		})
		if err != nil && ctx.Err() == nil {
			d.c.Log.Error("signing: keys don't grow old", "domain", k.Domain, "error", err)
		}
	}
}

// Troubles says what is wrong with a domain's keys, of all domains' where it is "", a sentence each.
func (d *Desk) Troubles(domain string) (list []string) {
	for _, k := range d.Keys(domain) {
		switch {
		case k.State == Waiting:
			list = append(list, fmt.Sprintf("the key %s does not sign yet: %s", k.Name(), orNotLooked(k.Problem)))
		case k.State == Spent:
			list = append(list, fmt.Sprintf("the key %s is not used any more: take its record out of the DNS", k.Name()))
		case k.Problem != "":
			list = append(list, fmt.Sprintf("what the key %s has signed can't be verified: %s", k.Name(), k.Problem))
		}
	}
	return list
}

func orNotLooked(problem string) string {
	if problem == "" {
		return "its record was not looked for yet"
	}
	return problem
}
