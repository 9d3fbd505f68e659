// Package relay takes messages to their next hop over SMTP (RFC 5321) or LMTP (RFC
// 2033): it finds the servers of a destination, in the order in which they are to
// be tried, connects, secures the connection as the destination's policy asks, and
// tells of each recipient what the server said. It implements queue.Carrier; when
// and how often something is tried is the queue's business.
//
// An attempt goes through the addresses of a destination until each recipient has a
// final answer or no address is left. A connection that served is kept for a
// moment: the next message to the same server goes over it.
//
// All that a server says is hostile until it is read: replies are bounded, and
// their texts hold no control characters when they leave this package.
package relay
