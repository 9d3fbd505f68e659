package app

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"gatepost/internal/traffic"
)

// imposed is a filters.Banner that writes down whom it bans.
type imposed []string

func (i *imposed) Impose(_ context.Context, client netip.Addr, _, _ string) error {
	*i = append(*i, client.String())
	return nil
}

// The third offence bans the address that made all three, and nobody whose network has
// sent good mail for long.
func TestAbuseBansItsOwnAddress(t *testing.T) {
	tests := []struct {
		name     string
		history  bool
		offences []string
		want     []string
	}{
		{"three of one", false, []string{"192.0.2.7", "192.0.2.7", "192.0.2.7"}, []string{"192.0.2.7"}},
		{"two neighbours' and one", false, []string{"192.0.2.7", "192.0.2.7", "192.0.2.8"}, nil},
		{"one /64", false, []string{"2001:db8::1", "2001:db8::2", "2001:db8::3"}, []string{"2001:db8::3"}},
		{"a good history", true, []string{"192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.7"}, nil},
		{"this machine", false, []string{"127.0.0.1", "127.0.0.1", "127.0.0.1"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			now := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
			counts, got := traffic.New(traffic.Config{Now: func() time.Time { return now }}), new(imposed)
			if test.history {
				for range 100 {
					counts.Took(netip.MustParseAddr("192.0.2.7"), true)
				}
				now = now.Add(24 * time.Hour)
			}
			for _, client := range test.offences {
				abusers{counts, got, slog.New(slog.DiscardHandler)}.Abuse(netip.MustParseAddr(client), "errors")
			}
			if !slices.Equal(*got, test.want) {
				t.Errorf("banned %v, want %v", *got, test.want)
			}
		})
	}
}
