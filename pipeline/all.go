package pipeline

import (
	"context"
	"errors"
	"sync"
)

// together bounds how many walks of one transaction run at once. Their findings
// are mostly shared, so that more would only wait for the same calls.
const together = 8

// AdvanceAll advances the walks side by side. It returns ctx's error if any walk
// could not come to its end.
func AdvanceAll(ctx context.Context, tx *Transaction, walks []*Walk) error {
	if len(walks) == 1 {
		return walks[0].Advance(ctx, tx)
	}
	errs := make([]error, len(walks))
	slots := make(chan struct{}, together)
	var wg sync.WaitGroup
	for i, w := range walks {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = w.Advance(ctx, tx)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
