package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/locale"
	"gatepost/internal/mail"
)

// A file of pages/ is a page: it defines "content", and "title" if that is not the text
// title.NAME. Those in pages/parts/ define what several pages use.
//
//go:embed pages
var pageFiles embed.FS

// pages has each page in each language. A page is parsed when it is asked for first: commands
// of the program show none, and many a node none but a few.
type pages struct {
	byName map[string]map[string]func() (*template.Template, error) // language, name
}

func loadPages(words *locale.Catalog, a *assets) (*pages, error) {
	files, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	p := &pages{byName: map[string]map[string]func() (*template.Template, error){}}
	for _, lang := range words.Languages() {
		parts := sync.OnceValues(func() (*template.Template, error) { return parseParts(words, a, lang) })
		p.byName[lang] = map[string]func() (*template.Template, error){}
		for _, file := range files {
			p.byName[lang][strings.TrimSuffix(path.Base(file), ".html")] = sync.OnceValues(func() (*template.Template, error) { return parsePage(parts, file) })
		}
	}
	return p, nil
}

// parseParts returns what pages of a language have in common.
func parseParts(words *locale.Catalog, a *assets, lang string) (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{
		"t":       func(key string, args ...any) string { return words.Text(lang, key, args...) },
		"asset":   a.url,
		"lang":    func() string { return lang },
		"size":    func(n int64) string { return octets(lang, n) },
		"domain":  mail.ShownDomain,
		"address": ownAddress[string],
		"browser": browserName,
		"hours":   func(hours []int) string { return clockHours(lang, hours) },
		"dict":    dict,
		"add":     func(a, b int) int { return a + b },
	}).ParseFS(pageFiles, "pages/parts/*.html")
}

func parsePage(parts func() (*template.Template, error), file string) (*template.Template, error) {
	common, err := parts()
	if err != nil {
		return nil, err
	}
	t, err := common.Clone()
	if err != nil {
		return nil, err
	}
	return t.ParseFS(pageFiles, file)
}

// get returns a page.
func (p *pages) get(lang, name string) (*template.Template, error) {
	parse := p.byName[lang][name]
	if parse == nil {
		return nil, fmt.Errorf("web: no page is called %q", name)
	}
	t, err := parse()
	if err != nil {
		return nil, fmt.Errorf("web: page %s: %w", name, err)
	}
	return t, nil
}

// dict makes the argument of a part that needs several values: key, value, key, value.
func dict(pairs ...any) (map[string]any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: key %d is a %T", i, pairs[i])
		}
		m[key] = pairs[i+1]
	}
	return m, nil
}

// A view is what a template sees as $: what is known of the visit, and Data, which the
// handler gave. Times are written by $.Time, $.Day, $.Clock, in the visit's zone.
type view struct {
	*visit
	Name   string
	Data   any
	Menu   []menuItem
	Notice *notice
	CSRF   string
	Now    time.Time
}

// Time writes a moment, to the minute.
func (v view) Time(t time.Time) string { return moment(v.visit, t, "time.minute") }

// Day writes the day of a moment.
func (v view) Day(t time.Time) string { return moment(v.visit, t, "time.day") }

// Stamp is a moment for the attribute datetime of <time>.
func (v view) Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// May reports whether the person may do something to an object.
func (v view) May(action string, o access.Object) bool {
	return v.may(access.Action(action), o)
}

// moment writes a time by a layout that is a text.
func moment(v *visit, t time.Time, layout string) string {
	if t.IsZero() {
		return "–"
	}
	return t.In(v.Zone).Format(v.T(layout))
}

// page shows a page. All of it is made before the first octet is sent, so that what fails
// in a template is an error and no half page. A part of a page that htmx asks for is the
// page's content without the frame.
func (s *Server) page(w http.ResponseWriter, r *http.Request, status int, name string, data any) error {
	block := "layout"
	if r.Header.Get("HX-Request-Type") == "partial" {
		block = "partial"
	}
	return s.part(w, r, status, name, block, data)
}

// part shows one block that a page defines, without the frame: what htmx puts in the
// place of another. It sees the same as the page.
func (s *Server) part(w http.ResponseWriter, r *http.Request, status int, name, block string, data any) error {
	v := visitOf(r)
	t, err := s.pages.get(v.Lang, name)
	if err != nil {
		return err
	}
	if v.notice == nil {
		v.notice = s.takeNotice(w, r)
	}
	see := view{visit: v, Name: name, Data: data, Menu: s.menu(r), Notice: v.notice, CSRF: v.csrf, Now: v.Now}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, block, see); err != nil {
		return fmt.Errorf("web: page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Vary", "HX-Request-Type, Accept-Language, Cookie")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // who would be told is gone
	return nil
}

// zones are those that were asked for, since reading one is reading a file.
type zones struct {
	mu     sync.Mutex
	byName map[string]*time.Location
}

const maxZones = 600 // there are not that many

// get returns a zone by name; UTC where there is none of that name.
func (z *zones) get(name string) *time.Location {
	if name == "" {
		return time.UTC
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if zone := z.byName[name]; zone != nil {
		return zone
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	if len(z.byName) >= maxZones {
		clear(z.byName)
	}
	z.byName[name] = zone
	return zone
}

// clockHours writes hours of the day.
func clockHours(lang string, hours []int) string {
	layout := "%d:00"
	if lang == "fr" {
		layout = "%d\u00a0h"
	}
	texts := make([]string, len(hours))
	for i, h := range hours {
		texts[i] = fmt.Sprintf(layout, h)
	}
	return strings.Join(texts, ", ")
}

// octets writes a size.
func octets(lang string, n int64) string {
	unit, decimal := "B", "."
	if lang == "fr" {
		unit, decimal = "o", ","
	}
	if n < 1000 {
		return fmt.Sprintf("%d\u00a0%s", n, unit)
	}
	f := float64(n)
	for _, prefix := range []string{"k", "M", "G", "T"} {
		if f /= 1000; f < 999.5 || prefix == "T" {
			text := fmt.Sprintf("%.0f", f)
			if f < 9.95 {
				text = strings.Replace(fmt.Sprintf("%.1f", f), ".", decimal, 1)
			}
			return text + "\u00a0" + prefix + unit
		}
	}
	return ""
}

// pageful is what a page shows of a list that was asked for one more than most, and whether there is more.
func pageful[T any](list []T, most int) (shown []T, more bool) {
	return list[:min(len(list), most)], len(list) > most
}

// wrongKey is the key, below a prefix, of the text that says what is wrong with a field of a form, or, where field is "", with all of it.
func wrongKey(prefix, field, why string) string {
	return strings.TrimSuffix(prefix+field, ".") + "." + why
}
