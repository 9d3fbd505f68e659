package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) domainDKIM() *cobra.Command {
	return &cobra.Command{
		Use:   "dkim NAME [list|check|new|rotate|drop SELECTOR]",
		Short: "The keys with which a domain's mail is signed",
		Long: `Lists and changes the keys with which mail of a domain is signed (DKIM), and what it sends
on is sealed (ARC). NAME is a domain, another name of one, or this node's own name.

    new     makes a key of each kind, RSA and Ed25519, and shows the lines for the DNS
    rotate  makes new ones, which take over when their lines are in the DNS
    check   looks into the DNS now; the node does so by itself each five minutes
    drop    removes a key at once, whatever it is used for

A key signs when its line was found in the DNS as it should be. One that was replaced is old for signing.keep:
its line stays until the list says "spent".`,
		Example: `  gatepost domain dkim example.org new
  gatepost domain dkim example.org
  gatepost domain dkim example.org drop rsa-20251126`,
		Args: cobra.RangeArgs(1, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := dkimRequest(args)
			if err != nil {
				return err
			}
			return ask(p, cmd, r, func(list []ops.DKIMKey) { p.showDKIM(r, list) })
		},
	}
}

// dkimRequest reads what is to be done.
func dkimRequest(args []string) (control.Request, error) {
	name, act, selector := args[0], "list", ""
	if len(args) > 1 {
		act = args[1]
	}
	if len(args) > 2 {
		selector = args[2]
	}
	if (act == "drop") != (selector != "") {
		return nil, usage("drop, and nothing else, wants the selector of a key")
	}
	switch act {
	case "list":
		return ops.DKIMList{Domain: name}, nil
	case "check":
		return ops.DKIMCheck{Domain: name}, nil
	case "new":
		return ops.DKIMNew{Domain: name}, nil
	case "rotate":
		return ops.DKIMRotate{Domain: name}, nil
	case "drop":
		return ops.DKIMDrop{Domain: name, Selector: selector}, nil
	}
	return nil, usage("dkim can list, check, new, rotate and drop, not %s", printable(act))
}

// showDKIM lists keys; where some were made it shows what is to be published.
func (p *program) showDKIM(r control.Request, list []ops.DKIMKey) {
	if len(list) == 0 {
		p.say("no keys")
		return
	}
	switch r.(type) {
	case ops.DKIMNew, ops.DKIMRotate:
		p.say("Put these lines into the DNS; the keys sign when they are found there:")
		for _, k := range list {
			if k.State == "waiting" {
				fmt.Fprintln(p.out, k.Name, "IN TXT", k.Data)
			}
		}
		return
	}
	t := p.table("SELECTOR", "KIND", "STATE", "SINCE", "PROBLEM")
	for _, k := range list {
		t.row(k.Selector, k.Kind, k.State, k.Since, k.Problem)
	}
	t.flush()
}
