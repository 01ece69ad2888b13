package store

// The tables that saves go to. Their columns stand in the order of the rows that
// encode.go makes.
var (
	queryColumns = []column{
		{"id", integer},
		{"key", text},
		{"node", text},
		{"camera", text},
		{"state", text},
		{"since_ns", integer},
		{"next_camera_frame", integer},
		{"delay_ns", integer},
		{"latency_ns", integer},
		{"accuracy", number},
		{"pipeline", document},
		{"revision", integer},
		{"plan", document},
		{"stored_ms", integer},
	}
	nodeColumns   = []column{{"node", text}, {"incarnation", integer}, {"seq", integer}}
	resultColumns = []column{
		{"id", integer},
		{"query", integer},
		{"node", text},
		{"incarnation", integer},
		{"seq", integer},
		{"outcome", text},
		{"reason", text},
		{"camera_frame", integer},
		{"captured_ns", integer},
		{"frame", integer},
		{"revision", integer},
		{"at_ns", integer},
		{"latency_ns", integer},
		{"round_trip_ns", integer},
		{"gap", integer},
		{"encode_ns", integer},
		{"objects", nullable},
		{"size_px", nullable},
		{"area", nullable},
		{"known", boolean},
		{"calls", document},
		{"stored_ms", integer},
	}

	queryTable  = table{"queries", queryColumns, replace("id", queryColumns)}
	nodeTable   = table{"nodes", nodeColumns, replace("node", nodeColumns)}
	resultTable = table{"results", resultColumns, "ON CONFLICT (node, incarnation, seq) DO NOTHING"}
)
