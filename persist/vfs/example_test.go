package vfs_test

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// A power cut loses what was not synced, the names of files included.
func ExampleMemory_CrashWith() {
	disk := vfs.NewMemory(1)
	if err := vfs.WriteFile(disk, "synced", []byte("hello")); err != nil {
		fmt.Println(err)
	}
	if _, err := disk.Create("unsynced"); err != nil {
		fmt.Println(err)
	}
	disk = disk.CrashWith(vfs.Cut{})
	fmt.Println(disk.List("."))
	// Output: [synced] <nil>
}
