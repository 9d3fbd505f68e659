package filters

import (
	"context"
	"fmt"

	"gatepost/internal/learnt"
	"gatepost/internal/picture"
	"gatepost/pipeline"
)

// imageHash knows pictures that spam has shown before: traps, people's reports and operators
// teach them, and who releases such a message takes it back. A picture is known by how it looks (a
// perceptual hash of 64 bits, from its lowest frequencies), so that another size, format or some
// noise makes no other picture of it. The first twelve images of a message are looked at, inline
// ones and attached ones. Pictures that are small, plain, or too large to be decoded are not; SVG and
// TIFF are not read. See gatepost learn.
type imageHash struct {
	pictures *picture.Reader
	learnt   Learnt
	distance int
}

type imageHashOptions struct {
	Distance int `setting:"distance" doc:"bits of the 64 in which two hashes may differ, 0 to 7"`
}

func imageHashKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "image-hash", Stage: pipeline.Data, Scope: pipeline.PerMessage,
		Results: []pipeline.Result{
			{Word: "spam", Effect: "spam", Doc: "an image looks like one that was learnt as spam"},
			{Word: "none", Effect: "none", Doc: "none does"},
		},
		Options: func() any { return &imageHashOptions{Distance: picture.Near} },
		New: func(options any) (pipeline.Filter, error) {
			o := options.(*imageHashOptions)
			if o.Distance < 0 || o.Distance > learnt.MaxDistance {
				return nil, fmt.Errorf("distance %d is not between 0 and %d", o.Distance, learnt.MaxDistance)
			}
			return imageHash{pictures: d.Pictures, learnt: d.Learnt, distance: o.Distance}, nil
		},
	}
}

// Check implements pipeline.Filter.
func (f imageHash) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	found := pipeline.Finding{Result: "none"}
	if f.learnt == nil {
		return found, nil
	}
	p, err := picturesFact(ctx, q.Tx, f.pictures)
	if err != nil {
		return pipeline.Finding{}, fmt.Errorf("image-hash: %w", err)
	}
	for i, one := range p.list {
		if !one.Hashed {
			continue
		}
		found.Evidence = append(found.Evidence, pipeline.Evidence{Key: "hash", Value: fmt.Sprintf("%s: %016x", nameOf(i, one), one.Hash)})
		if s, ok := f.learnt.NearPicture(one.Hash, f.distance); ok && found.Result == "none" {
			found.Result = "spam"
			found.Reason = fmt.Sprintf("%s looks like one that was learnt as spam", nameOf(i, one))
			found.Evidence = append(found.Evidence, pipeline.Evidence{Key: "learnt", Value: s.String()})
		}
	}
	found.Evidence = append(found.Evidence, p.seen()...)
	return found, nil
}
