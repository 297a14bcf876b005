# What one does with anyfpm's source. `make help` lists the targets.

GO        ?= go
CC        ?= cc
PREFIX    ?= /usr/local
FUZZTIME  ?= 1m
SCENARIOS ?= ./tests/...
PHPT      ?= tests/phpt

# Set these for one run: make test TESTFLAGS='-run TestQueue -v'
TESTFLAGS  ?=
BENCHFLAGS ?=
PHPTFLAGS  ?= -q -k $(PHPT)/known-failures.tsv

BIN  := bin/anyfpm
# The race detector needs a C compiler; anyfpm itself does not.
RACE := $(if $(shell command -v $(CC)),-race)
TOOL := $(GO) tool -modfile=tools/go.mod

.DEFAULT_GOAL := build
.PHONY: help build run examples test test-deps test-unit test-scenarios test-phpt test-phpt-quick soak lint fmt golden fuzz bench install clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/anyfpm, a static binary
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN) ./cmd/anyfpm

run: build examples ## serve examples/quickstart on http://127.0.0.1:8080/ and FastCGI on 127.0.0.1:9000
	$(BIN) run

examples: ## compile what the examples have in C
	@if command -v $(CC) >/dev/null; then $(MAKE) --no-print-directory -C examples/quickstart CC='$(CC)'; \
	else echo 'no C compiler: examples/quickstart goes without its C example'; fi

test: test-deps test-unit test-scenarios test-phpt-quick ## everything that must hold before a change goes in

# What cannot be installed is named by the tests that want it.
test-deps: ## as root: install the packages that the tests use
	@if [ "$$(id -u)" = 0 ]; then scripts/install-test-deps test || true; fi

test-unit: ## the packages by themselves, with the race detector
	$(GO) test $(RACE) $(TESTFLAGS) ./...

test-scenarios: ## the real binary behind a real nginx, as this user and, for root, as nobody too
	$(GO) test -tags=integration -count=1 -p=1 -parallel=8 -timeout=8m $(TESTFLAGS) $(SCENARIOS)

# An hour on two cores; make test has a short form. RELOADS=1000 in one go.
RELOADS ?= 1000
STORMS  ?= 100
KILLS   ?= 200

soak: ## a thousand reloads under load, storms of signals, kills at random moments
	$(GO) test -tags=integration -count=1 -timeout=3h -v $(TESTFLAGS) ./tests/scenario \
		-run 'TestReloadsUnderLoad|TestSignalStorms|TestQuitDuringReload|TestKillsAtRandomMoments' \
		-reloads=$(RELOADS) -storms=$(STORMS) -kills=$(KILLS)

test-phpt: build ## php-fpm's own test suite against bin/anyfpm; Debian has it
	$(PHPT)/get-suite.sh
	FPM_ARGS='--php' $(PHPT)/run.sh $(PHPTFLAGS) -o bin/phpt $(BIN)

# A part that takes seconds. Root gets the suite the first time; where it cannot
# be had that is said, and everything else counts.
PHPT_QUICK := 'bug684*' 'bug76922*' 'config-*' 'fcgi-env-pif-apache-h*' 'gh8885*' 'log-bwd-m*' log-suppress-output 'status-*'

test-phpt-quick: build
	@if $(PHPT)/get-suite.sh -q; then FPM_ARGS='--php' $(PHPT)/run.sh $(PHPTFLAGS) -o bin/phpt-quick $(BIN) $(PHPT_QUICK); \
	else echo "php-fpm's own test suite was NOT run: it is not on this machine and cannot be had"; fi

lint: ## gofmt, go vet, staticcheck and the house set of golangci-lint, at pinned versions; go.mod
	$(GO) mod tidy -diff
	$(GO) vet -tags=integration ./...
	$(TOOL) staticcheck -tags=integration ./...
	$(TOOL) golangci-lint run
	$(TOOL) golangci-lint fmt --diff

fmt: ## format the source as the linter wants it
	$(TOOL) golangci-lint fmt

golden: ## the slow log's acceptance: 200 random programs and 30,000 samples of a busy one, for each interpreter there is
	SLOWLOG_PROGRAMS=200 SLOWLOG_SAMPLES=30000 $(GO) test -count=1 -timeout=2h -v -run 'Golden|BusyLoop' ./slowlog
	$(GO) test -run '^$$' -bench . -benchtime 1000x ./slowlog

fuzz: ## every fuzz target for FUZZTIME (1m)
	FUZZTIME=$(FUZZTIME) scripts/fuzz

bench: build ## anyfpm against its peers behind the same nginx: BENCHFLAGS='-rows cgi -duration 2s'
	$(GO) run ./tests/bench -bin $(BIN) $(BENCHFLAGS)

install: build ## to $(DESTDIR)$(PREFIX)/sbin and share/man
	install -D -m 755 $(BIN) $(DESTDIR)$(PREFIX)/sbin/anyfpm
	install -D -m 644 docs/anyfpm.8 $(DESTDIR)$(PREFIX)/share/man/man8/anyfpm.8

clean: ## remove what make built
	rm -rf bin
	$(MAKE) --no-print-directory -C examples/quickstart clean
