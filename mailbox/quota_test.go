package mailbox

import (
	"errors"
	"testing"
)

func TestFits(t *testing.T) {
	for name, c := range map[string]struct {
		limit, there, more Usage
		want               error
		share              int
	}{
		"no limit":              {there: Usage{1 << 40, 1 << 60}, more: Usage{1, 1 << 60}},
		"room":                  {Usage{10, 100}, Usage{9, 90}, Usage{1, 10}, nil, 90},
		"an octet too much":     {Usage{0, 100}, Usage{9, 90}, Usage{1, 11}, ErrOverQuota, 90},
		"a message too much":    {Usage{10, 0}, Usage{10, 90}, Usage{1, 1}, ErrOverQuota, 100},
		"full, nothing known":   {Usage{0, 100}, Usage{1, 100}, Usage{1, 0}, ErrOverQuota, 100},
		"an octet left":         {Usage{0, 100}, Usage{1, 99}, Usage{1, 0}, nil, 99},
		"over already":          {Usage{0, 100}, Usage{1, 300}, Usage{1, 1}, ErrOverQuota, 300},
		"larger than the quota": {Usage{0, 100}, Usage{}, Usage{1, 101}, ErrBeyondQuota, 0},
		"more than the quota":   {Usage{3, 0}, Usage{}, Usage{4, 1}, ErrBeyondQuota, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.limit.Fits(c.there, c.more)
			if got != c.want || (got != nil) != errors.Is(got, ErrOverQuota) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if got := c.limit.Share(c.there); got != c.share {
				t.Errorf("share: got %d, want %d", got, c.share)
			}
		})
	}
}
