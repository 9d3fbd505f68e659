package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/queue"
)

// A queueConfirm asks whether something is to be done to transfers.
type queueConfirm struct {
	Act     queue.Act
	Many    int
	More    bool // or more
	All     bool // that the search finds, from before Until on
	Rows    []queueRow
	Back    string
	Values  []formField
	Destroy bool // it can't be undone
}

// A queueDone is what was done to all that a search finds, so far.
type queueDone struct {
	Act    queue.Act
	Done   int
	Values []formField // to go on; none: it is over
	Back   string
}

// queueActs are what can be done on the page.
func queueActs() []queue.Act {
	return []queue.Act{queue.Retry, queue.Hold, queue.Release, queue.Delete, queue.Recall}
}

// removes reports whether an act can't be undone.
func removes(a queue.Act) bool { return a == queue.Delete || a == queue.Recall }

// formFields are the fields of a form that are sent unseen, sorted by name.
func formFields(v url.Values) (list []formField) {
	for name, values := range v {
		for _, value := range values {
			list = append(list, formField{name, value})
		}
	}
	slices.SortFunc(list, func(a, b formField) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// actOnQueue does something to the transfers that are ticked, or to all that a search finds.
func (s *Server) actOnQueue(w http.ResponseWriter, r *http.Request) error {
	form := r.PostForm
	f, act := readQueueSearch(form), queue.Act(form.Get("act"))
	if !slices.Contains(queueActs(), act) {
		return errForm
	}
	q, ok, err := s.queueQuery(r, &f)
	switch {
	case err != nil:
		return err
	case len(f.Wrong) > 0:
		return errForm
	case !ok: // the person has no domains
		return errNotFound
	case form.Get("all") == "yes":
		return s.actOnQueueAll(w, r, f, q, act)
	}
	ids, err := transferIDs(form["id"])
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return s.redirect(w, r, f.path(f.after), notice{"info", visitOf(r).T("held.bulk.none")})
	}
	q = queue.Query{Homes: q.Homes, Only: q.Only} // those that are ticked are meant, whatever they are by now
	if removes(act) && form.Get("confirm") != "yes" {
		return s.confirmTicked(w, r, f, q, act, ids)
	}
	n, err := s.Queue.Change(r.Context(), q, ids, act, visitOf(r).Person.Name)
	if err != nil {
		return err
	}
	back := f.path(f.after)
	if one := form.Get("one") == "yes"; one && !removes(act) {
		back = queueRow{QueueLine: QueueLine{Transfer: &queue.Transfer{ID: ids[0]}}}.Path()
	}
	return s.redirect(w, r, back, s.queueNotice(r, act, n))
}

// queueNotice says to how many something was done.
func (s *Server) queueNotice(r *http.Request, act queue.Act, n int) notice {
	kind, key := "good", "queue.done."+string(act)
	if n == 0 {
		kind = "info"
	}
	return notice{kind, visitOf(r).T(key, n)}
}

func transferIDs(texts []string) (ids []int64, err error) {
	if len(texts) > queuePage {
		return nil, errTooLarge
	}
	for _, text := range texts {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id < 1 {
			return nil, errForm
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// confirmTicked names those that are to be removed.
func (s *Server) confirmTicked(w http.ResponseWriter, r *http.Request, f queueSearch, q queue.Query, act queue.Act, ids []int64) error {
	v := f.values()
	v.Set("act", string(act))
	v.Set("confirm", "yes")
	if f.after > 0 {
		v.Set("after", strconv.FormatInt(f.after, 10))
	}
	page := queueConfirm{Act: act, Back: f.path(f.after), Destroy: true}
	q.Limit = 1
	for _, id := range ids {
		q.ID = id
		list, _, err := s.Queue.Look(r.Context(), q)
		if err != nil {
			return err
		}
		for _, l := range list {
			v.Add("id", strconv.FormatInt(id, 10))
			if page.Many++; len(page.Rows) < samples {
				page.Rows = append(page.Rows, shownTransfer(l))
			}
		}
	}
	if page.Many == 0 {
		return s.redirect(w, r, page.Back, s.queueNotice(r, act, 0))
	}
	page.Values = formFields(v)
	return s.page(w, r, http.StatusOK, "queue-confirm", page)
}

// actOnQueueAll does it to all that the search finds, and that was there when the confirmation was asked for.
func (s *Server) actOnQueueAll(w http.ResponseWriter, r *http.Request, f queueSearch, q queue.Query, act queue.Act) error {
	form, visit := r.PostForm, visitOf(r)
	v := f.values()
	v.Set("act", string(act))
	v.Set("all", "yes")
	v.Set("confirm", "yes")
	if form.Get("confirm") != "yes" {
		v.Set("until", strconv.FormatInt(visit.Now.UnixMicro(), 10))
		return s.confirmAllQueued(w, r, f, q, act, formFields(v))
	}
	until, err := strconv.ParseInt(form.Get("until"), 10, 64)
	if err != nil {
		return errForm
	}
	done, _ := strconv.Atoi(form.Get("done")) // what is none is the beginning
	q.Before = time.UnixMicro(until).UTC()
	ctx, cancel := context.WithTimeout(r.Context(), bulkTime)
	defer cancel()
	n, next, err := s.Queue.ChangeAll(ctx, q, act, visit.Person.Name)
	if err != nil {
		return err
	}
	page := queueDone{Act: act, Done: min(max(done, 0), 1<<30) + n, Back: f.path(0)}
	if next == 0 {
		return s.redirect(w, r, page.Back, s.queueNotice(r, act, page.Done))
	}
	v.Set("until", strconv.FormatInt(until, 10))
	v.Set("after", strconv.FormatInt(next, 10))
	v.Set("done", strconv.Itoa(page.Done))
	page.Values = formFields(v)
	return s.page(w, r, http.StatusOK, "queue-done", page)
}

// confirmAllQueued says how many they are, and shows the first of them.
func (s *Server) confirmAllQueued(w http.ResponseWriter, r *http.Request, f queueSearch, q queue.Query, act queue.Act, values []formField) error {
	q.After = 0
	n, more, err := s.Queue.Count(r.Context(), q, maxCount)
	if err != nil {
		return err
	}
	page := queueConfirm{Act: act, Many: n, More: more, All: true, Back: f.path(0), Values: values, Destroy: removes(act)}
	if n == 0 && !more {
		return s.redirect(w, r, page.Back, s.queueNotice(r, act, 0))
	}
	q.Limit = samples
	list, _, err := s.Queue.Look(r.Context(), q)
	for _, l := range list {
		page.Rows = append(page.Rows, shownTransfer(l))
	}
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, "queue-confirm", page)
}
