//go:build !linux

package server

import "math"

// diskSpace is not known here.
func diskSpace(string) (free, size uint64) { return 0, 0 }

// maxFiles is not known here.
func maxFiles() int { return math.MaxInt32 }
