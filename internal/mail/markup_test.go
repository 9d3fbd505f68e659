package mail

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// nasty is HTML that tokenizers differ in.
var nasty = []string{
	"", "<", "</", "a<", "a</", "a<b", "<b", "<b ", "<b a", "<b a=", "<b a='", "<b a='c", "</b", "</b a", "</>x", "</ >x", "< b>", "<3>",
	"<b/>", "<b />", "<b / >", "<b a/>", "<b a=/>", "<b a=c/>", "<b a=c />", "<b a='c'/>", "<b a=c a=d/>", "<b a=c A=d/>", "<b a=c/ >", "<svg/ x/>",
	"<b =>", "<b =a>", "<b ==a>", "<b a==c>", "<b a = c d = 'e' f>", "<b a\n=\n\"c\n\">", "<b/a/c=d//e>", "<b a=\"c\"d=e>", "<b a=c'd\"e>", "<b\x00c d\x00e=f\x00g>h\x00i",
	"<B HREF=X Href=y>", "<Ä>", "<a-b:c>", "<b <c>d", "<b a=<c>d",
	"<!>", "<!-", "<!--", "<!-->", "<!--->", "<!---->", "<!----->", "<!--a-->", "<!--a--!>", "<!--a--!-->", "<!--a--!x-->", "<!--a--!", "<!--a--", "<!--a-", "<!--a->b-->",
	"<!--!>a-->", "<!---!>a-->", "<!----!>a-->", "<!--a--!!>b-->", "<!--a\x00b-->", "<!--a&amp;b-->", "<!--->a-->", "<!-- -- >--><b>",
	"<!doctype html>", "<!DOCTYPE>", "<!doctypehtml", "<!doctyp>", "<!DocType \n html SYSTEM '>'>", "<!x>", "<!x", "<?xml a?>b", "<?", "<?>", "<![CDATA[a>b]]>c", "<!doctype",
	"<title>a<b>&amp;</b></title>c", "<textarea>\r\n&lt;</texta</textarea >c", "<style>a&amp;b</style><b>", "<style>a</style", "<style>a</stylex></STYLE/x>", "<style></style>x",
	"<xmp>a</</xmp>b", "<iframe><b></iframe>c", "<plaintext>a</plaintext>b", "<noscript><b>a</noscript>c", "<noembed>&amp;</noembed>&amp;", "<title/>a</title>b", "<STYLE>\x00\r</STYLE>",
	"<script>a<b</script>c", "<script><!--<script></script>--></script>a", "<script><!--<script></script></script>a", "<script><!--</script>a", "<script><!-<script></script>a",
	"<script><!--><script></script>a", "<script><!--a--><script></script>a", "<script><!--<<script></script></script>a", "<script><!--<script><!--</script>--></script>a",
	"<script><!--<script ></script ></script>a", "<script><!--<scripty></script>a</script>", "<script><!--<script/</script/</script>a", "<script><!--<script>--></script>a",
	"<script><!--<script>-<-></script>--></script>a", "<script></script", "<script><!--<script></script", "<script><!---<!--<script></script>a", "<script></SCRIPT\n>a", "<script><!--<-<script></script>a",
	"a\rb\r\nc\r\r\nd", "<b a='c\rd\r\ne'>", "a\x00b", "<script>\r\x00</script>", "a&b;c", "&", "a&", "&;", "&#", "&#;", "&#x", "&#x;", "&#xg;", "&#g;",
	"&#65;&#65 &#x41;&#X41&#0;&#128;&#x81;&#x9f;&#55296;&#1114111;&#1114112;&#99999999999999999999;&#4294967361;&#13;&#xD;",
	"&amp;&AMP;&amp&AMP&ampx&Amp;&amp=", "&notin;&notit;&notin&not;&notx", "&nbsp;&nbspx;&lt&lt;&ltx;&gt;&quot;&QUOT", "&semi;&semi&comma;", "&nGt;&nLt;&nGt&nLtx;", "&NotEqualTilde;&NotEqualTilde&fjlig;&bne;",
	"&CounterClockwiseContourIntegral;&CounterClockwiseContourIntegral", "&" + strings.Repeat("a", 50) + ";", "&amp" + strings.Repeat("a", 50), "&AElig" + strings.Repeat("9", 40) + ";", "&copy2007;&copy;&copy2&copyx;",
	"<a href='?a=b&copy=c&copy;d&amp=e&amp;f&amp g&notin;h&notinx&lt&lt=&ltx;&#38;i&#38j&nope;'>", "<a href=?x&amp>", "<a href=&" + strings.Repeat("b", 50) + ";>", "<a b=&amp c=&lt;>",
	"<a b='&CounterClockwiseContourIntegral;&semi;&semi&NotEqualTilde;&ltcc;&ltcc'>", "<a &amp;=b>", "&\x00amp;", "&amp\x00;",
}

// A seenToken is a token of either tokenizer.
type seenToken struct {
	kind html.TokenType
	text string
	all  []html.Attribute
}

// ours are the tokens of a source as a reader gets them.
func ours(source string) (list []seenToken) {
	m := newMarkup(source)
	kinds := map[tokenKind]html.TokenType{
		textToken: html.TextToken, startTag: html.StartTagToken, closedTag: html.SelfClosingTagToken, endTag: html.EndTagToken, commentToken: html.CommentToken, doctypeToken: html.DoctypeToken,
	}
	for {
		kind := m.next()
		one := seenToken{kind: kinds[kind]}
		switch kind {
		case noToken:
			return list
		case textToken, commentToken:
			one.text = m.text()
		case endTag, startTag, closedTag:
			one.text = lowered(m.name)
			if a := atom.Lookup([]byte(one.text)); a != m.atom {
				one.text = fmt.Sprintf("%s, but atom %s", one.text, m.atom)
			}
			for _, a := range m.attributes {
				known := slices.ContainsFunc(one.all, func(o html.Attribute) bool { return o.Key == lowered(a.name) })
				if kind != endTag && !known {
					one.all = append(one.all, html.Attribute{Key: lowered(a.name), Val: m.value(a.value)})
				}
			}
		}
		if m.raw == atom.Noscript {
			m.raw = 0
		}
		list = append(list, one)
	}
}

// theirs are the same by the library.
func theirs(source string) (list []seenToken) {
	z := html.NewTokenizer(strings.NewReader(source))
	for {
		one := seenToken{kind: z.Next()}
		switch one.kind {
		case html.ErrorToken:
			return list
		case html.TextToken, html.CommentToken:
			one.text = string(z.Text())
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			t := z.Token()
			one.text = t.Data
			for _, a := range t.Attr {
				if !slices.ContainsFunc(one.all, func(o html.Attribute) bool { return o.Key == a.Key }) {
					one.all = append(one.all, a)
				}
			}
			if one.kind != html.EndTagToken && t.DataAtom == atom.Noscript {
				z.NextIsNotRawText()
			}
		}
		list = append(list, one)
	}
}

func compareTokens(t *testing.T, source string) {
	t.Helper()
	got, want := ours(source), theirs(source)
	same := slices.EqualFunc(got, want, func(a, b seenToken) bool { return a.kind == b.kind && a.text == b.text && slices.Equal(a.all, b.all) })
	if !same {
		t.Errorf("%q:\ngot  %+v\nwant %+v", source, got, want)
	}
}

// TestMarkup: tokens are those of the library that knows the standard, also two of these one
// behind the other.
func TestMarkup(t *testing.T) {
	for _, a := range nasty {
		compareTokens(t, a)
		for _, b := range nasty {
			compareTokens(t, a+b)
		}
	}
}

func FuzzMarkup(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) { compareTokens(t, source) })
}
