package app

import (
	"context"
	"errors"
	"fmt"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/journal"
)

func (a *App) journalOps(h control.Handlers) {
	control.On(h, a.searchJournal)
	control.On(h, a.showJournal)
}

func (a *App) searchJournal(ctx context.Context, q ops.JournalSearch) ([]ops.Record, error) {
	if err := a.journal.Flush(ctx); err != nil { // who asks now wants what was refused a moment ago
		return nil, err
	}
	query := journal.Query{
		ID: q.ID, Recipient: spelled(q.Recipient), Domain: spelledDomain(q.Domain), Sender: spelled(q.Sender), Login: spelled(q.Login), Client: q.Client, Helo: q.Helo,
		Subject: q.Subject, MessageID: bracketed(q.MessageID), Filter: q.Filter, State: q.State, From: q.Since, To: q.Until, Limit: q.Limit,
	}
	if q.After != "" {
		_, hits, err := a.journal.Show(ctx, q.After)
		if len(hits) == 0 {
			return nil, absent(err)
		}
		query.After = hits[len(hits)-1].Cursor()
	}
	hits, err := a.journal.Search(ctx, query)
	if n := len(hits); n > 0 && err == nil { // a transaction's rows stay together: After names it whole
		query.ID, query.After, query.Limit = hits[n-1].ID, hits[n-1].Cursor(), journal.MaxLimit
		var rest []journal.Hit
		rest, err = a.journal.Search(ctx, query)
		hits = append(hits, rest...)
	}
	list := []ops.Record{}
	for _, h := range hits {
		list = append(list, ops.Record{
			ID: h.ID, Recipient: string(h.Recipient), Sender: string(h.Sender), Login: string(h.Login), Subject: h.Subject, Client: h.Client, Helo: h.Helo,
			Filter: h.Entry, Reason: h.Reason, Score: h.Score, State: h.State, Size: h.Size, Time: h.Time,
		})
	}
	return list, err
}

func absent(err error) error {
	if errors.Is(err, journal.ErrNotFound) {
		return control.NotFound("%v", err)
	}
	return err
}

func (a *App) showJournal(ctx context.Context, q ops.JournalShow) (ops.RecordDetail, error) {
	if err := a.journal.Flush(ctx); err != nil {
		return ops.RecordDetail{}, err
	}
	r, _, err := a.journal.Show(ctx, q.ID)
	if err != nil {
		return ops.RecordDetail{}, absent(err)
	}
	tried, err := a.deliveries(ctx, r.ID)
	return ops.RecordDetail{
		ID: r.ID, Time: r.Time, Client: r.Client, Helo: r.Helo, Sender: string(r.ReversePath), Login: string(r.Login), Subject: r.Subject,
		Size: r.Size, Reply: r.Reply, Walks: walks(r), Deliveries: tried,
	}, err
}

// walks is a record's as commands print them.
func walks(r *journal.Record) []ops.Walk {
	list := []ops.Walk{}
	for _, w := range r.Walks {
		out := ops.Walk{
			Recipient: string(w.Recipient), Policy: w.Policy, Shadow: w.Shadow, Steps: []ops.Step{}, Score: w.Score,
			Action: w.Decision.Action, Entry: w.Decision.Entry, Result: w.Decision.Result, Reason: w.Decision.Reason, Outcome: w.Outcome,
		}
		for _, s := range w.Steps {
			step := ops.Step{
				Entry: s.Entry, Filter: s.Filter, Result: s.Result, Reason: s.Reason, Score: s.Score, Effect: s.Effect,
				Points: s.Points, Micros: s.Micros, Shadow: s.Shadow, Evidence: []ops.Evidence{},
			}
			for _, e := range s.Evidence {
				step.Evidence = append(step.Evidence, ops.Evidence(e))
			}
			out.Steps = append(out.Steps, step)
		}
		list = append(list, out)
	}
	return list
}

// checkStore reads everything and names what is damaged.
func (a *App) checkStore(ctx context.Context, _ ops.CheckStore) (ops.StoreReport, error) {
	r := ops.StoreReport{Damage: []string{}}
	report := func(format string, args ...any) { r.Damage = append(r.Damage, fmt.Sprintf(format, args...)) }
	if err := a.store.Check(ctx, report); err != nil {
		return r, err
	}
	if err := a.checkContent(ctx, &r, report); err != nil {
		return r, err
	}
	return r, a.checkEvidence(ctx, report)
}
