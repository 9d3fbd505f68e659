// Package mtasts knows the MTA Strict Transport Security policies of domains (RFC
// 8461): that mail for a domain is given only to servers that the policy names, over
// TLS with a certificate that is good for the server's name.
//
// A domain announces its policy by a TXT record at _mta-sts.<domain>, whose id changes
// with the policy, and serves the policy over HTTPS. A Cache fetches policies, keeps
// each for as long as it asks for (max_age), fetches it anew before that ends, and
// whenever the id changes. Neither a record that is gone nor a fetch that fails takes
// a policy away that was kept: otherwise who stands between could switch it off (RFC
// 8461 §10.2). For the same reason kept policies are rows, and outlive a restart.
//
// What a policy means for a connection is the business of package relay, which
// brings the HTTPS client too.
package mtasts
