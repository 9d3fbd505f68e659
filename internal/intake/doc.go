// Package intake accepts responsibility for mail. It stands between the edge,
// which speaks SMTP, and everything that keeps mail: it resolves recipients,
// walks the gate and the policies, settles on one answer, and, before that answer
// is 250, has the content and one commit with all that follows from it on disk.
//
// It makes no reply and decides nothing itself: the verdict comes from the walks,
// its words from smtpd. Between a crash and a 250 there is this order and no
// other: content durable, evidence durable, one commit, then 250. Whatever fails
// before the commit leaves the message with the client.
package intake
