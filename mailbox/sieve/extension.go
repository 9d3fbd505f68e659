package sieve

// Extensions are the capabilities that a script may require, in the order of the alphabet, as
// ManageSieve tells them (RFC 5804 §1.7).
func Extensions() []string { return extensions() }

func extensions() []string {
	return []string{
		"body",                       // RFC 5173
		"comparator-i;ascii-casemap", // RFC 5228 §2.7.3
		"comparator-i;ascii-numeric", // RFC 4790 §9.1
		"comparator-i;octet",
		"copy",              // RFC 3894
		"date",              // RFC 5260
		"duplicate",         // RFC 7352
		"editheader",        // RFC 5293
		"encoded-character", // RFC 5228 §2.4.2.4
		"envelope",          // RFC 5228 §5.4
		"environment",       // RFC 5183
		"ereject",           // RFC 5429
		"fileinto",          // RFC 5228 §4.1
		"ihave",             // RFC 5463
		"imap4flags",        // RFC 5232
		"include",           // RFC 6609
		"index",             // RFC 5260
		"mailbox",           // RFC 5490
		"regex",             // draft-ietf-sieve-regex
		"reject",            // RFC 5429
		"relational",        // RFC 5231
		"spamtest",          // RFC 5235
		"spamtestplus",
		"special-use",      // RFC 8579
		"subaddress",       // RFC 5233
		"vacation",         // RFC 5230
		"vacation-seconds", // RFC 6131
		"variables",        // RFC 5229
		"virustest",        // RFC 5235
	}
}

// implied says which capabilities come with another one.
func implied() map[string][]string {
	return map[string][]string{
		"spamtestplus":     {"spamtest"},
		"vacation-seconds": {"vacation"}, // RFC 6131 §2
	}
}
