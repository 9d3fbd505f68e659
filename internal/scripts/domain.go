package scripts

import (
	"slices"

	"gatepost/mailbox/sieve"
)

// ofDomains is the box of the keys under which rules of domains are kept, by their text.
const ofDomains = -1

// refusedHere are the capabilities that rules of domains may not require: who is to be refused is the policies' to say,
// answers are people's to give, and a mailbox's flags and memory are its owner's.
func refusedHere() []string {
	return []string{"reject", "ereject", "vacation", "vacation-seconds", "include", "duplicate", "editheader", "imap4flags"}
}

// CompileDomain reads rules of a domain; files: they are for mail that comes into mailboxes here, and may file it.
func CompileDomain(text string, files bool) (*sieve.Script, error) {
	refused := refusedHere()
	if !files {
		refused = append(refused, "fileinto", "mailbox", "special-use")
	}
	return sieve.CompileWith(text, slices.DeleteFunc(sieve.Extensions(), func(name string) bool { return slices.Contains(refused, name) }))
}

// Domain returns rules of a domain, compiled. Those that can't be, since a release has changed what may stand there, fail with
// sieve.Error among the causes.
func (d *Desk) Domain(text string, files bool) (*sieve.Script, error) {
	k := key{box: ofDomains, name: text}
	if files {
		k.revision = 1
	}
	one, known := d.cache.find(k)
	if !known {
		one = &kept{key: k, octets: len(text)}
		one.script, one.err = CompileDomain(text, files)
		d.cache.put(one)
	}
	return one.script, one.err
}
