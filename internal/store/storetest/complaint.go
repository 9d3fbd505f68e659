package storetest

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"gatepost/internal/complaint"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
)

// ComplaintRows is what complaints ask of a store, and what their tests need beside it.
type ComplaintRows struct {
	complaint.Rows
	// Put keeps reports, as the commit does that accepts them.
	Put func(*testing.T, ...complaint.Report)
	// Journal adds rows of the journal.
	Journal func(*testing.T, ...*journal.Row)
}

// Complaint tests that what open returns keeps the contract of complaint.Rows. Each call
// of open is a new, empty store.
func Complaint(t *testing.T, open func(*testing.T) ComplaintRows) {
	for name, test := range map[string]func(*testing.T, ComplaintRows){
		"reports wait until they are judged": complaintWaiting,
		"a complaint comes back as it was":   complaintRoundTrip,
		"searches":                           complaintFind,
		"what three people say":              complaintStandings,
		"a copy counts once":                 complaintCopy,
		"a person counts once a day":         complaintPerson,
		"a customer, too":                    complaintCustomer,
		"many at once":                       complaintMany,
		"taken back":                         complaintWithdrawn,
		"taken back by a report":             complaintNotSpam,
		"changes are seen":                   complaintChanged,
		"what was accepted":                  complaintAccepted,
		"totals":                             complaintTotals,
		"what is old goes":                   complaintExpire,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var complaintTime = time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)

func weigher(now time.Time) complaint.Weigher {
	return complaint.Weigher{Now: now, Measure: complaint.Measure{HalfLife: 30 * 24 * time.Hour, Threshold: 2.5, People: 3, Share: 0.01}}
}

// complaintOf is the n-th one, of another copy: by a person, of a client and a sender.
func complaintOf(n int, person, client string, sender mail.Path) complaint.Complaint {
	c := complaint.Complaint{
		ID: fmt.Sprintf("c%04d", n), Time: complaintTime.Add(time.Duration(n) * time.Minute), Form: complaint.FormForward,
		Reporter: mail.Path(person), Proof: "log-in", Person: person, Message: fmt.Sprintf("tx%d", n), Copy: fmt.Sprintf("tx%d %s", n, person), Recipient: mail.Path(person),
		Client: netip.MustParseAddr(client), Sender: sender, State: complaint.StateCounts, Note: "note", ClientWeight: 1,
	}
	if !sender.IsNull() {
		c.SenderWeight = 1
	}
	return c
}

func (r ComplaintRows) judge(t *testing.T, list ...complaint.Complaint) []complaint.Standing {
	t.Helper()
	now := list[len(list)-1].Time
	changed, err := r.Judge(t.Context(), complaint.Judgement{Complaints: list}, weigher(now))
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// found returns one complaint.
func (r ComplaintRows) found(t *testing.T, id string) complaint.Complaint {
	t.Helper()
	list, err := r.Find(t.Context(), complaint.Query{ID: id, Limit: 2})
	if err != nil || len(list) != 1 {
		t.Fatalf("complaint %s: got %v, %v", id, list, err)
	}
	return list[0]
}

func complaintWaiting(t *testing.T, r ComplaintRows) {
	one := complaint.Report{
		Tx: "a", Time: complaintTime, Reporter: "ann@example.org", Proof: "spf", Form: complaint.FormARF,
		Feedback:  complaint.Feedback{Type: "abuse", SourceIP: netip.MustParseAddr("2001:db8::7"), Arrival: complaintTime, Domains: []string{"x.example"}},
		Originals: []complaint.Original{{ID: "0pg2b7d4c8e1f5a6k3m9", Subject: "Dix \u20ac \xff\x00"}}, More: 3,
	}
	two := complaint.Report{Tx: "b", Time: complaintTime.Add(-time.Hour), Form: complaint.FormForward}
	r.Put(t, one, two)
	list, err := r.Waiting(t.Context(), 1)
	if err != nil || len(list) != 1 || !reflect.DeepEqual(list[0], two) {
		t.Errorf("the oldest: got %+v, %v", list, err)
	}
	for range 2 { // the second changes nothing
		_, err = r.Judge(t.Context(), complaint.Judgement{Report: "b", Complaints: []complaint.Complaint{complaintOf(1, "ann@example.org", "192.0.2.7", "")}}, weigher(complaintTime))
		if err != nil {
			t.Fatal(err)
		}
	}
	one.Originals[0].Subject = "Dix \u20ac \ufffd\x00"
	list, err = r.Waiting(t.Context(), 10)
	if err != nil || len(list) != 1 || !reflect.DeepEqual(list[0], one) {
		t.Errorf("the other: got %+v, %v; want %+v", list, err, one)
	}
}

func complaintRoundTrip(t *testing.T, r ComplaintRows) {
	all := complaint.Complaint{
		ID: "c1", Report: "tx", Time: complaintTime, Form: complaint.FormARF, Type: "abuse", Reporter: "ann@example.org", Proof: "dkim example.org", Person: "ann@example.org",
		Message: "in", Copy: "in ann@example.org", Recipient: "ann@example.org", MessageID: "<1@x>", Subject: "Dix €", Client: netip.MustParseAddr("2001:db8::7"),
		Sender: "x@mail.bulk.example", State: complaint.StateCounts, Note: "why", ClientWeight: 1, SenderWeight: 1,
	}
	bare := complaint.Complaint{ID: "c2", Time: complaintTime.Add(1), State: complaint.StateCustomer, Account: "bob@example.org"}
	bare.Time = bare.Time.Truncate(time.Microsecond)
	r.judge(t, all, bare)
	for _, want := range []complaint.Complaint{all, bare} {
		if got := r.found(t, want.ID); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	var names []string
	list, err := r.Standings(t.Context(), "", 0, 10)
	for _, s := range list {
		names = append(names, s.Name)
	}
	if want := []string{"2001:db8::/64", "bulk.example", "x@mail.bulk.example"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("standings: got %v, %v; want %v", names, err, want)
	}
}

func complaintFind(t *testing.T, r ComplaintRows) {
	a, b := complaintOf(1, "ann@example.org", "192.0.2.7", "x@bulk.example"), complaintOf(2, "bob@example.org", "2001:db8::1", "y@bulk.example")
	c := complaint.Complaint{ID: "c0003", Time: complaintTime.Add(3 * time.Minute), State: complaint.StateCustomer, Account: "ann@example.org", Reporter: "zed@far.example"}
	r.judge(t, a, b, c)
	for name, tt := range map[string]struct {
		q    complaint.Query
		want []string
	}{
		"all, the newest first":  {complaint.Query{}, []string{"c0003", "c0002", "c0001"}},
		"a page":                 {complaint.Query{Limit: 2}, []string{"c0003", "c0002"}},
		"the next":               {complaint.Query{Limit: 2, After: "c0002"}, []string{"c0001"}},
		"a client":               {complaint.Query{Client: a.Client}, []string{"c0001"}},
		"a client's network":     {complaint.Query{Client: netip.MustParseAddr("2001:db8::2")}, []string{"c0002"}},
		"a sender":               {complaint.Query{Sender: "x@bulk.example"}, []string{"c0001"}},
		"a domain":               {complaint.Query{Domain: "bulk.example"}, []string{"c0002", "c0001"}},
		"a domain and a client":  {complaint.Query{Domain: "bulk.example", Client: a.Client}, []string{"c0001"}},
		"a reporter":             {complaint.Query{Reporter: "bob@example.org"}, []string{"c0002"}},
		"an account":             {complaint.Query{Account: "ann@example.org"}, []string{"c0003"}},
		"a message":              {complaint.Query{Message: "tx2"}, []string{"c0002"}},
		"a state":                {complaint.Query{State: complaint.StateCounts}, []string{"c0002", "c0001"}},
		"lately":                 {complaint.Query{Since: b.Time}, []string{"c0003", "c0002"}},
		"a sender that is not":   {complaint.Query{Sender: "z@bulk.example"}, nil},
		"a state and a reporter": {complaint.Query{State: complaint.StateCustomer, Reporter: "bob@example.org"}, nil},
	} {
		if tt.q.Limit == 0 {
			tt.q.Limit = 10
		}
		list, err := r.Find(t.Context(), tt.q)
		var got []string
		for _, c := range list {
			got = append(got, c.ID)
		}
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, %v; want %v", name, got, err, tt.want)
		}
	}
}

func complaintStandings(t *testing.T, r ComplaintRows) {
	for n, person := range []string{"a@x.example", "b@x.example", "c@x.example"} {
		r.judge(t, complaintOf(n, person, "192.0.2.7", mail.Path(fmt.Sprintf("s%d@bulk.example", n%2))))
	}
	got, err := r.Standing(t.Context(), complaint.Subject{Kind: complaint.OfClient, Name: "192.0.2.7"})
	if err != nil || got.Weight < 2.99 || got.Weight > 3 || got.People != 3 || got.Senders != 2 || !got.Last.Equal(complaintTime.Add(2*time.Minute)) || got.Accepted != -1 || !got.Looked.IsZero() {
		t.Errorf("the client: got %+v, %v", got, err)
	}
	got, err = r.Standing(t.Context(), complaint.Subject{Kind: complaint.OfSender, Name: "s0@bulk.example"})
	if err != nil || got.Weight < 1.99 || got.People != 2 || got.Senders != 1 {
		t.Errorf("a sender: got %+v, %v", got, err)
	}
	heaviest, err := r.Standings(t.Context(), "", 2.5, 10)
	if err != nil || len(heaviest) != 2 || heaviest[0].Kind != complaint.OfClient || heaviest[1].Name != "bulk.example" {
		t.Errorf("the heaviest: got %+v, %v", heaviest, err)
	}
	domains, err := r.Standings(t.Context(), complaint.OfDomain, 0, 10)
	if err != nil || len(domains) != 1 || domains[0].Name != "bulk.example" {
		t.Errorf("domains: got %+v, %v", domains, err)
	}
	if _, err := r.Standing(t.Context(), complaint.Subject{Kind: complaint.OfClient, Name: "192.0.2.8"}); !errors.Is(err, complaint.ErrNotFound) {
		t.Errorf("nobody: got %v", err)
	}
}

func complaintCopy(t *testing.T, r ComplaintRows) {
	a := complaintOf(1, "ann@example.org", "192.0.2.7", "x@bulk.example")
	b := complaintOf(2, "bob@example.org", "192.0.2.7", "x@bulk.example")
	b.Copy = a.Copy
	changed := r.judge(t, a, b)
	if got := r.found(t, b.ID); got.State != complaint.StateAgain || got.ClientWeight+got.SenderWeight != 0 || got.Note == b.Note {
		t.Errorf("got %+v", got)
	}
	if changed[0].People != 1 {
		t.Errorf("standings: got %+v", changed)
	}
}

func complaintPerson(t *testing.T, r ComplaintRows) {
	const who = "ann@example.org"
	first := complaintOf(1, who, "192.0.2.7", "x@bulk.example")
	same := complaintOf(2, who, "192.0.2.7", "x@bulk.example")
	otherSender := complaintOf(3, who, "192.0.2.7", "y@other.example")
	otherClient := complaintOf(4, who, "192.0.2.8", "y@other.example")
	nextDay := complaintOf(5, who, "192.0.2.7", "x@bulk.example")
	nextDay.Time = first.Time.Add(complaint.Once)
	r.judge(t, first, same, otherSender, otherClient)
	r.judge(t, nextDay)
	for _, c := range []struct {
		complaint.Complaint
		state          complaint.State
		client, sender float64
	}{
		{first, complaint.StateCounts, 1, 1}, {same, complaint.StateAgain, 0, 0}, {otherSender, complaint.StateCounts, 0, 1},
		{otherClient, complaint.StateCounts, 1, 0}, {nextDay, complaint.StateCounts, 1, 1},
	} {
		if got := r.found(t, c.ID); got.State != c.state || got.ClientWeight != c.client || got.SenderWeight != c.sender {
			t.Errorf("%s: got %s %g %g; want %s %g %g", c.ID, got.State, got.ClientWeight, got.SenderWeight, c.state, c.client, c.sender)
		}
	}
}

// complaintMany: whatever comes at the same moment, each copy counts once, and the sum is
// of all.
func complaintMany(t *testing.T, r ComplaintRows) {
	var wg sync.WaitGroup
	for n := range 16 {
		wg.Go(func() {
			c := complaintOf(n, fmt.Sprintf("u%d@example.org", n%8), "192.0.2.7", mail.Path(fmt.Sprintf("s%d@bulk.example", n%3)))
			c.Copy = fmt.Sprint("copy ", n%8)
			if _, err := r.Judge(t.Context(), complaint.Judgement{Complaints: []complaint.Complaint{c}}, weigher(complaintTime)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s, err := r.Standing(t.Context(), complaint.Subject{Kind: complaint.OfClient, Name: "192.0.2.7"})
	if err != nil || s.People != 8 || s.Weight < 7.99 || s.Weight > 8 {
		t.Errorf("got %+v, %v", s, err)
	}
}

func complaintWithdrawn(t *testing.T, r ComplaintRows) {
	for n, person := range []string{"a@x.example", "b@x.example", "c@x.example", "d@x.example"} {
		r.judge(t, complaintOf(n, person, "2001:db8::7", "x@bulk.example"))
	}
	when := complaintTime.Add(time.Hour)
	withdraw := func(name string, w complaint.Withdrawal, ids ...string) {
		t.Helper()
		w.Who, w.When = "olga", when
		list, changed, err := r.Withdraw(t.Context(), w, weigher(when))
		var got []string
		for _, c := range list {
			got = append(got, c.ID)
			if c.State != complaint.StateWithdrawn || c.EndedBy != "olga" || !reflect.DeepEqual(r.found(t, c.ID), c) {
				t.Errorf("%s: got %+v", name, c)
			}
		}
		if err != nil || !slices.Equal(got, ids) || (len(changed) == 3) != (len(ids) > 0) {
			t.Errorf("%s: got %v, %+v, %v; want %v", name, got, changed, err, ids)
		}
	}
	withdraw("one", complaint.Withdrawal{ID: "c0000"}, "c0000")
	withdraw("again", complaint.Withdrawal{ID: "c0000"})
	withdraw("another's word of a message", complaint.Withdrawal{Message: "tx1", Person: "a@x.example"})
	withdraw("a message", complaint.Withdrawal{Message: "tx1", Person: "b@x.example"}, "c0001")
	withdraw("nothing", complaint.Withdrawal{})
	withdraw("a client", complaint.Withdrawal{Subject: complaint.Subject{Kind: complaint.OfClient, Name: "2001:db8::/64"}}, "c0002", "c0003")
	s, err := r.Standing(t.Context(), complaint.Subject{Kind: complaint.OfSender, Name: "x@bulk.example"})
	if err != nil || s.Weight != 0 || s.People != 0 {
		t.Errorf("the sender: got %+v, %v", s, err)
	}
	again := complaintOf(9, "a@x.example", "2001:db8::7", "x@bulk.example")
	again.Copy = "tx0 a@x.example"
	r.judge(t, again)
	if got := r.found(t, again.ID); got.State != complaint.StateCounts || got.ClientWeight != 1 {
		t.Errorf("said again: got %+v", got)
	}
}

func complaintNotSpam(t *testing.T, r ComplaintRows) {
	c := complaintOf(1, "ann@example.org", "192.0.2.7", "x@bulk.example")
	r.judge(t, c)
	j := complaint.Judgement{
		Complaints: []complaint.Complaint{{ID: "not", Time: c.Time, State: complaint.StateOther, Reporter: "ann@example.org"}},
		Taken:      []complaint.Taken{{Copy: c.Copy, Person: c.Person}, {Copy: "", Person: c.Person}},
	}
	changed, err := r.Judge(t.Context(), j, weigher(c.Time))
	if err != nil || len(changed) != 3 || changed[0].Weight != 0 {
		t.Errorf("got %+v, %v", changed, err)
	}
	if got := r.found(t, c.ID); got.State != complaint.StateWithdrawn || got.EndedBy != "ann@example.org" {
		t.Errorf("got %+v", got)
	}
}

func complaintChanged(t *testing.T, r ComplaintRows) {
	mark := func() int64 {
		t.Helper()
		m, err := r.Changed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	marks := []int64{mark()}
	c := complaintOf(1, "ann@example.org", "192.0.2.7", "")
	r.judge(t, c)
	marks = append(marks, mark())
	client := complaint.ClientOf(c.Client)
	if err := r.SetAccepted(t.Context(), client, 7, c.Time); err != nil {
		t.Fatal(err)
	}
	marks = append(marks, mark())
	if _, _, err := r.Withdraw(t.Context(), complaint.Withdrawal{ID: c.ID, When: c.Time}, weigher(c.Time.Add(-time.Hour))); err != nil {
		t.Fatal(err)
	}
	marks = append(marks, mark(), mark())
	for i := 1; i < 4; i++ {
		if marks[i] <= marks[i-1] {
			t.Errorf("marks %v do not grow", marks)
		}
	}
	if marks[4] != marks[3] {
		t.Errorf("marks %v grow without a change", marks)
	}
	if s, err := r.Standing(t.Context(), client); err != nil || s.Accepted != 7 || !s.Looked.Equal(c.Time) {
		t.Errorf("got %+v, %v", s, err)
	}
}

func complaintAccepted(t *testing.T, r ComplaintRows) {
	for n, line := range []struct {
		client, sender, state, login string
	}{
		{"192.0.2.7", "x@bulk.example", "delivered", ""}, {"192.0.2.7", "x@bulk.example", "queued", ""}, {"192.0.2.70", "y@mail.bulk.example", "delivered", ""},
		{"192.0.2.7", "x@bulk.example", "held", ""}, {"192.0.2.7", "x@bulk.example", "delivered", "ann@example.org"},
		{"2001:db8::1", "z@notbulk.example", "delivered", ""}, {"2001:db8:1::1", "x@bulk_example", "delivered", ""},
	} {
		r.Journal(t, &journal.Row{
			ID: fmt.Sprint("j", n), Time: complaintTime.Add(time.Duration(n) * time.Second), Client: line.client, Sender: mail.Path(line.sender),
			Login: mail.Path(line.login), Lines: []journal.Line{{Recipient: "ann@example.org", State: line.state}},
		})
	}
	for name, c := range map[complaint.Subject]map[string]int{
		{Kind: complaint.OfClient, Name: "192.0.2.7"}:      {"192.0.2.7": 2},
		{Kind: complaint.OfClient, Name: "2001:db8::/64"}:  {"2001:db8::1": 1, "2001:db8:1::1": 1},
		{Kind: complaint.OfSender, Name: "q@bulk.example"}: {"x@bulk.example": 2},
		{Kind: complaint.OfDomain, Name: "bulk.example"}:   {"x@bulk.example": 2, "y@mail.bulk.example": 1},
	} {
		got, err := r.Accepted(t.Context(), name, complaintTime.Add(-time.Hour), complaintTime.Add(time.Hour))
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%v: got %v, %v; want %v", name, got, err, c)
		}
	}
	got, err := r.Accepted(t.Context(), complaint.Subject{Kind: complaint.OfDomain, Name: "bulk.example"}, complaintTime.Add(time.Second), complaintTime.Add(time.Hour))
	if err != nil || got["x@bulk.example"] != 1 {
		t.Errorf("lately: got %v, %v", got, err)
	}
}

// One person complains of a customer once a day, and anybody once of one copy.
func complaintCustomer(t *testing.T, r ComplaintRows) {
	for n, c := range []struct {
		person, copy string
		account      mail.Path
		later        time.Duration
		want         complaint.State
	}{
		{"zed@far.example", "tx1 zed", "bob@example.org", 0, complaint.StateCustomer},
		{"yan@far.example", "tx1 zed", "bob@example.org", 0, complaint.StateAgain},              // the same copy
		{"zed@far.example", "tx2 zed", "bob@example.org", 23 * time.Hour, complaint.StateAgain}, // the same person
		{"zed@far.example", "tx3 zed", "ann@example.org", 0, complaint.StateCustomer},
		{"yan@far.example", "tx2 yan", "bob@example.org", 0, complaint.StateCustomer},
		{"zed@far.example", "tx4 zed", "bob@example.org", 25 * time.Hour, complaint.StateCustomer},
		{"fbl", "", "", 0, complaint.StateCustomer}, // from a network of ours, of nobody known
		{"fbl", "", "", 0, complaint.StateCustomer},
	} {
		id := fmt.Sprintf("c%d", n)
		r.judge(t, complaint.Complaint{ID: id, Time: complaintTime.Add(c.later), State: complaint.StateCustomer, Account: c.account, Person: c.person, Copy: c.copy})
		if got := r.found(t, id); got.State != c.want || got.Account != c.account {
			t.Errorf("%s by %s: got %+v", c.copy, c.person, got)
		}
	}
	got, err := r.Totals(t.Context(), complaint.ByAccount, complaintTime, 10)
	if err != nil || len(got) != 2 || got[0].Name != "bob@example.org" || got[0].Count != 3 {
		t.Errorf("totals: got %+v, %v", got, err)
	}
}

func complaintTotals(t *testing.T, r ComplaintRows) {
	a, b := complaintOf(1, "ann@example.org", "192.0.2.7", ""), complaintOf(2, "ann@example.org", "192.0.2.8", "")
	c := complaint.Complaint{ID: "c3", Time: b.Time, State: complaint.StateCustomer, Account: "bob@example.org", Reporter: "zed@far.example"}
	r.judge(t, a, b, c)
	for by, want := range map[complaint.By][]complaint.Total{
		complaint.ByReporter: {{Name: "ann@example.org", Count: 2, Counting: 2, Last: b.Time}, {Name: "zed@far.example", Count: 1, Last: c.Time}},
		complaint.ByAccount:  {{Name: "bob@example.org", Count: 1, Last: c.Time}},
		complaint.ByState:    {{Name: "counts", Count: 2, Counting: 2, Last: b.Time}, {Name: "customer", Count: 1, Last: c.Time}},
	} {
		got, err := r.Totals(t.Context(), by, complaintTime, 10)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("by %s: got %+v, %v; want %+v", by, got, err, want)
		}
	}
	if got, err := r.Totals(t.Context(), complaint.ByReporter, b.Time, 1); err != nil || len(got) != 1 || got[0].Count != 1 {
		t.Errorf("lately, one: got %+v, %v", got, err)
	}
	if _, err := r.Totals(t.Context(), "subject", complaintTime, 1); err == nil {
		t.Error("by what it knows not")
	}
}

func complaintExpire(t *testing.T, r ComplaintRows) {
	old, young := complaintOf(1, "ann@example.org", "192.0.2.7", ""), complaintOf(2, "ann@example.org", "192.0.2.8", "")
	r.judge(t, old)
	r.judge(t, young)
	if err := r.Expire(t.Context(), young.Time); err != nil {
		t.Fatal(err)
	}
	list, err := r.Find(t.Context(), complaint.Query{Limit: 10})
	if err != nil || len(list) != 1 || list[0].ID != young.ID {
		t.Errorf("got %+v, %v", list, err)
	}
	if all, err := r.Standings(t.Context(), "", 0, 10); err != nil || len(all) != 1 || all[0].Name != "192.0.2.8" {
		t.Errorf("standings: got %+v, %v", all, err)
	}
}
