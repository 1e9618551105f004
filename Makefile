# SPDX-License-Identifier: Apache-2.0
# A thin door to Meson and the scripts. `make help` lists what there is.

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 60

# The distribution's Meson first: another one in PATH may be of any age.
MESON ?= $(firstword $(wildcard /usr/bin/meson) meson)
NINJA ?= $(firstword $(wildcard /usr/bin/ninja) ninja)

.PHONY: all test demo install uninstall bench bench-docs bench-guard bench-guard-update fuzz clean help

all: $(BUILD)/build.ninja ## build; leaves build/nvbind
	@$(NINJA) -C $(BUILD)

$(BUILD)/build.ninja:
	@$(MESON) setup --prefix "$(PREFIX)" $(BUILD)

test: all ## build and run every test
	@MESON=$(MESON) tests/run -C $(BUILD)

demo: ## install what is missing, build, and start a container with GPUs
	@MAKE='$(MAKE)' BUILD=$(BUILD) scripts/demo

install: all ## install below PREFIX (/usr/local); DESTDIR is honoured
	@$(MESON) configure $(BUILD) -Dprefix="$(PREFIX)"
	@DESTDIR="$(DESTDIR)" $(MESON) install -C $(BUILD) --quiet

uninstall: $(BUILD)/build.ninja ## remove what `make install` put there
	@$(MESON) configure $(BUILD) -Dprefix="$(PREFIX)"
	@$(NINJA) -C $(BUILD) --quiet build.ninja >/dev/null # the list below is of the last configuration
	@$(MESON) introspect --installed $(BUILD) | DESTDIR="$(DESTDIR)" scripts/uninstall

bench: all ## run the benchmarks in tests/bench; leaves BUILD/bench.json and figures
	@BUILD=$(BUILD) scripts/bench

bench-docs: ## put BUILD/bench.json into docs/PERFORMANCE.md and docs/figures
	@BUILD=$(BUILD) scripts/bench --docs

bench-guard: all ## compare instruction and system call counts with tests/bench/baseline.json
	@BUILD=$(BUILD) tests/bench/guard

bench-guard-update: all ## write tests/bench/baseline.json
	@BUILD=$(BUILD) tests/bench/guard --repeat 3 --update

fuzz: ## run each fuzz target for FUZZ_SECONDS (60); needs clang
	@for target in tests/fuzz/fuzz-*.c; do \
		name=$${target#*fuzz-}; name=$${name#*fuzz-}; \
		MESON=$(MESON) NINJA=$(NINJA) tests/fuzz/run "$${name%.c}" $(FUZZ_SECONDS) || exit; \
	done

clean: ## remove the build directory
	@rm -rf -- "$(BUILD)"

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | \
		while IFS='|' read -r name text; do printf '%-26s %s\n' "$$name" "$$text"; done
