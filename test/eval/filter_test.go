package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"gatepost/test/peer"
)

// site writes messages of two kinds that are easy to tell apart, and returns them in turn.
func site(t *testing.T, n int) (steps []step) {
	dir := t.TempDir()
	for i := range n {
		spam := i%2 == 0
		text := fmt.Sprintf("minutes of meeting %d: the garden committee will plant hedges, water roses and mow lawns before autumn", i)
		if spam {
			text = fmt.Sprintf("offer %d: cheap watches, replica handbags and pills without prescription, order now while stocks last", i)
		}
		path := filepath.Join(dir, fmt.Sprintf("%03d.eml", i))
		content := fmt.Sprintf("From: sender%d@example.org\nTo: user@example.com\nSubject: message %d\nMessage-ID: <%d@example.org>\nDate: Mon, 2 Sep 2002 15:59:18 +0100\n\n%s\n", i, i, i, text)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step{path, spam, spam})
	}
	return steps
}

// Each filter that is on this machine learns a simple site, by both protocols.
func TestFilters(t *testing.T) {
	for _, k := range kinds() {
		for name, p := range map[string]protocol{"online": online, "halves": halves} {
			t.Run(k.name+"/"+name, func(t *testing.T) {
				l, err := k.start(t.TempDir())
				if errors.Is(err, peer.ErrMissing) {
					t.Skip(err)
				}
				if err != nil {
					t.Fatal(err)
				}
				steps := site(t, 80)
				o, err := p(l, stream{steps: steps})
				size, end := l.stop()
				if err := errors.Join(err, end); err != nil {
					t.Fatal(err)
				}
				after := o.verdicts[len(o.verdicts)-20:]
				if lost := loss(after); lost != 0 {
					t.Errorf("(1-ROCA) is %v %%: %+v", lost, after)
				}
				if size <= 0 {
					t.Errorf("the model has %d octets", size)
				}
			})
		}
	}
}

// A filter that notes what it is asked.
type notes struct{ asked []string }

func (n *notes) classify(path string) (float64, bool, error) {
	n.asked = append(n.asked, "classify "+path)
	return 0, false, nil
}

func (n *notes) learn(path string, spam bool) error {
	n.asked = append(n.asked, fmt.Sprintf("learn %s %v", path, spam))
	return nil
}

func (n *notes) cpu() (d time.Duration, err error) { return }
func (n *notes) stop() (size int64, err error)     { return }

func TestProtocols(t *testing.T) {
	steps := []step{{"a", true, true}, {"b", false, true}, {"c", false, false}, {"d", true, true}}
	for name, tt := range map[string]struct {
		p     protocol
		delay int
		want  []string
	}{
		"on-line":               {online, 0, []string{"classify a", "learn a true", "classify b", "learn b true", "classify c", "learn c false", "classify d", "learn d true"}},
		"on-line, with a delay": {online, 2, []string{"classify a", "classify b", "classify c", "learn a true", "classify d", "learn b true"}},
		"half learnt, half not": {halves, 0, []string{"learn a true", "learn b true", "classify c", "classify d"}},
	} {
		n := &notes{}
		o, err := tt.p(n, stream{steps: steps, delay: tt.delay})
		if err != nil || !slices.Equal(n.asked, tt.want) {
			t.Errorf("%s: asked %q, %v, want %q", name, n.asked, err, tt.want)
		}
		for i, v := range o.verdicts {
			if want := steps[len(steps)-len(o.verdicts)+i].truth; v.truth != want {
				t.Errorf("%s: verdict %d is on a message that is spam: %v, want %v", name, i, v.truth, want)
			}
		}
	}
}
