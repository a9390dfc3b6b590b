package main

// machine breaks the Lua machine, in ways that one replica alone cannot notice.
var machine = []Mutant{
	{
		Name: "a command that fails leaves its writes", File: "scripting/machine.go",
		Old: "\t\tm.space.Rollback(0)\n",
		New: "",
	}, {
		Name: "chance depends on what happened to the process", File: "scripting/machine.go",
		Old:  "s.vm.Seed(seed(e, salt), true)",
		New:  "s.vm.Seed(seed(e, salt)+uint64(m.spent.Steps), true)",
		Test: "TestReplayedEqualsRestored", Package: "scripting",
	}, {
		Name: "a snapshot restores without events and timers", File: "scripting/snapshot.go",
		Old: "m.effects.use(effects)",
		New: "_ = effects",
	}, {
		Name: "a snapshot keeps the state of a moment later", File: "scripting/snapshot.go",
		Old:  "return &snapshot{m.now.Load().head, m.space.View(), m.effects.space.View()}, nil",
		New:  "return &snapshot{m.now.Load().head, m.space.Live(), m.effects.space.View()}, nil",
		Test: "TestSnapshotIsStable", Package: "scripting",
	},
}
