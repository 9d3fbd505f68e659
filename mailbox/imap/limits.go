package imap

import (
	"cmp"
	"time"
)

// Limits bound what clients may take. A zero field stands for its default.
type Limits struct {
	Connections int           // at once (2000)
	PerIP       int           // at once from one address that have not logged in (100)
	PerLogin    int           // at once into one mailbox (50)
	Line        int           // octets of one line of a command (64 KiB)
	Append      int64         // octets of a message to APPEND (64 MiB)
	BadCommands int           // in a row, then the connection ends (10)
	FailedLogin time.Duration // how long the first failed log-in waits; each further one once more (1 s)
	Header      time.Duration // for the PROXY header of a peer that must send one (30 s)
	Login       time.Duration // to log in (2 min)
	Idle        time.Duration // between two commands; RFC 9051 §5.4 asks for 30 min (31 min)
	Data        time.Duration // between two reads within a command, or to write one buffer (2 min)
	Eager       int           // messages of a folder whose UIDs and flags SELECT reads; larger ones' are read when they are needed (1000)
	Poll        time.Duration // during IDLE, without a hint (30 s)
}

func (s *Server) limits() Limits {
	l := s.Limits
	return Limits{
		Connections: cmp.Or(l.Connections, 2000),
		PerIP:       cmp.Or(l.PerIP, 100),
		PerLogin:    cmp.Or(l.PerLogin, 50),
		Line:        cmp.Or(l.Line, 64<<10),
		Append:      cmp.Or(l.Append, 64<<20),
		BadCommands: cmp.Or(l.BadCommands, 10),
		FailedLogin: cmp.Or(l.FailedLogin, time.Second),
		Header:      cmp.Or(l.Header, 30*time.Second),
		Login:       cmp.Or(l.Login, 2*time.Minute),
		Idle:        cmp.Or(l.Idle, 31*time.Minute),
		Data:        cmp.Or(l.Data, 2*time.Minute),
		Eager:       cmp.Or(l.Eager, 1000),
		Poll:        cmp.Or(l.Poll, 30*time.Second),
	}
}

const (
	maxInline     = 64 << 10 // octets of a literal that is kept with its command
	maxCommand    = 256 << 10
	maxAppended   = 500      // messages of one APPEND
	maxAppends    = 4        // times the largest message that all of them may have
	strangersLine = 13 << 10 // octets of a command before log-in: room for a token in base64
	maxFailures   = 5        // failed log-ins of one connection
)
