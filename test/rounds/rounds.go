// Package rounds says how often tests that look for bad luck, such as a kill at the wrong moment,
// try theirs.
package rounds

import (
	"os"
	"strconv"
	"testing"
)

// Variable multiplies the rounds: ROUNDS=20 is for a night.
const Variable = "ROUNDS"

// Of is n, what is enough for each change, times the variable.
func Of(t *testing.T, n int) int {
	t.Helper()
	text := os.Getenv(Variable)
	if text == "" {
		return n
	}
	times, err := strconv.Atoi(text)
	if err != nil || times < 1 || times > 10_000 {
		t.Fatalf("%s is %q, and must be a number from 1 to 10000", Variable, text)
	}
	return n * times
}
