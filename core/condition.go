package core

// DiskStatus describes the disk under a node's log. Times are as the node sees them: with the
// waiting for a processor.
type DiskStatus struct {
	State     string `json:"state"`      // ok, hung (a write does not come back) or full
	MeanMS    int64  `json:"mean_ms"`    // of the newest writes, DiskWrites at most
	PendingMS int64  `json:"pending_ms"` // since the write under way began; 0: none is
	FreeBytes uint64 `json:"free_bytes,omitempty"`
	SizeBytes uint64 `json:"size_bytes,omitempty"` // of the file system; 0: not known
}

// The states of a disk.
const (
	DiskOK   = "ok"
	DiskHung = "hung"
	DiskFull = "full"
)

// DiskWrites is over how many writes DiskStatus.MeanMS is taken.
const DiskWrites = 32

// WorkStatus counts what a node has done since it was started; what it did between two of them is
// the difference. Times are as the node sees them: with the waiting for a processor.
type WorkStatus struct {
	Writes         uint64 `json:"writes"` // to the log, each synced
	WrittenEntries uint64 `json:"written_entries"`
	WriteNS        int64  `json:"write_ns"` // that all writes took
	Applies        uint64 `json:"applies"`  // batches of entries given to machines
	AppliedEntries uint64 `json:"applied_entries"`
	ApplyNS        int64  `json:"apply_ns"` // that all batches took
}

// PeerStatus says how a node gets on with another.
type PeerStatus struct {
	Node    NodeID `json:"node"`
	HeardMS int64  `json:"heard_ms"`        // since its newest message came; -1: none has
	Error   string `json:"error,omitempty"` // why nothing can be sent to it, MaxTroubleBytes at most
}

// ScriptStatus says that the script in the log is not the one that the node was started with.
type ScriptStatus struct {
	Runs  string `json:"runs"`
	Local string `json:"local"`
}

// MaxTroubleBytes bounds the text of a Trouble.
const MaxTroubleBytes = 256

// Trouble is why messages to a node do not leave.
type Trouble struct {
	Node  NodeID
	Error string
}

// Diagnoser is a Transport that knows what is wrong with its connections.
type Diagnoser interface {
	Transport
	// Troubles lists the nodes that could not be reached when last tried. It may be called from
	// several goroutines; the caller owns the slice.
	Troubles() []Trouble
}
