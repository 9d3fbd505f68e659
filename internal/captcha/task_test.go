package captcha

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	ann = netip.MustParseAddr("192.0.2.7")
	bob = netip.MustParseAddr("198.51.100.7")
)

// worked does a task's work.
func worked(w Work) string {
	for n := 0; ; n++ {
		if proof := strconv.Itoa(n); w.Done(proof) {
			return proof
		}
	}
}

// fixed are Tasks whose answer is 123450, with a little work.
func fixed() *Tasks { return New(Config{Draw: func() string { return "123450" }, Bits: 10}) }

func made(t *testing.T, tasks *Tasks, subject string, client netip.Addr) Task {
	t.Helper()
	k, err := tasks.Make(subject, client)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSolve(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Answer)
		want   error
	}{
		"right":              {func(*Answer) {}, nil},
		"blanks":             {func(a *Answer) { a.Text = " 123 450\t" }, nil},
		"hyphens":            {func(a *Answer) { a.Text = "12-34-50" }, nil},
		"wide digits":        {func(a *Answer) { a.Text = "１２３４５０" }, nil},
		"letters like these": {func(a *Answer) { a.Text = "l2345O" }, nil},
		"without work":       {func(a *Answer) { a.Proof = "" }, nil},
		"work of another":    {func(a *Answer) { a.Proof = "1" }, nil}, // counts as none
		"wrong":              {func(a *Answer) { a.Text = "123451" }, ErrWrong},
		"nothing":            {func(a *Answer) { a.Text = "" }, ErrWrong},
		"a digit more":       {func(a *Answer) { a.Text = "1234500" }, ErrWrong},
		"a letter between":   {func(a *Answer) { a.Text = "123x450" }, ErrWrong},
		"too long":           {func(a *Answer) { a.Text = fmt.Sprintf("%100s", "123450") }, ErrWrong},
		"no such task":       {func(a *Answer) { a.Task = "x" }, ErrOver},
		"another subject":    {func(a *Answer) { a.Subject = "tx2" }, ErrOver},
	} {
		t.Run(name, func(t *testing.T) {
			tasks := fixed()
			k := made(t, tasks, "tx1", ann)
			a := Answer{Task: k.ID, Subject: "tx1", Text: "123450", Proof: worked(k.Work), Client: ann}
			tt.change(&a)
			if err := tasks.Solve(a); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if a.Task != k.ID || a.Subject != "tx1" {
				return
			}
			a.Text = "123450"
			if err := tasks.Solve(a); !errors.Is(err, ErrOver) {
				t.Errorf("again: got %v, want ErrOver", err)
			}
			if _, err := tasks.Image(k.ID); !errors.Is(err, ErrOver) {
				t.Errorf("image after it: got %v, want ErrOver", err)
			}
		})
	}
}

func TestSolveAtOnce(t *testing.T) {
	tasks := fixed()
	k := made(t, tasks, "tx1", ann)
	var wg sync.WaitGroup
	right := make(chan bool, 20)
	for range cap(right) {
		wg.Go(func() {
			right <- tasks.Solve(Answer{Task: k.ID, Subject: "tx1", Text: "123450", Client: ann}) == nil
		})
	}
	wg.Wait()
	close(right)
	n := 0
	for ok := range right {
		if ok {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d answers were taken, want 1", n)
	}
}

func TestLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tasks := fixed()
		k := made(t, tasks, "tx1", ann)
		time.Sleep(Lifetime - time.Second)
		if _, err := tasks.Image(k.ID); err != nil {
			t.Errorf("a second before its end: %v", err)
		}
		time.Sleep(time.Second)
		if err := tasks.Solve(Answer{Task: k.ID, Subject: "tx1", Text: "123450", Client: ann}); !errors.Is(err, ErrOver) {
			t.Errorf("got %v, want ErrOver", err)
		}
	})
}

func TestRandomDigits(t *testing.T) {
	want := regexp.MustCompile(`^[0-9]{6}$`)
	seen := map[string]bool{}
	for range 100 {
		a := randomDigits()
		if !want.MatchString(a) {
			t.Fatalf("got %q", a)
		}
		seen[a] = true
	}
	if len(seen) < 95 {
		t.Errorf("%d different answers of 100", len(seen))
	}
}

func TestStoreIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tasks := fixed()
		first := ""
		for n := range maxTasks + 1 { // within the lifetime, but more than the limit of the node lets through
			tasks.made, tasks.asked = newTally[struct{}](MadePerNode, minute), newParties(MadePerClient, minute)
			k := made(t, tasks, "tx"+strconv.Itoa(n), ann)
			if n == 0 {
				first = k.ID
			}
		}
		if n := len(tasks.open.items); n != maxTasks {
			t.Errorf("%d tasks are kept, want %d", n, maxTasks)
		}
		if n := len(tasks.open.order); n != maxTasks {
			t.Errorf("%d places are kept, want %d", n, maxTasks)
		}
		if _, err := tasks.Image(first); !errors.Is(err, ErrOver) {
			t.Errorf("the oldest: got %v, want ErrOver", err)
		}
		if Lifetime/time.Minute*MadePerNode > maxTasks {
			t.Error("the node's limit has tasks go before their time")
		}
	})
}
