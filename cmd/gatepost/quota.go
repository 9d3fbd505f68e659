package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/pflag"

	"gatepost/internal/config"
	"gatepost/internal/control/ops"
)

// Words of limits.
const (
	noLimit      = "none"    // there is no limit
	aboveLimit   = "default" // what stands above says
	neverEmptied = "never"
)

// limitFlags are flags that bound what a mailbox takes.
type limitFlags struct{ quota, messages, inbound, inboundBytes string }

func (l *limitFlags) flags(f *pflag.FlagSet, whose, above string) {
	f.StringVar(&l.quota, "quota", "", "`size` that "+whose+" may take up, such as 5GiB; none, or default for "+above)
	f.StringVar(&l.messages, "quota-messages", "", "`number` of messages that "+whose+" may hold; none, or default for "+above)
	f.StringVar(&l.inbound, "inbound", "", "`number` of messages that strangers may bring to "+whose+" in an hour; none, or default for "+above)
	f.StringVar(&l.inboundBytes, "inbound-bytes", "", "`size` that strangers may bring to "+whose+" in an hour, such as 1GiB; none, or default for "+above)
}

// A limitsGiven has the limits whose flags were given; nil for the others.
type limitsGiven struct{ quota, messages, inbound, inboundBytes *int64 }

func (l *limitFlags) given(f *pflag.FlagSet) (g limitsGiven, err error) {
	if g.quota, err = sizeFlag(f, "quota", l.quota); err != nil {
		return g, err
	}
	if g.messages, err = numberFlag(f, "quota-messages", l.messages); err != nil {
		return g, err
	}
	if g.inbound, err = numberFlag(f, "inbound", l.inbound); err != nil {
		return g, err
	}
	g.inboundBytes, err = sizeFlag(f, "inbound-bytes", l.inboundBytes)
	return g, err
}

// bounds reads a domain's limits into a request that has nothing else.
func (d *domainFields) bounds(f *pflag.FlagSet) (r ops.DomainSet, err error) {
	g, err := d.limits.given(f)
	if err != nil {
		return r, err
	}
	r.Quota, r.QuotaMessages, r.Inbound, r.InboundBytes = g.quota, g.messages, g.inbound, g.inboundBytes
	if r.Total, err = sizeFlag(f, "total", d.total); err != nil {
		return r, err
	}
	if r.TotalMessages, err = numberFlag(f, "total-messages", d.totalMessages); err != nil {
		return r, err
	}
	if r.JunkDays, err = daysFlag(f, "junk-days", d.junk); err != nil {
		return r, err
	}
	if r.TrashDays, err = daysFlag(f, "trash-days", d.trash); err != nil {
		return r, err
	}
	archive := d.archive
	if archive == "off" {
		archive = ""
	}
	r.ArchiveDays, err = daysFlag(f, "archive-days", archive)
	return r, err
}

// word returns what a word of limits stands for.
func word(value string) (int64, bool) {
	switch value {
	case noLimit, neverEmptied:
		return -1, true
	case aboveLimit, "":
		return 0, true
	}
	return 0, false
}

func sizeFlag(f *pflag.FlagSet, name, value string) (*int64, error) {
	if !f.Changed(name) {
		return nil, nil
	}
	n, ok := word(value)
	if !ok {
		size, err := config.ParseSize(value)
		if err != nil || size <= 0 {
			return nil, usage("--%s %q: write a size such as 5GiB, none or default", name, value)
		}
		n = int64(size)
	}
	return &n, nil
}

func numberFlag(f *pflag.FlagSet, name, value string) (*int64, error) {
	if !f.Changed(name) {
		return nil, nil
	}
	n, ok := word(value)
	if !ok {
		var err error
		if n, err = strconv.ParseInt(value, 10, 64); err != nil || n <= 0 {
			return nil, usage("--%s %q: write a number above 0, none or default", name, value)
		}
	}
	return &n, nil
}

func daysFlag(f *pflag.FlagSet, name, value string) (*int, error) {
	n, err := numberFlag(f, name, value)
	if n == nil || err != nil {
		return nil, err
	}
	days := int(*n)
	return &days, nil
}

// limitText is a limit for a person; "" where there is none.
func limitText(limit int64, text string) string {
	switch {
	case limit < 0:
		return noLimit
	case limit == 0:
		return ""
	}
	return text
}

// boundText is what a domain says of octets and messages.
func boundText(l ops.Limits) string {
	size, number := limitText(l.Bytes, config.Size(l.Bytes).String()), limitText(l.Messages, fmt.Sprint(l.Messages, " messages"))
	if size == "" || number == "" {
		return size + number
	}
	return size + ", " + number
}

func percentText(m ops.Mailbox) string {
	if m.Quota == 0 && m.QuotaMessages == 0 {
		return ""
	}
	return fmt.Sprint(m.Full, " %")
}

func daysText(days int) string {
	switch {
	case days < 0:
		return neverEmptied
	case days == 0:
		return ""
	}
	return strconv.Itoa(days)
}
