package scenarios

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"vidq/core"
)

// A unit is a factor by its name. Names are case-sensitive: Mbit is not mbit,
// and B is not b.
type unit struct {
	name   string
	factor float64
}

var (
	timeUnits = []unit{
		{"ns", 1},
		{"us", 1e3},
		{"µs", 1e3},
		{"ms", 1e6},
		{"s", 1e9},
		{"m", 60e9},
		{"h", 3600e9},
		{"d", 86400e9},
		{"y", 365 * 86400e9},
	}
	rateUnits = []unit{
		{"bit/s", 1. / 8},
		{"kbit/s", 1e3 / 8},
		{"Mbit/s", 1e6 / 8},
		{"Gbit/s", 1e9 / 8},
		{"Tbit/s", 1e12 / 8},
		{"B/s", 1},
		{"kB/s", 1e3},
		{"MB/s", 1e6},
		{"GB/s", 1e9},
	}
	sizeUnits = []unit{
		{"B", 1},
		{"kB", 1e3},
		{"MB", 1e6},
		{"GB", 1e9},
		{"TB", 1e12},
		{"KiB", 1 << 10},
		{"MiB", 1 << 20},
		{"GiB", 1 << 30},
		{"TiB", 1 << 40},
	}
)

func unitNames(us []unit) []string {
	var names []string
	for _, u := range us {
		if u.name != "µs" { // understood, not advertised
			names = append(names, u.name)
		}
	}
	return names
}

// number splits the number from the beginning of s.
func number(s string) (x float64, rest string, err error) {
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == '.' ||
		end == 0 && (s[end] == '-' || s[end] == '+')) {
		end++
	}
	// an exponent, unless the e begins a unit
	if end > 0 && end < len(s) && (s[end] == 'e' || s[end] == 'E') {
		e := end + 1
		if e < len(s) && (s[e] == '-' || s[e] == '+') {
			e++
		}
		if e < len(s) && s[e] >= '0' && s[e] <= '9' {
			for e < len(s) && s[e] >= '0' && s[e] <= '9' {
				e++
			}
			end = e
		}
	}
	x, err = strconv.ParseFloat(s[:end], 64)
	if err != nil || math.IsInf(x, 0) {
		return 0, s, errors.New("no number")
	}
	return x, s[end:], nil
}

// unitError says what is wrong with a unit; its hint is the nearest one.
type unitError struct{ msg, hint string }

func (e *unitError) Error() string { return e.msg }

func findUnit(name string, us []unit, what, example string) (float64, error) {
	for _, u := range us {
		if u.name == name {
			return u.factor, nil
		}
	}
	if name == "" {
		return 0, &unitError{msg: fmt.Sprintf("want %s with a unit (%s), such as %q", what, words(unitNames(us)), example)}
	}
	return 0, &unitError{
		msg:  fmt.Sprintf("unknown unit %q: want %s in %s", name, what, words(unitNames(us))),
		hint: nearestUnit(name, us),
	}
}

// nearestUnit knows the usual other spellings beside what looks alike.
func nearestUnit(name string, us []unit) string {
	spelling := map[string]string{
		"sec": "s", "secs": "s", "second": "s", "seconds": "s", "msec": "ms", "millis": "ms", "usec": "us",
		"min": "m", "mins": "m", "minute": "m", "minutes": "m", "hour": "h", "hours": "h", "hr": "h",
		"day": "d", "days": "d", "year": "y", "years": "y",
		"bps": "bit/s", "kbps": "kbit/s", "mbps": "Mbit/s", "gbps": "Gbit/s", "mb/s": "Mbit/s", "kb/s": "kbit/s",
		"mbit": "Mbit/s", "kbit": "kbit/s", "gbit": "Gbit/s", "gib": "GiB", "mib": "MiB", "gb": "GB", "mb": "MB", "kb": "kB",
	}
	want, ok := spelling[strings.ToLower(name)]
	for _, u := range us {
		if strings.EqualFold(u.name, name) || ok && u.name == want {
			return u.name
		}
	}
	return nearest(name, unitNames(us))
}

// parseTime reads a span: one or more numbers with units, "300ms", "1h30m",
// "10y". It must not be negative nor beyond the range of core.Time (292 years).
func parseTime(s string) (core.Time, error) {
	rest, total := strings.TrimSpace(s), 0.0
	var exact core.Time // whole numbers are added without rounding
	if rest == "" {
		return 0, errors.New(`want a span of time, such as "300ms"`)
	}
	if rest == "0" {
		return 0, nil
	}
	for rest != "" {
		x, after, err := number(rest)
		if err != nil {
			return 0, fmt.Errorf("%q is not a span of time, such as \"300ms\"", s)
		}
		if x < 0 || strings.HasPrefix(rest, "-") {
			return 0, fmt.Errorf("a span of time must not be negative: %q", s)
		}
		after = strings.TrimLeft(after, " ")
		end := strings.IndexAny(after, "0123456789. +-")
		if end < 0 {
			end = len(after)
		}
		f, err := findUnit(after[:end], timeUnits, "a span of time", "300ms")
		if err != nil {
			return 0, err
		}
		total += float64(x * f)
		if total >= float64(core.Never) {
			return 0, fmt.Errorf("%q is longer than 292 years", s)
		}
		exact += core.Time(math.Round(float64(x * f)))
		rest = strings.TrimSpace(after[end:])
	}
	return exact, nil
}

// formatTime writes t with the largest unit that keeps it whole.
func formatTime(t core.Time) string {
	for i := len(timeUnits) - 1; i >= 0; i-- {
		if f := core.Time(timeUnits[i].factor); timeUnits[i].name != "µs" && t%f == 0 && (t != 0 || f == core.Second) {
			return strconv.FormatInt(int64(t/f), 10) + timeUnits[i].name
		}
	}
	return strconv.FormatInt(int64(t), 10) + "ns"
}

// parseQuantity reads one number with a unit of us.
func parseQuantity(s string, us []unit, what, example string) (float64, error) {
	x, rest, err := number(strings.TrimSpace(s))
	if err != nil {
		return 0, fmt.Errorf("%q is not %s, such as %q", s, what, example)
	}
	f, err := findUnit(strings.TrimSpace(rest), us, what, example)
	if err != nil {
		return 0, err
	}
	if x < 0 {
		return 0, fmt.Errorf("%s must not be negative: %q", what, s)
	}
	if math.IsInf(x*f, 0) {
		return 0, fmt.Errorf("%q is beyond every number", s)
	}
	return float64(x * f), nil
}

// parseRate reads a rate in bytes per second: "20Mbit/s", "2.5MB/s".
func parseRate(s string) (float64, error) {
	return parseQuantity(s, rateUnits, "a rate", "20Mbit/s")
}

// parseSize reads an amount of bytes: "4GiB".
func parseSize(s string) (float64, error) { return parseQuantity(s, sizeUnits, "a size", "4GiB") }
