package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

// htmx.min.js is htmx 4.0.1 (npm htmx.org, 0BSD), as it is there.
//
//go:embed assets
var assetFiles embed.FS

// An asset is a file that never changes under its address, which has a part of the
// content's hash in it.
type asset struct {
	name, kind string
	plain      []byte
	packed     func() []byte // by gzip; nil where that is no smaller
}

// assets are all of them, by address and by name.
type assets struct {
	byPath map[string]*asset
	path   map[string]string // by name
}

const assetRoot = "/assets/"

func loadAssets() (*assets, error) {
	a := &assets{byPath: map[string]*asset{}, path: map[string]string{}}
	err := fs.WalkDir(assetFiles, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(assetFiles, name)
		if err != nil {
			return err
		}
		a.add(strings.TrimPrefix(name, "assets/"), b)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("web: assets: %w", err)
	}
	return a, nil
}

func (a *assets) add(name string, plain []byte) {
	kind := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) { // not what this machine's table says
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".css":
		kind = "text/css; charset=utf-8"
	case ".svg":
		kind = "image/svg+xml"
	}
	sum := sha256.Sum256(plain)
	ext := path.Ext(name)
	at := assetRoot + strings.TrimSuffix(name, ext) + "." + base64.RawURLEncoding.EncodeToString(sum[:9]) + ext
	a.byPath[at], a.path[name] = &asset{name: name, kind: kind, plain: plain, packed: sync.OnceValue(func() []byte { return packed(plain) })}, at
}

// packed is what gzip makes of it, nil where that is no smaller.
func packed(plain []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil
	}
	z.Write(plain) // to memory
	z.Close()
	if b.Len() >= len(plain) {
		return nil
	}
	return b.Bytes()
}

// url returns the address of an asset; templates use it. A name that is none is a
// mistake in a template, which the test of all pages finds.
func (a *assets) url(name string) (string, error) {
	at, ok := a.path[name]
	if !ok {
		return "", fmt.Errorf("no asset is called %q", name)
	}
	return at, nil
}

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	one, ok := a.byPath[r.URL.Path]
	if !ok {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", one.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body := one.plain
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		if packed := one.packed(); packed != nil {
			h.Set("Content-Encoding", "gzip")
			body = packed
		}
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	w.Write(body)
}

// acceptsGzip reads Accept-Encoding as far as is needed (RFC 9110 §12.5.3).
func acceptsGzip(field string) bool {
	for part := range strings.SplitSeq(field, ",") {
		coding, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			return strings.Trim(strings.ReplaceAll(weight, " ", ""), "q=.0") != "" || !strings.Contains(weight, "q=0")
		}
	}
	return false
}
