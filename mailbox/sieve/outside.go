package sieve

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"time"
)

// Tests of what lies beside the message: RFC 5183, 5235, 5490, 7352, 8579.

func outsideTests() map[string]testSpec {
	return map[string]testSpec{
		"environment":       {signature{needs: []string{"environment"}, args: "sS", tags: matchTags()}, makeEnvironment},
		"mailboxexists":     {signature{needs: []string{"mailbox"}, args: "S"}, makeMailboxExists},
		"specialuse_exists": {signature{needs: []string{"special-use"}, args: "S?S"}, makeSpecialUse},
		"spamtest":          {signature{needs: []string{"spamtest"}, args: "s", tags: matchTags(tagSpec{name: ":percent", needs: "spamtestplus"})}, makeSpamTest},
		"virustest":         {signature{needs: []string{"virustest"}, args: "s", tags: matchTags()}, makeVirusTest},
		"duplicate": {signature{needs: []string{"duplicate"}, tags: []tagSpec{
			{name: ":header", takes: 's', group: "id"}, {name: ":uniqueid", takes: 's', group: "id"}, {name: ":handle", takes: 's'}, {name: ":seconds", takes: 'n'}, {name: ":last"}}}, makeDuplicate},
	}
}

func makeEnvironment(c *compiler, a *call) test {
	m := c.matcher(a, a.args[1])
	return func(r *run) (bool, error) {
		name, err := a.args[0].strings[0].expand(r)
		if err != nil {
			return false, err
		}
		v, ok := r.env.Items[strings.ToLower(name)]
		if !ok { // an unknown item fits nothing (RFC 5183 §4)
			return false, nil
		}
		return m.any(r, []string{v})
	}
}

func makeMailboxExists(_ *compiler, a *call) test {
	return func(r *run) (bool, error) {
		list, err := expandAll(r, a.args[0].strings)
		for _, name := range list {
			if ok, err := r.exists(r.ctx, name); !ok || err != nil {
				return false, err
			}
		}
		return err == nil, err
	}
}

// makeSpecialUse: RFC 8579 §4. Of one folder it asks which uses it has; without one, which uses
// the mailbox knows.
func makeSpecialUse(_ *compiler, a *call) test {
	return func(r *run) (bool, error) {
		uses, err := expandAll(r, a.args[len(a.args)-1].strings)
		if err != nil {
			return false, err
		}
		box := ""
		if len(a.args) == 2 {
			if len(a.args[0].strings) != 1 {
				return false, fmt.Errorf("specialuse_exists takes one folder")
			}
			if box, err = a.args[0].strings[0].expand(r); err != nil {
				return false, err
			}
		}
		for _, use := range uses {
			name, err := r.special(use)
			if err != nil || name == "" || box != "" && name != box {
				return false, err
			}
		}
		return true, nil
	}
}

// makeSpamTest: RFC 5235 §3.2. Without :percent the scale is 0, nobody looked, and 1 to 10.
func makeSpamTest(c *compiler, a *call) test {
	m := c.matcher(a, a.args[0])
	return func(r *run) (bool, error) {
		s := "0"
		if p := r.env.Spam; p >= 0 {
			p = min(p, 100)
			if a.has(":percent") {
				s = fmt.Sprint(int(math.Round(p)))
			} else {
				s = fmt.Sprint(1 + int(math.Round(p*9/100)))
			}
		}
		return m.any(r, []string{s})
	}
}

func makeVirusTest(c *compiler, a *call) test {
	m := c.matcher(a, a.args[0])
	return func(r *run) (bool, error) { return m.any(r, []string{fmt.Sprint(r.env.Virus)}) }
}

// How long duplicates are remembered (RFC 7352 §3.4).
const (
	rememberUsual = 7 * 24 * time.Hour
	rememberMost  = 90 * 24 * time.Hour
)

// makeDuplicate: RFC 7352 §3.
func makeDuplicate(c *compiler, a *call) test {
	if v, ok := a.tags[":header"]; ok {
		c.checkNames(v)
	}
	keep := rememberUsual
	if v, ok := a.tags[":seconds"]; ok {
		keep = time.Duration(min(v.number, uint64(rememberMost/time.Second))) * time.Second
	}
	return func(r *run) (bool, error) {
		id, ok, err := r.identity(a)
		if err != nil || !ok {
			return false, err
		}
		seen := false
		if r.env.Seen != nil {
			if seen, err = r.env.Seen.Seen(r.ctx, id); err != nil {
				return false, err
			}
		}
		if (!seen || a.has(":last")) && len(r.remember) < r.limits.Actions {
			r.remember = append(r.remember, Remember{id, keep, seen})
		}
		return seen, nil
	}
}

// identity returns by what a message is known again; not ok where it has nothing.
func (r *run) identity(a *call) (string, bool, error) {
	id, kind := "", "header"
	header := "Message-ID"
	var err error
	if v, ok := a.tags[":header"]; ok {
		if header, err = v.strings[0].expand(r); err != nil {
			return "", false, err
		}
	}
	if v, ok := a.tags[":uniqueid"]; ok {
		kind = "id"
		if id, err = v.strings[0].expand(r); err != nil {
			return "", false, err
		}
	} else if list := r.header.values(header); len(list) > 0 {
		id = list[0]
	}
	handle := ""
	if v, ok := a.tags[":handle"]; ok {
		if handle, err = v.strings[0].expand(r); err != nil {
			return "", false, err
		}
	}
	if kind == "header" && id == "" {
		return "", false, nil
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s%d %s%s", len(kind), kind, len(handle), handle, id))
	return hex.EncodeToString(sum[:16]), true, nil
}
