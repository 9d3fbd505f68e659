package mailbox

const (
	MaxPlan = 500 // messages that any plan may change: others' changes wait for its commit

	// A store may take a plan of more, up to MaxDense, where each run is of so many on the average: see Dense.
	MaxDense = 20_000
	denseRun = 50
)

// A FlagPlan is a change of flags that was worked out by who knows a folder as it was at some
// ModSeq: the store need not read what it changes.
type FlagPlan struct {
	At              ModSeq    // the folder's HighestModSeq that all is worked out by
	Runs            []FlagRun // by rising UID
	Messages        int64     // that are changed
	Unseen, Deleted int64     // what that adds to the folder's counters
}

// A FlagRun says what flags the messages of a range get, which all change by it. The range may
// reach over UIDs that the folder has not.
type FlagRun struct {
	Range
	Flags Flags
}

// Dense reports whether a few runs say all of the plan.
func (p *FlagPlan) Dense() bool {
	return p.Messages <= MaxDense && int64(len(p.Runs))*denseRun <= p.Messages
}

// Put has the message u, which is above all that were put, change its flags. Beside says that the
// folder has none between u and the one that was put before.
func (p *FlagPlan) Put(u UID, from, to Flags, beside bool) {
	p.Messages++
	p.Unseen += lacks(to, Seen) - lacks(from, Seen)
	p.Deleted += lacks(from, Deleted) - lacks(to, Deleted)
	if n := len(p.Runs); beside && n > 0 && p.Runs[n-1].Flags == to {
		p.Runs[n-1].Last = u
		return
	}
	p.Runs = append(p.Runs, FlagRun{Range{u, u}, to})
}

// lacks is 1 where f has not the flag.
func lacks(f Flags, flag System) int64 {
	if f.System&flag != 0 {
		return 0
	}
	return 1
}
