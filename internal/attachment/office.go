package attachment

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"path"
	"strings"
)

// An office looks at the parts of an office document in a zip (ECMA-376, ODF 1.3): which of
// them run something, and which fetch from elsewhere what does.
type office struct {
	w *walker
	f *File
}

// named looks at the name of a part.
func (o *office) named(name string) {
	low := strings.ToLower(name)
	base := path.Base(low)
	switch {
	case base == "vbaproject.bin":
		o.w.flag(o.f, Macro, "VBA project in %s", cleanName(name))
	case strings.Contains(low, "xl/macrosheets/"), strings.Contains(low, "xl/dialogsheets/"):
		o.w.flag(o.f, Macro, "Excel 4 macros in %s", cleanName(name))
	case strings.Contains(low, "/activex/") && strings.HasSuffix(low, ".bin"):
		o.w.flag(o.f, Macro, "ActiveX control in %s", cleanName(name))
	case o.f.Kind == ODF && (strings.HasPrefix(low, "basic/") || strings.HasPrefix(low, "scripts/")) && base != "script-lc.xml":
		o.w.flag(o.f, Macro, "macros in %s", cleanName(name))
	}
}

// own reports whether a part is where office programs put theirs. What is elsewhere they don't look at,
// so that it may be there for somebody who unpacks the document.
func (o *office) own(name string) bool {
	if o.f.Kind == ODF {
		return true
	}
	low := strings.ToLower(name)
	if low == "[content_types].xml" {
		return true
	}
	dir, _, _ := strings.Cut(low, "/")
	switch dir {
	case "word", "xl", "ppt", "visio", "docprops", "_rels", "customxml", "customui":
		return dir != low
	}
	return false
}

// scans reports whether a part is text to be looked through.
func (o *office) scans(name string) bool {
	low := strings.ToLower(name)
	switch {
	case strings.HasSuffix(low, ".rels"):
		return true
	case o.f.Kind == ODF:
		return low == "meta-inf/manifest.xml" || low == "content.xml"
	case !strings.HasSuffix(low, ".xml"):
		return false
	}
	dir := path.Dir(low)
	return dir == "word" || dir == "xl" || strings.HasPrefix(dir, "xl/externallinks") || dir == "xl/worksheets"
}

// looks reports whether a part is looked at at all: pictures and styles are not.
func (o *office) looks(name string) bool {
	low := strings.ToLower(name)
	switch ext := path.Ext(low); {
	case o.scans(name):
		return true
	case strings.Contains(low, "/embeddings/"), strings.Contains(low, "object"), ext == ".bin":
		return true
	case ext == ".xml", ext == ".png", ext == ".jpg", ext == ".jpeg", ext == ".gif", ext == ".emf", ext == ".wmf", ext == ".rels", ext == ".vml":
		return false
	}
	return o.f.Kind == OOXML
}

// scan looks through a part.
func (o *office) scan(name string, r io.Reader) {
	low := strings.ToLower(name)
	const most = 4 << 20
	n := min(most, o.w.memory/2)
	o.w.memory -= n
	defer o.w.release(n)
	if strings.HasSuffix(low, ".rels") {
		o.relations(name, io.LimitReader(r, int64(n)))
		return
	}
	b, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err != nil {
		o.w.unreadable(o.f, err)
	}
	switch {
	case strings.HasSuffix(low, "manifest.xml"):
		if bytes.Contains(b, []byte("encryption-data")) {
			o.w.flag(o.f, Encrypted, "needs a password")
		}
	case low == "content.xml":
		if bytes.Contains(b, []byte("script:event-listener")) && bytes.Contains(b, []byte("macro:")) {
			o.w.flag(o.f, Macro, "runs a macro by an event")
		}
	case strings.HasPrefix(low, "xl/externallinks"):
		if bytes.Contains(b, []byte("ddeLink")) {
			o.w.flag(o.f, Macro, "DDE link in %s", cleanName(name))
		}
	case strings.HasPrefix(low, "xl/worksheets"):
		if formulaDDE(b) {
			o.w.flag(o.f, Macro, "DDE formula in %s", cleanName(name))
		}
	default:
		if fieldDDE(b) {
			o.w.flag(o.f, Macro, "DDE field in %s", cleanName(name))
		}
	}
}

// relations looks for what a document fetches from elsewhere when it is opened, and runs.
func (o *office) relations(name string, r io.Reader) {
	d := xml.NewDecoder(r)
	d.Strict = false
	for {
		t, err := d.RawToken()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				o.w.unreadable(o.f, skipSyntax(err))
			}
			return
		}
		e, ok := t.(xml.StartElement)
		if !ok || e.Name.Local != "Relationship" {
			continue
		}
		var kind, target, mode string
		for _, a := range e.Attr {
			switch a.Name.Local {
			case "Type":
				kind = a.Value[strings.LastIndexByte(a.Value, '/')+1:]
			case "Target":
				target = a.Value
			case "TargetMode":
				mode = a.Value
			}
		}
		if strings.EqualFold(mode, "External") && fetched(kind) && remote(target) && (kind != "attachedTemplate" || !signedIn(target)) {
			o.w.flag(o.f, Macro, "fetches %s (%s)", cleanName(target), kind)
		}
	}
}

// skipSyntax drops errors of XML, which is not for us to judge.
func skipSyntax(err error) error {
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// fetched lists relations whose target can run something here. Pictures can't.
func fetched(kind string) bool {
	switch kind {
	case "attachedTemplate", "oleObject", "frame", "subDocument", "package", "control", "aFChunk":
		return true
	}
	return false
}

// signedIn reports whether a target is a file in a library of SharePoint, which nobody gets who
// is not signed in there: firms keep their templates so. Links that are shared with
// everybody have another path.
func signedIn(target string) bool {
	u, err := url.Parse(strings.TrimSpace(target))
	return err == nil && u.Scheme == "https" && u.User == nil && u.RawQuery == "" &&
		strings.HasSuffix(strings.ToLower(u.Host), ".sharepoint.com") && !strings.ContainsAny(u.Host, `\@`) &&
		!strings.Contains(u.Path, "/:") && !strings.Contains(strings.ToLower(u.Path), "_layouts")
}

// remote reports whether a target is on somebody else's server.
func remote(target string) bool {
	low := strings.ToLower(strings.TrimSpace(target))
	for _, scheme := range []string{"http:", "https:", "ftp:", "mhtml:", "ms-msdt:", "script:", "javascript:"} {
		if strings.HasPrefix(low, scheme) {
			return true
		}
	}
	return false
}
