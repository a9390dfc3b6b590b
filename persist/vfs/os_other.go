//go:build unix && !linux

package vfs

// Preallocate writes zeros: it is what every system can do.
func (f osFile) Preallocate(off, n int64) error { return extendWithZeros(f, off, n) }
