package ops

// A Route is where mail for an address goes, and why.
type Route struct {
	Address string      `json:"address"`
	Domain  string      `json:"domain"` // whose policy holds; "" where it is not ours
	Taken   bool        `json:"taken"`  // as far as the directory can tell
	Reason  string      `json:"reason"` // why not
	Lookup  string      `json:"lookup"` // that has the last word whether the address exists; "": none
	Steps   []RouteStep `json:"steps"`
}

// A RouteStep is one address on the way; what is deeper is what it leads to.
type RouteStep struct {
	Depth   int    `json:"depth"`
	Address string `json:"address"`
	Is      string `json:"is"`  // mailbox, alias, forward, distribution, remote, catch-all, role, again, nobody, srs
	Why     string `json:"why"` // in words
}

// RouteShow asks where mail goes. Result: Route.
type RouteShow struct {
	Address string  `json:"address"`
	From    *string `json:"from,omitempty"` // the reverse-path ("": null): may it post to the lists on the way?
}

// Op names the operation.
func (RouteShow) Op() string { return "route.show" }
