package app

import (
	"context"

	"gatepost/internal/control/ops"
	"gatepost/internal/store"
)

func (a *App) auditList(ctx context.Context, q ops.AuditList) ([]ops.AuditNote, error) {
	notes, err := a.store.Audit().Notes(ctx, store.NoteQuery{Who: q.Who, Whom: q.Whom, Before: q.After, Limit: q.Limit})
	list := []ops.AuditNote{}
	for _, n := range notes {
		list = append(list, ops.AuditNote{ID: n.ID, Time: n.Time, Who: n.Who, What: n.What, Whom: n.Whom, About: n.About})
	}
	return list, err
}
