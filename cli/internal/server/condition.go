package server

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

// described is a service whose status tells what only the process knows.
type described struct {
	core.Service
	p *parts
}

// Status implements core.Service.
func (d described) Status() core.NodeStatus {
	s := d.Service.Status()
	if s.Disk != nil {
		s.Disk.FreeBytes, s.Disk.SizeBytes = diskSpace(d.p.Dir)
	}
	s.Script = d.p.scriptStatus()
	s.ClusterName, s.Transport = d.p.Cluster, strings.Join(d.p.transportNames(), ",")
	return s
}

// scriptStatus says whether another script runs than the user named; nil: no.
func (p *parts) scriptStatus() *core.ScriptStatus {
	machine, ok := p.made.(*scripting.Machine)
	if !ok || p.Machine.Options["script"] == "" {
		return nil
	}
	runs, installed := machine.Running()
	local := machine.Local()
	hash := sha256.Sum256(local.Text)
	if !installed || runs.Hash == hash {
		return nil
	}
	return &core.ScriptStatus{
		Runs: runs.String(), Local: fmt.Sprintf("%s sha256:%x", local.Name, hash[:6]),
	}
}
