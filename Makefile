# vidq: `make` prints what can be made.
SHELL := /bin/bash
GO    ?= go
BIN   := $(CURDIR)/bin

GOLANGCI_VERSION := v2.15.0
GOLANGCI         := $(BIN)/golangci-lint-$(GOLANGCI_VERSION)

# sudo where one is not root; empty otherwise.
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.DEFAULT_GOAL := help

## help: print this list
.PHONY: help
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | awk '{i = index($$0, ": "); printf "  make %-10s %s\n", substr($$0, 1, i-1), substr($$0, i+2)}'

## run: simulate the classroom scenario (scenarios/face.toml) and print its table
.PHONY: run
run:
	@$(GO) run ./cmd/vidq-sim scenarios/face.toml

## live: run the classroom live, cloud and edge in one process, until Ctrl-C
.PHONY: live
live:
	@$(GO) build -o $(BIN)/ ./cmd/vidq-live && exec $(BIN)/vidq-live # go run would answer Ctrl-C with a failure

## build: build the commands into ./bin
.PHONY: build
build:
	$(GO) build -o $(BIN)/ ./cmd/...

# Packages whose tests go through all of their cases without the race detector only (coretest.Cases).
CASES = $$(grep -rl --include='*_test.go' '\<Cases(' . | xargs -n 1 dirname | sort -u)

## test: everything that must hold: formatting, vet, linters, all tests under the race detector, the long ones in full without it
.PHONY: test
test: deps vet lint
	$(GO) test -race -timeout 40m $$($(GO) list ./... | grep -v -e /scenarios/suite -e /live/netns)
	$(GO) test -timeout 40m $(CASES) ./scenarios/suite # thousands of runs, in which nothing is concurrent
	$(MAKE) --no-print-directory netns

## netns: cloud and edge as processes in two network namespaces: docs/deploy.md, link estimates, a cut; needs root, else it says so
.PHONY: netns
netns: deps
	$(GO) test -count=1 -timeout 30m -v ./live/netns # alone: it measures a link by the clock

## vet: go vet
.PHONY: vet
vet: deps
	$(GO) vet ./...

## lint: the linters and the formatting that .golangci.yml names
.PHONY: lint
lint: $(GOLANGCI)
	$(GOLANGCI) run ./...

$(GOLANGCI):
	@mkdir -p $(BIN)
	GOBIN=$(BIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(BIN)/golangci-lint $@

## deps: install what tests and benchmarks need beside Go: a C and a C++ compiler, PostgreSQL, ffmpeg, iproute2, openssl, curl (apt, with sudo if not root)
.PHONY: deps
deps:
	@if ! command -v gcc >/dev/null || ! command -v g++ >/dev/null; then \
		echo "installing gcc and g++ (the race detector needs a C compiler)"; \
		$(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends gcc g++ libc6-dev; \
	fi
	@if ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then \
		echo "installing postgresql (tests of live/store run servers of their own; Debian's cluster is neither made nor started)"; \
		$(SUDO) mkdir -p /etc/postgresql-common && \
		{ [ -e /etc/postgresql-common/createcluster.conf ] || \
			echo "create_main_cluster = false" | $(SUDO) tee /etc/postgresql-common/createcluster.conf >/dev/null; } && \
		$(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 \
			apt-get install -y -qq --no-install-recommends postgresql; \
	fi
	@if ! command -v ffmpeg >/dev/null; then \
		echo "installing ffmpeg (live/video reads files and RTSP with it)"; \
		$(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends ffmpeg; \
	fi
	@if ! command -v tc >/dev/null || ! command -v openssl >/dev/null || ! command -v curl >/dev/null; then \
		echo "installing iproute2, openssl and curl (live/netns makes two machines of namespaces and runs docs/deploy.md)"; \
		$(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends iproute2 openssl curl; \
	fi

## golden: write the golden files of tests again (look at the difference before you commit it)
.PHONY: golden
golden:
	$(GO) test ./cmd/vidq-sim ./core ./scenarios ./live/wire -update

## bench: the benchmarks, and the kernel's time against a C++ priority queue of the same run
.PHONY: bench
bench: deps
	$(GO) test -run '^$$' -bench . -benchmem ./bench
	$(GO) run ./bench/ratio

## bench-live: what the live system itself costs on this machine: overhead, memory, throughput
.PHONY: bench-live
bench-live:
	$(GO) run ./bench/live

## tune: search every scheduler's parameters on seeds 1-2 and write docs/tuned.txt; ONLY=NAME,... does some and keeps the others
BUDGET ?= 800
ONLY   ?= all
.PHONY: tune
tune:
	$(GO) run ./cmd/vidq-sim tune suite random/{1..10} --scheduler '$(ONLY)' --seed 1 --seeds 2 --budget $(BUDGET) --out docs/tuned.txt

## ranking: rank all schedulers over the suite and 50 random scenarios, on seeds that nobody tuned on (docs/ranking*.txt)
TUNED := @docs/tuned.txt,all
.PHONY: ranking
ranking:
	$(GO) run ./cmd/vidq-sim compare suite --scheduler $(TUNED) --seed 1001 --seeds 10 --quiet > docs/ranking.txt
	$(GO) run ./cmd/vidq-sim compare suite --scheduler $(TUNED) --seed 1001 --seeds 10 --set kb.noise=.3 --quiet > docs/ranking-noise.txt
	$(GO) run ./cmd/vidq-sim compare random/{1001..1050} --scheduler $(TUNED) --seeds 2 --quiet > docs/ranking-random.txt

## regret: how far vidq is from the oracle and from the best static plan in hindsight over the suite, on the ranking's seeds; takes its time
.PHONY: regret
regret:
	$(GO) run ./cmd/vidq-sim compare suite --scheduler vidq,oracle --seed 1001 --seeds 10 --quiet

## reproduce: AWStream's published results beside simulated ones (AWSTREAM=folder of its public data; docs/reproduction.md)
AWSTREAM ?=
.PHONY: reproduce
reproduce:
	@test -n "$(AWSTREAM)" || { echo "reproduce: name the folder of AWStream's public data: make reproduce AWSTREAM=DIR (docs/reproduction.md says what it must hold)" >&2; exit 2; }
	@$(GO) run ./cmd/vidq-sim reproduce "$(AWSTREAM)" --quiet

## soak: slow tests: many more random scenarios with random faults, all static plans of the suite
.PHONY: soak
soak:
	VIDQ_SEEDS=20000 $(GO) test -run Random -timeout 60m ./sim
	VIDQ_EXHAUSTIVE=1 $(GO) test -run TestSuiteCounts -timeout 60m ./scenarios/suite
	VIDQ_SEEDS=200 $(GO) test -run TestStoreIsItsModel -timeout 60m ./live/store

## fuzz: each fuzz target for 30 seconds
.PHONY: fuzz
fuzz:
	@for p in ./kb ./scenarios ./live/wire ./live/video; do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz); do \
			$(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime 30s $$p || exit 1; \
		done; \
	done

## dist: static archives of the commands for Linux on amd64 and arm64 in ./dist; the same commit and Go give the same bytes
VERSION ?= $(shell git describe --tags --always --dirty)
.PHONY: dist
dist:
	rm -rf dist
	set -e; for arch in amd64 arm64; do \
		name=vidq-$(VERSION)-linux-$$arch; \
		mkdir -p dist/$$name; \
		CGO_ENABLED=0 GOOS=linux GOARCH=$$arch $(GO) build -trimpath -buildvcs=false \
			-ldflags '-s -w -buildid= -X vidq/internal/cli.release=$(VERSION)' -o dist/$$name/ ./cmd/vidq-sim ./cmd/vidq-live; \
		cp LICENSE README.md dist/$$name/; \
		tar --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
			--mtime="@$$(git log -1 --format=%ct)" -C dist -c $$name | gzip -9n > dist/$$name.tar.gz; \
		rm -r dist/$$name; \
	done
	cd dist && sha256sum *.tar.gz > SHA256SUMS

## clean: remove what make made
.PHONY: clean
clean:
	rm -rf $(BIN) dist out coverage.out
