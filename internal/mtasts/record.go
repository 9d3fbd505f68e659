package mtasts

import "strings"

// maxID is how long a policy's id may be (RFC 8461 §3.1).
const maxID = 32

// ParseRecord returns the id that the TXT records at _mta-sts.<domain> give to the
// domain's policy. ok is false where there is no policy: no record of this kind, more
// than one, or one that is malformed (RFC 8461 §3.1).
func ParseRecord(texts []string) (id string, ok bool) {
	found := 0
	for _, text := range texts {
		fields := strings.Split(text, ";")
		if trim(fields[0]) != "v=STSv1" {
			continue
		}
		if found++; found > 1 {
			return "", false
		}
		id, ok = recordID(fields[1:])
	}
	return strings.Clone(id), ok
}

// recordID looks through the fields behind the version. Unknown ones are for later
// versions.
func recordID(fields []string) (id string, ok bool) {
	for i, f := range fields {
		f = trim(f)
		if f == "" && i == len(fields)-1 {
			break
		}
		name, value, is := strings.Cut(f, "=")
		switch name = trim(name); {
		case !is || name == "":
			return "", false
		case name == "id" && id == "":
			if id = trim(value); !isID(id) {
				return "", false
			}
		}
	}
	return id, id != ""
}

func isID(s string) bool {
	for _, c := range []byte(s) {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return s != "" && len(s) <= maxID
}

func trim(s string) string { return strings.Trim(s, " \t") }
