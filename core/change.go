package core

// Change is one durable fact of the query manager. A store keeps the newest
// change of each key (Kind with its id) and all results, in the order of their
// saving.
type Change struct {
	Kind   ChangeKind
	Query  *SavedQuery  // ChangeQuery
	Node   SavedNode    // ChangeNode
	Result *SavedResult // ChangeResult
}

// ChangeKind says what a change is about.
type ChangeKind uint8

// The kinds of changes and their keys.
const (
	ChangeQuery  ChangeKind = iota // Query.Query.ID
	ChangeNode                     // Node.Node
	ChangeResult                   // none: results are appended
)

// SavedQuery is a query with its state and newest plan as of the save.
type SavedQuery struct {
	Query Query
	State State
	Since Time
	Plan  Plan
	Next  int64 // camera frame to go on from
}

// SavedNode is how far a node's results are stored.
type SavedNode struct {
	Node        NodeID
	Incarnation Incarnation
	Seq         uint64
}

// SavedResult is what is stored of a batch of a node's results. Results is part
// of a message, and immutable like it.
type SavedResult struct {
	Node        NodeID
	Incarnation Incarnation
	Results     []Result // ascending by Seq
}

// Snapshot is what a store gives back: the state from which a query manager is
// rebuilt. The order of its slices does not matter.
type Snapshot struct {
	Queries []SavedQuery
	Nodes   []SavedNode
	LastID  QueryID // the highest query id ever saved
}
