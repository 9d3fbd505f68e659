package main

import (
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func dkimHandlers(h control.Handlers) {
	key := func(selector, kind, state, problem string) ops.DKIMKey {
		return ops.DKIMKey{
			Domain: "example.org", Selector: selector, Kind: kind, State: state, Made: at(0), Since: at(1), Problem: problem,
			Name: selector + "._domainkey.example.org.", Record: "v=DKIM1; p=AAAA", Data: `"v=DKIM1; p=" "AAAA"`,
		}
	}
	list := []ops.DKIMKey{key("rsa-20251126", "rsa", "active", "there is no record"), key("rsa-20261126", "rsa", "waiting", "")}
	control.On(h, answer[ops.DKIMList](list))
	control.On(h, answer[ops.DKIMCheck](list))
	control.On(h, answer[ops.DKIMNew](list))
	control.On(h, answer[ops.DKIMRotate](list))
	control.On(h, answer[ops.DKIMDrop]([]ops.DKIMKey{}))
}
