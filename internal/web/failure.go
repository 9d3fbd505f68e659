package web

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"gatepost/internal/mail"
)

// A failure is an error that the person is told, in a page with this status. Key is that
// of its text.
type failure struct {
	status int
	key    string
	after  time.Duration // when it is worth trying again; 0: unsaid
	cause  error
}

// Error says it to the log.
func (f failure) Error() string {
	if f.cause != nil {
		return f.cause.Error()
	}
	return fmt.Sprintf("%d %s", f.status, f.key)
}

// Unwrap returns the cause.
func (f failure) Unwrap() error { return f.cause }

// Failures that handlers return. Who may not see a thing is told that it is not there.
var (
	errNotFound  error = failure{status: http.StatusNotFound, key: "failure.404"}
	errForbidden error = failure{status: http.StatusForbidden, key: "failure.403"}
	errForm      error = failure{status: http.StatusBadRequest, key: "failure.400"}   // a form that no page of ours sends
	errOrigin    error = failure{status: http.StatusForbidden, key: "failure.origin"} // the browser says, or seems to say, that the form is another site's
	errStale     error = failure{status: http.StatusForbidden, key: "failure.stale"}  // the session's token is not that of the form
	errTooLarge  error = failure{status: http.StatusRequestEntityTooLarge, key: "failure.413"}
)

// tooMany says when it may be tried again.
func tooMany(after time.Duration) error {
	return failure{status: http.StatusTooManyRequests, key: "failure.429", after: after}
}

// awayAgain is when it is worth coming back to a node whose database is gone.
const awayAgain = 30 * time.Second

// asFailure gives any error a status.
func asFailure(err error) failure {
	var f failure
	var large *http.MaxBytesError
	var shut Shut
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &shut):
		return failure{status: http.StatusForbidden, key: shut.key()}
	case errors.As(err, &large):
		return failure{status: http.StatusRequestEntityTooLarge, key: "failure.413"}
	case errors.Is(err, mail.ErrAway):
		return failure{status: http.StatusServiceUnavailable, key: "failure.away", after: awayAgain, cause: err}
	}
	return failure{status: http.StatusInternalServerError, key: "failure.500", cause: err}
}

type failurePage struct {
	Status int
	Key    string
	ID     string
	After  time.Duration
}

// Minutes rounds up.
func (f failurePage) Minutes() int { return int(math.Ceil(f.After.Minutes())) }

// failed shows an error as a page. What is our fault is in the log, under the number
// that the page shows.
func (s *Server) failed(w *answer, r *http.Request, err error) {
	f, v := asFailure(err), visitOf(r)
	if f.status >= http.StatusInternalServerError && f.status != http.StatusServiceUnavailable {
		s.Log.Error("page failed", "id", v.ID, "method", r.Method, "route", v.route.pattern, "error", err)
	}
	if w.status != 0 {
		panic(http.ErrAbortHandler) // too late for a page: the line is cut, so that nobody takes a part of a file for all of it
	}
	if f.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.after.Seconds()))))
	}
	data := failurePage{f.status, f.key, v.ID, f.after}
	if err := s.page(w, r, f.status, "failure", data); err != nil {
		s.Log.Error("page of a failure failed", "id", v.ID, "error", err)
		http.Error(w, http.StatusText(f.status), f.status)
	}
}
