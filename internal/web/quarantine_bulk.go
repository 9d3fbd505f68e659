package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"gatepost/quarantine"
)

// Bounds of acts on many messages.
const (
	maxTicked = 1000             // messages that a form names
	bulkTime  = 20 * time.Second // of one request; then a button goes on
	maxCount  = 10_000           // beyond which is "more than"
	samples   = 5                // subjects that a confirmation names
)

// A heldBulk is what became of many messages.
type heldBulk struct {
	Act                   string
	Done, Skipped, Failed int
	Failures              []heldFailure
	Back                  string
	Confirm               *heldConfirm // sent again, the rest is done; nil: there is none
}

// A heldFailure is why nothing was done to one.
type heldFailure struct {
	ID, Subject, Why string
}

// actOnMany does something to the messages that are ticked, or to all that a search finds.
func (s *Server) actOnMany(w http.ResponseWriter, r *http.Request) error {
	form := r.PostForm
	f := readSearch(form)
	act := s.readAct(r, form.Get("act"))
	_, entry, ok := needs(act.What)
	if !ok || act.What == heldAsk {
		return errForm
	}
	if err := visitOf(r).open(pageOf(entry)); err != nil {
		return err
	}
	all := form.Get("all") == "yes"
	if all {
		return s.actOnAll(w, r, &f, act)
	}
	ids := slices.Compact(slices.Sorted(slices.Values(form["id"])))
	switch {
	case len(ids) == 0:
		return s.redirect(w, r, f.path(f.after, f.trail), notice{"info", visitOf(r).T("held.bulk.none")})
	case len(ids) > maxTicked:
		return errTooLarge
	}
	if form.Get("confirm") != "yes" && (act.What == heldDelete || act.What == heldBlock) {
		c := heldConfirm{Act: act.What, Many: len(ids), IDs: ids, Fields: f.Fields(), After: f.after}
		for _, id := range ids[:min(len(ids), samples)] {
			if h, err := s.heldByID(r, id); err == nil {
				c.Samples = append(c.Samples, s.heldRow(visitOf(r), h))
			}
		}
		return s.page(w, r, http.StatusOK, "held-confirm", c)
	}
	return s.page(w, r, http.StatusOK, "held-bulk", s.bulkTicked(r, f, act, ids))
}

// heldByID is one of those that a form names, if it is the person's.
func (s *Server) heldByID(r *http.Request, id string) (quarantine.Held, error) {
	h, err := s.Held.Show(r.Context(), id)
	if err == nil && s.allow(r, s.objectOf(h)) != nil {
		return quarantine.Held{}, quarantine.ErrUnknown
	}
	return h, err
}

// bulkTicked does it to those that are named. What time does not allow stays to be done.
func (s *Server) bulkTicked(r *http.Request, f search, act HeldAct, ids []string) heldBulk {
	ctx, cancel := context.WithTimeout(r.Context(), bulkTime)
	defer cancel()
	b, do := s.before(r, f, act), s.actOn(r, act)
	for i, id := range ids {
		if ctx.Err() != nil {
			b.Confirm = &heldConfirm{Act: act.What, IDs: ids[i:], Many: len(ids) - i, Fields: f.Fields(), Before: b}
			return b
		}
		h, err := s.heldByID(r, id)
		if err == nil {
			err = do(ctx, h)
		}
		switch {
		case err == nil:
			b.Done++
		case errors.Is(err, quarantine.ErrNotHeld), errors.Is(err, quarantine.ErrUnknown):
			b.Skipped++
		default:
			b.fail(s, r, id, h.Subject, err)
		}
	}
	return b
}

func (b *heldBulk) fail(s *Server, r *http.Request, id, subject string, err error) {
	b.Failed++
	if len(b.Failures) < quarantine.MaxFailures {
		b.Failures = append(b.Failures, heldFailure{id, subject, s.why(r, id, err)})
	}
}

// before is what earlier requests of the same act did.
func (s *Server) before(r *http.Request, f search, act HeldAct) heldBulk {
	n := func(name string) int {
		n, _ := strconv.Atoi(r.PostForm.Get(name))
		return min(max(n, 0), 1<<30)
	}
	return heldBulk{Act: act.What, Done: n("done"), Skipped: n("skipped"), Failed: n("failed"), Back: f.path(f.after, f.trail)}
}

// actOnAll does it to all that the search finds, from when the confirmation was asked
// for: what came later is not meant.
func (s *Server) actOnAll(w http.ResponseWriter, r *http.Request, f *search, act HeldAct) error {
	v := visitOf(r)
	after := f.after
	f.after, f.trail = "", nil
	f.State = string(quarantine.StateHeld)
	q, ok := s.findable(r, f.query(v.Zone, s.Now()))
	if !ok || len(f.Wrong) > 0 {
		return errForm
	}
	until, confirmed := v.Now, r.PostForm.Get("confirm") == "yes"
	if micros, err := strconv.ParseInt(r.PostForm.Get("until"), 10, 64); err == nil && confirmed {
		until = time.UnixMicro(micros).UTC()
	}
	if q.Until.IsZero() || q.Until.After(until) {
		q.Until = until
	}
	if !confirmed {
		return s.confirmAll(w, r, *f, q, act, until)
	}
	if c, ok := readCursor(after); ok {
		q.After = c
	}
	b, err := s.bulkAll(r, *f, q, act)
	if err != nil {
		return err
	}
	if b.Confirm != nil {
		b.Confirm.Until = until.UnixMicro()
	}
	return s.page(w, r, http.StatusOK, "held-bulk", b)
}

// confirmAll shows how many they are, and some of them.
func (s *Server) confirmAll(w http.ResponseWriter, r *http.Request, f search, q quarantine.Query, act HeldAct, until time.Time) error {
	n, more, err := s.Held.Count(r.Context(), q, maxCount)
	if err != nil {
		return err
	}
	if n == 0 && !more {
		return s.redirect(w, r, f.path("", nil), notice{"info", visitOf(r).T("held.bulk.nothing")})
	}
	c := heldConfirm{Act: act.What, Many: n, More: more, All: true, Fields: f.Fields(), Until: until.UnixMicro()}
	q.Limit = samples
	page, err := s.Held.Find(r.Context(), q)
	if err != nil {
		return err
	}
	for _, h := range page.Rows {
		c.Samples = append(c.Samples, s.heldRow(visitOf(r), h))
	}
	return s.page(w, r, http.StatusOK, "held-confirm", c)
}

func (s *Server) bulkAll(r *http.Request, f search, q quarantine.Query, act HeldAct) (heldBulk, error) {
	ctx, cancel := context.WithTimeout(r.Context(), bulkTime)
	defer cancel()
	b := s.before(r, f, act)
	done, err := s.Held.Bulk(ctx, q, 0, s.actOn(r, act))
	if err != nil {
		return b, err
	}
	b.Done += done.Done
	b.Skipped += done.Skipped
	failed := b.Failed + done.Failed
	for _, e := range done.Failures {
		subject := ""
		if h, err := s.heldByID(r, e.ID); err == nil {
			subject = h.Subject
		}
		b.fail(s, r, e.ID, subject, e.Err)
	}
	b.Failed = failed
	if done.More {
		b.Confirm = &heldConfirm{Act: act.What, All: true, Fields: f.Fields(), After: cursorText(done.Next), Before: b}
	}
	return b, nil
}

// Values are the hidden fields with which a confirmation, or a going on, is sent.
func (c heldConfirm) Values() (list []formField) {
	list = append(list, c.Fields...)
	add := func(name, value string) { list = append(list, formField{name, value}) }
	add("act", c.Act)
	add("confirm", "yes")
	for _, id := range c.IDs {
		add("id", id)
	}
	if c.All {
		add("all", "yes")
		add("until", strconv.FormatInt(c.Until, 10))
	}
	if c.After != "" {
		add("after", c.After)
	}
	for name, n := range map[string]int{"done": c.Before.Done, "skipped": c.Before.Skipped, "failed": c.Before.Failed} {
		if n > 0 {
			add(name, strconv.Itoa(n))
		}
	}
	return list
}

// Back is the address of the list from which the person came.
func (c heldConfirm) Back() string {
	v := url.Values{}
	for _, f := range c.Fields {
		v.Set(f.Name, f.Value)
	}
	if len(v) == 0 {
		return "/quarantine"
	}
	return "/quarantine?" + v.Encode()
}
