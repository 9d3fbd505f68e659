package app

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"time"

	"gatepost/filters"
	"gatepost/internal/config"
	"gatepost/internal/geoip"
	"gatepost/internal/pack"
	"gatepost/rules"
)

var _ filters.Packs = knownPacks{}

// openPacks brings packs in force as they are on disk; Run looks for newer ones.
func (a *App) openPacks(ctx context.Context, c *config.Config) error {
	roots, err := authorities("relay.ca", c.Relay.CA)
	if err != nil {
		return err
	}
	a.packs = pack.New(pack.Config{
		Dir: filepath.Join(c.Data, packsDir), Fetcher: a.web(c, roots), Log: a.log, Now: a.now,
		Jitter: func(most time.Duration) time.Duration { return rand.N(max(most, 1)) },
	})
	a.beside = append(a.beside, service{name: "packs", run: a.packs.Run})
	a.setPacks(ctx, c)
	return nil
}

// setPacks names the packs of a configuration. One that can't be read keeps the node from
// nothing.
func (a *App) setPacks(ctx context.Context, c *config.Config) {
	if err := a.packs.Set(ctx, packSources(c)); err != nil {
		a.log.Warn("pack: not all can be read", "error", err)
	}
}

func packSources(c *config.Config) (list []pack.Source) {
	for _, p := range c.Packs {
		list = append(list, pack.Source{Name: p.Name, URL: p.URL, File: p.File, Every: p.Every})
	}
	return list
}

// namedPacks are those of a configuration, for who only checks it: none of them has come.
type namedPacks struct{ c *config.Config }

// Pack implements filters.Packs.
func (n namedPacks) Pack(name string) (*rules.Pack, error) {
	for _, p := range n.c.Packs {
		if p.Name == name {
			return nil, nil
		}
	}
	return nil, fmt.Errorf("pack %q: %w", name, pack.ErrUnknown)
}

// File implements filters.Packs.
func (namedPacks) File(path string) (string, error) { return pack.ReadFile(path) }

// checkPacks reads the packs of a configuration that are files, and its countries.
func checkPacks(c *config.Config) error {
	var errs []error
	for _, p := range c.Packs {
		if p.File == "" {
			continue
		}
		text, err := pack.ReadFile(p.File)
		if err == nil {
			_, err = rules.ParsePack(text)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("pack %s: %s: %w", p.Name, p.File, err))
		}
	}
	_, err := countries(c)
	return errors.Join(append(errs, err)...)
}

// countries says where clients are, nil where no database is named.
func countries(c *config.Config) (filters.Country, error) {
	if c.GeoIP.File == "" {
		return nil, nil
	}
	d, err := geoip.Open(c.GeoIP.File)
	if err != nil {
		return nil, err
	}
	return func(a netip.Addr) string { return d.Country(a) }, nil
}
