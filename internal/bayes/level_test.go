package bayes

import "testing"

func TestLevelScore(t *testing.T) {
	for level, want := range map[int]float64{1: 1.875, 2: 3.75, 3: 5.625, DefaultLevel: 7.5, 5: 8.75, 6: 10, Levels: 11.25} {
		if got := LevelScore(level); got != want {
			t.Errorf("level %d: %g, want %g", level, got, want)
		}
	}
}
