# Everything that is done often. `make help` lists it.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
PACKAGE := github.com/tidelock-raft/tidelock
LDFLAGS := -s -w -X $(PACKAGE)/cli/internal/build.version=$(VERSION)
PROGRAMS := raft-node raft-client tidelock
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.DEFAULT_GOAL := build
.PHONY: build test race differential sim mutants chaos churn scale lint e2e matrix bench compare compare-recovery budget cluster status demo stop clean help

build: ## build raft-node, raft-client and tidelock (the default)
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o . $(PROGRAMS:%=./cli/%)

test: ## run all tests, the style sheet's among them
	.ci/test ./...

race: ## run the tests under the race detector; but the simulator's, which has one goroutine
	.ci/test -race $$(go list ./... | grep -v /core/sim$$)

e2e: ## run the tests that start real processes
	.ci/test ./cli/internal/e2e

matrix: ## a cluster on every transport and store, with writes/s and p99: TIME=of each run
	MATRIX=$(or $(TIME),5s) go test -count=1 -timeout 20m -v -run TestMatrix ./cli/internal/e2e

differential: ## compare random programs with Debian's lua5.1: SEED=first PROGRAMS=number
	go test -count=1 -timeout 20m -run EqualsRealLua ./scripting/sandbox -args \
		-lua $$(command -v lua5.1) -first $(or $(SEED),0) -programs $(or $(PROGRAMS),20000)

sim: ## run simulated clusters under all checkers: SEED=first SEEDS=number
	go test -count=1 -timeout 60m -run TestSeeds ./core/sim -args \
		-sim.once -sim.first $(or $(SEED),1) -sim.seeds $(or $(SEEDS),100)

mutants: ## break production code on purpose, see the simulator notice: RUN=regexp SEEDS=number
	go run ./core/sim/mutants -run '$(RUN)' -seeds $(or $(SEEDS),100)

chaos: ## five real nodes, twenty clients, everything breaks: FOR=10m SEED=number
	go run ./cli/internal/chaos -for $(or $(FOR),10m) -seed $(or $(SEED),0)

churn: ## add, kill, replace, move and remove nodes under 64 clients, and measure: HOLD=3s of calm
	go run ./cli/internal/churn -hold $(or $(HOLD),3s)

scale: ## measure with more and more nodes, keys, connections, groups, into docs/performance.md: PARTS=
	go run ./cli/internal/scale -docs docs/performance.md $(if $(PARTS),-parts $(PARTS))

lint: ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

bench: ## run the benchmarks of the packages
	go test -run '^$$' -bench . -benchmem ./...

compare: ## measure other systems beside this one, into docs/performance.md: TIME=of each
	cd examples/compare && go run . run -docs ../../docs/performance.md -image ../../docs/compare.svg \
		-duration $(or $(TIME),1s) -dir $(or $(DIR),/var/tmp)

compare-recovery: ## the same for deaths, snapshots and restarts, ten minutes: SYSTEMS=with,commas
	cd examples/compare && go run . recover -docs ../../docs/performance.md \
		-systems '$(SYSTEMS)' -dir $(or $(DIR),/var/tmp)

budget: ## tell where the processor time of a write goes, into docs/performance.md
	cd examples/compare && go run . budget -docs ../../docs/performance.md

cluster: build ## start three nodes in the background; data, logs and pids are under ./cluster
	examples/cluster.sh start

status: ## show the nodes of `make cluster`
	examples/cluster.sh status

stop: ## stop the nodes of `make cluster`; their data stays
	examples/cluster.sh stop

demo: build ## write, kill the leader, go on, lose nothing: on a fresh cluster of its own
	examples/demo.sh

clean: ## remove the programs
	rm -f $(PROGRAMS)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
