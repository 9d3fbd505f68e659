package filters

import (
	"context"
	"errors"
	"fmt"

	"gatepost/internal/learnt"
	"gatepost/internal/picture"
	"gatepost/pipeline"
)

// imageHash knows pictures that spam has shown before: traps, people's reports and operators
// teach them, and who releases such a message takes it back. A picture is known by how it looks (a
// perceptual hash of 64 bits, from its lowest frequencies), so that another size, format or some
// noise makes no other picture of it. Who is believed, and whose mail is exempt, is as with `checksum`. The first twelve images of a message are looked at, inline
// ones and attached ones. Pictures that are small, plain, or too large to be decoded are not; SVG and
// TIFF are not read. See gatepost learn.
type imageHash struct {
	Deps
	imageHashOptions
}

type imageHashOptions struct {
	Distance int `setting:"distance" doc:"bits of the 64 in which two hashes may differ, 0 to 7"`
	People   int `setting:"people" doc:"people who have to call it spam, in their domain, and elsewhere if they are of two domains; those of traps and operators come on top"`
}

func imageHashKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "image-hash", Stage: pipeline.Data, Scope: pipeline.PerRecipient, Timeout: pipeline.DefaultTimeout + dkimLimit,
		Results: []pipeline.Result{
			{Word: "spam", Effect: "spam", Doc: "an image looks like one that was learnt as spam"},
			{Word: "exempt", Effect: "none", Doc: "the same, but the recipient trusts the sender, or it is a list's or shop's mail with a good history"},
			{Word: "none", Effect: "none", Doc: "none does"},
		},
		Options: func() any { return &imageHashOptions{Distance: picture.Near, People: 2} },
		New: func(options any) (pipeline.Filter, error) {
			o := options.(*imageHashOptions)
			if o.Distance < 0 || o.Distance > learnt.MaxDistance {
				return nil, fmt.Errorf("distance %d is not between 0 and %d", o.Distance, learnt.MaxDistance)
			}
			if o.People < 1 {
				return nil, errors.New("people can't be below 1")
			}
			return imageHash{d, *o}, nil
		},
	}
}

// Check implements pipeline.Filter.
func (f imageHash) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	found := pipeline.Finding{Result: "none"}
	if f.Learnt == nil {
		return found, nil
	}
	p, err := picturesFact(ctx, q.Tx, f.Pictures)
	if err != nil {
		return pipeline.Finding{}, fmt.Errorf("image-hash: %w", err)
	}
	for i, one := range p.list {
		if !one.Hashed {
			continue
		}
		found.Evidence = append(found.Evidence, pipeline.Evidence{Key: "hash", Value: fmt.Sprintf("%s: %016x", nameOf(i, one), one.Hash)})
		if s, ok := f.Learnt.NearPicture(one.Hash, f.Distance); ok && found.Result == "none" && s.Believed(q.Recipient.Domain(), f.People) {
			found.Result = "spam"
			found.Reason = fmt.Sprintf("%s looks like one that was learnt as spam", nameOf(i, one))
			found.Evidence = append(found.Evidence, pipeline.Evidence{Key: "learnt", Value: s.String()})
		}
	}
	found.Evidence = append(found.Evidence, p.seen()...)
	if found.Result == "none" {
		return found, nil
	}
	return found, f.spareLearnt(ctx, q, &found)
}
