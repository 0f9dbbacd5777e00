# Leadgate: plain commands behind short names. `make help` lists them.
SHELL       := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

ENGINE_DIR := analytics/clickhouse/embedded
# Named, so that it is found in a checkout of another user's, too.
export LEADGATE_LIBCHDB ?= $(CURDIR)/bin/libchdb.so
LINTER     := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS    := -s -w -X main.version=$(VERSION)
DEMO_EXIT  ?=
FUZZTIME   ?= 10s
PORT       ?= 8080
PROOF_SEED    ?= 1
PROOF_MINUTES ?= 0
PROOF_ONLY    ?=
PROOF_FLAGS   ?=
BENCH_FLAGS   ?=
GROWTH_FLAGS  ?=
# The modules that are one program; the proof has its own, so that what only it
# needs is no dependency of the gateway.
MODULES       := . cmd/proof
PROFILE_ONLY  ?= ^Leadgate, (shipping|Redis and ClickHouse down), JSON form$$
PROFILE_DIR   ?= bin/profiles

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: bin/libchdb.so ## build bin/leadgate, with the engine library beside it
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/leadgate ./cmd/leadgate

.PHONY: engine
engine: bin/libchdb.so ## fetch the ClickHouse engine library (about 180 MB)

$(ENGINE_DIR)/node_modules/.package-lock.json: $(ENGINE_DIR)/package.json $(ENGINE_DIR)/package-lock.json
	@$(ENGINE_DIR)/fetch.sh
	@touch $@

bin/libchdb.so: $(ENGINE_DIR)/node_modules/.package-lock.json
	@mkdir -p bin
	@library=$$(find $(CURDIR)/$(ENGINE_DIR)/node_modules -name 'libchdb.so' | head -n 1); \
	test -n "$$library" || { echo "the engine package holds no libchdb.so for this system" >&2; exit 1; }; \
	ln -f "$$library" $@ 2>/dev/null || cp "$$library" $@
	@touch $@

.PHONY: run
run: build ## start it: config.yaml if present, else the embedded defaults
	bin/leadgate serve

.PHONY: demo
demo: build ## a day of traffic, its cost-per-lead report, every type of source (DEMO_EXIT=1: stop after it; PORT=8080)
	go run ./cmd/demo -leadgate bin/leadgate -port $(PORT) $(if $(DEMO_EXIT),-exit)

.PHONY: proof
proof: engine redis ## break everything, prove that nothing is lost or doubled (PROOF_MINUTES=30; PROOF_SEED, PROOF_ONLY)
	go run -C cmd/proof . -seed $(PROOF_SEED) -minutes $(PROOF_MINUTES) -only '$(PROOF_ONLY)' $(PROOF_FLAGS)

.PHONY: test
test: build redis proxies ## everything that CI tests, against real parts
	@for module in $(MODULES); do echo "go vet: $$module"; go vet -C $$module ./...; done
	@for module in $(MODULES); do go test -C $$module -race -shuffle=on -timeout 20m ./... || failed=1; done; test -z "$${failed:-}"
	go test -run Hostile ./sources # with the race detector it does a part only
	go test -tags proof -run Crashes ./cmd/leadgate # with the points at which it kills itself

.PHONY: redis
redis:
	@command -v redis-server >/dev/null || { \
	  echo "installing redis-server for the integration tests"; \
	  sudo=$$(test "$$(id -u)" = 0 || echo sudo); \
	  $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends redis-server >/dev/null; }

# Unpacked and not installed: an installed package starts its service, and once
# more at each boot. What the machine has already is not fetched.
.PHONY: proxies
proxies: bin/proxies/.done

bin/proxies/.done:
	@echo "fetching nginx, caddy and haproxy for the tests of the proxies in front"
	@mkdir -p bin/proxies/packages
	@sudo=$$(test "$$(id -u)" = 0 || echo sudo); $$sudo apt-get update -qq
	@apt-get install -y -qq --download-only --no-install-recommends \
	  -o Debug::NoLocking=1 -o Dir::Cache::archives=$(CURDIR)/bin/proxies/packages nginx caddy haproxy >/dev/null
	@for package in bin/proxies/packages/*.deb; do test ! -e "$$package" || dpkg-deb -x "$$package" bin/proxies; done
	@touch $@

.PHONY: lint
lint: ## gofmt, golangci-lint
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not formatted: $$unformatted" >&2; exit 1; }
	@for module in $(MODULES); do echo "golangci-lint: $$module"; (cd $$module && go run $(LINTER) run --config $(CURDIR)/.golangci.yml ./...); done
	@for module in $(MODULES); do go mod tidy -C $$module -diff || { echo "run: go mod tidy -C $$module" >&2; exit 1; }; done

.PHONY: vuln
vuln: ## known vulnerabilities in what is called (GOVULNDB=https://… or file://… of a mirror)
	.ci/vuln $(MODULES)

.PHONY: outdated
outdated: ## newer versions of what go.mod requires
	@for module in $(MODULES); do go list -C $$module -m -u -f '{{if and .Update (not .Indirect)}}{{.Path}} {{.Version}} -> {{.Update.Version}}{{end}}' all; done | sort -u

cmd/bench/node/node_modules: cmd/bench/node/package.json cmd/bench/node/package-lock.json
	npm ci --prefix cmd/bench/node --ignore-scripts --no-audit --no-fund --no-progress
	@touch $@

# What Leadgate is compared with besides; modules of their own. The first build
# takes minutes; one that fails is left out.
PIPES := bin/pipes/otelcol bin/pipes/benthos bin/pipes/telegraf
bin/pipes/%: cmd/bench/pipes/%/main.go cmd/bench/pipes/%/go.mod cmd/bench/pipes/%/go.sum
	-go build -C cmd/bench/pipes/$* -ldflags '-s -w' -o $(CURDIR)/$@ .

.PHONY: bench
bench: engine redis cmd/bench/node/node_modules $(PIPES) ## Leadgate against the bare HTTP stack and what people write instead (BENCH_FLAGS)
	go run ./cmd/bench $(BENCH_FLAGS)

.PHONY: growth
growth: engine redis ## what grows: cost by size of journal and dedupe memory, starts after a crash, intake beside a backlog (GROWTH_FLAGS)
	go run ./cmd/bench -growth $(GROWTH_FLAGS)

.PHONY: profile
profile: engine redis ## profiles of the gateway under the bench's loads: CPU, allocs, mutex, block (PROFILE_ONLY, PROFILE_DIR)
	go run ./cmd/bench -rounds 1 -time 8s -only '$(PROFILE_ONLY)' -profile $(PROFILE_DIR)

.PHONY: microbench
microbench: build ## benchmarks of the parts: journal append, decode per source, drain, sink
	go test -run '^$$' -bench . -benchmem ./ingest/... ./sources/... ./analytics/...

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (10s), on FUZZPROCS processors (all)
	@failed=; for module in $(MODULES); do for package in $$(go list -C $$module ./...); do \
	  for target in $$(go test -C $$module -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; \
	    go test -C $$module -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $(if $(FUZZPROCS),-parallel $(FUZZPROCS)) $$package || failed="$$failed $$target"; \
	  done; \
	done; done; \
	test -z "$$failed" || { echo "failed:$$failed; what made them fail stays in testdata/fuzz, as a test" >&2; exit 1; }

.PHONY: clean
clean: ## remove what was built
	rm -rf bin
