package disk

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/internal/bayes"
	"gatepost/internal/mail"
	"gatepost/test/rounds"
)

// lesson is the nth of a row of lessons that is always the same.
func lesson(t testing.TB, n int) (f *bayes.Features, spam bool) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(n), 1))
	text := fmt.Sprintf("Subject: letter %d\r\n\r\n", n)
	for range 40 {
		text += fmt.Sprintf("word%d ", r.IntN(300)+n%2*100)
	}
	f, err := bayes.Of(mail.NewMessage([]byte(text + "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	return f, n%2 == 0
}

func octets(t testing.TB, m *bayes.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// after is the model that has learnt the first n lessons.
func after(t testing.TB, n int) []byte {
	t.Helper()
	m := bayes.New()
	for i := range n {
		f, spam := lesson(t, i)
		m.Learn(f, "", spam)
	}
	return octets(t, m)
}

func open(t testing.TB, dir string) *Keeper {
	t.Helper()
	k, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.release)
	return k
}

func teach(t testing.TB, k *Keeper, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		f, spam := lesson(t, i)
		if err := k.Teach(t.Context(), f, spam); err != nil {
			t.Fatal(err)
		}
	}
}

func learnt(k *Keeper, f *bayes.Features) int {
	v := k.model.Judge(f, "")
	return int(v.Ham + v.Spam)
}

func TestOpenAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "model")
	k := open(t, dir)
	if _, err := Open(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
	for round := range 4 {
		teach(t, k, round*5, round*5+5)
		if round == 2 {
			k.whole = true // as when the log has grown
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
		k = open(t, dir)
		if !bytes.Equal(octets(t, k.model), after(t, round*5+5)) {
			t.Fatalf("round %d: another model", round)
		}
	}
	if k.generation != 1 {
		t.Errorf("generation %d", k.generation)
	}
}

// savedLog is the log of six lessons, and its octets after each.
func savedLog(t *testing.T, dir string) (log []byte, ends []int64) {
	t.Helper()
	k := open(t, dir)
	ends = []int64{k.size}
	for i := range 6 {
		teach(t, k, i, i+1)
		if err := k.Save(); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, k.size)
	}
	k.release()
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	return log, ends
}

// A log that is torn at any place, or whose last record is damaged, is read as far as it is whole, and gone on with.
func TestTornLog(t *testing.T) {
	dir := t.TempDir()
	log, ends := savedLog(t, dir)
	last := ends[len(ends)-2]
	var sums [8][sha256.Size]byte // of the models after so many lessons
	for n := range sums {
		sums[n] = sha256.Sum256(after(t, n))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for round := range rounds.Of(t, 9) {
		at := int64(headOctets + r.IntN(len(log)-headOctets))
		torn := bytes.Clone(log[:at])
		switch round % 3 {
		case 0:
			torn = append(torn, make([]byte, 5000)...) // the file was made longer, and no more
			for torn[at-1] == 0 {
				at--
			}
		case 1:
			at = last + r.Int64N(int64(len(log))-last)
			torn = bytes.Clone(log)
			torn[at] ^= 1 << r.IntN(8)
		}
		if err := os.WriteFile(filepath.Join(dir, "log"), torn, 0o600); err != nil {
			t.Fatal(err)
		}
		whole := 0
		for whole+1 < len(ends) && ends[whole+1] <= at {
			whole++
		}
		k := open(t, dir)
		if sha256.Sum256(octets(t, k.model)) != sums[whole] {
			t.Fatalf("torn at %d of %d: not the model after %d lessons", at, len(log), whole)
		}
		teach(t, k, whole, whole+1)
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
		k = open(t, dir)
		if sha256.Sum256(octets(t, k.model)) != sums[whole+1] {
			t.Fatalf("torn at %d of %d: it was not gone on with", at, len(log))
		}
		k.release()
	}
}

// A log that is damaged otherwise is not opened, and not written over.
func TestDamagedLog(t *testing.T) {
	dir := t.TempDir()
	log, ends := savedLog(t, dir)
	flipped := func(at int64) []byte {
		b := bytes.Clone(log)
		b[at] ^= 0x10
		return b
	}
	for _, c := range []struct {
		name string
		log  []byte
		says string
	}{
		{"another magic", flipped(1), "log"},
		{"another version", flipped(7), "log"},
		{"a piece of a head", log[:5], "log"},
		{"no model of its generation", flipped(8), "generation 16"},
		{"the first length", flipped(headOctets + 2), "octet 16"},
		{"the first sum", flipped(headOctets + 5), "octet 16"},
		{"the third record", flipped(ends[2] + recordHead + 9), fmt.Sprint("octet ", ends[2])},
		{"the last record but one", flipped(ends[5] - 1), fmt.Sprint("octet ", ends[4])},
		{"no delta at its end", appendRecord(bytes.Clone(log), []byte("whole, and no delta")), fmt.Sprint("octet ", len(log))},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, "log")
			if err := os.WriteFile(path, c.log, 0o600); err != nil {
				t.Fatal(err)
			}
			if k, err := Open(dir); !errors.Is(err, bayes.ErrModel) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("opened: %v, %v", k, err)
			}
			if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, c.log) {
				t.Errorf("the log was changed: %d octets of %d, %v", len(b), len(c.log), err)
			}
		})
	}
}

// A log of the generation before is not added to a model that has it already.
func TestCrashBetweenModelAndLog(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir)
	teach(t, k, 0, 5)
	if err := k.Save(); err != nil {
		t.Fatal(err)
	}
	if err := k.writeModel(k.generation + 1); err != nil { // and no new log
		t.Fatal(err)
	}
	k.release()
	k = open(t, dir)
	if !bytes.Equal(octets(t, k.model), after(t, 5)) {
		t.Error("another model")
	}
}

func TestDamagedModel(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir)
	teach(t, k, 0, 2)
	k.whole = true
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "model"))
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range [][]byte{b[:len(b)-1], b[:3], append(bytes.Clone(b[:len(b)/2]), append([]byte{b[len(b)/2] + 1}, b[len(b)/2+1:]...)...)} {
		if err := os.WriteFile(filepath.Join(dir, "model"), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if k, err := Open(dir); !errors.Is(err, bayes.ErrModel) {
			t.Errorf("opened: %v, %v", k, err)
		}
	}
}

// On a full disk learning goes on and says so; what waits is kept when there is room again.
func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	k := open(t, dir)
	teach(t, k, 0, 3)
	log := k.log
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	k.log = full
	for range 2 {
		if err := k.Save(); err == nil {
			t.Fatal("saved on a full disk")
		}
		f, spam := lesson(t, 3)
		if err := k.Teach(t.Context(), f, spam); err == nil {
			t.Error("taught without a word")
		}
		if v, err := k.Judge(t.Context(), f); err != nil || v.Spam == 0 {
			t.Errorf("judged %+v, %v", v, err)
		}
	}
	k.log = log
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	f, _ := lesson(t, 0)
	if got := learnt(open(t, dir), f); got != 5 {
		t.Errorf("%d lessons are kept", got)
	}
}

// SIGKILL at random moments, while the log is written and while the model is: what was saved is there, and it is
// what some of the lessons, in their order, taught.
func TestKill(t *testing.T) {
	if dir := os.Getenv("DISK_CHILD"); dir != "" {
		child(t, dir)
		return
	}
	dir := t.TempDir()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	f, _ := lesson(t, 0)
	for round := range rounds.Of(t, 4) {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKill$")
		c.Env = append(os.Environ(), "DISK_CHILD="+dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		saved, lines := 0, bufio.NewScanner(out)
		for n := r.IntN(30); n >= 0 && lines.Scan(); n-- {
			fmt.Sscanf(lines.Text(), "saved %d", &saved)
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			fmt.Sscanf(lines.Text(), "saved %d", &saved)
		}
		_ = c.Wait() // it was killed
		k := open(t, dir)
		n := learnt(k, f)
		if n < saved || !bytes.Equal(octets(t, k.model), after(t, n)) {
			t.Fatalf("round %d: %d lessons were saved, the model has %d, and is not theirs", round, saved, n)
		}
		k.release()
	}
}

// child teaches where the model stands, says what is saved, and waits for its end.
func child(t *testing.T, dir string) {
	k := open(t, dir)
	f, _ := lesson(t, 0)
	for i := learnt(k, f); ; i++ {
		teach(t, k, i, i+1)
		k.whole = i%7 == 0
		if err := k.Save(); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("saved %d\n", i+1)
	}
}

func FuzzLog(f *testing.F) {
	m := bayes.New()
	lessonOf, spam := lesson(f, 1)
	m.Learn(lessonOf, "", spam)
	d, err := m.Take().MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(appendRecord(appendRecord(nil, d), d))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		whole, _ := readLog(b, func(bayes.Delta) { n++ })
		if whole > len(b) || n == 0 && whole > 0 {
			t.Errorf("%d of %d octets, %d deltas", whole, len(b), n)
		}
		again := 0
		if w, err := readLog(b[:whole], func(bayes.Delta) { again++ }); err != nil || w != whole || again != n {
			t.Error("cut, it reads otherwise")
		}
	})
}
