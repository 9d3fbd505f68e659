// Package certificate has the certificates that this node shows, and chooses among them by the name that a
// client asks for (SNI, RFC 6066 §3).
//
// They come from three places: pairs of PEM files that an admin names; an authority, asked by ACME (package
// internal/acme), which keeps what it got in rows that all nodes share; and, where there is nothing else, this
// node itself, which signs one and keeps it in its data directory: mail servers encrypt opportunistically and
// rarely ask who signed (RFC 7435), and people get a warning that the documentation explains.
//
// The Keeper holds what is in force. Files are read again each minute; one that is broken is told, and what was
// read before stays. Rows are followed by their revision. A name is looked for exactly, then as a wildcard; who
// asks for a name that nothing is for, or for none, gets the node's own certificate. Of several for a name the
// first one counts that is in its time and that the client can read: files before what was issued.
//
// The package knows no SQL, no ACME, and not which protocol asks.
package certificate
