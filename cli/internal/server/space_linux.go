package server

import "syscall"

// diskSpace is what the file system has left for this process, and its size; zeros: not known.
func diskSpace(dir string) (free, size uint64) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0
	}
	unit := uint64(s.Bsize)
	return s.Bavail * unit, s.Blocks * unit
}
