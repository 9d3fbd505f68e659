package mailbox

import (
	"errors"
	"fmt"
)

// ErrOverQuota: the mailbox, or its domain as a whole, has no room for what is to come.
var ErrOverQuota = errors.New("the mailbox is full")

// ErrDomainFull is an ErrOverQuota of the domain: its mailboxes together have no room, whatever this one has.
var ErrDomainFull = fmt.Errorf("%w, as are all of its domain together", ErrOverQuota)

// ErrBeyondQuota is an ErrOverQuota that will not pass: even an empty mailbox would have no
// room.
var ErrBeyondQuota = beyond{}

type beyond struct{}

func (beyond) Error() string        { return "the message is larger than the mailbox may hold" }
func (beyond) Is(target error) bool { return target == ErrOverQuota }

// Fits says with ErrOverQuota, or ErrBeyondQuota, that more does not fit beside what is
// there. In limit 0 is none. What is full by the octet takes nothing, however small.
func (limit Usage) Fits(there, more Usage) error {
	switch {
	case limit.Bytes > 0 && more.Bytes > limit.Bytes, limit.Messages > 0 && more.Messages > limit.Messages:
		return ErrBeyondQuota
	case limit.Bytes > 0 && there.Bytes+max(more.Bytes, 1) > limit.Bytes, limit.Messages > 0 && there.Messages+more.Messages > limit.Messages:
		return ErrOverQuota
	}
	return nil
}

// Share returns how full a mailbox is, in percent of the limit that it is nearest to; 0 where
// there is none.
func (limit Usage) Share(there Usage) int {
	share := 0.0
	if limit.Bytes > 0 {
		share = float64(there.Bytes) / float64(limit.Bytes)
	}
	if limit.Messages > 0 {
		share = max(share, float64(there.Messages)/float64(limit.Messages))
	}
	return int(min(share*100, 1e6))
}
