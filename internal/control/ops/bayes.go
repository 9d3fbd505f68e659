package ops

import "time"

// BayesShow asks how the statistical filter stands. Result: Bayes.
type BayesShow struct{}

// Bayes is what the statistical filter has learnt, and how it did on this site.
type Bayes struct {
	Trained bool         `json:"trained"`
	Spam    int64        `json:"spam"`   // messages that the model has learnt
	Ham     int64        `json:"ham"`    // the same
	Needed  int64        `json:"needed"` // of either, before it judges
	Lessons []LearnCount `json:"lessons"`
	Record  BayesRecord  `json:"record"`
	Guard   BayesGuard   `json:"guard"`
}

// A BayesRecord is how messages were judged before they were learnt.
type BayesRecord struct {
	Since   string       `json:"since"` // the first day that counts, UTC; "": there is none
	Spam    int64        `json:"spam"`
	Ham     int64        `json:"ham"`
	NeedHam int64        `json:"need_ham"` // so much ham it takes, of which
	NeedOne int64        `json:"need_one"` // one in so many may have been lost, before Bayes decides alone
	Levels  []BayesLevel `json:"levels"`
}

// A BayesLevel is what a level of the filter would have held.
type BayesLevel struct {
	Level  int     `json:"level"`
	Score  float64 `json:"score"`  // from which it calls a message spam
	Lost   int64   `json:"lost"`   // of the ham
	Caught int64   `json:"caught"` // of the spam
	Earned bool    `json:"earned"` // it may decide alone
}

// A BayesGuard is what keeps lessons from having known ham lost, or known spam pass.
type BayesGuard struct {
	Ham     BayesSide `json:"ham"`
	Spam    BayesSide `json:"spam"`
	Judging bool      `json:"judging"`       // not on a model's first day: then all is learnt, and Bayes decides nothing alone
	Refused int       `json:"refused"`       // lessons, since the start
	Last    time.Time `json:"last,omitzero"` // when it last refused some; left out where it did not since the start
}

// A BayesSide is what is known of one kind.
type BayesSide struct {
	Known int `json:"known"` // messages
	Lost  int `json:"lost"`  // of them, what has gone half the way to being held, or to pass
}

// BayesLessons asks for what Bayes was taught, the newest first. Result: []BayesLesson.
type BayesLessons struct {
	Message string `json:"message,omitempty"` // of this transaction; "": all
	Source  string `json:"source,omitempty"`
	State   string `json:"state,omitempty"` // learnt, enough, refused
	Page
}

// A BayesLesson is that somebody said of a message that it is spam, or is not.
type BayesLesson struct {
	ID      string    `json:"id"`
	Message string    `json:"message"`
	Domain  string    `json:"domain"` // whose mail it is; "": nobody's in particular
	Spam    bool      `json:"spam"`
	Source  string    `json:"source"`
	Person  string    `json:"person"`
	Time    time.Time `json:"time"`
	Score   float64   `json:"score"` // how the message was judged before
	State   string    `json:"state"` // learnt; enough: it was known well enough; refused, by the guard
	Counts  bool      `json:"counts"`
	Ended   time.Time `json:"ended"` // when it was taken back
	EndedBy string    `json:"ended_by"`
}

// BayesSnapshots asks for the models that are kept. Result: []BayesSnapshot.
type BayesSnapshots struct{}

// A BayesSnapshot is the model as it was.
type BayesSnapshot struct {
	Day    string    `json:"day"`
	Time   time.Time `json:"time"`
	Node   string    `json:"node"`
	Octets int64     `json:"octets"`
}

// BayesRollBack returns to the snapshot of a day. Result: BayesRolled.
type BayesRollBack struct {
	Day string `json:"day"`
}

// BayesRolled is what a return came to.
type BayesRolled struct {
	Day  string    `json:"day"`
	Time time.Time `json:"time"` // of the snapshot
	Spam int64     `json:"spam"` // messages that the model has learnt now
	Ham  int64     `json:"ham"`
}

// BayesReset has the filter forget everything. Result: Nothing.
type BayesReset struct{}

// BayesExplain asks how a message is judged. Result: BayesVerdict.
type BayesExplain struct {
	Message []byte `json:"message"`
	Domain  string `json:"domain,omitempty"` // whose mail it would be; "": nobody's in particular
}

// A BayesVerdict is how a message is judged, and why.
type BayesVerdict struct {
	Trained  bool           `json:"trained"`
	Score    float64        `json:"score"` // 0 to 15; 7.5 is as likely spam as ham
	Spam     int64          `json:"spam"`  // messages that the model has learnt
	Ham      int64          `json:"ham"`
	Levels   []int          `json:"levels"` // at which it is spam
	Features []BayesFeature `json:"features"`
}

// A BayesFeature is what of a message weighed.
type BayesFeature struct {
	Weight  float64 `json:"weight"` // in points; for spam, or against it where negative
	Feature string  `json:"feature"`
}

// Op implements control.Request.
func (BayesShow) Op() string { return "bayes.show" }

// Op implements control.Request.
func (BayesLessons) Op() string { return "bayes.lessons" }

// Op implements control.Request.
func (BayesSnapshots) Op() string { return "bayes.snapshots" }

// Op implements control.Request.
func (BayesRollBack) Op() string { return "bayes.rollback" }

// Op implements control.Request.
func (BayesReset) Op() string { return "bayes.reset" }

// Op implements control.Request.
func (BayesExplain) Op() string { return "bayes.explain" }
