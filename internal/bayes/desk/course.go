package desk

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"gatepost/internal/bayes"
)

// A course is what one entry will have. The desk's bench has it already, and back takes it out; what mail is judged by has it
// when it is in the log.
type course struct {
	desk   *Desk
	model  *bayes.Model
	path   Path
	before Before
	entry  Entry
	deltas []bayes.Delta
	days   map[string]losses // the guard's, as they were
}

// A part of a course is what some lessons come to, until the guard has said whether they are learnt.
type part struct {
	entry  Entry // what is to be added to the course's
	taught []Taught
	counts map[[2]string]int
	delta  bayes.Delta
}

func (d *Desk) newCourse(b Before) *course {
	return &course{
		desk: d, model: d.bench, path: PathOf(b.Head.Rolls), before: b, days: maps.Clone(d.guard.days),
		entry: Entry{Seq: b.Head.Seq + 1, Node: d.c.Node, Time: d.c.Now()},
	}
}

// teach learns lessons. What the guard refuses as a whole is tried person by person, so that
// one can't have the lessons of others refused.
func (c *course) teach(jobs []*job) {
	forced, others := divide(jobs)
	if len(forced) > 0 {
		c.keep(forced, c.learn(forced))
		c.anew()
	}
	if len(others) == 0 {
		return
	}
	p := c.learn(others)
	if c.guarded(p) {
		c.keep(others, p)
		return
	}
	c.model.Merge(p.delta.Inverse())
	groups, stopped := byPerson(others), map[string]int{}
	for _, g := range groups {
		p := c.learn(g)
		domain := g[0].lesson.Domain
		if len(groups) > 1 && stopped[domain] < mostTrials && c.guarded(p) {
			c.keep(g, p)
			stopped[domain] = 0
			continue
		}
		if domain != "" {
			stopped[domain]++
		}
		c.model.Merge(p.delta.Inverse())
		c.refuse(g, p)
	}
}

// mostTrials is of how many persons of a domain one after the other lessons may be refused in a batch: those of the rest of
// it are refused without a trial, which takes a tenth of a second.
const mostTrials = 3

func divide(jobs []*job) (forced, others []*job) {
	for _, j := range jobs {
		if j.lesson.Force {
			forced = append(forced, j)
		} else {
			others = append(others, j)
		}
	}
	return forced, others
}

func byPerson(jobs []*job) (groups [][]*job) {
	at := map[string]int{}
	for _, j := range jobs {
		i, ok := at[j.lesson.Person]
		if !ok {
			i = len(groups)
			at[j.lesson.Person] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], j)
	}
	return groups
}

// learn has the model learn lessons, and takes what changed.
func (c *course) learn(jobs []*job) *part {
	p := &part{taught: make([]Taught, len(jobs)), counts: maps.Clone(c.before.Counts)}
	if p.counts == nil {
		p.counts = map[[2]string]int{}
	}
	for i, j := range jobs {
		p.taught[i] = c.lesson(p, j.lesson)
	}
	p.delta = c.model.Take()
	return p
}

// lesson learns one.
func (c *course) lesson(p *part, l Lesson) (t Taught) {
	sum := l.Features.Sum()
	l.Sum, l.Seq, l.State = sum[:], c.entry.Seq, Learnt
	old, again := c.said(p, l)
	if again {
		return Taught{Known: true}
	}
	if !l.Source.Firm() && c.over(p, l) {
		return Taught{Capped: true}
	}
	v := c.model.Judge(l.Features, l.Domain)
	t.Score, l.Score = v.Score, v.Score
	if v.Trained && c.records(p, l) {
		p.entry.Cells = append(p.entry.Cells, Cell{dayOf(c.entry.Time), l.Spam, cellOf(v.Score), 1})
	}
	if old != nil {
		t.Instead = c.undo(p, *old, l.Features, l.Person) == nil
		t.Kept = !t.Instead
	}
	if !l.Force && surplus(v, l.Spam) {
		l.State = Enough
	} else {
		step := l.teach(c.model)
		l.Step, _ = step.MarshalBinary() // it has no way to fail
	}
	t.State = l.State
	p.entry.Lessons = append(p.entry.Lessons, l)
	c.sample(p, l)
	return t
}

// said returns the lesson that a person gave before about a message and that is the opposite, or whether it is the same. A copy of a
// message, under another name, is the same.
func (c *course) said(p *part, l Lesson) (old *Lesson, again bool) {
	for i := range c.before.Lessons {
		o := &c.before.Lessons[i]
		if o.Person != l.Person || !c.path.stands(*o) || c.ended(p, o.ID) {
			continue
		}
		switch {
		case o.Spam == l.Spam && (o.Message == l.Message || bytes.Equal(o.Sum, l.Sum)):
			return nil, true
		case o.Spam != l.Spam && o.Message == l.Message:
			return o, false
		}
	}
	for _, list := range [][]Lesson{c.entry.Lessons, p.entry.Lessons} {
		for _, o := range list {
			if o.State != Refused && o.Person == l.Person && o.Spam == l.Spam && bytes.Equal(o.Sum, l.Sum) {
				return nil, true
			}
		}
	}
	return nil, false
}

func (c *course) ended(p *part, id int64) bool {
	is := func(e End) bool { return e.Lesson == id }
	return slices.ContainsFunc(c.entry.Ends, is) || slices.ContainsFunc(p.entry.Ends, is)
}

// over reports whether a lesson is one too many today, and counts it.
func (c *course) over(p *part, l Lesson) bool {
	limits := c.desk.c.Caps.limits(l)
	for _, limit := range limits {
		if limit.cap > 0 && p.counts[limit.key] >= limit.cap {
			return true
		}
	}
	for _, limit := range limits {
		p.counts[limit.key]++
	}
	return false
}

// Balance: where so many more were learnt of one kind, of that kind only what the model does not tell clearly is learnt.
const (
	surplusTimes = 3
	surplusMore  = 500
	clearly      = 3.75 // points from the border of 7.5
)

// surplus reports whether a lesson would only add to what there is far more of than of the opposite. So a flood
// of one campaign, whose copies the model soon knows, stops moving it.
func surplus(v bayes.Verdict, spam bool) bool {
	if spam {
		return v.Spam > surplusTimes*v.Ham+surplusMore && v.Score >= middle+clearly
	}
	return v.Ham > surplusTimes*v.Spam+surplusMore && v.Score <= middle-clearly
}

// middle is the score where spam is as likely as ham.
const middle = 7.5

// undo takes a lesson's step out of the model and ends it. Where the features are not those of then it is ended alone.
func (c *course) undo(p *part, l Lesson, f *bayes.Features, who string) error {
	p.entry.Ends = append(p.entry.Ends, End{l.ID, who})
	c.free(p, l)
	if l.State != Learnt {
		return nil
	}
	sum := f.Sum()
	if !bytes.Equal(sum[:], l.Sum) {
		return ErrChanged
	}
	var step bayes.Step
	if err := step.UnmarshalBinary(l.Step); err != nil {
		return err
	}
	c.model.Undo(f, l.Domain, step)
	return nil
}

// sample puts a lesson's message among what is known, if there is room for it and the model tells it.
func (c *course) sample(p *part, l Lesson) {
	if !c.desk.guard.wants(l) || isLost(c.model, l.Features, kindOf(l)) {
		return
	}
	b, err := l.Features.MarshalBinary()
	if err != nil || len(b) > maxSample {
		return
	}
	s := Sample{Slot: slotOf(l), Seq: c.entry.Seq, Message: l.Message, Person: l.Person, Domain: l.Domain, Features: b}
	if l.Source == Command {
		s.Person, s.Domain = "", ""
	}
	p.entry.Samples = append(p.entry.Samples, s)
}

// free takes the message of a lesson that ends out of what is known.
func (c *course) free(p *part, l Lesson) {
	first := kindOf(l) * sampleSlots
	for i, s := range c.desk.guard.slots[first:][:sampleSlots] {
		if s != nil && s.message == l.Message {
			p.entry.Samples = append(p.entry.Samples, Sample{Slot: first + i, Seq: c.entry.Seq})
		}
	}
}

// guarded reports whether what is known is left alone by what was learnt.
func (c *course) guarded(p *part) bool {
	g := &c.desk.guard
	// What has learnt one kind alone knows nothing that could be lost: all is that kind to it.
	if len(p.entry.Lessons) == 0 || !c.model.Judge(p.entry.Lessons[0].Features, "").Trained {
		return true
	}
	today := dayOf(c.entry.Time)
	if !g.settled(today) {
		if len(g.days) == 0 {
			c.begin(GuardDay{Day: today}, g.lost(c.model))
		}
		return true
	}
	after := g.lost(c.model)
	if !g.known {
		c.model.Merge(p.delta.Inverse())
		g.now, g.known = g.lost(c.model), true
		c.model.Merge(p.delta)
	}
	if _, begun := g.days[today]; !begun {
		c.begin(GuardDay{Day: today}, g.now)
	}
	if !g.bears(after) {
		return false
	}
	g.now = after
	return true
}

// begin has a day begin with what is lost.
func (c *course) begin(day GuardDay, n losses) {
	day.Ham, day.Spam = n[ham], n[spam]
	c.entry.Guard = &day
	c.desk.guard.begin(day)
}

// anew has the guard begin with what is lost now: an operator has decided that. It stands for yesterday where the guard judges
// already, so that it goes on to.
func (c *course) anew() {
	g := &c.desk.guard
	day := GuardDay{Day: dayOf(c.entry.Time), Anew: true}
	if len(g.days) == 0 {
		return
	}
	if g.settled(day.Day) {
		day.Day = dayOf(c.entry.Time.AddDate(0, 0, -1))
	}
	g.now, g.known, g.days = g.lost(c.model), true, nil
	c.begin(day, g.now)
}

// keep adds to the entry what lessons came to.
func (c *course) keep(jobs []*job, p *part) {
	for i, j := range jobs {
		j.taught = p.taught[i]
	}
	c.before.Counts = p.counts
	c.deltas = append(c.deltas, p.delta)
	c.entry.Lessons = append(c.entry.Lessons, p.entry.Lessons...)
	c.entry.Ends = append(c.entry.Ends, p.entry.Ends...)
	c.entry.Cells = append(c.entry.Cells, p.entry.Cells...)
	c.entry.Samples = append(c.entry.Samples, p.entry.Samples...)
}

// refuse keeps lessons that are not learnt, so that people see them and caps count them.
func (c *course) refuse(jobs []*job, p *part) {
	for i, j := range jobs {
		if j.taught = p.taught[i]; j.taught.State != "" {
			j.taught = Taught{State: Refused, Score: j.taught.Score}
		}
	}
	for _, l := range p.entry.Lessons {
		c.before.Counts[personKey(l)] = p.counts[personKey(l)]
		l.State, l.Step = Refused, nil
		c.entry.Lessons = append(c.entry.Lessons, l)
	}
}

// forget takes back what stands of what was said of a message. Where f is nil its features come of its content.
func (c *course) forget(ctx context.Context, message, person, who string, f *bayes.Features) (list []Lesson, err error) {
	p := &part{counts: c.before.Counts}
	for _, l := range c.before.Lessons {
		if l.Message != message || person != "" && l.Person != person || !c.path.stands(l) {
			continue
		}
		if l.State == Learnt && f == nil {
			if f, err = c.desk.features(ctx, message); err != nil {
				return nil, err
			}
		}
		if err := c.undo(p, l, f, who); err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	if len(list) == 0 {
		return nil, ErrNone
	}
	p.delta = c.model.Take()
	c.desk.guard.known = false
	c.keep(nil, p)
	return list, nil
}

// append writes the entry, and has mail judged by it; where that fails the model is what it was.
func (c *course) append(ctx context.Context) error {
	e := &c.entry
	if len(e.Lessons) == 0 && len(e.Ends) == 0 {
		return nil
	}
	var err error
	if e.Delta, err = pack(c.deltas); err == nil {
		err = c.desk.c.Rows.Append(ctx, *e)
	}
	if err != nil {
		c.back()
		return err
	}
	live := c.desk.model.Load()
	for _, delta := range c.deltas {
		live.Merge(delta)
	}
	c.desk.took(e)
	return nil
}

// back takes out of the model what the course has put into it, and gives the guard back its days: without them it would take the
// model for one on its first day, and let all through.
func (c *course) back() {
	c.deltas = append(c.deltas, c.model.Take()) // what it was at
	for _, d := range slices.Backward(c.deltas) {
		c.model.Merge(d.Inverse())
	}
	c.desk.guard.known, c.desk.guard.days = false, c.days
}

// took notes that an entry of this node's is in the log.
func (d *Desk) took(e *Entry) {
	d.seq = e.Seq
	d.added.Add(int64(len(e.Delta)))
	for _, s := range e.Samples {
		if err := d.guard.put(s); err != nil {
			d.c.Log.Warn("a sample of known ham is not kept", "message", s.Message, "error", err)
		}
	}
	refused := 0
	for _, l := range e.Lessons {
		if l.State == Refused {
			refused++
		}
	}
	d.mu.Lock()
	for _, c := range e.Cells {
		d.record.add(c)
	}
	if len(e.Cells) > 0 {
		d.reckon()
	}
	d.mu.Unlock()
	d.note(refused, e.Time)
}
