# One entry for everything. Each recipe delegates; what it calls can be called by hand.

PG_CONFIG ?= $(shell dev/cluster bindir)/pg_config
with_kafka = $(filter 1,$(KAFKA))

# What was compiled once, here or in another clone, is not compiled again.
export PATH := /usr/lib/ccache:$(PATH)
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1

.DEFAULT_GOAL := help
.PHONY: help deps build daemon install demo demo-stop check check-unit check-http check-kafka check-trixie sanitize-server sanitize-daemon fuzz faults lint clean

help: ## says what each target does
	@sed -n 's/^\([a-z%-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

deps: ## installs the Debian packages that are missing (Debian 12 or 13; starts no server)
	@dev/deps

build: ## builds the extension
	@$(MAKE) --no-print-directory -C extension -j$$(nproc) PG_CONFIG=$(PG_CONFIG)

daemon: ## builds the daemon `tenfold`: build/sidecar/tenfold
	@cmake -S . -B build/sidecar -G Ninja -DTENFOLD_SIDECAR=ON >/dev/null
	@cmake --build build/sidecar --target tenfold

install: build ## … and installs it into the Postgres of this machine
	@dev/install $(PG_CONFIG)

demo: ## from nothing to a running cluster and what each system does; SYSTEM=hotel: only that one; KAFKA=1: events through a broker
	@dev/demo/run $(if $(with_kafka),--kafka) $(if $(SYSTEM),--system=$(SYSTEM))

demo-stop: ## stops it; the data stays, `make demo` starts it again
	@dev/nginx stop .run/demo
	@dev/daemon stop .run/demo
	@dev/kafka stop .run/demo-kafka
	@dev/cluster stop .run/demo

check: ## every test; the last line is `N passed, N failed`
	@dev/deps unit build test kafka
	@tests/run

check-unit: ## the unit tests only: seconds, no Postgres
	@dev/deps unit
	@tests/run unit

check-http: ## the HTTP tests; with POSTGREST=/path also nginx before that PostgREST
	@dev/deps unit build test
	@POSTGREST=$(POSTGREST) tests/run extension http

check-kafka: ## of these, relay and sink against a real broker, also while it is killed
	@dev/deps unit build test kafka
	@tests/run extension kafka kafka_faults

check-trixie: ## every test on Debian 13 with Postgres 17, in a chroot (root)
	@dev/trixie run -- make check

sanitize-server: ## pgTAP on a Postgres with assertions that it builds first, the extension under the address sanitizer
	@dev/deps unit build test
	@tests/run sanitize_server

sanitize-daemon: ## tests/http with the daemon under the address and undefined-behaviour sanitizers, tests/kafka under the thread sanitizer
	@dev/deps build test kafka
	@tests/run extension sanitize_daemon

bench-%: ## measures one thing against its rivals: make bench-nearby
	@dev/deps build bench kafka
	@$(MAKE) --no-print-directory install daemon
	@tests/bench/run $*

fuzz: ## every fuzzer for FUZZ_SECONDS (600), and requests to every route for as long
	@dev/deps unit build test
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-600} tests/run fuzz extension fuzz_http

faults: ## kills what runs, seed by seed: FAULT_SEEDS (20, relay 300), without what passed; asks the cache for CACHE_SECONDS (600); takes the broker away for OUTAGE_SECONDS (300); all workers for SOAK_SECONDS (1200)
	@dev/deps unit build test kafka
	@$(MAKE) --no-print-directory install daemon
	@tests/faults/run $${FAULT_SEEDS:+--seeds $$FAULT_SEEDS}
	@CACHE_SECONDS=$${CACHE_SECONDS:-600} OUTAGE_SECONDS=$${OUTAGE_SECONDS:-300} tests/run cache outage
	@tests/faults/soak $${SOAK_SECONDS:-1200}

lint: ## format, tidy, include wall, exported symbols, comments
	@dev/deps unit build test
	@$(MAKE) --no-print-directory build
	@dev/lint

clean: ## deletes what was built, and every cluster below .run
	@dev/clean
