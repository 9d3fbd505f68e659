package filters

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/fingerprint"
	"gatepost/pipeline"
)

// A Documents knows documents that are not to leave; *fingerprint.Memory is one.
type Documents interface {
	// Find returns those of a domain that have shingles of a text, the greatest share first.
	Find(domain string, shingles []uint64) []fingerprint.Match
}

// fingerprintFilter looks in mail that people here send for documents that were marked confidential
// (`gatepost fingerprint add`): in the text and in attached texts, which are compared with hashes of each fourth run of five
// words, so that a copy with changes, or a part, is found. The documents of the sender's domain
// and those of all are looked for. For mail to the world the policy of the sender's domain counts, for mail to domains here
// that of the recipient's. Mail of others, who have not logged in, is `none`, so the entry may stand in any policy. Attached
// office documents and PDFs are not read. What it holds an operator alone may release: the recipient is not to have it.
type fingerprintFilter struct {
	documents Documents
	fingerprintOptions
}

type fingerprintOptions struct {
	Share float64 `setting:"share" doc:"share of a document's runs from which on it is taken to be in the message, above 0 to 1"`
	Least int     `setting:"least" doc:"so many of its runs have to be in the message at least"`
}

func fingerprintKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "fingerprint", Stage: pipeline.Data, Scope: pipeline.PerMessage, Guarded: true, Users: true,
		Results: []pipeline.Result{
			{Word: "confidential", Effect: "quarantine", Doc: "a good part of a confidential document is in it", Firm: true},
			{Word: "none", Effect: "none", Doc: "none is, or nobody of ours sends it"},
		},
		Options: func() any { return &fingerprintOptions{Share: 0.2, Least: 5} },
		New: func(options any) (pipeline.Filter, error) {
			o := *options.(*fingerprintOptions)
			if !(o.Share > 0 && o.Share <= 1) || o.Least < 1 {
				return nil, errors.New("share has to be above 0 and at most 1, least at least 1")
			}
			return fingerprintFilter{d.Documents, o}, nil
		},
	}
}

// Check implements pipeline.Filter.
func (f fingerprintFilter) Check(_ context.Context, q pipeline.Query) (pipeline.Finding, error) {
	login := q.Tx.Client.Login
	if f.documents == nil || login.IsNull() {
		return pipeline.Finding{Result: "none"}, nil
	}
	x := q.Tx.Message.Extract()
	matches := f.documents.Find(login.Domain(), fingerprint.Shingles(x.Subject+"\n"+x.Body()))
	if err := q.Tx.Message.Err(); err != nil {
		return pipeline.Finding{}, fmt.Errorf("fingerprint: read message: %w", err)
	}
	found := pipeline.Finding{Result: "none"}
	if x.Cut {
		found.Evidence = append(found.Evidence, pipeline.Evidence{Key: "cut", Value: "the message has more text than was looked at"})
	}
	for _, m := range matches[:min(len(matches), maxHits)] {
		if m.Share < f.Share || m.Found < f.Least {
			continue
		}
		if found.Result == "none" {
			found.Result = "confidential"
			found.Reason = shorten(fmt.Sprintf("%.0f %% of the document %q is in it", 100*m.Share, m.Document.Name))
		}
		found.Evidence = append(found.Evidence, pipeline.Evidence{
			Key: "document", Value: shorten(fmt.Sprintf("%d %q of %s: %d runs, %.0f %%", m.Document.ID, m.Document.Name, m.Document.Added.UTC().Format(time.DateOnly), m.Found, 100*m.Share)),
		})
	}
	return found, nil
}
