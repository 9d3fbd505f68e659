package arch

import (
	"slices"
	"strings"
)

// A layer is how high a package stands. Imports point down.
type layer int

const (
	words  layer = iota // what everybody speaks of; imports nothing of ours
	domain              // what gatepost is about; imports words only
	flow                // how a message goes through it
	edges               // what touches the world: wires, disks, files
	app                 // the one place that knows everybody
	command
	beside // tests and their tools: not part of the program
)

func (l layer) String() string {
	return [...]string{"words", "domain", "flow", "edges", "app", "command", "beside"}[l]
}

// places gives every package its layer.
func places() map[string]layer {
	return map[string]layer{
		"internal/mail": words, "internal/token": words, "internal/seal": words, "internal/locale": words, "internal/clock": words, "internal/vcard": words,
		"internal/door": domain, "internal/proxy": words, "internal/sketch": words, "internal/corpus": words,
		"internal/dkim":   words,
		"internal/letter": words,
		"internal/daily":  words,

		"pipeline": domain, "rules": domain, "dnsbl": domain, "internal/bayes": domain, "internal/bayes/desk": domain, "internal/directory": domain,
		"quarantine": domain, "quarantine/challenge": domain, "quarantine/digest": domain, "mailbox": domain, "mailbox/sieve": domain, "mailbox/ruleset": domain, "mailbox/offer": domain,
		"internal/journal": domain, "internal/blob": domain, "internal/queue": domain, "internal/mtasts": domain, "internal/tlsreport": domain,
		"internal/srs": domain, "internal/autoconfig": domain, "internal/access": domain, "internal/password": domain, "internal/captcha": domain, "internal/ban": domain, "internal/picture": domain,
		"internal/greylist":  domain,
		"internal/engine":    domain,
		"internal/traffic":   domain,
		"internal/complaint": domain,
		"internal/trust":     domain, "internal/sent": domain, "internal/allowance": domain,
		"internal/signing": domain, "internal/certificate": domain, "internal/privacy": domain,
		"internal/learnt": domain, "internal/proposal": domain, "internal/bulk": domain, "internal/fingerprint": domain,
		"internal/link":       domain,
		"internal/attachment": domain, "internal/outbreak": domain,
		"internal/collector": domain, "internal/remote": edges,
		"internal/trace": domain,
		"internal/arc":   domain, "internal/dmarc": domain,

		"filters": flow, "internal/intake": flow, "internal/scripts": flow, "mailbox/rulebook": flow,

		"internal/smtpd": edges, "internal/listen": edges, "internal/relay": edges, "mailbox/imap": edges, "mailbox/pop3": edges,
		"mailbox/managesieve": edges, "internal/web": edges, "internal/web/safe": domain, "internal/store": edges, "internal/blob/segment": edges, "internal/backup": edges, "internal/mailfile": domain, "internal/bayes/disk": edges,
		"dnsbl/zone": edges, "internal/blob/s3": edges, "internal/acme": edges, "internal/resolve": edges, "internal/config": edges, "internal/metric": edges,
		"internal/control": edges, "internal/systemd": edges, "internal/pack": edges, "internal/geoip": edges, "internal/control/ops": edges, "internal/lookup": edges, "internal/identity": edges, "internal/ocr": edges,
		"internal/engine/clamd": edges, "internal/engine/command": edges, "internal/engine/spamd": edges, "internal/engine/rspamd": edges,
		"internal/engine/milter": edges,

		"internal/app": app, "internal/app/demo": app,
		"cmd/gatepost": command,
		"":             words, // the shipped config.yaml

		"internal/arch": beside, "internal/door/doortest": beside, "internal/identity/identitytest": beside, "internal/blob/blobtest": beside, "internal/blob/s3/s3test": beside, "internal/store/storetest": beside,
		"internal/resolve/resolvetest": beside, "test": beside,
	}
}

// exceptions lists imports that the layers forbid, each with its reason.
func exceptions() map[[2]string]string {
	return map[[2]string]string{
		{"internal/app", "internal/app/demo"}:            "a part of app in a directory of its own",
		{"internal/letter", "internal/mail"}:             "builds mails of its paths and fields",
		{"internal/bayes/desk", "internal/bayes"}:        "keeps the model, which is pure, in rows",
		{"internal/app", "internal/resolve/resolvetest"}: "the demo answers for its senders with the zone server of the tests",
	}
}

// layers: imports point down; packages of one layer do not import each other.
func layers(t *Tree) (found []Finding) {
	place := places()
	for _, f := range t.sources() {
		own, known := placeOf(place, f.dir)
		if !known {
			found = append(found, t.at(f.ast.Package, "package %s has no place: give it one in internal/arch", f.dir))
			continue
		}
		for _, i := range f.imports() {
			dir, ok := i.ours()
			if !ok || own == beside || exceptions()[[2]string{f.dir, dir}] != "" {
				continue
			}
			switch other, known := placeOf(place, dir); {
			case !known:
				found = append(found, t.at(i.pos, "package %s has no place: give it one in internal/arch", dir))
			case other >= own:
				found = append(found, t.at(i.pos, "%s (%s) must not import %s (%s): imports point down", f.dir, own, dir, other))
			}
		}
	}
	return found
}

// placeOf finds a package's layer; all below test/ is beside.
func placeOf(place map[string]layer, dir string) (layer, bool) {
	if strings.HasPrefix(dir, "test/") {
		return beside, true
	}
	l, ok := place[dir]
	return l, ok
}

// beside reports whether the file is no part of the program.
func (f *file) beside() bool {
	l, ok := placeOf(places(), f.dir)
	return ok && l == beside
}

// closed lists packages that only some may import, though they stand above.
func closed() map[string][]string {
	return map[string][]string{
		"":                     {"internal/config"},
		"internal/config":      {"internal/app", "cmd/gatepost"},
		"dnsbl/zone":           {"internal/app"},
		"internal/control":     {"internal/app", "cmd/gatepost"},
		"internal/control/ops": {"internal/app", "cmd/gatepost"},
		"internal/metric":      {"internal/app"},
		"internal/store":       {"internal/app"},
		"internal/web":         {"internal/app"},
		"internal/app":         {"cmd/gatepost"},
		"internal/app/demo":    {"internal/app"},
		"internal/arch":        {},
	}
}

// users: what is made for some is imported by them alone. Protocol servers know
// nothing of policy, and filters nothing of what follows.
func users(t *Tree) (found []Finding) {
	for _, f := range t.sources() {
		for _, i := range f.imports() {
			dir, ok := i.ours()
			if !ok {
				continue
			}
			if may, is := closed()[dir]; is && !slices.Contains(may, f.dir) && !f.beside() {
				found = append(found, t.at(i.pos, "%s must not import %s: only %s may", f.dir, i.path, strings.Join(may, ", ")))
			}
			if slices.Contains(blind()[f.dir], dir) {
				found = append(found, t.at(i.pos, "%s must know nothing of %s", f.dir, dir))
			}
		}
	}
	return found
}

// blind lists what a package must not know although it stands below.
func blind() map[string][]string {
	servers := []string{"pipeline", "filters", "internal/intake", "rules", "quarantine", "internal/journal"}
	return map[string][]string{
		"internal/smtpd":      servers,
		"mailbox/imap":        servers,
		"mailbox/pop3":        servers,
		"mailbox/managesieve": servers,
		"internal/resolve":    servers,
		"internal/metric":     servers,
		"filters":             {"quarantine", "mailbox", "internal/journal", "internal/blob"},
	}
}
