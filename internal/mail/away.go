package mail

import "errors"

// ErrAway is the cause of what failed since the database can't be reached. It may be there again a
// moment later: whoever asks is to come back, and what is told of it once need not be told again.
var ErrAway = errors.New("the database is out of reach")
