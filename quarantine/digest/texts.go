package digest

import (
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/locale"
)

// Texts returns the texts of digests in all languages, of which one is taken where a
// reader's wishes don't fit.
func Texts(fallback string) (*locale.Catalog, error) {
	languages := []string{"en", "fr"}
	for i, l := range languages {
		if l == fallback || strings.HasPrefix(fallback, l+"-") {
			languages[0], languages[i] = languages[i], languages[0]
		}
	}
	files, err := fs.Sub(wordFiles, "words")
	if err != nil {
		return nil, err
	}
	return locale.New(files, languages...)
}

// phrases say what digests say in one language, and in one time zone.
type phrases struct {
	texts *locale.Catalog
	lang  string
	zone  *time.Location
}

func (p phrases) say(key string, args ...any) string { return p.texts.Text(p.lang, key, args...) }

// moment is a time of the clock; day is its day alone.
func (p phrases) moment(t time.Time) string { return p.date("date.time", t) }

func (p phrases) day(t time.Time) string { return p.date("date.day", t) }

func (p phrases) date(key string, t time.Time) string {
	t = t.In(p.zone)
	day := strings.Fields(p.say("weekdays"))[t.Weekday()]
	month := strings.Fields(p.say("months"))[t.Month()-1]
	number := strconv.Itoa(t.Day())
	if t.Day() == 1 { // French says "1er"
		number = p.say("date.first")
	}
	args := []any{day, number, month, t.Year()}
	if key == "date.time" {
		args = append(args, t.Format("15:04"))
	}
	return p.say(key, args...)
}

// why says in a sentence why a message is held.
func (p phrases) why(r Row) string {
	if r.Guarded {
		return p.say("why.guarded")
	}
	if key := "why." + r.Filter; p.texts.Has(key) && !slices.Contains([]string{"why.guarded", "why.other"}, key) {
		return p.say(key)
	}
	return p.say("why.other", shown(r.Filter, maxSender))
}
