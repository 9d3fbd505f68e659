package mailbox

import (
	"errors"
	"time"
)

// SendRequestFor is how long a request can be answered. Until then its asker doesn't ask the same again,
// unless it was granted.
const SendRequestFor = 14 * 24 * time.Hour

// Bounds of requests that wait for an answer.
const (
	MaxSendRequests   = 5  // of one asker
	MaxSendRequestsTo = 20 // for one mailbox; more reach nobody
)

// Errors of requests.
var (
	// ErrAsked: he asked for that address already.
	ErrAsked = errors.New("asked already")
	// ErrNoSendRequest: it was answered, is too old, or was never one.
	ErrNoSendRequest = errors.New("no such request")
)

// A SendRequest is that the owner of a mailbox asks to send for another one, by one of its addresses. A request that
// reaches nobody is kept and counted as any other: so who asks can't tell whether somebody has the address.
type SendRequest struct {
	ID      string // as mail.NewID makes them
	Asker   int64  // his box
	Address string // that he named
	Box     int64  // whose that is; 0: nobody's whom he may ask
	How     Sending
	Asked   time.Time
	Expires time.Time
}

// A SendRequestQuery says whose requests are looked for, of those that wait for an answer: an asker's, reach they
// somebody or not, or those for some boxes. Without either it is all that reach somebody.
type SendRequestQuery struct {
	Asker int64
	Boxes []int64
}
