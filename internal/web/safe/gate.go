package safe

import (
	"regexp"
	"sync"

	"github.com/microcosm-cc/bluemonday"
)

// gate is the policy that everything passes as the last thing: what clean.go and text.go
// write and no more. There is no element in it that holds anything but HTML (no style,
// svg, math, noscript, select, template, textarea), no attribute that is run, names
// anything or leads anywhere, and one address: that of an image in the document itself.
var gate = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	elements := []string{
		"p", "div", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "dl", "dt", "dd", "br", "hr", "wbr",
		"table", "thead", "tbody", "tfoot", "tr", "td", "th",
		"b", "strong", "i", "em", "u", "s", "del", "ins", "sub", "sup", "small", "code", "kbd", "samp", "q", "cite", "span", "bdi",
	}
	p.AllowNoAttrs().OnElements(elements...)
	p.AllowAttrs("dir").Matching(regexp.MustCompile(`^(ltr|rtl|auto)$`)).OnElements(elements...)
	p.AllowAttrs("lang").Matching(regexp.MustCompile(`^[A-Za-z0-9-]{1,35}$`)).OnElements(elements...)
	p.AllowAttrs("align").Matching(regexp.MustCompile(`^(left|right|center)$`)).OnElements(elements...)
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^(link|to|to false|box|note|message|text|q[1-4])$`)).OnElements("span", "div", "p", "bdi")
	p.AllowAttrs("title").OnElements("span")
	digits := regexp.MustCompile(`^[0-9]{1,7}$`)
	p.AllowAttrs("colspan", "rowspan").Matching(digits).OnElements("td", "th")
	p.AllowAttrs("start").Matching(digits).OnElements("ol")
	p.AllowAttrs("src").Matching(regexp.MustCompile(`^data:image/(png|gif|jpeg);base64,[A-Za-z0-9+/]+=*$`)).OnElements("img")
	p.AllowAttrs("alt").OnElements("img")
	p.AllowAttrs("width", "height").Matching(digits).OnElements("img")
	return p
})
