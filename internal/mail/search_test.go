package mail

import (
	"strings"
	"testing"
	"testing/iotest"
)

func TestRawContains(t *testing.T) {
	far := strings.Repeat("x", window-len("Subject: x\r\n\r\n")-2) + "begin" + strings.Repeat("y", window)
	for name, tt := range map[string]struct {
		body  string
		limit int64
		want  bool
	}{
		"there":             {"the begin of it", 100, true},
		"not there":         {"the end of it", 100, false},
		"as it is decoded":  {"b=65gin", 100, false},
		"beyond the limit":  {"the begin of it", 8, false},
		"within the limit":  {"the begin of it", 9, true},
		"no limit":          {"begin", 0, false},
		"below":             {"begin", -1, false},
		"nothing":           {"", 100, false},
		"far":               {far, window, true},
		"far, but not all":  {far, window - 20, false},
		"in another letter": {"Begin", 100, false},
	} {
		content := "Subject: x\r\n\r\n" + tt.body
		m, spooled := NewMessage([]byte(content)), NewSpooled(strings.NewReader(content), int64(len(content)))
		if got := m.RawContains(m.Root(), "begin", tt.limit); got != tt.want {
			t.Errorf("%s: got %v", name, got)
		}
		if got := spooled.RawContains(spooled.Root(), "begin", tt.limit); got != tt.want || spooled.Err() != nil {
			t.Errorf("%s, in a file: got %v, %v", name, got, spooled.Err())
		}
	}
	content := "Subject: x\r\n\r\nbody"
	m := NewSpooled(strings.NewReader(content), int64(len(content)))
	m.Root()
	m.content = failing{}
	if m.RawContains(m.Root(), "begin", 100) || m.Err() == nil {
		t.Error("no error where the content can't be read")
	}
}

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, iotest.ErrTimeout }
