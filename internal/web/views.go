package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"gatepost/internal/access"
)

// Bounds of what shows the content of held messages: memory is taken while a message is
// made into a page, and while that waits for a reader whose line is slow.
const (
	madeAtOnce  = 3                // pages being made, of all persons
	shownAtOnce = 24               // the same, and those not written yet
	shownToOne  = 2                // of those, to one person
	viewWait    = 15 * time.Second // for a turn
	viewAgain   = 10 * time.Second // when to try once more, who had none
)

// views lets pages of content be made and written in turns. Each person has few of them,
// so that nobody takes all.
type views struct {
	persons     turns
	shown, made chan struct{}
}

func newViews() *views {
	return &views{persons: turns{room: shownToOne}, shown: make(chan struct{}, shownAtOnce), made: make(chan struct{}, madeAtOnce)}
}

// show waits for a turn to make a page, and writes it when it is made. It fails with a
// failure that says when to come back where there is no turn.
func (v *views) show(ctx context.Context, p access.Person, page func() error, write func() error) error {
	wait, cancel := context.WithTimeout(ctx, viewWait)
	defer cancel()
	done, err := v.persons.take(wait, turnOf(p))
	if err != nil {
		return errBusy(err)
	}
	defer done()
	if err := enter(wait, v.shown); err != nil {
		return err
	}
	defer func() { <-v.shown }()
	if err := v.make(wait, page); err != nil {
		return err
	}
	return write()
}

func (v *views) make(wait context.Context, page func() error) error {
	if err := enter(wait, v.made); err != nil {
		return err
	}
	defer func() { <-v.made }()
	return page()
}

// enter waits for room.
func enter(ctx context.Context, room chan struct{}) error {
	select {
	case room <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errBusy(ctx.Err())
	}
}

// turnOf is what a person's turns are called.
func turnOf(p access.Person) string { return fmt.Sprint(p.Kind, " ", p.ID) }

// errBusy says that others are being served, and when to come back.
func errBusy(cause error) error {
	return failure{status: http.StatusServiceUnavailable, key: "failure.503", after: viewAgain, cause: cause}
}

// A line takes what is long at its own pace: what stands still for pieceTime is cut off,
// however long all of it takes. A reader gets no less than half a kilobyte a second.
const (
	pieceSize = 32 << 10
	pieceTime = time.Minute
)

// paced writes an answer piece by piece.
type paced struct {
	to   io.Writer
	line *http.ResponseController
}

func newPaced(w http.ResponseWriter) paced { return paced{w, http.NewResponseController(w)} }

// Write gives each piece time of its own.
func (p paced) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		var m int
		_ = p.line.SetWriteDeadline(time.Now().Add(pieceTime)) // what has none is no line
		m, err = p.to.Write(b[:min(len(b), pieceSize)])
		n, b = n+m, b[m:]
	}
	return n, err
}
