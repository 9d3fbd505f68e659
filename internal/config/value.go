package config

import (
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// A Size is a number of bytes, written "50 MiB" or as a plain number.
type Size int64

// units of sizes, the longest name first. The names are exact: 1 MiB is 2^20
// bytes, 1 MB a million (IEC 80000-13).
func units() []unit[Size] {
	return []unit[Size]{
		{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
		{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1},
	}
}

type unit[T any] struct {
	name  string
	value T
}

// ParseSize reads "50 MiB", "1.5GB" or "4096".
func ParseSize(s string) (Size, error) {
	for _, u := range units() {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || n < 0 || n*float64(u.value) >= math.MaxInt64 || n != n {
			break
		}
		return Size(n * float64(u.value)), nil
	}
	return 0, fmt.Errorf("%q is not a size such as 50 MiB", s)
}

// String returns the size in the largest binary unit that divides it.
func (s Size) String() string {
	best := unit[Size]{"B", 1}
	for _, u := range units()[:4] {
		if s != 0 && s%u.value == 0 {
			best = u
		}
	}
	return fmt.Sprintf("%d %s", s/best.value, best.name)
}

// ParseDuration reads what time.ParseDuration reads, and whole days: "30d".
func ParseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err == nil && n >= 0 && n <= 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if d, err := time.ParseDuration(s); err == nil {
		return d, nil
	}
	return 0, fmt.Errorf("%q is not a time such as 30s, 5m, 12h or 30d", s)
}

// A badValue is a value that its setting can't take.
type badValue struct{ text string }

func (b badValue) Error() string { return b.text }

// decode makes a value for type to of what the file, a flag or the environment
// had: mapstructure's hook, which refuses with a sentence for a person what it
// would refuse with Go's types.
func decode(_, to reflect.Type, data any) (any, error) {
	text, isText := data.(string)
	var v any
	var err error
	switch {
	case to.Kind() == reflect.Slice && isText:
		return split(text), nil
	case to == reflect.TypeFor[time.Duration]() && isText:
		v, err = ParseDuration(text)
	case to == reflect.TypeFor[time.Duration]():
		err = fmt.Errorf("%v needs a unit, as in 30s", data)
	case to == reflect.TypeFor[Size]():
		v, err = ParseSize(fmt.Sprint(data))
	case to == reflect.TypeFor[netip.Prefix]():
		v, err = parsePrefix(fmt.Sprint(data))
	case to == reflect.TypeFor[Listener]():
		v = data
		if isText {
			v = Listener{Address: text}
		}
	case to == reflect.TypeFor[netip.Addr]():
		v, err = parseAddr(fmt.Sprint(data))
	default:
		v, err = plain(to.Kind(), data)
	}
	if err != nil {
		return nil, badValue{err.Error()}
	}
	return v, nil
}

// plain checks the kinds that need no parsing. Flags and the environment have
// texts only, which are read as the kind that is wanted.
func plain(kind reflect.Kind, data any) (any, error) {
	text, isText := data.(string)
	switch kind {
	case reflect.Int:
		n, isInt := data.(int)
		if isText {
			parsed, err := strconv.Atoi(text)
			n, isInt = parsed, err == nil
		}
		if !isInt {
			return nil, fmt.Errorf("%s is not a whole number", show(data))
		}
		return n, nil
	case reflect.Float64:
		return number(data)
	case reflect.Bool:
		b, isBool := data.(bool)
		if !isBool && text != "true" && text != "false" {
			return nil, fmt.Errorf("%s is neither true nor false", show(data))
		}
		return b || text == "true", nil
	case reflect.String:
		if !isText {
			return nil, fmt.Errorf("%v is not a text (if it is meant, put it into quotes)", data)
		}
	case reflect.Slice:
		if reflect.ValueOf(data).Kind() != reflect.Slice {
			return nil, fmt.Errorf("%v is not a list", data)
		}
	}
	return data, nil
}

// number reads a number with a fraction or without.
func number(data any) (float64, error) {
	n, err := strconv.ParseFloat(fmt.Sprint(data), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("%s is not a number", show(data))
	}
	return n, nil
}

// show writes a value as it may have been written.
func show(data any) string {
	if text, ok := data.(string); ok {
		return strconv.Quote(text)
	}
	return fmt.Sprint(data)
}

// split returns the elements of a comma-separated list, none for "".
func split(s string) []string {
	list := []string{}
	for _, e := range strings.Split(s, ",") {
		if e = strings.TrimSpace(e); e != "" {
			list = append(list, e)
		}
	}
	return list
}

func parseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return a, fmt.Errorf("%q is not an address such as 192.0.2.25", s)
	}
	return mail.Unmap(a), nil
}

// parsePrefix reads a network, or an address as a network of one.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = mail.Unmap(a) // clients are known so
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%q is not a network such as 192.0.2.0/24", s)
	}
	return mail.UnmapPrefix(p).Masked(), nil
}
