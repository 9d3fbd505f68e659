package test

import (
	"strings"
	"testing"

	"gatepost/test/machine"
)

// What an admin reads who asks where mail goes.
func TestRoute(t *testing.T) {
	t.Parallel()
	m := serve(t, releaseConfig+`
lookups:
  - name: people
    ldap: ldap://127.0.0.1:1
    base: dc=example
    filter: (mail=%s)
`, flowZone)
	domain(t, m, "test.example")
	for _, line := range []string{
		"mailbox add bob@test.example",
		"mailbox set bob@test.example --state suspended",
		"mailbox add old@test.example",
		"mailbox set old@test.example --state closed",
		"forward add away@test.example Me@elsewhere.example",
		"mailbox set ann@test.example --copy-to away@test.example",
		"alias add info@test.example ann@test.example bob@test.example old@test.example",
		"host add inside --address 192.0.2.10:24 --roles smtp-in --protocol lmtp --priority 5",
		"host add exit --address smtp.example.net:587 --roles smtp-out",
		"domain add hosted.example --host inside --lookup people --name other.example",
		"domain add plain.example",
		"domain set test.example --smarthost exit --catch-all bob@test.example",
		"distribution add staff@test.example info@test.example ann@test.example pal@hosted.example --owner bob@test.example --post members",
	} {
		run(t, m, "", strings.Fields(line)...)
	}
	for _, c := range []struct{ args, want string }{
		{"route info+tag@test.example", `
info@test.example: an alias, stores nothing
  ann@test.example: a mailbox here; copies go to 1 more
    away@test.example: a forward, stores nothing
      Me@elsewhere.example: elsewhere: goes over smarthost exit of domain test.example; senders that are not ours rewritten (SRS) to test.example; no spam
  bob@test.example: a mailbox here; suspended: takes mail, no log-in
  old@test.example: a mailbox here; closed: takes no mail
taken; policy of test.example
`},
		{"route staff@test.example --from ann@test.example", `
staff@test.example: a distribution list of 3; its members may post; bounces go to bob@test.example
  info@test.example: an alias, stores nothing
    ann@test.example: a mailbox here; copies go to 1 more
      away@test.example: a forward, stores nothing
        Me@elsewhere.example: elsewhere: goes over smarthost exit of domain test.example; under the reverse-path bob@test.example; no spam
    bob@test.example: a mailbox here; suspended: takes mail, no log-in
    old@test.example: a mailbox here; closed: takes no mail
  ann@test.example: met before: gets the message once
  pal@hosted.example: lives on mail host inside (192.0.2.10:24, lmtp, tls may, priority 5); under the reverse-path bob@test.example; no spam
taken; policy of test.example
`},
		{"route staff@test.example --from=", `
staff@test.example: a distribution list of 3; its members may post; bounces go to bob@test.example
  info@test.example: an alias, stores nothing
    ann@test.example: a mailbox here; copies go to 1 more
      away@test.example: a forward, stores nothing
        Me@elsewhere.example: elsewhere: goes over smarthost exit of domain test.example; under the reverse-path bob@test.example; no spam
    bob@test.example: a mailbox here; suspended: takes mail, no log-in
    old@test.example: a mailbox here; closed: takes no mail
  ann@test.example: met before: gets the message once
  pal@hosted.example: lives on mail host inside (192.0.2.10:24, lmtp, tls may, priority 5); under the reverse-path bob@test.example; no spam
refused: the null path to staff@test.example: may not post to this list: it takes mail from its members only
`},
		{"route Some.One@other.example", `
Some.One@hosted.example: lives on mail host inside (192.0.2.10:24, lmtp, tls may, priority 5)
taken, where look-up people knows the address; policy of hosted.example
`},
		{"route nobody@test.example", `
*@test.example: nobody has the address: the domain's catch-all takes it
  bob@test.example: a mailbox here; suspended: takes mail, no log-in
taken; policy of test.example
`},
		{"route old@test.example", `
old@test.example: a mailbox here; closed: takes no mail
refused: mailbox is closed
`},
		{"route SRS0=ABCDEF=GH=elsewhere.example=me@hosted.example", `
SRS0=ABCDEF=GH=elsewhere.example=me@hosted.example: lives on mail host inside (192.0.2.10:24, lmtp, tls may, priority 5)
taken, where look-up people knows the address; policy of hosted.example
`},
		{"route SRS0=ABCDEF=GH=elsewhere.example=me@plain.example", `
SRS0=ABCDEF=GH=elsewhere.example=me@plain.example: looks like a reverse-path that was rewritten, and is refused as such
refused: reverse SRS0=ABCDEF=GH=elsewhere.example=me@plain.example: SRS address is not one of ours
`},
		{"route x@elsewhere.example", `
refused: no such domain
`},
	} {
		if got := run(t, m, "", strings.Fields(c.args)...); got != c.want[1:] {
			t.Errorf("%s: got\n%s\nwant%s", c.args, got, c.want)
		}
	}
	run(t, m, "", "domain", "set", "hosted.example", "--lookup", "callout")
	if _, errs, status := m.Try("", "distribution", "set", "staff@test.example", "--drop", "eve@test.example"); status != 1 || !strings.Contains(errs, "eve@test.example is not a member") {
		t.Errorf("drop a stranger: exit status %d, %s", status, errs)
	}
}

// What the configuration names is as much in use as what a domain names.
func TestSmarthostInUse(t *testing.T) {
	t.Parallel()
	m, err := machine.New(bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	run(t, m, "", "host", "add", "exit", "--address", "smtp.example.net:587", "--roles", "smtp-out")
	for _, args := range [][]string{{"host", "remove", "EXIT"}, {"host", "set", "exit", "--roles", "imap"}} {
		_, errs, status := m.Try("", append(args, "--set", "relay.smarthost=exit")...)
		if status != 1 || !strings.Contains(errs, "relay.smarthost") {
			t.Errorf("%s: exit status %d, %s", args, status, errs)
		}
	}
	run(t, m, "", "host", "set", "exit", "--priority", "9", "--set", "relay.smarthost=exit")
	run(t, m, "", "host", "remove", "exit")
}
