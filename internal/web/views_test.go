package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/directory"
	"gatepost/test/bubble"
)

// However many look at mail, few pages are made, and few of one person wait in memory for
// their reader; who has no turn is told when to come back.
func TestViewsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newViews()
		read := make(chan struct{})
		var makes, most, waiting, shown, busy atomic.Int64
		look := func(box int64) {
			err := v.show(t.Context(), access.Person{Kind: access.KindMailbox, ID: box}, func() error {
				most.Store(max(most.Load(), makes.Add(1)))
				time.Sleep(time.Second)
				makes.Add(-1)
				return nil
			}, func() error {
				waiting.Add(1)
				<-read
				waiting.Add(-1)
				shown.Add(1)
				return nil
			})
			var f failure
			if errors.As(err, &f) && f.status == http.StatusServiceUnavailable && f.after > 0 {
				busy.Add(1)
			}
		}
		for range 40 {
			go look(7)
		}
		bubble.Sleep(10 * time.Second)
		if most.Load() > shownToOne || waiting.Load() != shownToOne {
			t.Errorf("one person: %d made at once, %d wait to be read", most.Load(), waiting.Load())
		}
		for box := range int64(100) {
			go look(100 + box)
		}
		bubble.Sleep(viewWait)
		if most.Load() != madeAtOnce || waiting.Load() != shownAtOnce {
			t.Errorf("many: %d made at once, %d wait to be read", most.Load(), waiting.Load())
		}
		close(read)
		synctest.Wait()
		if shown.Load() != shownAtOnce || busy.Load() != 140-shownAtOnce || len(v.persons.busy)+len(v.shown)+len(v.made) > 0 {
			t.Errorf("%d were shown, %d told to come back; left are %d persons, %d, %d", shown.Load(), busy.Load(), len(v.persons.busy), len(v.shown), len(v.made))
		}
	})
}

// A slowLine is an answer's other end. It notes until when each piece may be written.
type slowLine struct {
	*httptest.ResponseRecorder
	until   []time.Time
	largest int
	gone    bool
}

// SetWriteDeadline is what http.ResponseController looks for.
func (l *slowLine) SetWriteDeadline(t time.Time) error {
	l.until = append(l.until, t)
	return nil
}

// Write takes a piece.
func (l *slowLine) Write(b []byte) (int, error) {
	if l.gone {
		return 0, io.ErrClosedPipe
	}
	time.Sleep(50 * time.Second)
	l.largest = max(l.largest, len(b))
	return l.ResponseRecorder.Write(b)
}

// What is long is written as long as the line moves.
func TestPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := &slowLine{ResponseRecorder: httptest.NewRecorder()}
		n, err := newPaced(&answer{ResponseWriter: line}).Write(make([]byte, 3*pieceSize+1))
		if n != 3*pieceSize+1 || err != nil || line.Body.Len() != n || len(line.until) != 4 || line.largest != pieceSize {
			t.Errorf("%d octets, %v, in %d pieces of %d at most", n, err, len(line.until), line.largest)
		}
		if took := line.until[3].Sub(line.until[0]); took != 150*time.Second {
			t.Errorf("the deadline moved by %v", took)
		}
		line.gone = true
		if n, err := newPaced(line).Write([]byte("x")); n != 0 || err == nil {
			t.Errorf("to nobody: %d, %v", n, err)
		}
	})
}

// longList is a list that takes longer to read than a request may take.
type longList struct{ lists }

// lists has the methods that nobody asks here.
type lists interface{ Entries }

// ExportEntries implements Entries.
func (longList) ExportEntries(ctx context.Context, _ directory.EntryQuery, w io.Writer) error {
	for range 10 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if _, err := io.WriteString(w, strings.Repeat("x", 4<<10)); err != nil {
			return err
		}
	}
	return nil
}

func TestExportTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Config{Key: make([]byte, 32), Sessions: asPersons{}, Entries: longList{}, Log: quiet(), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		line := &slowLine{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/lists.csv", nil)
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: "owner"})
		start := time.Now()
		s.handler.ServeHTTP(line, r)
		if line.Code != http.StatusOK || line.Body.Len() != 40<<10 || time.Since(start) < 5*time.Minute {
			t.Errorf("%d, %d octets in %v", line.Code, line.Body.Len(), time.Since(start))
		}
	})
}
