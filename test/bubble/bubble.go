// Package bubble lets time pass in a bubble of testing/synctest.
//
// time.Sleep alone does not do: what is due at the very moment at which it ends, such as a
// loop's turn, may come before the test goes on or after it. A test that looks at what a
// turn has done, or ends the loop, would hold as a rule and fail by chance.
package bubble

import (
	"testing/synctest"
	"time"
)

// Sleep lets d pass, and returns when all goroutines of the bubble have done what they had to do
// until then. It is for the test's own goroutine: no two of a bubble may be in it at once.
func Sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
