// Package control is how commands reach the process that owns a data directory,
// and how a process comes to own one.
//
// Claim takes the directory's lock; whoever holds it may open the store and Serve
// the socket there. A command first Dials: where somebody serves, that process
// does the work, by the same Handler that the command would use itself after a
// Claim of its own.
//
// One connection carries one request and one response, each a JSON object behind
// its length in four bytes, most significant first:
//
//	{"op": "domain.add", "params": {"name": "example.org"}}
//	{"result": {…}}  or  {"error": {"kind": "misused", "text": "…"}}
//
// Who may open the socket may do everything: it is of mode 0600. A client that
// hangs up cancels its request. Package ops has the requests and results.
package control
