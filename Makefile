# make demo      builds Berth and shows it at work on a temporary home
# make test      installs what the tests need, and runs every check and test
# make install   installs `berth`, `berth-shim` and completions under PREFIX
# make test-catalog  installs and removes all of the catalog that Debian has, on real machines
# make bench     measures, with peers beside it
# make generate  writes what is generated from Protocol/
# make format    formats the Swift sources

PREFIX ?= /usr/local
SWIFT ?= swift
# With Swift's own libraries inside: it starts in two thirds of the time, and runs where no Swift is installed.
RELEASE := -c release --static-swift-stdlib

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

BUILD_PACKAGES := libsqlite3-dev libssh2-1-dev libarchive-dev
TEST_PACKAGES := git zip unzip zstd tar nodejs node-typescript python3 python3-venv curl bubblewrap debootstrap \
	openssh-server openssh-client shellcheck

.PHONY: demo test install bench generate format release packages test-packages check test-swift test-catalog test-python \
	test-typescript fuzz clean

# An app is held by berth-shim, which is looked for beside the program that runs.
release: packages
	$(SWIFT) build $(RELEASE) --product berth
	$(SWIFT) build $(RELEASE) --product berth-shim

demo: release
	@.ci/install-packages "$(SUDO)" python3
	.ci/demo "$$($(SWIFT) build $(RELEASE) --show-bin-path)/berth"

test: test-packages check test-swift fuzz test-python test-typescript

# What is missing is installed; on a machine that has all of it, nothing is asked for.
packages:
	@.ci/install-packages "$(SUDO)" $(BUILD_PACKAGES)

test-packages:
	@.ci/install-packages "$(SUDO)" $(BUILD_PACKAGES) $(TEST_PACKAGES)

check:
	$(SWIFT) format lint --strict --recursive --configuration .swift-format Sources Tests Package.swift
	BERTH_STRICT=1 $(SWIFT) run ProtocolGenerator --check
	@.ci/check-tree

# Warnings are errors in the tests' build (see Package.swift). Agents of others, and a Debian of which machines
# are made, are put into folders of their own.
test-swift:
	BERTH_STRICT=1 $(SWIFT) build --build-tests
	.ci/install-agents .build/agents
	.ci/install-machine .build/machine
	BERTH_STRICT=1 SWIFT="$(SWIFT)" BERTH_TEST_AGENTS="$(CURDIR)/.build/agents" \
		BERTH_TEST_MACHINE="$(CURDIR)/.build/machine" .ci/swift-tests

# Every language and server of Debian's own, installed on a machine of its own and taken away again: a quarter of an
# hour, so that it is not a part of the tests.
test-catalog: test-packages
	BERTH_STRICT=1 $(SWIFT) build --build-tests
	.ci/install-machine .build/machine
	BERTH_STRICT=1 SWIFT="$(SWIFT)" BERTH_TEST_MACHINE="$(CURDIR)/.build/machine" BERTH_TEST_CATALOG=1 \
		.ci/swift-tests --filter CatalogMachineTests

# A minute of libFuzzer on the framing and the envelope, from the seeds in the corpus.
fuzz:
	BERTH_FUZZ=1 $(SWIFT) build --scratch-path .build/fuzz -c release --sanitize=fuzzer --product berth-fuzz
	mkdir -p .build/fuzz/corpus
	.build/fuzz/release/berth-fuzz -max_total_time=60 -timeout=10 -print_final_stats=1 .build/fuzz/corpus \
		Sources/berth-fuzz/Corpus

test-python:
	cd clients/python && BERTH="$$(BERTH_STRICT=1 $(SWIFT) build --show-bin-path)/berth" PYTHONPATH=src python3 -m unittest discover -s tests

test-typescript:
	cd clients/typescript && tsc -p . && BERTH="$$(BERTH_STRICT=1 $(SWIFT) build --show-bin-path)/berth" node --test dist/test/*.test.js

install: release
	.ci/install "$$($(SWIFT) build $(RELEASE) --show-bin-path)" "$(DESTDIR)$(PREFIX)"

# Peers that are Python packages are put into a folder of their own; what can't be had is left out.
bench: release
	$(SWIFT) build $(RELEASE) --product berth-bench
	.ci/install-peers .build/peers
	BERTH_BENCH_PEERS="$(CURDIR)/.build/peers" "$$($(SWIFT) build $(RELEASE) --show-bin-path)/berth-bench"

generate:
	$(SWIFT) run ProtocolGenerator

format:
	$(SWIFT) format --in-place --recursive --configuration .swift-format Sources Tests Package.swift

clean:
	$(SWIFT) package clean
