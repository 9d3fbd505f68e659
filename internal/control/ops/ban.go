package ops

import "time"

// A Ban keeps a network out until it ends, or is lifted.
type Ban struct {
	ID       int64     `json:"id"`
	Network  string    `json:"network"` // 192.0.2.7/32, 2001:db8::/64
	Cause    string    `json:"cause"`   // honeypot, harvest, protocol, login, admin
	Note     string    `json:"note"`
	Who      string    `json:"who"`  // "node", "admin", or an admin's name
	Step     int       `json:"step"` // of the ladder, from 1
	Active   bool      `json:"active"`
	Void     string    `json:"void"` // why it keeps nobody out though it is active; "": it does
	Imposed  time.Time `json:"imposed"`
	Until    time.Time `json:"until"`
	Hits     int64     `json:"hits"` // who was refused, some seconds late
	LastHit  time.Time `json:"last_hit"`
	Lifted   time.Time `json:"lifted"` // zero: it was not
	LiftedBy string    `json:"lifted_by"`
	Reason   string    `json:"reason"` // for lifting it
}

// BanList asks for bans, the newest first. Result: []Ban.
type BanList struct {
	Network string `json:"network,omitempty"` // of this one alone, or of an address's
	Cause   string `json:"cause,omitempty"`
	All     bool   `json:"all,omitempty"`   // those that ended, too
	After   int64  `json:"after,omitempty"` // older than the one of this ID
	Limit   int    `json:"limit,omitempty"`
}

// BanAdd bans a network by hand, in the place of the ban that is there. Result: Ban.
type BanAdd struct {
	Network string        `json:"network"`
	For     time.Duration `json:"for,omitempty"` // 0: as the ladder says
	Note    string        `json:"note,omitempty"`
}

// BanLift ends a ban, which its ID, its network or an address in that names. Result: Ban.
type BanLift struct {
	What   string `json:"what"`
	Reason string `json:"reason,omitempty"`
}

// BanShow asks for the bans of what names one, those that ended too, the newest first.
// Result: []Ban.
type BanShow struct {
	What string `json:"what"`
}

// Op names the operation.
func (BanList) Op() string { return "ban.list" }

// Op names the operation.
func (BanAdd) Op() string { return "ban.add" }

// Op names the operation.
func (BanLift) Op() string { return "ban.lift" }

// Op names the operation.
func (BanShow) Op() string { return "ban.show" }
