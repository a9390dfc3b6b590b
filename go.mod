module github.com/tidelock-raft/tidelock

go 1.26.0
