//go:build captchahook

package captcha

import (
	"fmt"
	"os"
)

// reveal tells tests in a browser the answers: it writes a line "TASK SUBJECT ANSWER" at
// the end of the file that CAPTCHA_ANSWERS names. It is in binaries that are
// built with the tag captchahook, and in no other.
func reveal(task, subject, answer string) {
	name := os.Getenv("CAPTCHA_ANSWERS")
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintln(f, task, subject, answer); err != nil {
		panic(err)
	}
}
