// Package dmarc says whether the author of a message is authenticated, and what the
// domain of an author who is not asks for (DMARC: RFC 9989, which replaces RFC 7489); and it
// tells domains, once a day, what came in their name (RFC 9990).
//
// Evaluate is given the author's domain and the domains that SPF and DKIM proved, and asks
// the DNS by a Walker: a domain's record, where it has none that of its organisation, which
// a walk up the tree finds with eight questions at most, whatever the name. There is no list of
// public suffixes. Records of RFC 7489 are read as well; their pct, rf and ri count for
// nothing.
//
// A Tally counts live messages by day and domain, in memory of a fixed size, and adds to Rows
// that nodes share; a Reporter sends each domain that asks for it a report of its day. Read
// reads the reports of others, of which nothing is believed but what they say of the domains
// that are ours.
package dmarc
