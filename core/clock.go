package core

// Clock is where a node reads the time. Both methods may be called from several goroutines.
type Clock interface {
	// Now is monotonic: it never goes back, and is not adjusted.
	Now() Instant
	// Wall is the time of day in Unix nanoseconds; it may jump.
	Wall() int64
}
