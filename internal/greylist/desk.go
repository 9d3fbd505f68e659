package greylist

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"gatepost/internal/mail"
)

// Identity returns what is known of a domain or network.
func (b *Book) Identity(ctx context.Context, name string) (Identity, bool, error) {
	if err := b.Flush(ctx); err != nil {
		return Identity{}, false, err
	}
	found, err := b.c.Rows.Find(ctx, nil, []string{name})
	if err != nil {
		return Identity{}, false, fmt.Errorf("greylist: %s: %w", name, err)
	}
	i, ok := found.Identities[name]
	return i, ok, nil
}

// Triplets returns at most limit triplets of an identity, or of an address as sender or
// recipient.
func (b *Book) Triplets(ctx context.Context, identity string, address mail.Path, limit int) ([]Triplet, error) {
	if err := b.Flush(ctx); err != nil {
		return nil, err
	}
	list, err := b.of(identity, address).all(ctx, b.c.Desk, limit)
	if err != nil {
		return nil, fmt.Errorf("greylist: triplets of %s%s: %w", identity, address, err)
	}
	return list, nil
}

// choices are what an address stands for: as a sender, and as a recipient.
type choices []Choice

func (b *Book) of(identity string, address mail.Path) choices {
	if address.IsNull() {
		return choices{{Identity: identity}}
	}
	sender, recipient := b.Numbers(address)
	if sender == recipient {
		return choices{{identity, sender}}
	}
	return choices{{identity, sender}, {identity, recipient}}
}

func (c choices) all(ctx context.Context, d Desk, limit int) (list []Triplet, err error) {
	for _, one := range c {
		more, err := d.Select(ctx, one, limit-len(list))
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}

// Forget removes what is known of an identity, or of an address as sender or recipient:
// the next mail waits again. It returns how many triplets there were.
func (b *Book) Forget(ctx context.Context, identity string, address mail.Path) (n int, err error) {
	if err := b.Flush(ctx); err != nil {
		return 0, err
	}
	for _, c := range b.of(identity, address) {
		gone, err := b.c.Desk.Forget(ctx, c)
		if err != nil {
			return n, fmt.Errorf("greylist: forget %s%s: %w", identity, address, err)
		}
		n += gone
	}
	return n, b.follow(ctx)
}

// Pass lets an identity pass whole, until it is not used for DefaultTerms().Keep.
func (b *Book) Pass(ctx context.Context, identity string) (Identity, error) {
	t, now := DefaultTerms(), b.c.Now()
	i := Identity{Name: identity, Passes: ByHand, First: now, Last: now, Expires: now.Add(t.Keep + grain)}
	if err := b.c.Desk.Pass(ctx, i); err != nil {
		return i, fmt.Errorf("greylist: pass %s: %w", identity, err)
	}
	return i, b.follow(ctx)
}

// List returns a page of the triplets.
func (b *Book) List(ctx context.Context, p Page) ([]Triplet, error) {
	if err := b.Flush(ctx); err != nil {
		return nil, err
	}
	list, err := b.c.Desk.List(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("greylist: list: %w", err)
	}
	return list, nil
}

// Identities returns a page of the identities, by name, behind after.
func (b *Book) Identities(ctx context.Context, after string, limit int) ([]Identity, error) {
	if err := b.Flush(ctx); err != nil {
		return nil, err
	}
	list, err := b.c.Desk.Identities(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("greylist: identities: %w", err)
	}
	return list, nil
}

// Delays returns the delays from a day on, summed up over days, the most used domain
// first; of one domain where one is named.
func (b *Book) Delays(ctx context.Context, since, domain string) ([]Delay, error) {
	if err := b.Flush(ctx); err != nil {
		return nil, err
	}
	rows, err := b.c.Desk.Delays(ctx, since, domain)
	if err != nil {
		return nil, fmt.Errorf("greylist: delays: %w", err)
	}
	sums := map[string]Delay{}
	for _, d := range rows {
		sum, ok := sums[d.Domain]
		if !ok {
			sum = Delay{Domain: d.Domain}
		}
		sums[d.Domain] = sum.Add(d)
	}
	list := slices.Collect(maps.Values(sums))
	slices.SortFunc(list, func(a, b Delay) int {
		return cmp.Or(cmp.Compare(b.Deferred, a.Deferred), cmp.Compare(a.Domain, b.Domain))
	})
	return list, nil
}
