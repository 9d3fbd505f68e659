package web

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sources are all templates and all of the program's files here, by name.
func sources(t *testing.T) (templates, program map[string]string) {
	t.Helper()
	templates, program = map[string]string{}, map[string]string{}
	err := fs.WalkDir(pageFiles, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(pageFiles, name)
		templates[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		program[name] = string(b)
	}
	return templates, program
}

func matches(re, text string) (list []string) {
	for _, m := range regexp.MustCompile(re).FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

// Every text that is named is there, in each language; every text that is there is named.
// A key that is put together is named by its beginning: print "title." .Name, or
// "title."+name.
func TestWords(t *testing.T) {
	words, err := loadWords() // compares the languages
	if err != nil {
		t.Fatal(err)
	}
	templates, program := sources(t)
	literals, beginnings := map[string]bool{}, []string{}
	look := func(name, text, named, begun string) {
		for _, key := range matches(named, text) {
			if !words.Has(key) {
				t.Errorf("%s: there is no text %q", name, key)
			}
		}
		for _, key := range matches(`"([a-z0-9_.-]+)"`, text) {
			literals[key] = true
		}
		beginnings = append(beginnings, matches(begun, text)...)
	}
	for name, text := range templates {
		look(name, text, `\bt "([^"]+)"`, `print "([a-z0-9_-]+\.(?:[a-z0-9_-]+\.)*)"`)
		page := strings.TrimSuffix(filepath.Base(name), ".html")
		if filepath.Dir(name) == "pages" && !strings.Contains(text, `define "title"`) && !words.Has("title."+page) {
			t.Errorf("%s has no title: neither a block nor the text title.%s", name, page)
		}
	}
	for _, text := range templates {
		for _, key := range matches(`\.Key "([a-z][a-z.]*)"`, text) {
			look("a place of rules", `"own.`+key+`" "rules.`+key+`"`, `"([^"]+)"`, "^()$")
		}
	}
	for name, text := range program {
		for _, key := range matches(`\.Key\("([a-z][a-z.]*)"`, text) {
			look(name, `"own.`+key+`" "rules.`+key+`"`, `"([^"]+)"`, "^()$")
		}
		look(name, text, `\.T\("([^"]+)"`, `"([a-z0-9_-]+\.(?:[a-z0-9_-]+\.)*)"(?: ?\+|, field)`)
	}
	for _, key := range words.Keys() {
		stem := strings.TrimSuffix(strings.TrimSuffix(key, ".one"), ".title")
		begun := slices.ContainsFunc(beginnings, func(b string) bool { return strings.HasPrefix(key, b) })
		if !literals[key] && !literals[stem] && !begun {
			t.Errorf("nothing shows the text %q", key)
		}
	}
}

// No page has script or style in it, or an attribute that htmx would have to evaluate:
// the content security policy would stop them.
func TestNothingInline(t *testing.T) {
	templates, _ := sources(t)
	for name, text := range templates {
		for _, wrong := range []string{`<script(?:[^>]*)>[^<]`, `<style`, `\sstyle=`, `\son[a-z]+=`, `\shx-on`, `js:`, `javascript:`, `\shx-vars`, `https?://`} {
			if at := regexp.MustCompile(wrong).FindString(text); at != "" {
				t.Errorf("%s has %q in it", name, at)
			}
		}
	}
}

// Each page is there in each language, and has one h1.
func TestPages(t *testing.T) {
	words, err := loadWords()
	if err != nil {
		t.Fatal(err)
	}
	a, err := loadAssets()
	if err != nil {
		t.Fatal(err)
	}
	p, err := loadPages(words, a)
	if err != nil {
		t.Fatal(err)
	}
	templates, _ := sources(t)
	for _, lang := range words.Languages() {
		for name := range p.byName[lang] {
			page, err := p.get(lang, name)
			if err != nil {
				t.Error(err)
				continue
			}
			if page.Lookup("layout") == nil || page.Lookup("content") == nil {
				t.Errorf("%s, %s: no layout or no content", lang, name)
			}
			if n := strings.Count(templates["pages/"+name+".html"], "<h1"); n < 1 {
				t.Errorf("%s has no h1", name)
			}
			for _, asset := range matches(`asset "([^"]+)"`, templates["pages/"+name+".html"]) {
				if _, err := a.url(asset); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
}

// Pages ask package access in one place, which knows of locks.
func TestOnePlaceAsksForRights(t *testing.T) {
	_, program := sources(t)
	for name, text := range program {
		if name != "visit.go" && strings.Contains(text, "access.May(") {
			t.Errorf("%s calls access.May; call the server's may or allow, which know what is locked", name)
		}
	}
}
