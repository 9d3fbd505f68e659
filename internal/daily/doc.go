// Package daily has what reports of a day's counts have in common, whatever they tell: DMARC's and TLS's. Counts
// of a domain's day (a Period) are rows until they are reported. A Reporter claims periods that are due, so that of several
// nodes one sends each; has them sent; removes what was sent, and tries the others again, at intervals that double, for a day.
//
//	type rows interface{ daily.Periods; … }
//	r := daily.Reporter{Name: "dmarc", Periods: rows, Send: send, Due: due, Log: log, Now: time.Now}
//	err := r.Run(ctx)
//
// A claim ends after an hour, whoever made it: a node that dies in the middle has its reports sent by the next that
// looks. So a report is sent once, or twice where a node dies between having sent it and removing its counts;
// its id is the same then. Counts that are not rows yet (KeepFlushing) a node that is killed forgets, a minute of them.
package daily
