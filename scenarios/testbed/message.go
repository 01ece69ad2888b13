package testbed

import (
	"vidq/core"
	"vidq/kb/world"
)

// LocalDelay is what a message takes between the parts of one node, and between a
// user and the manager: the order of a loopback round trip through the operating
// system (assumed).
const LocalDelay = 50 * core.Microsecond

// AskAgain is how long a user waits for an answer before asking again.
const AskAgain = core.Second

// Traffic counts the control messages of one direction. The n-th of its kind has the
// same delay and the same luck whatever other kinds were sent in between: heartbeats
// do not depend on how many plans a scheduler makes.
type Traffic struct {
	key   world.Key
	all   uint64
	kinds [messageKinds]uint64
}

// Traffic returns the count of a direction that has carried nothing.
func (t *Testbed) Traffic(direction int) Traffic {
	d := &t.Links[direction]
	return Traffic{key: t.Keys.message.Name(string(t.Nodes[d.From].ID)).Name(string(t.Nodes[d.To].ID))}
}

// Next counts a message and returns its number and its key.
func (t *Traffic) Next(m core.Message) (number uint64, key world.Key) {
	k := kindOf(m)
	number, key = t.all, t.key.With(k).With(t.kinds[k])
	t.all++
	t.kinds[k]++
	return number, key
}

// LostByFault draws whether a fault, by its index, that loses a share p of the messages
// loses the one with that key.
func LostByFault(key world.Key, fault int, p float64) bool {
	return key.Name("lost").With(uint64(fault)).Uniform() < p
}

// kindOf numbers the kinds of messages that cross links.
func kindOf(m core.Message) uint64 {
	switch m.(type) {
	case *core.Join:
		return 0
	case *core.JoinAck:
		return 1
	case *core.Heartbeat:
		return 2
	case *core.HeartbeatAck:
		return 3
	case *core.SyncResults:
		return 4
	case *core.SyncAck:
		return 5
	case *core.SubmitJob:
		return 6
	case *core.UpdatePlan:
		return 7
	case *core.StopJob:
		return 8
	case *core.JobAck:
		return 9
	case *core.ConfigureServices:
		return 10
	case *core.ChargeWork:
		return 11
	}
	panic("testbed: a message that is not sent between nodes")
}

const messageKinds = 12
