// Package pack keeps packs, patterns and rules for the filters that come from files or from
// the web: it fetches them on a schedule, keeps versions of them under the data directory, and
// gives the filters the one that is in force.
//
//	k := pack.New(pack.Config{Dir: dir, Fetcher: web, Log: log, Now: time.Now})
//	err := k.Set([]pack.Source{{Name: "invoices", URL: "https://packs.example/invoices", Every: 6 * time.Hour}})
//	go k.Run(ctx)
//	p, err := k.Pack("invoices")
//
// A version that can't be read never takes the place of a good one. The last good one is
// there after a restart before anything is fetched. Who finds a version bad rolls back: the
// one before is in force then, and the bad one is not taken again, only another.
//
// Each node keeps its own packs: they are copies of what stands elsewhere.
package pack
