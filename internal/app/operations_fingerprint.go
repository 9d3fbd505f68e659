package app

import (
	"context"
	"strconv"
	"time"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/fingerprint"
)

func (a *App) fingerprintOps(h control.Handlers) {
	control.On(h, a.addFingerprint)
	control.On(h, func(ctx context.Context, _ ops.FingerprintList) ([]ops.Fingerprint, error) {
		list, err := a.store.Fingerprints().Load(ctx, false)
		out := []ops.Fingerprint{}
		for _, d := range list {
			out = append(out, fingerprintOf(d))
		}
		return out, err
	})
	control.On(h, func(ctx context.Context, r ops.FingerprintRemove) (ops.Nothing, error) {
		id, err := strconv.ParseInt(r.ID, 10, 64)
		if err != nil {
			return ops.Nothing{}, control.Misused("%q is not a document's id", r.ID)
		}
		gone, err := a.store.Fingerprints().Remove(ctx, id)
		if err == nil && !gone {
			err = control.NotFound("no document has the id %d", id)
		}
		if err != nil {
			return ops.Nothing{}, err
		}
		return ops.Nothing{}, a.documents.Follow(ctx, a.store.Fingerprints())
	})
}

func (a *App) addFingerprint(ctx context.Context, r ops.FingerprintAdd) (ops.Fingerprint, error) {
	if r.Domain = spelledDomain(r.Domain); r.Domain != "" {
		if _, ok := a.directory.Snapshot().Domain(r.Domain); !ok {
			return ops.Fingerprint{}, control.NotFound("domain %s: no such domain", r.Domain)
		}
	}
	d := fingerprint.Of(r.Domain, r.Name, string(r.Content))
	d.Added = a.now()
	switch {
	case len(d.Shingles) < fingerprint.MinShingles:
		return ops.Fingerprint{}, control.Misused("%s has too little text to be known again", r.Name)
	case a.documents.Len() >= fingerprint.MaxDocuments:
		return ops.Fingerprint{}, control.Misused("there are %d documents already, and that is the most", fingerprint.MaxDocuments)
	}
	id, err := a.store.Fingerprints().Add(ctx, d)
	if err != nil {
		return ops.Fingerprint{}, err
	}
	d.ID = id
	return fingerprintOf(d), a.documents.Follow(ctx, a.store.Fingerprints())
}

func fingerprintOf(d fingerprint.Document) ops.Fingerprint {
	return ops.Fingerprint{ID: strconv.FormatInt(d.ID, 10), Name: d.Name, Domain: d.Domain, Shingles: len(d.Shingles), Added: d.Added}
}

// followEvery is how soon other nodes know of a document.
const followEvery = 5 * time.Second

// followDocuments keeps the memory of documents as the rows are.
func (a *App) followDocuments(ctx context.Context) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		if err := a.documents.Follow(ctx, a.store.Fingerprints()); err != nil && ctx.Err() == nil {
			a.log.Error("confidential documents not read", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
