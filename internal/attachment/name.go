package attachment

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxName bounds a name that is kept, in octets.
const maxName = 255

// cleanName makes a name valid UTF-8 without control characters but those that order
// letters, which are evidence, and no longer than maxName.
func cleanName(s string) string {
	s = strings.ToValidUTF8(s, "�")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
	for len(s) > maxName {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// Extension returns what Windows takes for the last extension of a name, in lower case and
// without the dot: dots and spaces at the end do not count, nor what nobody sees. Behind a
// dot and a space is none.
func Extension(name string) string {
	_, ext := splitName(name)
	return ext
}

// splitName splits a name at its last extension.
func splitName(name string) (stem, ext string) {
	name = norm.NFKC.String(name[strings.LastIndexAny(name, `/\`)+1:])
	name = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
	name = strings.TrimRight(name, ". \t\u00a0")
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return name, ""
	}
	if ext = name[dot+1:]; strings.TrimLeft(ext, " \t\u00a0") != ext { // a sentence goes on
		return name, ""
	}
	return name[:dot], strings.TrimSpace(ext)
}

// dangers says what is opened by what runs it, by extension; "" for others. The lists are of
// what Windows, Office, Java and the shells run by a double click.
func dangers(ext string) (Class, string) {
	switch ext {
	case "exe", "com", "scr", "pif", "cpl", "dll", "ocx", "sys", "drv", "msi", "msp", "msu", "msm", "mst", "gadget", "application", "appref-ms", "appx", "appxbundle",
		"msix", "msixbundle", "appinstaller", "xll", "wll", "diagcab", "xbap", "mui", "ax", "acm", "fxp", "prg":
		return Executable, "a program"
	case "bat", "cmd", "btm", "py", "pyw", "pyz", "pyzw", "pyc", "pyo", "htc", "vsmacros", "ps1", "ps1xml", "ps2", "psm1", "psd1", "psc1", "vbs", "vbe", "vb", "js", "jse", "ws", "wsf", "wsh", "wsc", "sct", "hta",
		"msh", "msh1", "msh2", "mshxml", "ahk", "au3", "a3x", "ksh", "csh", "command", "scpt", "applescript", "workflow", "action":
		return Executable, "a script"
	case "lnk", "url", "scf", "desktop", "webloc", "inetloc", "website", "pcd", "shb", "shs", "glk", "library-ms", "search-ms", "searchconnector-ms", "settingcontent-ms",
		"theme", "themepack", "deskthemepack", "rdp", "jnlp", "msc", "reg", "inf", "ins", "isp", "its", "job", "osd", "xnk", "printerexport", "webpnp", "sdb", "mam", "maf", "maq":
		return Executable, "a shortcut or setting"
	case "jar", "class", "apk", "ipa", "chm", "hlp", "swf", "deb", "rpm", "pkg", "crx", "xpi", "vsix", "osx", "elf", "wasm", "ade", "adp", "mde", "accde", "accda", "accdr", "mdw", "mda":
		return Executable, "a package or database that runs"
	case "iqy", "oqy", "rqy", "dqy", "slk", "sylk":
		return Macro, "a query or sheet that fetches or runs what it names"
	case "iso", "img", "udf", "vhd", "vhdx", "vmdk", "vdi", "qcow2", "dmg", "wim", "daa", "nrg", "cdi":
		return Container, "a disk image"
	case "one", "onepkg", "onetoc2":
		return Container, "a OneNote notebook"
	}
	return "", ""
}

// isDocument reports whether an extension is of what people expect to be harmless.
func isDocument(ext string) bool {
	switch ext {
	case "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "ods", "odp", "rtf", "txt", "csv", "eml", "msg", "xml",
		"jpg", "jpeg", "png", "gif", "bmp", "tif", "tiff", "webp", "heic", "mp3", "mp4", "wav", "avi", "mov", "wmv", "m4a":
		return true
	}
	return false
}

// unpacks reports whether an extension is of what is opened by an unpacker.
func unpacks(ext string) bool {
	switch ext {
	case "zip", "zipx", "7z", "rar", "tar", "gz", "tgz", "bz2", "tbz2", "xz", "txz", "lzma", "zst", "lz4", "z", "cab", "arj", "lzh", "lha", "ace", "jar", "war", "ear", "iso", "img", "wim":
		return true
	}
	return false
}

// runsMacros reports whether an extension is of office documents, which may hold macros.
func runsMacros(ext string) bool {
	switch ext {
	case "doc", "docx", "docm", "dot", "dotx", "dotm", "xls", "xlsx", "xlsm", "xlsb", "xlt", "xltx", "xltm", "xla", "xlam",
		"ppt", "pptx", "pptm", "pps", "ppsx", "ppsm", "pot", "potx", "potm", "ppa", "ppam", "rtf", "pub", "msg", "eml":
		return true
	}
	return false
}

// isPage reports whether an extension is of what a browser opens.
func isPage(ext string) bool {
	switch ext {
	case "htm", "html", "shtml", "xhtml", "xht", "mht", "mhtml", "svg":
		return true
	}
	return false
}

// nameFlags says what is wrong with a name.
func nameFlags(name string, kind Kind) (flags []Flag) {
	if name == "" {
		return nil
	}
	stem, ext := splitName(name)
	before := stem[strings.LastIndexByte(stem, '.')+1:]
	second := before != stem && isDocument(strings.TrimSpace(before))
	class, what := dangers(ext)
	if class != "" && !second && harmlessAsNamed(ext, kind) {
		class = ""
	}
	if class != "" {
		flags = append(flags, Flag{class, fmt.Sprintf("%s by its name (.%s)", what, ext)})
	}
	if turns(name) {
		flags = append(flags, Flag{Disguised, "the name has characters that turn the order of letters"})
	}
	runs := class != "" || kind.runs() != "" && !shown(ext, kind)
	if second && (runs || isPage(ext)) {
		flags = append(flags, Flag{Disguised, fmt.Sprintf("two extensions, .%s and .%s", cleanName(strings.TrimSpace(before)), ext)})
	}
	if gap(name) {
		flags = append(flags, Flag{Disguised, "spaces push the extension out of sight"})
	}
	return flags
}

// innerFlags are those that count of a part's name in an office document: what else is odd is
// for the program that wrote it.
func innerFlags(flags []Flag) []Flag {
	return slices.DeleteFunc(flags, func(g Flag) bool { return g.Class != Executable && g.Class != Container })
}

// harmlessAsNamed reports whether a dangerous extension is no such thing in a file of that kind:
// the names of domains end in .com, and no Windows of 64 bits runs what is no program by its mark.
func harmlessAsNamed(ext string, kind Kind) bool {
	return ext == "com" && kind != DOS && kind != PE
}

// shown reports whether a script under an extension is opened by what shows text.
func shown(ext string, kind Kind) bool {
	return kind == Script && (ext == "txt" || ext == "md" || ext == "log" || ext == "csv")
}

// turns reports whether a name has characters that override or embed the direction of
// writing (UAX #9), which no name of a file needs.
func turns(name string) bool {
	return strings.ContainsFunc(name, func(r rune) bool { return 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069 })
}

// manySpaces is how many spaces in a row push an extension out of sight.
const manySpaces = 10

// gap reports whether many spaces, or what looks like them, are in a row within a name.
func gap(name string) bool {
	run := 0
	for _, r := range strings.TrimRight(name, " ") {
		if unicode.IsSpace(r) || r == 0x3164 || r == 0x2800 || r == 0x115f || r == 0x1160 {
			if run++; run >= manySpaces {
				return true
			}
			continue
		}
		run = 0
	}
	return false
}

// contentFlags says what is wrong with a content under its name.
func contentFlags(name string, kind Kind) (flags []Flag) {
	ext := Extension(name)
	switch {
	case kind.runs() != "" && !shown(ext, kind):
		flags = append(flags, Flag{Executable, kind.runs() + " by its content"})
	case kind.mounts() != "":
		flags = append(flags, Flag{Container, kind.mounts() + " by its content"})
	}
	if belies(ext, kind) {
		flags = append(flags, Flag{Disguised, fmt.Sprintf("named .%s, but its content is: %s", ext, kind)})
	}
	return flags
}

// belies reports whether a content can't be honest under an extension. Office files are
// often named for one another, pages for sheets, what was scanned for the wrong one of picture and
// PDF, and mail programs name what they like.
func belies(ext string, kind Kind) bool {
	switch ext {
	case "zip", "zipx", "rar", "7z", "cab", "arj", "lzh", "ace":
		// programs look for the archive behind whatever is in front of it
		return kind != Empty && kind != OOXML && kind != ODF && !kind.Archive()
	}
	if !isDocument(ext) || kind == Unknown || kind == Text || kind == Empty {
		return false
	}
	if kind.runs() != "" || kind.mounts() != "" {
		return kind != Script || ext != "txt" && ext != "csv" && ext != "eml"
	}
	switch ext {
	case "pdf":
		return kind == HTML || kind == SVG || kind == RTF || kind == OLE || kind == OOXML || kind.Archive()
	case "jpg", "jpeg", "png", "gif", "bmp", "tif", "tiff", "webp", "heic", "mp3", "mp4", "wav", "avi", "mov", "wmv", "m4a":
		return kind == HTML || kind == SVG || kind == RTF || kind == OLE || kind == OOXML || kind.Archive()
	case "txt", "csv":
		return kind == OLE || kind == OOXML || kind == PDF || kind.Archive()
	case "doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "ods", "odp", "rtf":
		return kind == RAR || kind == RAR5 || kind == SevenZip || kind == Cab || kind == ACE
	}
	return false
}
