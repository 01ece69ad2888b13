package sim

// kind says what a kernel event is about. Its order is the order in which events
// of one target happen at one instant.
type kind uint8

const (
	kindFault   kind = iota // a fault begins or ends; target: its index
	kindLocal               // a message between parts of a node arrives; target: the node
	kindSaved               // a save is durable; target: the manager's node
	kindUser                // a user asks; target: the query's index
	kindCapture             // a camera frame is due; target: the query
	kindNode                // a node has finished something; target: the node
	kindLink                // something arrives over a link; target: the direction
	kindAnswer              // a call was answered at once; target: the host
	kindSample              // a node's second is over; target: the node
	kindWake                // a machine asked to be woken; target: the node
	kindStart               // a node starts; target: the node
)

// A key is target (24 bits) | kind (6 bits) | detail (34 bits): the canonical
// order of events at one instant. The detail tells apart events of one target and
// kind.
const (
	detailBits = 34
	kindBits   = 6
)

func key(k kind, target int, detail uint64) uint64 {
	return uint64(target)<<(kindBits+detailBits) | uint64(k)<<detailBits | detail&(1<<detailBits-1)
}

func keyKind(key uint64) kind     { return kind(key >> detailBits & (1<<kindBits - 1)) }
func keyDetail(key uint64) uint64 { return key & (1<<detailBits - 1) }
