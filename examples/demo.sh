#!/usr/bin/env bash
# What the whole is for, in half a minute: three nodes, a leader that is killed, a cluster that
# goes on, and not a write lost. Exits with 0 only if all of it is so.
set -euo pipefail

CLUSTER_DIR=$(mktemp -d)
PEER_PORT=${PEER_PORT:-29000}
API_PORT=${API_PORT:-28100}
. "$(dirname "$0")/cluster.sh"
[ -x "$root/raft-node" ] || { echo "first: make" >&2; exit 1; }
trap 'stop; rm -rf "$CLUSTER_DIR"' EXIT

bold='' plain=''
[ ! -t 1 ] || bold=$'\033[1m' plain=$'\033[0m'
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
fail() { printf '\nFAILED: %s\n' "$*" >&2; tail -n 5 "$dir"/node*.log >&2; exit 1; }

# show COMMAND…: prints a client's command and what it prints.
show() {
	echo "$ raft-client $*"
	client "$@"
}

# expect WANT COMMAND…: fails unless the client prints just this.
expect() {
	local want=$1 got
	shift
	got=$(client "$@") || true
	echo "$ raft-client $*"
	echo "$got"
	[ "$got" = "$want" ] || fail "want $want"
}

# write PREFIX: puts 100 keys, and fails unless every one is acknowledged.
write() {
	local acknowledged
	acknowledged=$(seq 100 | sed "s/.*/put $1& value-of-$1&/" | client batch - | grep -c '^OK') || true
	echo "100 writes, $acknowledged acknowledged"
	[ "$acknowledged" = 100 ] || fail "a write was not acknowledged"
}

other_leader() {
	local now
	now=$(leader)
	[ -n "$now" ] && [ "$now" != "$killed" ]
}

# same: all three nodes have applied the same entries and come to the same state.
same() {
	client status --output json --timeout 500ms | tr ',' '\n' |
		awk -F: '/"applied_index"/ { i[$2]++ } /"digest"/ { d[$2]++ }
			END { for (k in i) for (s in d) if (i[k] == 3 && d[s] == 3) exit 0; exit 1 }'
}

say "Three nodes, each a process of its own"
start || fail "no leader"
show status

say "A write goes to the leader, wherever it is sent, and is read back"
show put greeting hello
expect hello get greeting
write before

killed=$(leader)
say "The leader, node $killed, is killed (SIGKILL)"
kill_node "$killed"
begin=$(date +%s%N)
until_true 15 other_leader || fail "no other node has taken over"
echo "node $(leader) leads $((($(date +%s%N) - begin) / 1000000)) ms later"
show status

say "The two that are left go on, and nothing is lost"
expect hello get greeting
write after
expect 201 query len

say "Node $killed comes back and catches up"
run "$killed"
until_true 15 same || fail "the nodes do not come to the same state"
show status
expect value-of-after100 get after100 --read stale --target "$killed"

say "All three are killed at once, and started again"
for id in "${nodes[@]}"; do kill_node "$id"; done
start || fail "no leader"
expect 201 query len
expect value-of-before1 get before1

say "Nothing was lost."
