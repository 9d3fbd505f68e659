package dmarc

import (
	"context"
	"net/netip"
	"time"

	"gatepost/internal/daily"
	"gatepost/internal/mail"
)

// A Day is a day in UTC, "2026-11-24".
type Day = daily.Day

// DayOf returns the day of a moment.
func DayOf(t time.Time) Day { return daily.DayOf(t) }

// spread is within how long after midnight reports leave.
const spread = 6 * time.Hour

// due is when a report of the day on a domain leaves.
func due(d Day, domain, hostname string) time.Time {
	return d.Due("dmarc "+string(d)+" "+domain+" "+hostname, spread)
}

// A Period is the day of a domain whose record counted.
type Period = daily.Period

// A Row is what messages have in common that a report tells as one (RFC 9990 §3.1.3).
type Row struct {
	Source       string       `json:"ip"`
	Disposition  Disposition  `json:"do"`
	DKIM         bool         `json:"dkim,omitempty"` // aligned
	SPF          bool         `json:"spf,omitempty"`  // aligned
	Reason       string       `json:"why,omitempty"`
	Comment      string       `json:"note,omitempty"`
	HeaderFrom   string       `json:"from"`
	EnvelopeFrom string       `json:"path,omitempty"`
	Signatures   []DKIMResult `json:"sigs,omitempty"`
	Sender       SPFResult    `json:"sender"`
}

// A Count is rows of a period with how many messages each stands for.
type Count struct {
	Period
	Due  time.Time // when the report leaves
	Rows []RowCount
}

// A RowCount is a row and the messages that it stands for.
type RowCount struct {
	Row      Row
	Messages int64
}

// A Sum is what one reporter saw of a domain from one network on a day.
type Sum struct {
	Domain   string // the author's, or whose record counted where the report is another's
	Day      Day
	Reporter string       // the domain that is proven to have reported; this node's name of what came here
	Network  netip.Prefix // a /24, of IPv6 a /64; invalid: all others
	Messages int64
	Passed   int64 // DMARC: SPF or DKIM was aligned
	DKIM     int64 // aligned
	SPF      int64 // aligned
	Acted    int64 // quarantined or rejected
}

// Rows keep what was seen until it is reported.
type Rows interface {
	// AddSeen adds to what is there, in one commit.
	AddSeen(ctx context.Context, counts []Count, sums []Sum) error
	// SeenDomains returns the domains that have counts of a day.
	SeenDomains(ctx context.Context, day Day) ([]string, error)
	// Seen returns up to limit rows of a period, those of most messages first.
	Seen(ctx context.Context, p Period, limit int) ([]RowCount, error)
	daily.Periods
}

// A Received is a report of somebody else, as far as it is kept. What it says is the
// reporter's word.
type Received struct {
	Key       string    `json:"key"`    // the same of a report that comes again
	Tx        string    `json:"tx"`     // the transaction that brought it
	Time      time.Time `json:"time"`   // when
	Writer    mail.Path `json:"writer"` // who sent it
	Proof     string    `json:"proof"`  // by which it is he: "spf", "dkim example.org"
	Org       string    `json:"org"`    // what he calls himself
	ID        string    `json:"id"`     // of the report
	Domain    string    `json:"domain"` // whose record counted
	Begin     time.Time `json:"begin"`
	End       time.Time `json:"end"`
	Policy    string    `json:"policy"`  // p= as he saw it
	Version   string    `json:"version"` // "rfc9990", "rfc7489"
	Cut       bool      `json:"cut"`     // there was more than is read
	Messages  int64     `json:"messages"`
	Passed    int64     `json:"passed"`
	Sums      []Sum     `json:"-"`
	Reporting string    `json:"reporter"` // the writer's domain
}

// maxAge is how old what a report tells may be: reporters need a day or two.
const maxAge = 31 * 24 * time.Hour

// Timely reports whether a report tells of days of which one may be told at the time when it came:
// rows of days to come would stay until those have gone by.
func (r *Received) Timely() bool {
	return r.Begin.Before(r.Time.Add(24*time.Hour)) && r.Begin.After(r.Time.Add(-maxAge))
}

// Sums keep what is known of domains, by whoever saw it.
type Sums interface {
	// Totals returns the sums of each domain since a day, by domain and reporter, 10,000 at most; Network
	// and Day are empty.
	Totals(ctx context.Context, since Day) ([]Sum, error)
	// Sources returns what there is of a domain since a day, by reporter and network, those of most
	// messages first; Day is empty.
	Sources(ctx context.Context, domain string, since Day, limit int) ([]Sum, error)
	// Reports returns the newest reports on a domain, without Sums.
	Reports(ctx context.Context, domain string, limit int) ([]Received, error)
	// ExpireSums removes up to limit sums and reports of days before one, and reports how
	// many there were.
	ExpireSums(ctx context.Context, before Day, limit int) (int, error)
}
