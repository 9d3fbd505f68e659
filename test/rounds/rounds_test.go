package rounds

import "testing"

func TestOf(t *testing.T) {
	for text, want := range map[string]int{"": 3, "1": 3, "20": 60} {
		t.Setenv(Variable, text)
		if got := Of(t, 3); got != want {
			t.Errorf("%q: got %d rounds, want %d", text, got, want)
		}
	}
}
