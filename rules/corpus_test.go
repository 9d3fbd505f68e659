package rules

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// corpusTexts are the subjects and bodies of the public corpus (`make corpus`), folded.
func corpusTexts(b *testing.B) (texts []*Texts, octets int64) {
	root := "../corpus/package/data"
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".txt") || strings.HasPrefix(d.Name(), "cmds") {
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		t := Of(mail.NewMessage([]byte(strings.ReplaceAll(string(raw), "\n", "\r\n"))))
		for _, place := range []Where{Subject, Body} {
			for _, text := range t.In(place) {
				octets += int64(len(text.Folded))
			}
		}
		texts = append(texts, t)
		return nil
	})
	if len(texts) == 0 {
		b.Skip("no corpus: make corpus brings it")
	}
	return texts, octets
}

// corpusPatterns are n patterns that look like the texts, so that many begin like words of
// them and few are found, as with what people write against spam: a sixth are words of the
// vocabulary, the rest two and three words as they are met, but from different
// messages. One in twenty is a regular expression.
func corpusPatterns(texts []*Texts, n int) (patterns []Pattern) {
	r := rand.New(rand.NewPCG(1, 2))
	known, vocabulary, met := map[string]bool{}, []string(nil), []string(nil)
	for _, t := range texts {
		for _, text := range t.In(Body) {
			for _, w := range strings.FieldsFunc(string(text.Folded), func(c rune) bool { return !isWord(c) }) {
				if len(w) < 4 || len(w) > 20 {
					continue
				}
				met = append(met, w)
				if !known[w] && len(w) > 5 {
					known[w] = true
					vocabulary = append(vocabulary, w)
				}
			}
		}
	}
	for len(patterns) < n {
		i := len(patterns)
		words := []string{vocabulary[r.IntN(len(vocabulary))]}
		if i%6 > 0 {
			words = []string{met[r.IntN(len(met))], met[r.IntN(len(met))]}
		}
		if i%6 > 3 {
			words = append(words, met[r.IntN(len(met))])
		}
		p := Pattern{Text: strings.Join(words, " "), Weight: 0.5}
		if i%20 == 7 {
			p.Text, p.Regexp = `\b`+strings.Join(words, `\W{0,3}`)+`(s|ed)?\b`, true
		}
		patterns = append(patterns, p)
	}
	return patterns
}

// metPatterns are n patterns cut from the texts: words and phrases of two that follow each other there, the more often
// met, the likelier. Most texts have some tens of them.
func metPatterns(texts []*Texts, n int) (patterns []Pattern) {
	r := rand.New(rand.NewPCG(3, 4))
	var words [][]string
	for _, t := range texts {
		for _, text := range t.In(Body) {
			if list := strings.FieldsFunc(string(text.Folded), func(c rune) bool { return !isWord(c) }); len(list) > 0 {
				words = append(words, list)
			}
		}
	}
	known := map[string]bool{}
	for len(patterns) < n {
		list := words[r.IntN(len(words))]
		i := r.IntN(len(list))
		text := strings.Join(list[i:min(i+1+len(patterns)%3, len(list))], " ")
		if len(text) > 5 && !known[text] {
			known[text] = true
			patterns = append(patterns, Pattern{Text: text, Weight: 0.5})
		}
	}
	return patterns
}

// processTime is what the process has had of the processors: others may be busy, too.
func processTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCorpus prints what 10,000 patterns cost beside 100, over the texts of the corpus.
func BenchmarkCorpus(b *testing.B) {
	texts, octets := corpusTexts(b)
	benchSizes(b, texts, octets, corpusPatterns(texts, 10000))
}

// BenchmarkCorpusMet is BenchmarkCorpus where most messages meet some tens of the patterns.
func BenchmarkCorpusMet(b *testing.B) {
	texts, octets := corpusTexts(b)
	benchSizes(b, texts, octets, metPatterns(texts, 10000))
}

func benchSizes(b *testing.B, texts []*Texts, octets int64, patterns []Pattern) {
	took := map[int]float64{}
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			set, err := Compile(patterns[:n])
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(octets)
			hits, before := 0, processTime(b)
			for b.Loop() {
				hits = 0
				for _, t := range texts {
					found, _ := set.Match(t)
					hits += len(found)
				}
			}
			took[n] = float64((processTime(b) - before).Microseconds()) / float64(b.N) / float64(len(texts))
			b.ReportMetric(took[n], "cpu-µs/message")
			b.ReportMetric(float64(set.Memory())/1024, "KiB")
			b.ReportMetric(float64(hits)/float64(len(texts)), "hits/message")
			b.ReportMetric(took[n]/took[100], "times-100")
		})
	}
}
