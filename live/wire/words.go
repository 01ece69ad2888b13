package wire

import (
	"errors"
	"strconv"
	"strings"

	"vidq/core"
)

// The words of core that stand in JSON as text.
type (
	// ID is a query's id as the original writes it: GLOBAL_ID_1.
	ID core.QueryID
	// Hash is a plan's hash in 16 hexadecimal digits: as a number, most languages
	// would round it.
	Hash uint64
	// Resolution is 360p, 480p, 720p, 1080p or WIDTHxHEIGHT.
	Resolution core.Resolution
	// Role is edge, cloud or host.
	Role core.Role
	// Mode is live or file.
	Mode core.Mode
	// Outcome is done, dropped or failed.
	Outcome core.Outcome
	// Reason is why a frame was dropped or failed; "" for none.
	Reason core.Reason
	// State is a job's state by its name. The original's number stands beside it.
	State core.State
	// Encoder is a codec: the original writes JPEG where core says jpeg.
	Encoder string
)

// idPrefix is what the original puts before a query's number.
const idPrefix = "GLOBAL_ID_"

// ParseID reads a query's id: GLOBAL_ID_ and a number from 1 without leading
// zeros. What has another form is the id of no query: status 404.
func ParseID(s string) (core.QueryID, error) {
	digits, ok := strings.CutPrefix(s, idPrefix)
	n, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil || n == 0 || digits[0] == '0' || digits[0] == '+' {
		return 0, Errorf(404, "there is no query %q: want an id like GLOBAL_ID_1; GET /query/list tells all", shorten(s, 60))
	}
	return core.QueryID(n), nil
}

// FormatID returns a query's id as the original writes it.
func FormatID(id core.QueryID) string { return idPrefix + strconv.FormatUint(uint64(id), 10) }

// MarshalText returns GLOBAL_ID_n; 0 is no query and an error.
func (id ID) MarshalText() ([]byte, error) {
	if id == 0 {
		return nil, errors.New("0 is the id of no query")
	}
	return []byte(FormatID(core.QueryID(id))), nil
}

// UnmarshalText reads GLOBAL_ID_n.
func (id *ID) UnmarshalText(b []byte) error {
	q, err := ParseID(string(b))
	*id = ID(q)
	return err
}

func (ID) form() form {
	return form{want: "an id like GLOBAL_ID_1", pattern: "^GLOBAL_ID_[1-9][0-9]*$"}
}

// MarshalText returns 16 hexadecimal digits.
func (h Hash) MarshalText() ([]byte, error) {
	s := strconv.FormatUint(uint64(h), 16)
	return []byte(strings.Repeat("0", 16-len(s)) + s), nil
}

// UnmarshalText reads 16 hexadecimal digits.
func (h *Hash) UnmarshalText(b []byte) error {
	n, err := strconv.ParseUint(string(b), 16, 64)
	if len(b) != 16 || err != nil {
		return errWord
	}
	*h = Hash(n)
	return nil
}

func (Hash) form() form { return form{want: "16 hexadecimal digits", pattern: "^[0-9a-fA-F]{16}$"} }

// errWord says that a text is not of the type; the reader knows what to want.
var errWord = errors.New("not a word of the type")

// MarshalText returns the resolution's name; one without pixels is an error.
func (r Resolution) MarshalText() ([]byte, error) {
	if core.Resolution(r).Pixels() == 0 {
		return nil, errors.New("a resolution without pixels")
	}
	return []byte(core.Resolution(r).String()), nil
}

// UnmarshalText reads a resolution.
func (r *Resolution) UnmarshalText(b []byte) error {
	v, err := core.ParseResolution(string(b))
	*r = Resolution(v)
	return err
}

func (Resolution) form() form {
	return form{want: "360p, 480p, 720p, 1080p or WIDTHxHEIGHT", pattern: "^([0-9]+p|[0-9]+x[0-9]+)$"}
}

// The number of values of each enumeration. core's String methods index a table,
// so nothing beyond may reach them.
const (
	numRoles    = int(core.RoleHost) + 1
	numModes    = int(core.ModeFile) + 1
	numOutcomes = int(core.OutcomeFailed) + 1
	numStates   = int(core.StateFailed) + 1
)

// enumeration is one of core's enumerations.
type enumeration interface {
	~uint8
	String() string
}

func marshalWord[E enumeration](e E, count int) ([]byte, error) {
	if int(e) >= count {
		return nil, errors.New(strconv.Itoa(int(e)) + " has no name")
	}
	return []byte(e.String()), nil
}

func unmarshalWord[E enumeration](b []byte, count int) (E, error) {
	for i := range count {
		if E(i).String() == string(b) {
			return E(i), nil
		}
	}
	return 0, errWord
}

func wordForm[E enumeration](count int) form {
	var f form
	for i := range count {
		f.enum = append(f.enum, E(i).String())
	}
	return f
}

// MarshalText returns the role's name.
func (r Role) MarshalText() ([]byte, error) { return marshalWord(core.Role(r), numRoles) }

// UnmarshalText reads a role.
func (r *Role) UnmarshalText(b []byte) error {
	v, err := unmarshalWord[core.Role](b, numRoles)
	*r = Role(v)
	return err
}

func (Role) form() form { return wordForm[core.Role](numRoles) }

// MarshalText returns the mode's name.
func (m Mode) MarshalText() ([]byte, error) { return marshalWord(core.Mode(m), numModes) }

// UnmarshalText reads a mode.
func (m *Mode) UnmarshalText(b []byte) error {
	v, err := unmarshalWord[core.Mode](b, numModes)
	*m = Mode(v)
	return err
}

func (Mode) form() form { return wordForm[core.Mode](numModes) }

// MarshalText returns the outcome's name.
func (o Outcome) MarshalText() ([]byte, error) { return marshalWord(core.Outcome(o), numOutcomes) }

// UnmarshalText reads an outcome.
func (o *Outcome) UnmarshalText(b []byte) error {
	v, err := unmarshalWord[core.Outcome](b, numOutcomes)
	*o = Outcome(v)
	return err
}

func (Outcome) form() form { return wordForm[core.Outcome](numOutcomes) }

// MarshalText returns the reason's name.
func (r Reason) MarshalText() ([]byte, error) { return marshalWord(core.Reason(r), core.NumReasons) }

// UnmarshalText reads a reason.
func (r *Reason) UnmarshalText(b []byte) error {
	v, err := unmarshalWord[core.Reason](b, core.NumReasons)
	*r = Reason(v)
	return err
}

func (Reason) form() form { return wordForm[core.Reason](core.NumReasons) }

// MarshalText returns the state's name.
func (s State) MarshalText() ([]byte, error) { return marshalWord(core.State(s), numStates) }

// UnmarshalText reads a state.
func (s *State) UnmarshalText(b []byte) error {
	v, err := unmarshalWord[core.State](b, numStates)
	*s = State(v)
	return err
}

func (State) form() form { return wordForm[core.State](numStates) }

// encoders are core's codecs and the original's names for them.
var encoders = [...][2]string{{"jpeg", "JPEG"}, {"h264", "H264"}}

// MarshalText returns the original's name of a codec.
func (e Encoder) MarshalText() ([]byte, error) {
	for _, n := range encoders {
		if string(e) == n[0] {
			return []byte(n[1]), nil
		}
	}
	return []byte(e), nil
}

// UnmarshalText reads a codec's name, the original's or core's.
func (e *Encoder) UnmarshalText(b []byte) error {
	*e = Encoder(b)
	for _, n := range encoders {
		if string(b) == n[1] {
			*e = Encoder(n[0])
		}
	}
	if len(b) == 0 || len(b) > maxName {
		return errWord
	}
	return nil
}

func (Encoder) form() form { return form{want: "a codec such as JPEG"} }

// maxName bounds names that are given from outside, in bytes.
const maxName = 256
