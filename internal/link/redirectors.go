package link

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// redirectors are those whose addresses hold where they lead, by host (with all below it):
// search engines, social networks, the link rewriters of mail gateways, counters of
// advertisers and newsletters. What holds a token instead is not among them.
var redirectors = map[string][]redirector{
	// Search engines and portals.
	"google.com":                     google,
	"google.fr":                      google,
	"google.de":                      google,
	"google.ch":                      google,
	"google.be":                      google,
	"google.it":                      google,
	"google.es":                      google,
	"google.nl":                      google,
	"google.ca":                      google,
	"google.pl":                      google,
	"google.ru":                      google,
	"google.co.uk":                   google,
	"google.co.in":                   google,
	"google.co.jp":                   google,
	"google.com.br":                  google,
	"google.com.au":                  google,
	"googleadservices.com":           {{path: "/", params: []string{"adurl"}}},
	"doubleclick.net":                {{path: "/", params: []string{"adurl", "ds_dest_url"}}, {path: "/", decode: inAddress}},
	"bing.com":                       {{path: "/ck/a", params: []string{"u"}, decode: bing}, {path: "/acli", params: []string{"u"}, decode: bing}, {path: "/alink", params: []string{"url"}}},
	"r.search.yahoo.com":             {{path: "/", decode: yahooSearch}},
	"r.msn.com":                      {{path: "/", params: []string{"u"}}},
	"rd.yahoo.com":                   {{path: "/", decode: starred}},
	"srd.yahoo.com":                  {{path: "/", decode: starred}},
	"drs.yahoo.com":                  {{path: "/", decode: starred}},
	"duckduckgo.com":                 {{path: "/l/", params: []string{"uddg"}}},
	"yandex.ru":                      {{path: "/clck/", decode: starred}},
	"baidu.com":                      {{path: "/", params: []string{"url"}}},
	"g.msn.com":                      {{path: "/", decode: bareQuery}},
	"web.archive.org":                {{path: "/web/", decode: inAddress}},
	"webcache.googleusercontent.com": {{path: "/search", params: []string{"q"}, decode: afterColons}},

	// Social networks and forums.
	"facebook.com":       {{path: "/l.php", params: []string{"u"}}, {path: "/flx/warn", params: []string{"u"}}},
	"l.messenger.com":    {{path: "/l.php", params: []string{"u"}}},
	"l.instagram.com":    {{path: "/", params: []string{"u"}}},
	"l.threads.net":      {{path: "/", params: []string{"u"}}},
	"l.threads.com":      {{path: "/", params: []string{"u"}}},
	"l.wl.co":            {{path: "/l", params: []string{"u"}}},
	"youtube.com":        {{path: "/redirect", params: []string{"q"}}, {path: "/attribution_link", params: []string{"u"}}},
	"linkedin.com":       {{path: "/redir/", params: []string{"url"}}, {path: "/safety/go", params: []string{"url"}}, {path: "/slink", params: []string{"url"}}, {path: "/authwall", params: []string{"sessionRedirect"}}},
	"out.reddit.com":     {{path: "/", params: []string{"url"}}},
	"steamcommunity.com": {{path: "/linkfilter", params: []string{"u", "url"}}},
	"vk.com":             {{path: "/away.php", params: []string{"to"}}},
	"t.umblr.com":        {{path: "/redirect", params: []string{"z"}}},
	"disq.us":            {{path: "/url", params: []string{"url"}}},
	"medium.com":         {{path: "/r/", params: []string{"url"}}},
	"tiktok.com":         {{path: "/link/v2", params: []string{"target"}}},
	"slack-redir.net":    {{path: "/link", params: []string{"url"}}},
	"exit.sc":            {{path: "/", params: []string{"url"}}},
	"href.li":            {{path: "/", decode: bareQuery}},
	"anonym.to":          {{path: "/", decode: bareQuery}},
	"nullrefer.com":      {{path: "/", decode: bareQuery}},
	"dereferer.me":       {{path: "/", decode: bareQuery}},

	// What mail gateways put in front of the links in mail.
	"safelinks.protection.outlook.com":  {{path: "/", params: []string{"url"}}},
	"safelinks.protection.office365.us": {{path: "/", params: []string{"url"}}},
	"statics.teams.cdn.office.net":      {{path: "/evergreen-assets/safelinks", params: []string{"url"}}},
	"urldefense.proofpoint.com":         {{path: "/v1/", params: []string{"u"}}, {path: "/v2/", params: []string{"u"}, decode: proofpoint2}, {path: "/v3/", decode: proofpoint3}},
	"urldefense.com":                    {{path: "/v3/", decode: proofpoint3}},
	"urldefense.us":                     {{path: "/v3/", decode: proofpoint3}, {path: "/v2/", params: []string{"u"}, decode: proofpoint2}},
	"clicktime.symantec.com":            {{path: "/", params: []string{"u"}}},
	"clicktime.cloud.postoffice.net":    {{path: "/", params: []string{"u"}}},
	"secure-web.cisco.com":              {{path: "/", decode: inAddress}},
	"mimecast.com":                      {{path: "/s/", params: []string{"domain"}}, {path: "/r/", params: []string{"domain"}}, {path: "/", params: []string{"url"}}},
	"mimecastprotect.com":               {{path: "/s/", params: []string{"domain"}}, {path: "/r/", params: []string{"domain"}}},
	"linkprotect.cudasvc.com":           {{path: "/url", params: []string{"a"}}},
	"protection.sophos.com":             {{path: "/", params: []string{"u"}, decode: sophos}, {path: "/", params: []string{"d"}}},
	"tmase.trendmicro.com":              {{path: "/", params: []string{"url"}}},
	"trendmicro.com":                    {{path: "/wis/clicktime/", params: []string{"url"}}},
	"fireeye.com":                       {{path: "/", params: []string{"u"}}},
	"url.avanan.click":                  {{path: "/", decode: underscored}},
	"protect.checkpoint.com":            {{path: "/", decode: underscored}},
	"deref-gmx.net":                     {{path: "/", params: []string{"redirectUrl"}}},
	"deref-gmx.com":                     {{path: "/", params: []string{"redirectUrl"}}},
	"deref-web.de":                      {{path: "/", params: []string{"redirectUrl"}}},
	"deref-mail.com":                    {{path: "/", params: []string{"redirectUrl"}}},
	"1und1.de":                          {{path: "/", params: []string{"redirectUrl"}}},
	"vadesecure.com":                    {{path: "/", params: []string{"u"}}},
	"mailinblack.com":                   {{path: "/", params: []string{"url"}}},

	// Counters of advertisers and newsletters that keep the address readable.
	"awstrack.me":           {{path: "/", decode: inAddress}},
	"mandrillapp.com":       {{path: "/track/click", params: []string{"p"}, decode: mandrill}},
	"mjt.lu":                {{path: "/lnk/", decode: lastSegment}},
	"mailjet.com":           {{path: "/lnk/", decode: lastSegment}},
	"go.redirectingat.com":  {{path: "/", params: []string{"url"}}},
	"go.skimresources.com":  {{path: "/", params: []string{"url"}}},
	"redirect.viglink.com":  {{path: "/", params: []string{"u"}}},
	"linksynergy.com":       {{path: "/deeplink", params: []string{"murl"}}, {path: "/", params: []string{"RD_PARM1"}}},
	"awin1.com":             {{path: "/", params: []string{"ued", "p"}}},
	"tradedoubler.com":      {{path: "/", params: []string{"url"}}},
	"anrdoezrs.net":         {{path: "/", decode: inAddress}},
	"dpbolvw.net":           {{path: "/", decode: inAddress}},
	"jdoqocy.com":           {{path: "/", decode: inAddress}},
	"kqzyfj.com":            {{path: "/", decode: inAddress}},
	"tkqlhce.com":           {{path: "/", decode: inAddress}},
	"prf.hn":                {{path: "/click/", decode: inAddress}},
	"dynect.net":            {{path: "/", params: []string{"url"}}},
	"links.govdelivery.com": {{path: "/", decode: inAddress}},
	"click.alibaba.com":     {{path: "/", params: []string{"url"}}},
	"app.link":              {{path: "/", params: []string{"$fallback_url", "$desktop_url", "$original_url"}}},
}

var google = []redirector{
	{path: "/url", params: []string{"q", "url"}},
	{path: "/aclk", params: []string{"adurl"}},
	{path: "/imgres", params: []string{"imgrefurl"}},
	{path: "/local_url", params: []string{"q"}},
	{path: "/translate", params: []string{"u"}},
	{path: "/amp/", decode: amp},
}

// mirrored returns the address whose host stands in the host of a mirror: of Google's AMP
// cache and translator, who write "." as "-" and "-" as "--", of a proxy.
func mirrored(u URL) string {
	if name, ok := strings.CutSuffix(u.Host, ".translate.goog"); ok {
		return "https://" + strings.NewReplacer("--", "-", "-", ".").Replace(name) + u.Path
	}
	if name, ok := strings.CutSuffix(u.Host, ".mcas.ms"); ok { // Defender for Cloud Apps, a proxy
		return "https://" + name + u.Path
	}
	if strings.HasSuffix(u.Host, ".cdn.ampproject.org") {
		return amp(URL{Path: "/amp" + strings.TrimPrefix(strings.TrimPrefix(u.Path, "/c"), "/v")}, "")
	}
	return ""
}

// amp reads "/amp/s/www.example.com/page": "s" is for https.
func amp(u URL, _ string) string {
	rest := strings.TrimPrefix(u.Path, "/amp/")
	if secure, ok := strings.CutPrefix(rest, "s/"); ok {
		return "https://" + secure
	}
	return "http://" + rest
}

// bing reads "a1" and base64, or an address in percent signs.
func bing(_ URL, value string) string {
	if text, ok := strings.CutPrefix(value, "a1"); ok {
		return base64Text(text)
	}
	if text := base64Text(value); httpIn(text) == 0 {
		return text
	}
	value, _ = unescape(value)
	return value
}

// yahooSearch reads ".../RU=https%3a%2f%2fexample.com%2f/RK=2/RS=...".
func yahooSearch(u URL, _ string) string {
	_, rest, ok := strings.Cut(u.Path, "/RU=")
	if !ok {
		return ""
	}
	rest, _, _ = strings.Cut(rest, "/")
	rest, _ = unescape(rest)
	return rest
}

// starred reads the address behind a "*": "/M=1/*http://example.com/".
func starred(u URL, _ string) string {
	_, rest, ok := strings.Cut(whole(u), "*")
	if !ok {
		return ""
	}
	rest, _ = unescape(rest)
	return strings.TrimLeft(rest, "*")
}

// bareQuery takes the whole query for the address.
func bareQuery(u URL, _ string) string {
	text, _ := unescape(u.Query)
	return text
}

// inAddress takes the last address that stands in the path or query, escaped or not.
func inAddress(u URL, _ string) string {
	text := whole(u)
	for range 3 {
		if i := lastHTTP(text); i > 0 {
			return text[i:]
		}
		plain, _ := unescape(text)
		if plain == text {
			return ""
		}
		text = plain
	}
	return ""
}

func lastHTTP(s string) (last int) {
	for i := 0; ; {
		n := httpIn(s[i:])
		if n < 0 {
			return last
		}
		last = i + n
		i = last + 4
	}
}

// afterColons reads "cache:ID:example.com/page words".
func afterColons(_ URL, value string) string {
	rest, ok := strings.CutPrefix(value, "cache:")
	if !ok {
		return ""
	}
	if id, more, ok := strings.Cut(rest, ":"); ok && !strings.Contains(id, ".") && !strings.HasPrefix(more, "//") {
		rest = more
	}
	rest, _, _ = strings.Cut(rest, " ")
	return rest
}

// proofpoint2 reads the second form: "-" for "%" and "_" for "/".
func proofpoint2(_ URL, value string) string {
	text, _ := unescape(strings.NewReplacer("-", "%", "_", "/").Replace(value))
	return text
}

// proofpoint3 reads the third form, "/v3/__URL__;BYTES!...", where each "*" in the address
// stands for one of the bytes in base64, and "**X" for as many as X says (A is 2). Two
// slashes in the address may have become one.
func proofpoint3(u URL, _ string) string {
	_, rest, ok := strings.Cut(whole(u), "/v3/__")
	end := strings.LastIndex(rest, "__;")
	if !ok || end < 0 {
		return ""
	}
	text, code := rest[:end], rest[end+3:]
	code, _, _ = strings.Cut(code, "!")
	bytes := base64Text(code)
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '*' {
			b.WriteByte(text[i])
			continue
		}
		n := 1
		if i+2 < len(text) && text[i+1] == '*' {
			n = 2 + strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", text[i+2])
			i += 2
		}
		n = min(n, len(bytes))
		b.WriteString(bytes[:n])
		bytes = bytes[n:]
	}
	return oneSlash(b.String())
}

// oneSlash mends "http:/host", which some programs make of "http://host" in a path.
func oneSlash(s string) string {
	for _, scheme := range []string{"http:/", "https:/"} {
		if rest, ok := strings.CutPrefix(s, scheme); ok && !strings.HasPrefix(rest, "/") {
			return scheme + "/" + rest
		}
	}
	return s
}

// sophos reads an address in base64.
func sophos(_ URL, value string) string { return base64Text(value) }

// underscored reads "/v2/___URL___.TOKEN".
func underscored(u URL, _ string) string {
	_, rest, ok := strings.Cut(whole(u), "___")
	if !ok {
		return ""
	}
	text, _, _ := strings.Cut(rest, "___")
	text, _ = unescape(text)
	return oneSlash(text)
}

// mandrill reads base64 of JSON, in which "p" is JSON again with the "url".
func mandrill(_ URL, value string) string {
	var outer struct{ P string }
	var inner struct{ URL string }
	if json.Unmarshal([]byte(base64Text(value)), &outer) != nil || json.Unmarshal([]byte(outer.P), &inner) != nil {
		return ""
	}
	return inner.URL
}

// lastSegment reads base64 at the end of the path.
func lastSegment(u URL, _ string) string {
	text := base64Text(u.Path[strings.LastIndexByte(u.Path, '/')+1:])
	if !utf8.ValidString(text) || httpIn(text) != 0 {
		return ""
	}
	return text
}

// whole returns path and query as they were written.
func whole(u URL) string {
	s := u.Path
	if u.Query != "" {
		s += "?" + u.Query
	}
	if u.Fragment != "" {
		s += "#" + u.Fragment
	}
	return s
}
