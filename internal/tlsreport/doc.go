// Package tlsreport tells other domains how securely our mail reached them (RFC 8460,
// SMTP TLS Reporting): a domain that publishes where it wants to know learns the day
// after how many connections to its servers were secure as its DANE or MTA-STS policy
// asks, and why others were not. Often that is the first that it hears of a
// certificate that ran out.
//
// A Tally counts sessions by day (UTC), domain and policy. It counts in memory and
// adds to its Rows every minute, so that a crash costs a minute of counts and a
// restart none. A Reporter makes a report (JSON) of each domain's day that is over,
// and hands it to those who carry it: by POST to https: addresses, as a message to mailto:
// ones where there are no others. What nobody takes is tried for a day. Reports leave
// spread over the hours after midnight, at a moment that domain and day decide. Who claims
// a domain's day has it for an hour, so that one report leaves, however many nodes share
// the rows.
//
// All that a stranger can make long is bounded: domains a day, policies and failures
// of one, texts.
package tlsreport
