package directory

import (
	"reflect"
	"testing"
)

func TestDomainChoices(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	for name, c := range map[string]struct {
		given, want Domain
		err         error
	}{
		"nothing":          {},
		"canonical":        {given: Domain{DigestHours: []int{14, 6, 14}, Owners: []May{MayLevel, MayDigest, MayLevel}}, want: Domain{DigestHours: []int{6, 14}, Owners: []May{MayDigest, MayLevel}}},
		"no digests":       {given: Domain{DigestHours: []int{}}, want: Domain{DigestHours: []int{}}},
		"all":              {given: Domain{Language: "fr", Zone: "Europe/Paris", Challenged: AllowedMailbox}, want: Domain{Language: "fr", Zone: "Europe/Paris", Challenged: AllowedMailbox}},
		"hour 24":          {given: Domain{DigestHours: []int{24}}, err: ErrInvalid},
		"hour -1":          {given: Domain{DigestHours: []int{-1}}, err: ErrInvalid},
		"no such zone":     {given: Domain{Zone: "Europe/Pari"}, err: ErrInvalid},
		"somebody's zone":  {given: Domain{Zone: "Local"}, err: ErrInvalid},
		"a file":           {given: Domain{Zone: "../etc/passwd"}, err: ErrInvalid},
		"language":         {given: Domain{Language: "f\r"}, err: ErrInvalid},
		"challenge allows": {given: Domain{Challenged: "all"}, err: ErrInvalid},
		"owners":           {given: Domain{Owners: []May{"everything"}}, err: ErrInvalid},
	} {
		got, err := f.ChangeDomain(ctx, "example.net", func(d *Domain) error {
			d.Language, d.Zone, d.DigestHours, d.Challenged, d.Owners = c.given.Language, c.given.Zone, c.given.DigestHours, c.given.Challenged, c.given.Owners
			return nil
		})
		wantErr(t, name, err, c.err)
		if err != nil {
			continue
		}
		got = Domain{Language: got.Language, Zone: got.Zone, DigestHours: got.DigestHours, Challenged: got.Challenged, Owners: got.Owners}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %#v, want %#v", name, got, c.want)
		}
	}
}

func TestOwnersChoices(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	for name, c := range map[string]struct {
		given Mailbox
		err   error
	}{
		"nothing":     {Mailbox{}, nil},
		"all":         {Mailbox{Disposition: Junk, Level: MaxLevel, NoDigest: true}, nil},
		"level 8":     {Mailbox{Level: 8}, ErrInvalid},
		"level -1":    {Mailbox{Level: -1}, ErrInvalid},
		"disposition": {Mailbox{Disposition: "burn"}, ErrInvalid},
	} {
		got, err := f.ChangeMailbox(ctx, "ann@example.net", func(m *Mailbox) error {
			m.Disposition, m.Level, m.NoDigest = c.given.Disposition, c.given.Level, c.given.NoDigest
			return nil
		})
		wantErr(t, name, err, c.err)
		if err == nil && (got.Disposition != c.given.Disposition || got.Level != c.given.Level || got.NoDigest != c.given.NoDigest) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	_, err := f.AddMailbox(ctx, Mailbox{Address: "x@example.net", Level: 8}, "")
	wantErr(t, "added", err, ErrInvalid)
}

// What an owner wants counts where the domain leaves it open.
func TestChoicesThatCount(t *testing.T) {
	box := Mailbox{Disposition: Junk, Level: 3}
	for name, c := range map[string]struct {
		owners      []May
		box         Mailbox
		disposition Disposition
		level       int
	}{
		"nothing is open":     {nil, box, Tag, 0},
		"the disposition is":  {[]May{MayDisposition}, box, Junk, 0},
		"the level is":        {[]May{MayDigest, MayLevel}, box, Tag, 3},
		"all, nothing wanted": {[]May{MayDisposition, MayLevel}, Mailbox{}, Tag, 0},
	} {
		d := Domain{Disposition: Tag, Owners: c.owners}
		if got, level := d.DispositionOf(c.box), d.LevelOf(c.box); got != c.disposition || level != c.level {
			t.Errorf("%s: got %s, %d; want %s, %d", name, got, level, c.disposition, c.level)
		}
	}
}
