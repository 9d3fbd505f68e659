// Package complaint takes what people say against mail: reports in the abuse reporting
// format (ARF, RFC 5965) and forwarded originals that come to abuse@ and to the addresses
// of feedback loops, and what operators add. Out of them grows, for clients and for
// senders, a weight that ages; from a threshold on the filters ip-complaint and
// sender-complaint hold what they send.
//
// Anybody can write to abuse@, so nothing that a report says of a client or a sender is
// believed. A report may only point at a message that went through here, by the
// X-Gatepost-Id in it, and the journal says whose that was. It weighs where the reporter,
// who has logged in or is proven by SPF or DKIM, is its recipient or reads his
// mail; the people of one domain of ours are never enough to list anybody. The other source that weighs are feedback loops that the operator
// has named: they are believed, once DKIM or SPF proves that it is them. Everything else is
// kept as unverified: people see it, and it weighs nothing. So is what is reported about
// mail that our own customers have sent, which says something of them and nothing of
// clients outside.
//
//	report, ok := complaint.Parse(message)      // intake: in the commit that accepts the report
//	desk.Run(ctx)                               // judges what came, follows the rows
//	_, err = desk.Report(ctx, complaint.Spam{Message: id, Recipient: owner, Who: "ann"})
//	standing, ok := desk.Memory().Client(addr, now)
//
// The package knows no SQL, no journal and no directory: it declares what it asks of them.
package complaint
