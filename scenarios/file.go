package scenarios

// The structs of this file are the scenario file: the loader reads by them, and
// the JSON Schema and docs/scenario.md are printed from them. Tags:
//
//	toml     the key
//	doc      what it means, in a sentence or two
//	unit     of a number
//	default  taken when the key is absent, written as in the file
//	absent   what an absent key means when that is no fixed value (for people)
//	enum     the values that a string may have, separated by |
//	min, max inclusive bounds of a number or a count; above, an exclusive one;
//	         min of a span of time is a span
//	required "true": the key must be there

type fileScenario struct {
	Name      string        `toml:"name" doc:"Name of the scenario; it is in every result." absent:"the file's name without its extension"`
	Title     string        `toml:"title" doc:"One line that says what the scenario shows."`
	Duration  duration      `toml:"duration" doc:"How long a run lasts." required:"true" min:"1ns"`
	Warmup    duration      `toml:"warmup" doc:"Frames captured earlier than this do not count in results." default:"0s"`
	Seed      uint64        `toml:"seed" doc:"Seed of the first replication; replication k draws from streams of its own." default:"1"`
	Manager   string        `toml:"manager" doc:"Id of the node that runs the query manager; every other node needs a link to it and back." absent:"the first cloud, without one the first node"`
	KB        fileKB        `toml:"kb" doc:"The knowledge base: what schedulers are told and what is true." required:"true"`
	Scheduler fileScheduler `toml:"scheduler" doc:"Who decides, and how often. A table [scheduler.NAME] holds the parameters of scheduler NAME; tables of other schedulers than the named one are for runs that compare several." required:"true"`
	Knobs     fileKnobs     `toml:"knobs" doc:"The values that a plan's video configuration may take, and that parameters of schedulers may name."`
	Nodes     []fileNode    `toml:"node" doc:"A machine." required:"true"`
	Links     []fileLink    `toml:"link" doc:"A link between two nodes, or, with patterns, between many pairs. Its id is from-to as written; --set takes either order. The two directions do not slow each other down."`
	Cameras   []fileCamera  `toml:"camera" doc:"A video source at a node."`
	Queries   []fileQuery   `toml:"query" doc:"What a user asks for: a pipeline of services on a camera's video, under a constraint."`
	Faults    []fileFault   `toml:"fault" doc:"A disturbance."`
	Store     fileStore     `toml:"store" doc:"The query manager's durable store."`
	Settings  fileSettings  `toml:"settings" doc:"Times and bounds of the protocol between the nodes."`
}

type fileKB struct {
	Belief    string   `toml:"belief" doc:"Set of profiles that schedulers are told: the name of a shipped one, or a folder." absent:"the truth"`
	Truth     string   `toml:"truth" doc:"Set of profiles that the world follows: the name of a shipped one, or a folder." required:"true"`
	Noise     float64  `toml:"noise" doc:"Standard deviation of the error of the belief's work figures, in logarithms: 0.2 is about 20%." default:"0" min:"0" max:"10"`
	Bias      float64  `toml:"bias" doc:"Relative error of all of the belief's work figures: -0.5 halves them." default:"0" above:"-1" max:"1000"`
	Staleness duration `toml:"staleness" doc:"By how much what is measured while the system runs (content, what calls took, loads, queues, rates of links) reaches the scheduler later than it could." default:"0s"`
}

type fileScheduler struct {
	Name         string           `toml:"name" doc:"Name of the scheduler; parameters may follow in brackets, as in static[plan=golden], and go before those of its table." required:"true"`
	Period       duration         `toml:"period" doc:"Time from one scheduling round to the next." default:"3s" min:"1ms"`
	DecisionTime fileDecisionTime `toml:"decision_time" doc:"How long a round's decision takes: its plans come into force that much later. A modelled figure, never measured."`
	Params       params           `toml:"*" doc:"Parameters of scheduler NAME."`
}

type fileDecisionTime struct {
	Constant duration `toml:"constant" doc:"For every round." default:"0s"`
	PerQuery duration `toml:"per_query" doc:"For every query of the round, on top." default:"0s"`
}

type fileKnobs struct {
	FPS         []float64     `toml:"fps" doc:"Analysed frames per second." default:"[1, 5, 10, 20, 30]" unit:"frames/s" above:"0"`
	Resolutions []resolution  `toml:"resolutions" doc:"Frame sizes that are analysed." default:"[\"360p\", \"480p\", \"720p\", \"1080p\"]"`
	Encoders    []fileEncoder `toml:"encoder" doc:"A codec; the first one is the default of schedulers that do not choose." absent:"jpeg with qualities 90 and 75"`
}

type fileEncoder struct {
	Name      string `toml:"name" doc:"Name of the codec." required:"true" enum:"jpeg|h264"`
	Qualities []int  `toml:"qualities" doc:"Qualities that may be chosen, best first: the JPEG quality 1..100 (higher is better) or the H.264 quantiser 0..51 (lower is better)." required:"true" min:"0" max:"100"`
}

type fileNode struct {
	ID       string   `toml:"id" doc:"Name of the node: letters, digits, _ and -. With count its base." required:"true"`
	Count    int      `toml:"count" doc:"Makes that many nodes ID-1, ID-2, ...; 0 makes none." absent:"one node, ID" min:"0" max:"100000"`
	Role     string   `toml:"role" doc:"What the node is to the system." required:"true" enum:"edge|cloud"`
	Class    string   `toml:"class" doc:"Class of the machine, one of the truth's node classes." required:"true"`
	Services services `toml:"services" doc:"The compute services that it offers: a table from each one's name to its workers or to a table of settings, or a list of names."`
	Workers  int      `toml:"workers" doc:"Workers of the services that do not say how many." default:"1" min:"1" max:"100000"`
	Cores    float64  `toml:"cores" doc:"Processor cores." unit:"cores" absent:"the class's" above:"0" max:"100000"`
	GPUs     float64  `toml:"gpus" doc:"Slots of the graphics processor." unit:"slots" absent:"the class's" above:"0" max:"10000"`
	Memory   size     `toml:"memory" doc:"Memory that services may take." absent:"the class's"`
	Addr     nodeAddr `toml:"addr" doc:"Where vidq-live finds the node: its ip, and the port of its job manager (5001 by default); its other ports are those of the protocol. The simulator does not look at it."`
}

type fileService struct {
	Workers int `toml:"workers" doc:"Calls that are worked on at once." absent:"the node's workers" min:"1" max:"100000"`
	Batch   int `toml:"batch" doc:"Most requests that one worker takes at once." default:"1" min:"1" max:"1024"`
	Queue   int `toml:"queue" doc:"Requests that may wait; more are rejected." default:"64" min:"0" max:"1000000"`
	Model   int `toml:"model" doc:"Model that is loaded at the start: its number among the service's models, 0 being the most accurate." default:"0" min:"0" max:"255"`
}

type fileLink struct {
	From    endpoint   `toml:"from" doc:"Node at one end, for a link that carries from -> to only. A pattern (edge-*, edge-1..10) or a list makes a link of each."`
	To      endpoint   `toml:"to" doc:"Node at the other end, like from."`
	Between []endpoint `toml:"between" doc:"The two ends of a link that carries both ways, each like from; instead of from and to. Twice the same pattern joins all pairs."`
	Rate    rate       `toml:"rate" doc:"Capacity of each direction, shared equally by what is under way; with a trace what schedulers are told before they have measured." absent:"the trace's mean; one of both must be there" above:"0"`
	Delay   duration   `toml:"delay" doc:"Propagation delay, one way." default:"0s"`
	Jitter  duration   `toml:"jitter" doc:"A uniform draw between 0 and this is added to each delay." default:"0s"`
	Loss    float64    `toml:"loss" doc:"Probability that a message or one attempt of a transfer vanishes as a whole." default:"0" min:"0" max:"1"`
	Trace   string     `toml:"trace" doc:"Capacity over time, from the start again after its end: the name of a shipped trace, or a file." absent:"the rate all the time"`
}

type fileCamera struct {
	ID         string     `toml:"id" doc:"Name of the camera. With count its base." required:"true"`
	Count      int        `toml:"count" doc:"Makes that many cameras ID-1, ID-2, ...; 0 makes none." absent:"one camera, ID" min:"0" max:"100000"`
	Node       string     `toml:"node" doc:"Node that holds the camera."`
	Nodes      endpoint   `toml:"nodes" doc:"Nodes, or patterns of them, over which count cameras are spread in turn; instead of node."`
	Mode       string     `toml:"mode" doc:"live: frame k exists at phase + k/fps whether or not anybody is ready. file: the next frame is read when the last one is done; nothing is dropped." default:"live" enum:"live|file"`
	FPS        float64    `toml:"fps" doc:"Frames that the camera makes." unit:"frames/s" default:"30" above:"0" max:"1e9"`
	Resolution resolution `toml:"resolution" doc:"Size of its frames: 360p, 480p, 720p, 1080p or WIDTHxHEIGHT." default:"1080p"`
	Content    string     `toml:"content" doc:"What it sees: a generator's name, or a file (objects over time)." required:"true"`
	Class      string     `toml:"class" doc:"Content class of the accuracy tables." absent:"the content's own"`
	Frames     int        `toml:"frames" doc:"Length of a file's video." unit:"frames" absent:"without end" min:"1"`
	Loop       bool       `toml:"loop" doc:"A file's video begins again at its end; else the query ends with it." default:"false"`
	Phase      *duration  `toml:"phase" doc:"When frame 0 of a live camera exists." absent:"drawn from the seed, within the first 1/fps"`
	URL        string     `toml:"url" doc:"Real source of the video for vidq-live (a file, http:// or rtsp://); without it the camera is drawn. The simulator does not look at it."`
	Kind       string     `toml:"kind" doc:"What it shows, for people."`
}

type fileQuery struct {
	ID         string         `toml:"id" doc:"Name of the query. With count its base." required:"true"`
	Count      int            `toml:"count" doc:"Makes that many queries ID-1, ID-2, ...: query k on camera k if the camera has a count too, else all on the one camera." absent:"one query, ID" min:"0" max:"100000"`
	Camera     string         `toml:"camera" doc:"Camera whose video is analysed." required:"true"`
	Pipeline   pipeline       `toml:"pipeline" doc:"Stages. Each is a service's name or a table of its settings, and is fed by the one before it unless it says otherwise with after." required:"true"`
	Constraint fileConstraint `toml:"constraint" doc:"What is asked of the results; an absent bound is none."`
	Start      duration       `toml:"start" doc:"When the query is submitted." default:"0s"`
	Every      duration       `toml:"every" doc:"With count: each of them starts that much later than the one before." default:"0s"`
	Stop       *duration      `toml:"stop" doc:"When it is stopped." absent:"at the end of the run"`
}

type fileConstraint struct {
	Delay    duration `toml:"delay" doc:"Upper bound of the amortised delay: the sum of the stages' round trips divided by the camera frames that the analysed frame stands for. For cameras of mode file." min:"1ns"`
	Latency  duration `toml:"latency" doc:"Upper bound of the time from a frame's capture to its result. For live cameras." min:"1ns"`
	Accuracy float64  `toml:"accuracy" doc:"Lower bound of the F1 score relative to the golden configuration." above:"0" max:"1"`
}

type fileStage struct {
	Service string   `toml:"service" doc:"Service that is called." required:"true"`
	Name    string   `toml:"name" doc:"Name of the stage, unique in the pipeline." absent:"the service's name"`
	After   endpoint `toml:"after" doc:"Stages whose outputs it needs; [] makes it a source stage, which is fed with the frame." absent:"the stage written before it"`
}

type fileFault struct {
	ID      string    `toml:"id" doc:"Name of the fault, for --set." absent:"its number in the file, from 1"`
	At      duration  `toml:"at" doc:"When it begins." required:"true"`
	For     *duration `toml:"for" doc:"How long it lasts." absent:"to the end of the run; for a crash 1s" min:"1ns"`
	Kind    string    `toml:"kind" doc:"What happens; see the list of kinds." absent:"told by the other keys where they can mean one kind only" enum:"@faults"`
	Node    string    `toml:"node" doc:"Node that is hit."`
	Link    []string  `toml:"link" doc:"The two ends of the link that is hit, in both directions."`
	Service string    `toml:"service" doc:"Service that is hit."`
	Rate    *rate     `toml:"rate" doc:"Upper bound of the link's rate meanwhile: the link has the smaller of it and its own rate, of a trace at each instant."`
	Factor  *float64  `toml:"factor" doc:"The link's rate is multiplied by it, or the service's time." min:"0" max:"1e9"`
	Delay   *duration `toml:"delay" doc:"Added to the link's delay."`
	Loss    *float64  `toml:"loss" doc:"Probability that a message or one attempt of a transfer vanishes." min:"0" max:"1"`
}

type fileStore struct {
	Delay duration `toml:"delay" doc:"From handing over a change to knowing that it is durable." default:"0s"`
}

type fileSettings struct {
	Heartbeat    duration `toml:"heartbeat" doc:"Time between a node's heartbeats." default:"1s" min:"1ms"`
	DownAfter    duration `toml:"down_after" doc:"A node without a heartbeat for so long counts as down." default:"2.5s" min:"1ms"`
	FrameTimeout duration `toml:"frame_timeout" doc:"Deadline of a frame of a query without a latency bound; with one it is twice the bound." default:"10s" min:"1ns"`
	StageTimeout duration `toml:"stage_timeout" doc:"Upper bound of one attempt of a stage." default:"5s" min:"1ns"`
	Retries      int      `toml:"retries" doc:"Further attempts of a stage that failed." default:"2" min:"0" max:"100"`
	Backoff      duration `toml:"backoff" doc:"Before the first further attempt; doubled for each." default:"50ms" min:"1ns"`
	ResultRing   int      `toml:"result_ring" doc:"Results that a node keeps until they are acknowledged; the oldest go first." default:"10000" min:"1" max:"10000000"`
	BatchSize    int      `toml:"batch_size" doc:"Results in one message." default:"512" min:"1" max:"1000000"`
	SyncEvery    duration `toml:"sync_every" doc:"Results wait at most this long for company." default:"250ms" min:"1ms"`
	ResendAfter  duration `toml:"resend_after" doc:"Before a message without an answer is sent again; doubled up to 16 times, with jitter." default:"500ms" min:"1ms"`
	MaxInFlight  int      `toml:"max_in_flight" doc:"Upper bound of a plan's frames under way." default:"64" min:"1" max:"100000"`
	MaxBuffer    int      `toml:"max_buffer" doc:"Upper bound of a plan's unbounded buffer." unit:"frames" default:"1000" min:"1" max:"1000000"`
}
