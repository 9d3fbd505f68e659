package directory

import "fmt"

// NoLimit says of a limit that there is none, where 0 leaves it to what stands above.
const NoLimit = -1

// MaxKeepDays bounds for how many days a domain has mail stay in Junk and Trash.
const MaxKeepDays = 3650

// Limits are what a mailbox may take up and take in. In a Mailbox 0 leaves it to its domain,
// in a Domain's Each 0 is no limit; NoLimit is none in both.
type Limits struct {
	Bytes    int64 `json:"bytes"`    // of all messages as they are served
	Messages int64 `json:"messages"` // that are there
	Inbound  int64 `json:"inbound"`  // that strangers may bring in an hour
	// InboundBytes are the octets that they may bring in one.
	InboundBytes int64 `json:"inbound_bytes"`
}

// Any reports whether there is a quota: a limit of what may be there.
func (l Limits) Any() bool { return l.Bytes > 0 || l.Messages > 0 }

// LimitsOf returns the limits that hold for a mailbox of the domain; 0 is no limit.
func (d Domain) LimitsOf(m Mailbox) Limits {
	return Limits{
		Bytes:    limit(m.Limits.Bytes, d.Each.Bytes),
		Messages: limit(m.Limits.Messages, d.Each.Messages),
		Inbound:  limit(m.Limits.Inbound, d.Each.Inbound),

		InboundBytes: limit(m.Limits.InboundBytes, d.Each.InboundBytes),
	}
}

func limit(own, above int64) int64 {
	if own == 0 {
		own = above
	}
	return max(own, 0)
}

// check refuses what is no number of anything.
func (l Limits) check() error {
	for _, n := range []int64{l.Bytes, l.Messages, l.Inbound, l.InboundBytes} {
		if n < NoLimit {
			return fmt.Errorf("%w: a limit of %d; 0 leaves it to what stands above, -1 is none", ErrInvalid, n)
		}
	}
	return nil
}

// checkLimits refuses limits and days of a domain that mean nothing.
func (*Snapshot) checkLimits(dom *Domain) error {
	for _, l := range []Limits{dom.Each, dom.Total} {
		if err := l.check(); err != nil {
			return err
		}
	}
	if dom.Total.Inbound != 0 || dom.Total.InboundBytes != 0 {
		return fmt.Errorf("%w: what a whole domain may take in has no limit", ErrInvalid)
	}
	for _, days := range []int{dom.JunkDays, dom.TrashDays} {
		if days < NoLimit || days > MaxKeepDays {
			return fmt.Errorf("%w: %d days; 1 to %d, 0 leaves it to the node, -1 is for ever", ErrInvalid, days, MaxKeepDays)
		}
	}
	if dom.ArchiveDays < NoLimit || dom.ArchiveDays > MaxArchiveDays {
		return fmt.Errorf("%w: an archive of %d days; 1 to %d, 0 is none, -1 is for ever", ErrInvalid, dom.ArchiveDays, MaxArchiveDays)
	}
	return nil
}
