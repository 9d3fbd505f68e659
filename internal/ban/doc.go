// Package ban keeps clients out for a while who harmed the node: who wrote to a trap,
// harvested addresses, broke the protocol, guessed passwords, or whom an admin banned.
//
// What is banned is an address; of IPv6 the /64, which one party has. A ban has a cause,
// an end, and a place on a ladder: who is banned again within the memory's time is banned
// for longer. An admin may ban a whole network.
//
// The store's rows are the truth, and nodes share them. A Bans follows them by their
// revision, each second, and answers Find from memory: that is asked at each connection,
// takes no lock and waits for nothing. A ban counts on the node that imposed it at once,
// and on others when they have read its row. Rows are written in batches: a client is
// banned in one commit with all who were banned in the same second.
//
// Some are never banned (Config.Never): who relays for us, who is allowed, this machine.
// That is asked when a ban is imposed, and again when it is looked up, since lists change;
// and what has become forbidden is lifted at start.
//
// All is bounded. When there are more bans than Config.Most the ones that end first give
// way, and an admin's last; so a flood of bad clients costs the bans of the flood a part
// of their time, and nothing else. Times are the store's: nodes whose clocks differ
// agree about when a ban ends.
//
// The package knows nothing of SMTP, HTTP, SQL, or of what is answered to who is banned,
// but for the sentence that says so (Bans.Notice).
package ban
