package digest

import (
	"testing"
	"time"
)

func TestLast(t *testing.T) {
	at := func(s string) time.Time {
		when, err := time.Parse("2006-01-02 15:04 -0700", s)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for name, tt := range map[string]struct {
		zone  string
		hours []int
		now   string
		want  string // "": never
	}{
		"this morning":                     {"UTC", []int{6}, "2026-11-20 06:00 +0000", "2026-11-20 06:00 +0000"},
		"yesterday":                        {"UTC", []int{6}, "2026-11-20 05:59 +0000", "2026-11-19 06:00 +0000"},
		"the latest of several":            {"UTC", []int{18, 6, 12}, "2026-11-20 17:00 +0000", "2026-11-20 12:00 +0000"},
		"in the zone":                      {"Europe/Paris", []int{6}, "2026-07-20 05:00 +0000", "2026-07-20 06:00 +0200"},
		"it is tomorrow there":             {"Pacific/Auckland", []int{6}, "2026-07-20 20:00 +0000", "2026-07-21 06:00 +1200"},
		"no hours":                         {"UTC", nil, "2026-11-20 06:00 +0000", ""},
		"an hour that is left out":         {"Europe/Paris", []int{2}, "2026-03-29 12:00 +0000", "2026-03-29 03:00 +0200"},
		"before it":                        {"Europe/Paris", []int{2}, "2026-03-29 00:59 +0000", "2026-03-28 02:00 +0100"},
		"left out, and the next":           {"Europe/Paris", []int{2, 3}, "2026-03-29 01:30 +0000", "2026-03-29 03:00 +0200"},
		"an hour that comes twice":         {"Europe/Paris", []int{2}, "2026-10-25 00:10 +0000", "2026-10-25 02:00 +0200"},
		"its second coming":                {"Europe/Paris", []int{2}, "2026-10-25 01:10 +0000", "2026-10-25 02:00 +0200"},
		"after both":                       {"Europe/Paris", []int{2, 3}, "2026-10-25 02:10 +0000", "2026-10-25 03:00 +0100"},
		"twice, west of Greenwich":         {"America/New_York", []int{1}, "2026-11-01 06:30 +0000", "2026-11-01 01:00 -0400"},
		"midnight that is left out":        {"America/Santiago", []int{0}, "2026-09-06 12:00 +0000", "2026-09-06 01:00 -0300"},
		"half an hour's change":            {"Australia/Lord_Howe", []int{2}, "2026-10-03 16:00 +0000", "2026-10-04 02:30 +1100"},
		"a day that is left out":           {"Pacific/Apia", []int{6}, "2011-12-30 10:30 +0000", "2011-12-31 00:00 +1400"},
		"a zone with a quarter of an hour": {"Asia/Kathmandu", []int{6}, "2026-11-20 00:16 +0000", "2026-11-20 06:00 +0545"},
	} {
		zone, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := Schedule{tt.hours, zone}.Last(at(tt.now))
		if tt.want == "" {
			if ok {
				t.Errorf("%s: got %s, want never", name, got)
			}
			continue
		}
		if want := at(tt.want); !ok || !got.Equal(want) {
			t.Errorf("%s: got %s, %v; want %s", name, got.In(zone), ok, want)
		}
	}
}

// Over years of minutes, each hour of each day is due once, and moments never go back.
func TestLastIsDueOnceADay(t *testing.T) {
	for _, name := range []string{"Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, hour := range []int{0, 1, 2, 3, 12} {
			s := Schedule{[]int{hour}, zone}
			begin := time.Date(2026, 1, 1, 12, 30, 0, 0, zone)
			last, slots := time.Time{}, 0
			for now := begin; now.Before(begin.AddDate(1, 0, 0)); now = now.Add(30 * time.Minute) {
				got, ok := s.Last(now)
				if !ok || got.Before(last) || now.Sub(got) > 25*time.Hour+30*time.Minute {
					t.Fatalf("%s, %d h: at %s got %s after %s", name, hour, now, got, last)
				}
				if got.After(last) {
					slots++
				}
				last = got
			}
			if slots != 366 { // the one before the first noon, too
				t.Errorf("%s, %d h: due %d times in a year, want 366", name, hour, slots)
			}
		}
	}
}
