package tlsreport

import (
	"context"
	"time"

	"gatepost/internal/daily"
)

// A Count is what happened under one policy of a domain on a day.
type Count struct {
	Day     Day
	Due     time.Time // of the report
	Policy  Policy
	Success int64
	Failure int64
	Details []Detail
}

// A Detail is how often one failure came.
type Detail struct {
	Failure
	Count int64
}

// Rows keep counts until they are reported.
type Rows interface {
	// AddSessions adds to what is there, in one commit.
	AddSessions(ctx context.Context, counts []Count) error
	// SessionDomains returns the domains that have counts of a day.
	SessionDomains(ctx context.Context, day Day) ([]string, error)
	// Sessions returns the counts of a period, ordered by policy, details by failure.
	Sessions(ctx context.Context, p Period) ([]Count, error)
	daily.Periods
}
