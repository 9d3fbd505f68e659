package pack

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/test/bubble"
)

// A site is a web server with one page.
type site struct {
	mu    sync.Mutex // of what Run asks
	text  string
	etag  string
	err   error
	asked []string // what was asked with
}

func (s *site) Get(_ context.Context, _, etag, modified string, _ int64) ([]byte, string, string, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, etag+"|"+modified)
	if s.err != nil || etag != "" && etag == s.etag {
		return nil, "", "", false, s.err
	}
	return []byte(s.text), s.etag, "Thu, 26 Nov 2026 00:00:00 GMT", true, nil
}

// set makes the site another.
func (s *site) set(to *site) { s.text, s.etag, s.err = to.text, to.etag, to.err }

func keeper(t *testing.T, dir string, s *site) *Keeper {
	k := New(Config{Dir: dir, Fetcher: s, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err := k.Set(t.Context(), []Source{source()}); err != nil {
		t.Fatal(err)
	}
	return k
}

func source() Source {
	return Source{Name: "fakes", URL: "https://packs.example/fakes", Every: time.Hour}
}

// version is what a keeper has in force of the pack.
func version(t *testing.T, k *Keeper) string {
	t.Helper()
	p, err := k.Pack("fakes")
	if err != nil {
		t.Fatal(err)
	}
	if p == nil {
		return "none"
	}
	return p.Version
}

func TestKeeper(t *testing.T) {
	dir, s := t.TempDir(), &site{text: "version one\nword 1 text a", etag: `"1"`}
	k := keeper(t, dir, s)
	steps := []struct {
		name string
		do   func() error
		err  string
		want string
	}{
		{"nothing has come", func() error { return nil }, "", "none"},
		{"the first", func() error { return k.Refresh(t.Context(), "fakes") }, "", "one"},
		{"unchanged", func() error { return k.Refresh(t.Context(), "fakes") }, "", "one"},
		{"nothing older", func() error { return k.Rollback("fakes") }, ErrNoOlder.Error(), "one"},
		{"broken", func() error {
			*s = site{text: "version two\nwrod 1 text a", etag: `"2"`}
			return k.Refresh(t.Context(), "fakes")
		}, "the new version is not taken: 2:1:", "one"},
		{"after a restart", func() error { k = keeper(t, dir, s); return nil }, "", "one"},
		{"gone", func() error { s.set(&site{err: errors.New("no route")}); return k.Refresh(t.Context(), "fakes") }, "no route", "one"},
		{"the third", func() error { s.set(&site{text: "version three", etag: `"3"`}); return k.Refresh(t.Context(), "fakes") }, "", "three"},
		{"rolled back", func() error { return k.Rollback("fakes") }, "", "one"},
		{"not taken again", func() error { s.etag = `"3b"`; return k.Refresh(t.Context(), "fakes") }, "", "one"},
		{"nor after a restart", func() error { k = keeper(t, dir, s); return k.Refresh(t.Context(), "fakes") }, "", "one"},
		{"another is", func() error { s.set(&site{text: "version four"}); return k.Refresh(t.Context(), "fakes") }, "", "four"},
		{"back over the bad one", func() error { return k.Rollback("fakes") }, "", "one"},
		{"no other", func() error { return k.Refresh(t.Context(), "none") }, ErrUnknown.Error(), "one"},
	}
	for _, step := range steps {
		err := step.do()
		if step.err == "" && err != nil || step.err != "" && (err == nil || !strings.Contains(err.Error(), step.err)) {
			t.Errorf("%s: got %v, want %q", step.name, err, step.err)
		}
		if got := version(t, k); got != step.want {
			t.Errorf("%s: got %s, want %s", step.name, got, step.want)
		}
	}
	st, err := k.Status("fakes")
	if err != nil || len(st.Versions) != 3 || !st.Versions[0].Bad || st.Current != 1 {
		t.Errorf("got %+v, %v", st, err)
	}
}

// Old versions are dropped, but not the one in force.
func TestVersionsAreBounded(t *testing.T) {
	dir, s := t.TempDir(), &site{}
	k := keeper(t, dir, s)
	for i := range 12 {
		s.text = "version " + strings.Repeat("x", i+1)
		if err := k.Refresh(t.Context(), "fakes"); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "fakes", "*.pack"))
	if err != nil || len(files) != maxVersions {
		t.Errorf("got %v, %v", files, err)
	}
	if got := version(t, keeper(t, dir, s)); len(got) != 12 {
		t.Errorf("after a restart: got %q", got)
	}
}

// A pack is looked for at its times, sooner after a failure, and asked for with what is known.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{text: "version one", etag: `"1"`}
		k := keeper(t, t.TempDir(), s)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- k.Run(ctx) }()
		bubble.Sleep(3*time.Hour + time.Minute)
		s.mu.Lock()
		if n := len(s.asked); n < 3 || n > 5 || s.asked[0] != "|" || !strings.HasPrefix(s.asked[1], `"1"|Thu`) {
			t.Errorf("asked %q", s.asked)
		}
		s.err, s.asked = errors.New("down"), nil
		s.mu.Unlock()
		bubble.Sleep(2*time.Hour + time.Minute)
		s.mu.Lock()
		if n := len(s.asked); n < 4 || n > 10 {
			t.Errorf("while it was down: asked %d times", n)
		}
		s.mu.Unlock()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A file is read when its pack is named; what is wrong with it is told, and what was good holds.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ours.txt")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	k := New(Config{Dir: filepath.Join(dir, "packs"), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	ours := []Source{{Name: "fakes", File: path, Every: time.Hour}}
	if err := k.Set(t.Context(), ours); err == nil || version(t, k) != "none" {
		t.Errorf("no file: got %v", err)
	}
	write("version one")
	if err := k.Refresh(t.Context(), "fakes"); err != nil || version(t, k) != "one" {
		t.Errorf("got %v, %s", err, version(t, k))
	}
	write("rule x spam subjct == ``")
	if err := k.Refresh(t.Context(), "fakes"); err == nil || !strings.Contains(err.Error(), "1:13: rule x: unknown name subjct") || version(t, k) != "one" {
		t.Errorf("broken: got %v, %s", err, version(t, k))
	}
	if err := k.Set(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Pack("fakes"); !errors.Is(err, ErrUnknown) {
		t.Errorf("a pack that is not named any more: got %v", err)
	}
	if _, err := k.File(filepath.Join(dir, "none")); err == nil {
		t.Error("a file that is not there can be read")
	}
}
