// Package e2e runs the real programs as processes, for tests from end to end: it builds them once,
// starts, pauses, kills and restarts nodes, and waits for what is to be seen, always with a
// deadline.
//
//	programs, err := e2e.Build(dir)                // once, in TestMain
//	cluster := programs.Cluster(t, 3)              // three nodes on free ports
//	cluster.Client(t, "put", "x", "1").Want(t, exit.OK, "OK leader=")
//	cluster.Node(cluster.Leader(t)).Kill(t)
package e2e
