// Package ops has the requests that commands make of a node and the results they
// get: plain values, written as JSON through the control socket and, for results,
// by --json. They are an interface to scripts: fields are added, not renamed.
//
// A request type knows the name of its operation. A field that is a pointer is
// left as it is where nil. Times are RFC 3339 in UTC, results that list things
// are never null.
package ops

// Nothing is the result of what only succeeds.
type Nothing struct{}

// A Page asks for a part of a long list.
type Page struct {
	Limit int    `json:"limit,omitempty"` // at most so many; 0 is the node's choice
	After string `json:"after,omitempty"` // the id of the last one of the page before
}
