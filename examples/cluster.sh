#!/usr/bin/env bash
# A cluster of three nodes on this machine, for trying things out:
#
#   examples/cluster.sh start      three nodes; waits until one leads
#   examples/cluster.sh status     what they are doing
#   examples/cluster.sh kill 2     as a power cut would (SIGKILL)
#   examples/cluster.sh run 2      start a node that is not running
#   examples/cluster.sh stop       in order (SIGTERM); the data stays
#
# CLUSTER_DIR says where data, logs and pids are (./cluster); PEER_PORT and API_PORT plus a node's
# id are its ports (9000, 8100).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=${CLUSTER_DIR:-$root/cluster}
peer_port=${PEER_PORT:-9000}
api_port=${API_PORT:-8100}
nodes=(1 2 3)

endpoints=
for id in "${nodes[@]}"; do
	endpoints+=${endpoints:+,}$id=127.0.0.1:$((api_port + id))
done

client() { "$root/raft-client" "$@" --endpoints "$endpoints"; }

# pid N: the process of a node, nothing if it does not run.
pid() {
	local pid
	pid=$(cat "$dir/node$1.pid" 2>/dev/null) || return 0
	if ! command -v ps >/dev/null; then
		kill -0 "$pid" 2>/dev/null && echo "$pid" || return 0
		return
	fi
	case $(ps -p "$pid" -o comm= 2>/dev/null) in *raft-node) echo "$pid" ;; esac
}

# until_true SECONDS COMMAND…: tries until the command succeeds.
until_true() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.05
	done
}

leader() { client status --timeout 500ms 2>/dev/null | awk '$2 == "leader" { print $1 }' | tail -1; }
has_leader() { [ -n "$(leader)" ]; }
gone() { [ -z "$(pid "$1")" ]; }

run() {
	local id=$1 other peers='' apis=''
	[ -z "$(pid "$id")" ] || { echo "node $id is running already" >&2; return 1; }
	for other in "${nodes[@]}"; do
		[ "$other" != "$id" ] || continue
		peers+=${peers:+,}$other=127.0.0.1:$((peer_port + other))
		apis+=${apis:+,}$other=127.0.0.1:$((api_port + other))
	done
	mkdir -p "$dir"
	nohup "$root/raft-node" --id "$id" --peers "$peers" --peer-apis "$apis" \
		--listen "127.0.0.1:$((peer_port + id))" --api-listen "127.0.0.1:$((api_port + id))" \
		--data "$dir/node$id" >>"$dir/node$id.log" 2>&1 </dev/null &
	echo $! >"$dir/node$id.pid"
	disown # or the shell says so when a node is killed
}

kill_node() {
	local running
	running=$(pid "$1")
	[ -n "$running" ] || { echo "node $1 is not running" >&2; return 1; }
	kill -9 "$running"
	until_true 10 gone "$1"
}

start() {
	local id
	for id in "${nodes[@]}"; do
		run "$id"
	done
	until_true 15 has_leader || {
		echo "no leader after 15 s; see the logs in $dir" >&2
		tail -n 3 "$dir"/node*.log >&2
		return 1
	}
}

stop() {
	local id running
	for id in "${nodes[@]}"; do
		running=$(pid "$id")
		[ -z "$running" ] || kill "$running"
	done
	for id in "${nodes[@]}"; do
		until_true 10 gone "$id" || kill_node "$id"
		rm -f "$dir/node$id.pid"
	done
}

[ "${BASH_SOURCE[0]}" = "$0" ] || return 0 # read by demo.sh

[ -x "$root/raft-node" ] || { echo "first: make" >&2; exit 1; }
case "${1:-}" in
start) start && client status && printf '\nTry: ./raft-client put x 1\n' ;;
status) client status ;;
stop) stop ;;
kill) kill_node "${2:?which node?}" ;;
run) run "${2:?which node?}" ;;
*) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit 64 ;;
esac
