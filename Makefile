# Each target does its own set-up. `make run` and `make test` are all a newcomer needs.
SHELL := /bin/bash
export PATH := $(HOME)/.cargo/bin:$(PATH)
TARGET := $(or $(CARGO_TARGET_DIR),target)
BINARIES := $(abspath $(TARGET))/release
SHARE := $(abspath $(TARGET))/share
PREFIX ?= /usr/local

.PHONY: run test test-long pictures bench mutants mutants-walls flakes house hardening coverage fuzz deps test-deps build completions man install lint clean

# The window on a private network of its own, with Echo to talk to; without a display, the same in words.
run: build
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ]; then $(BINARIES)/privatus demo --window; else $(BINARIES)/privatus demo; fi

# Every test: units, vectors, the simulated network, and the real binaries as processes; and how those were built.
test: test-deps build hardening
	PRIVATUS_BINARIES=$(BINARIES) cargo nextest run --workspace --no-fail-fast

# The tests that take hours as well; what came out is kept in docs/test-long.md.
test-long: test-deps build
	PRIVATUS_BINARIES=$(BINARIES) packaging/test-long.sh

# What two people see who meet in two windows, kept as docs/guide/window-….png.
pictures: test-deps build
	PRIVATUS_BINARIES=$(BINARIES) PRIVATUS_PICTURES=$(abspath docs/guide) cargo nextest run -p privatus-tests --test processes_window_pair by_hand

bench: test-deps build
	PRIVATUS_BINARIES=$(BINARIES) cargo run --release -q -p privatus-tests --example bench

# Does a test notice each change that can be made to the ratchet and the key agreement? What none noticed: target/mutants.out/missed.txt.
mutants: test-deps
	@packaging/tool.sh cargo-mutants
	cargo mutants --no-shuffle -o $(TARGET)

# The same for the sandbox and the supervisor: hours. SHARD=0/8 to SHARD=7/8 each take an eighth.
mutants-walls: test-deps
	@packaging/tool.sh cargo-mutants
	cargo mutants --config .cargo/mutants-walls.toml --no-shuffle -o $(TARGET)/walls $(if $(SHARD),--shard $(SHARD))

# Unit tests that fail now and then: RUNS (30) rounds in changing order on busy cores.
flakes: test-deps
	packaging/flakes.sh $(or $(RUNS),30)

# What the house looks like: long files and functions, types in many files, files in circles, edges by hand. -v in ARGS names them all.
house:
	@packaging/house.sh $(ARGS)

# Are stack protector, FORTIFY, PIE, RELRO in the binaries?
hardening: build
	packaging/hardening.sh $(BINARIES)

# Which lines of keyvault the tests run, per file. A sealed process cannot write what it counted: those tests stay out.
coverage: test-deps
	@packaging/tool.sh cargo-llvm-cov
	cargo llvm-cov nextest -p keyvault -E 'not binary(confined)' --ignore-filename-regex '(tests|vectors|worlds|wycheproof|faults|properties|debug)' --summary-only

# Every decoder of foreign bytes, SECONDS_EACH (60); what made one fail stays in tests/fuzz/artifacts.
fuzz: test-deps
	@packaging/tool.sh cargo-fuzz
	packaging/fuzz.sh $(or $(SECONDS_EACH),60)

build: deps
	cargo build --release --workspace --bins

# Completions for bash, zsh and fish, and a man page a command, as they are installed: target/share.
completions man: deps
	cargo run --release -q -p privatus --example pages -- $@ $(SHARE)

# What `make build completions man` made, below PREFIX (/usr/local), or below DESTDIR for who makes a package. Builds nothing: it may
# be root's.
install:
	@packaging/install.sh $(BINARIES) $(SHARE) $(abspath $(DESTDIR)$(PREFIX))

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

deps:
	@packaging/deps.sh

test-deps:
	@packaging/deps.sh test

clean:
	cargo clean
