package filters

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/picture"
	"gatepost/pipeline"
)

// picturesLimit is how long the images of one message are looked at, waiting for a place included.
const picturesLimit = 10 * time.Second

// pictures are the images of a message.
type pictures struct {
	list  []picture.Picture
	whole bool // there are no more than those
}

// picturesFact looks at a message's images once: their hashes, and what their QR codes say.
func picturesFact(ctx context.Context, tx *pipeline.Transaction, r *picture.Reader) (pictures, error) {
	if tx.Message == nil {
		return pictures{}, errors.New("pictures: asked before the content is in")
	}
	return pipeline.Fact(ctx, tx, "pictures", picturesLimit, func(ctx context.Context) (p pictures, err error) {
		p.list, p.whole, err = r.Of(ctx, tx.Message)
		return p, err
	})
}

// seen tells what could not be looked at.
func (p pictures) seen() (list []pipeline.Evidence) {
	for i, one := range p.list {
		if one.Problem != "" {
			list = append(list, pipeline.Evidence{Key: "unread", Value: fmt.Sprintf("image %d: %s", i+1, one.Problem)})
		}
	}
	if !p.whole {
		list = append(list, pipeline.Evidence{Key: "cut", Value: fmt.Sprintf("only the first %d images were looked at", len(p.list))})
	}
	return list
}

// nameOf says which image of the message is meant.
func nameOf(i int, p picture.Picture) string {
	if p.Part != nil && p.Part.Filename != "" {
		return shorten(fmt.Sprintf("%q", p.Part.Filename))
	}
	return fmt.Sprint("image ", i+1)
}
