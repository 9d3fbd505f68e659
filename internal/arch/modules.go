package arch

import (
	"go/ast"
	"slices"
	"strings"
)

// An owner is a module, or a package of the standard library, and who may import
// it. One package knows a module's ways and hides them from the rest.
type owner struct {
	path string   // this package and all below
	dirs []string // nil: anybody
}

// owners are looked through in order: the first that fits counts.
func owners() []owner {
	return []owner{
		{"github.com/emersion/go-smtp", []string{"internal/smtpd", "internal/relay"}},
		{"github.com/emersion/go-sasl", []string{"internal/smtpd", "internal/relay", "internal/directory"}},
		{"github.com/emersion/go-imap", []string{}},  // a client for tests
		{"github.com/emersion/go-vcard", []string{}}, // a reader for tests
		{"github.com/google/uuid", []string{"internal/vcard"}},
		{"github.com/chromedp", []string{}},                                                            // a browser for tests
		{"github.com/emersion/go-msgauth/authres", []string{"pipeline", "filters", "internal/intake"}}, // findings are made with them, the header field of them
		{"github.com/emersion/go-msgauth", []string{"filters", "internal/relay"}},
		{"github.com/emersion/go-message", []string{"internal/mail"}},
		{"github.com/d--j/go-milter", []string{"internal/engine/milter"}},
		{"blitiri.com.ar/go/spf", []string{"filters"}},
		{"github.com/miekg/dns", []string{"internal/resolve", "internal/resolve/resolvetest", "dnsbl"}},
		{"github.com/hashicorp/go-memdb", []string{"internal/directory"}},
		{"github.com/microcosm-cc/bluemonday", []string{"internal/web/safe"}},
		{"github.com/spf13/viper", []string{"internal/config"}},
		{"github.com/go-viper/mapstructure", []string{"internal/config", "pipeline"}}, // pipeline decodes filters' settings
		{"go.yaml.in/yaml", []string{"internal/config"}},
		{"github.com/spf13/cobra", []string{"cmd/gatepost"}},
		{"github.com/spf13/pflag", []string{"cmd/gatepost"}},
		{"github.com/prometheus", []string{"internal/metric"}},
		{"modernc.org/sqlite", []string{"internal/store", "internal/lookup"}},
		{"github.com/jackc/pgx", []string{"internal/store", "internal/lookup"}},
		{"database/sql", []string{"internal/store", "internal/lookup"}}, // lookup reads the databases of others
		{"github.com/expr-lang/expr", []string{"rules"}},
		{"github.com/oschwald/maxminddb-golang", []string{"internal/geoip"}},
		{"github.com/dchest/captcha", []string{"internal/captcha"}},
		{"github.com/skip2/go-qrcode", []string{"internal/web"}},
		{"github.com/makiuchi-d/gozxing", []string{"internal/picture"}},
		{"github.com/go-jose/go-jose", []string{"internal/identity", "internal/identity/identitytest"}},
		{"github.com/go-ldap/ldap", []string{"internal/lookup"}},
		{"github.com/go-crypt/crypt", []string{"internal/lookup"}},
		{"github.com/ulikunitz/xz", []string{"internal/attachment"}},
		{"github.com/klauspost/compress", []string{"internal/attachment", "mailbox/imap"}},
		{"github.com/nwaples/rardecode", []string{"internal/attachment"}},
		{"github.com/richardlehane/mscfb", []string{"internal/attachment"}},
		{"github.com/minio/minio-go", []string{"internal/blob/s3"}},
		{"net/http", []string{"internal/web", "internal/metric", "internal/relay", "internal/engine/rspamd", "internal/acme", "internal/identity", "internal/identity/identitytest"}},
		{"net/smtp", []string{}},
		{"log/slog", nil},
		{"log", []string{}}, // log/slog, with the logger passed in
		{"golang.org/x", nil},
	}
}

// modules: a module is imported by its owner alone. Tests may use what they like,
// but for package log.
func modules(t *Tree) (found []Finding) {
	for _, f := range t.files {
		for _, i := range f.imports() {
			if _, ours := i.ours(); ours || f.test && i.path != "log" {
				continue
			}
			o, known := ownerOf(i.path)
			switch {
			case !known && strings.Contains(strings.Split(i.path, "/")[0], "."):
				found = append(found, t.at(i.pos, "module of %s has no owner: give it one in internal/arch, and a reason in the commit", i.path))
			case known && o.dirs != nil && !slices.Contains(o.dirs, f.dir) && (i.path == "log" || !f.beside()):
				found = append(found, t.at(i.pos, "%s must not import %s%s", f.dir, i.path, belongs(o)))
			}
		}
	}
	return found
}

func belongs(o owner) string {
	if len(o.dirs) == 0 {
		return ""
	}
	return ": it belongs to " + strings.Join(o.dirs, ", ")
}

func ownerOf(path string) (owner, bool) {
	for _, o := range owners() {
		if path == o.path || strings.HasPrefix(path, o.path+"/") {
			return o, true
		}
	}
	return owner{}, false
}

// logging: loggers are passed in; nobody reaches for the process's own.
func logging(t *Tree) (found []Finding) {
	own := []string{
		"Default", "SetDefault", "With", "Log", "LogAttrs", "Debug", "Info", "Warn", "Error",
		"DebugContext", "InfoContext", "WarnContext", "ErrorContext",
	}
	for _, f := range t.files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "slog" && x.Obj == nil && slices.Contains(own, s.Sel.Name) {
				found = append(found, t.at(s.Pos(), "slog.%s is the process's logger: take one as an argument", s.Sel.Name))
			}
			return true
		})
	}
	return found
}

// addresses: IPv4 inside IPv6 is unwrapped by mail.Unmap, which knows of NAT64, too; netip's own method
// leaves a spelling by which a client is on no list.
func addresses(t *Tree) (found []Finding) {
	for _, f := range t.files {
		if f.test || f.dir == "internal/mail" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok || s.Sel.Name != "Unmap" {
				return true
			}
			if x, ok := s.X.(*ast.Ident); !ok || x.Name != "mail" {
				found = append(found, t.at(s.Sel.Pos(), "netip's Unmap leaves 64:ff9b::/96 as it is: use mail.Unmap"))
			}
			return true
		})
	}
	return found
}
