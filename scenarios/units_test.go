package scenarios

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

func TestParseTime(t *testing.T) {
	for text, want := range map[string]core.Time{
		"0": 0, "0s": 0, "1ns": 1, "300ms": 300 * core.Millisecond, "1.5s": 1500 * core.Millisecond, "1h30m": 90 * core.Minute,
		"1m 30s": 90 * core.Second, "10y": 3650 * 24 * core.Hour, "2d": 48 * core.Hour, "5us": 5000, "5µs": 5000, "1e3s": 1000 * core.Second,
		" 1s ": core.Second, "5 s": 5 * core.Second, "+1s": core.Second, ".5s": core.Second / 2, "292y": 292 * 365 * 24 * core.Hour, "0.1ns": 0, "1e-3s": core.Millisecond,
		"9007199254740993ns": 9007199254740992, // as exact as a float64
	} {
		got, err := parseTime(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", " ", "s", "5", "-1s", "1s-1s", "1h -3m", "300", "1minute", "300y", "1e400s", "NaNs", "infs", "1..2s", "0x10s", "1s1", "1e", "--1s"} {
		_, err := parseTime(text)
		assert.Error(t, err, "%q", text)
	}
}

// TestFormatTime checks that what is written is read back.
func TestFormatTime(t *testing.T) {
	for tm, want := range map[core.Time]string{
		0: "0s", 1: "1ns", 1500: "1500ns", core.Millisecond: "1ms", 90 * core.Second: "90s", 2 * core.Minute: "2m", 36 * core.Hour: "36h", 3650 * 24 * core.Hour: "10y",
	} {
		assert.Equal(t, want, formatTime(tm))
		back, err := parseTime(want)
		require.NoError(t, err)
		assert.Equal(t, tm, back)
	}
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]float64{
		"20Mbit/s": 2.5e6, "8bit/s": 1, "1kbit/s": 125, "1.5 Gbit/s": 187.5e6, "1Tbit/s": 125e9, "3B/s": 3, "2MB/s": 2e6, "1GB/s": 1e9, "0B/s": 0, "2e3kB/s": 2e6,
	} {
		got, err := parseRate(text)
		require.NoError(t, err, text)
		assert.InDelta(t, want, got, 1e-9*want, text)
	}
	for text, hint := range map[string]string{
		"20mbit/s": "Mbit/s", "20Mbps": "Mbit/s", "20Mb/s": "Mbit/s", "5kbps": "kbit/s", "20": "", "Mbit/s": "", "-1bit/s": "", "1e308Gbit/s": "", "20MBit/s": "Mbit/s",
	} {
		_, err := parseRate(text)
		require.Error(t, err, text)
		if hint != "" {
			var ue *unitError
			require.ErrorAs(t, err, &ue, text)
			assert.Equal(t, hint, ue.hint, text)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]float64{"4GiB": 4 << 30, "512MB": 512e6, "1TB": 1e12, "3 kB": 3000} {
		got, err := parseSize(text)
		require.NoError(t, err, text)
		assert.InDelta(t, want, got, 0, text)
	}
	_, err := parseSize("4gb")
	require.Error(t, err)
}
