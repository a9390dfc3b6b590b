package server

import (
	"math"
	"syscall"
)

// diskSpace is what the file system has left for this process, and its size; zeros: not known.
func diskSpace(dir string) (free, size uint64) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0
	}
	unit := uint64(s.Bsize)
	return s.Bavail * unit, s.Blocks * unit
}

// maxFiles is how many files this process may have open.
func maxFiles() int {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) != nil || r.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(r.Cur)
}
