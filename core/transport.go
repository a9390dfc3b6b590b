package core

// Transport carries messages between nodes. It may lose, repeat, delay and reorder them; it never
// alters or invents one, and never accepts one from another cluster or from a host that it has not
// authenticated.
type Transport interface {
	// Send hands messages for one node over, in order, and never blocks: the queue for each
	// address is bounded, and what does not fit is dropped. The slice is the caller's again when
	// Send returns; what the messages point to (Entries, Data, Snapshot) is read-only for ever.
	// Send may be called from several goroutines, and does nothing after Close.
	Send(to Addr, msgs []Message)

	// Close stops the transport. After it has returned, no method of Inbox runs. A second Close
	// returns ErrClosed.
	Close() error
}

// Inbox is where a Transport puts what arrives. Its methods may be called from several goroutines
// and do not block, but Deliver may call Send of that transport before it returns.
type Inbox interface {
	// Deliver takes messages that arrived and returns how many of them, counted from the first,
	// found room; a transport drops the rest or waits before it reads on. The slice is the
	// transport's again afterwards; what the messages point to is read-only for ever.
	Deliver(msgs []Message) int

	// Unreachable tells that messages to this address were or will be lost: a connection broke or
	// could not be made. It may be told once per failure, and late.
	Unreachable(to Addr)
}
