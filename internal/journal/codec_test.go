package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

var update = flag.Bool("update", false, "write the golden files")

// same compares records as JSON, which shows where they differ.
func same(t *testing.T, got, want *Record) {
	t.Helper()
	g, err1 := json.MarshalIndent(got, "", " ")
	w, err2 := json.MarshalIndent(want, "", " ")
	if err1 != nil || err2 != nil || !bytes.Equal(g, w) {
		t.Errorf("got %s\nwant %s", g, w)
	}
}

// Every field of any value survives, so none is forgotten in code.
func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var records []*Record
		for range 1 + rng.IntN(3) {
			var r Record
			fill(reflect.ValueOf(&r).Elem(), rng)
			records = append(records, &r)
		}
		got, err := decode(encode(records))
		if err != nil || len(got) != len(records) {
			t.Fatalf("got %d records, %v", len(got), err)
		}
		for i := range got {
			same(t, got[i], records[i])
		}
	}
}

// The first version's form never changes: journals on disk have it.
func TestVersion1StaysReadable(t *testing.T) {
	path := filepath.Join("testdata", "version1")
	if *update {
		if err := os.WriteFile(path, encode([]*Record{example()}), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	block, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(block)
	if err != nil || len(got) != 1 {
		t.Fatalf("got %d records, %v", len(got), err)
	}
	same(t, got[0], example())
}

// What is too big is clipped, not refused: mail must not wait for its evidence.
func TestTooMuchEvidenceIsClipped(t *testing.T) {
	r := example()
	r.Subject = strings.Repeat("x", longString+1)
	for i := range 1000 {
		r.Walks[1].Steps = append(r.Walks[1].Steps, Step{Entry: "e", Reason: fmt.Sprintf("%05d", i) + strings.Repeat("é", 6000)})
	}
	whole := len(r.Subject)
	got, err := decode(encode([]*Record{r}))
	if err != nil {
		t.Fatal(err)
	}
	steps := got[0].Walks[1].Steps
	if len(steps) != 1003 || len(steps[999].Reason) > shortString || got[0].ID != r.ID || got[0].Subject != r.Subject[:shortString] {
		t.Errorf("got %d steps, reason of %d octets", len(steps), len(steps[999].Reason))
	}
	if len(r.Subject) != whole {
		t.Error("the caller's record was changed")
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := encode([]*Record{example()})
	for name, b := range map[string][]byte{
		"nothing":              nil,
		"a newer version":      append([]byte{version + 1}, good[1:]...),
		"an unknown packing":   {version, 7, 0, 0},
		"cut short":            good[:len(good)/2],
		"a bomb":               deflate(make([]byte, maxBlock+1)),
		"more strings than is": {version, packedPlain, 0xff, 0xff, 0x7f, 0},
	} {
		if _, err := decode(b); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: got %v, want ErrFormat", name, err)
		}
	}
}

// Any octets: no panic; what decodes is encoded and decoded to the same.
func FuzzDecode(f *testing.F) {
	f.Add(encode([]*Record{example()}))
	f.Add(encode([]*Record{{}, {ID: "x", Walks: []Walk{{}}}}))
	f.Add(deflate([]byte{0, 0}))
	f.Fuzz(func(t *testing.T, b []byte) {
		records, err := decode(b)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Errorf("cause: %v", err)
			}
			return
		}
		for _, r := range records {
			r.row("")
		}
		first := encode(records)
		again, err := decode(first)
		if err != nil || !bytes.Equal(encode(again), first) {
			t.Errorf("decoded again: %v", err)
		}
	})
}

// fill sets every field in v to something.
func fill(v reflect.Value, rng *rand.Rand) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(strings.Repeat("aé", rng.IntN(4)) + fmt.Sprint(rng.IntN(50)))
	case reflect.Int64:
		v.SetInt(int64(rng.Uint64()) >> rng.IntN(64))
	case reflect.Uint64:
		v.SetUint(rng.Uint64() >> rng.IntN(64))
	case reflect.Float64:
		v.SetFloat(rng.NormFloat64())
	case reflect.Bool:
		v.SetBool(rng.IntN(2) == 0)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.UnixMicro(1 + rng.Int64N(1<<52)).UTC()))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), rng)
		}
	case reflect.Slice:
		for i := range rng.IntN(6) {
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
			fill(v.Index(i), rng)
		}
	default:
		panic("no value for " + v.Type().String())
	}
}

func BenchmarkEncode(b *testing.B) {
	var size int
	records := []*Record{example()}
	b.ReportAllocs()
	for b.Loop() {
		size = len(encode(records))
	}
	b.ReportMetric(float64(size), "octets")
}

// encode and deflate are those of a new packer; a packer in use says the same.
func encode(records []*Record) []byte { return new(packer).encode(records) }

func deflate(body []byte) []byte { return new(packer).deflate(body) }

func TestPackerIsUsedAgain(t *testing.T) {
	var p packer
	many := make([]*Record, 200)
	for i := range many {
		many[i] = example()
		many[i].ID = fmt.Sprint(i)
	}
	for _, records := range [][]*Record{many, {example()}, {{}}, many} {
		if !bytes.Equal(p.encode(records), encode(records)) {
			t.Errorf("a block of %d is another one than a new packer's", len(records))
		}
	}
	if p.encode([]*Record{{Subject: strings.Repeat("x", 2*longString), ID: "a"}}); p.big() {
		t.Error("a usual block is big")
	}
	huge := example()
	for i := range 20_000 {
		huge.Walks = append(huge.Walks, Walk{Recipient: mail.Path(fmt.Sprintf("user%d@a-rather-long-name.example", i))})
	}
	if p.encode([]*Record{huge}); !p.big() {
		t.Error("a huge block is not big")
	}
}
