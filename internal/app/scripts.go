package app

import (
	"context"
	"log/slog"
	"time"

	"gatepost/filters"
	"gatepost/internal/blob"
	"gatepost/internal/mail"
	"gatepost/internal/trust"
	"gatepost/quarantine"
)

// scriptLessons learn in which scripts people here write and release mail, so that the filter
// script decides nothing for them: field note 10. They are looked at beside the work, one
// after the other; when too many come at once, some teach nothing.
type scriptLessons struct {
	trust *trust.Book
	blobs blob.Store
	log   *slog.Logger
	jobs  chan scriptLesson
}

type scriptLesson struct {
	scope trust.Scope
	blob  string
	how   trust.How
}

// Bounds of the lessons: how many wait, and how long one may take.
const (
	maxScriptLessons = 64
	scriptLessonTime = 10 * time.Second
)

func newScriptLessons(book *trust.Book, blobs blob.Store, log *slog.Logger) *scriptLessons {
	return &scriptLessons{trust: book, blobs: blobs, log: log, jobs: make(chan scriptLesson, maxScriptLessons)}
}

// note has a message looked at that somebody wrote or released. It does not wait.
func (l *scriptLessons) note(scope trust.Scope, content string, how trust.How) {
	select {
	case l.jobs <- scriptLesson{scope, content, how}:
	default:
	}
}

// released notes a held message that its owner wanted; what is dangerous teaches nothing.
func (l *scriptLessons) released(h quarantine.Held) {
	switch {
	case h.Guarded:
	case h.Box > 0:
		l.note(trust.ForMailbox(h.Box), h.Blob, trust.Release)
	default:
		l.note(trust.ForAddress(h.Recipient), h.Blob, trust.Release)
	}
}

// run looks at what was noted until ctx ends.
func (l *scriptLessons) run(ctx context.Context) {
	for {
		select {
		case job := <-l.jobs:
			if err := l.learn(ctx, job); err != nil && ctx.Err() == nil {
				l.log.Warn("scripts of a message not learnt", "blob", job.blob, "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (l *scriptLessons) learn(ctx context.Context, job scriptLesson) error {
	ctx, cancel := context.WithTimeout(ctx, scriptLessonTime)
	defer cancel()
	content, err := l.blobs.Open(ctx, blob.ID(job.blob))
	if err != nil {
		return err
	}
	defer content.Close()
	m := mail.NewSpooled(content, content.Size())
	for _, sender := range filters.Scripts(m) {
		if err := l.trust.Learn(ctx, trust.Key{Scope: job.scope, Sender: sender}, job.how); err != nil {
			return err
		}
	}
	return m.Err()
}
