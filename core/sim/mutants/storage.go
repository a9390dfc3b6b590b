package main

// storage breaks what stands between the algorithm and the disk.
var storage = []Mutant{
	{
		Name: "messages leave before the write that they rest on", File: "core/node/disk.go",
		Old: "\tout.AfterWrite.Move(&d.gathering.after)\n",
		New: "\td.handler.send(&out.AfterWrite)\n\tout.AfterWrite.Reset()\n",
	}, {
		Name: "a failed write is taken for done", File: "core/node/disk.go",
		Old: "\tif err != nil {\n\t\th.fail(fmt.Errorf(\"write to store: %w\", err))\n\t}\n",
		New: "\tif err != nil {\n\t\th.config.Log.Warn(fmt.Sprint(err))\n\t}\n",
	}, {
		Name: "the log is not synced", File: "persist/wal/write.go",
		Old: "\tif err := s.file.Sync(); err != nil {\n\t\ts.revoke(off)\n",
		New: "\tif err := error(nil); err != nil {\n\t\ts.revoke(off)\n",
	}, {
		Name: "a new segment's name is not synced", File: "persist/wal/segment.go",
		Old: "err = fsys.SyncDir(dir)",
		New: "err = nil",
	}, {
		Name: "recovery drops the last batch, now and then", File: "persist/wal/recover.go",
		Old: "if errors.Is(err, errBroken) {",
		New: "if errors.Is(err, errBroken) || err == nil && f.sequence%5 == 0 {",
	}, {
		Name: "the body of a snapshot is not synced", File: "persist/snapfile/writer.go",
		Old: "if err := w.file.Sync(); err != nil {",
		New: "if err := error(nil); err != nil {",
	},
}
