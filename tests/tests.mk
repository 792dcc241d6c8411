# The tests' part of the Makefile: unit tests, fuzz doors, conversations, browsers, benchmarks, lint.
#
## make check          install what tests need, run every suite; last line "N passed, N failed"
## make unit           unit tests (FLAVOUR=debug|asan|tsan); make build/debug/tests/unit/test_NAME for one
## make fuzz-replay    every fuzz door over its corpus, without a fuzzer
## make protocol       conversations with the real server
## make e2e            the pages in a real browser
## make fuzz           fuzz every door for SECONDS=60; DOOR=fuzz_wire_rtp for one
## make bench          all benchmarks and the table of goals (QUICK=1: shorter; WRITE=1: into docs/performance.md)
## make bench-NAME     one of them; make bench-table the table again; JSON lines go to build/bench/
## make gallery        the pictures of docs/pictures.md, made by the bridge's own code
## make lint           format, clang-tidy, cppcheck, shellcheck, layers, TypeScript

SECONDS ?= 60

# test_wire_rtp.c -> wire: the word after the first underscore names the link set.  Unknown words get "wire"'s
# neighbours (policy, wire, config), which is what a pure parser needs.
second_word = $(word 2,$(subst _, ,$(basename $(notdir $(1)))))
link_set    = $(or $(LINK_$(call second_word,$(1))),$(LINK_policy))

UNIT_SOURCES  := $(wildcard tests/unit/test_*.c)
PROTO_SOURCES := $(wildcard tests/protocol/test_*.c)
DOOR_SOURCES  := $(wildcard tests/fuzz/fuzz_*.c)
BENCH_SOURCES := $(wildcard tests/bench/bench_*.c)
# Helpers shared by tests: every other .c in the folder.
UNIT_HELPERS  := $(filter-out $(UNIT_SOURCES),$(wildcard tests/unit/*.c))
PROTO_HELPERS := $(filter-out $(PROTO_SOURCES),$(wildcard tests/protocol/*.c))

programs_of = $(patsubst %.c,$(OUT)/%,$(1))
UNITS   := $(call programs_of,$(UNIT_SOURCES))
PROTOS  := $(call programs_of,$(PROTO_SOURCES))
DOORS   := $(call programs_of,$(DOOR_SOURCES))
BENCHES := $(call programs_of,$(BENCH_SOURCES))

# $(1) source, $(2) link set, $(3) helper objects, $(4) more packages
define test_rules
$(call objects,$(1)): PACKAGES := $(call packages,$(2)) $(4)
$(call programs_of,$(1)): $(call objects,$(1)) $(3) $(call archives,$(2))
	$$(call link,$$^,$$(call link_libs,$(2)) $$(if $(4),$$(call libs_of,$(4))))
endef
# What one test needs and no program does: another implementation to be held against.
PACKAGES_test_transport_interop := libsrtp2
$(foreach s,$(UNIT_SOURCES),$(eval $(call test_rules,$(s),$(call link_set,$(s)),$(call objects,$(UNIT_HELPERS)),cmocka $(PACKAGES_$(basename $(notdir $(s)))))))
$(foreach s,$(PROTO_SOURCES),$(eval $(call test_rules,$(s),$(LINK_everything),$(call objects,$(PROTO_HELPERS)),cmocka)))
$(foreach s,$(BENCH_SOURCES),$(eval $(call test_rules,$(s),$(or $(LINK_$(call second_word,$(s))),$(LINK_everything)),,)))
$(eval $(call test_rules,tests/gallery/gallery.c,$(LINK_media),,))
$(call objects,$(UNIT_HELPERS)): PACKAGES := glib-2.0 cmocka
$(call objects,$(PROTO_HELPERS)): PACKAGES := $(GLIB) jansson libwebsockets openssl cmocka

# A door is linked with libFuzzer in flavour "fuzz" and with a plain main everywhere else.
DOOR_MAIN := $(if $(filter fuzz,$(FLAVOUR)),,$(OUT)/tests/fuzz/replay.o)
$(OUT)/tests/fuzz/replay.o: PACKAGES := glib-2.0
$(foreach s,$(DOOR_SOURCES),$(eval $(call test_rules,$(s),$(call link_set,$(s)),$(DOOR_MAIN),)))
ifeq ($(FLAVOUR),fuzz)
$(DOORS): BASE_LDFLAGS += -fsanitize=fuzzer
endif

.PHONY: units doors unit fuzz-replay protocol e2e check bench bench-table fuzz lint format test-packages node-tests
units: $(UNITS)
doors: $(DOORS)

WEB_MODULES := $(if $(wildcard signaling/web/package-lock.json),signaling/web/node_modules/.stamp)
unit: $(UNITS) $(WEB_MODULES)
	@OUT=$(OUT) tests/run.sh unit
fuzz-replay:
	+@$(SUBMAKE) FLAVOUR=asan doors
	@OUT=$(BUILD)/asan tests/run.sh fuzz-replay
protocol: product $(PROTOS) node-tests
	@OUT=$(OUT) BIN=$(BIN) tests/run.sh protocol
e2e: product node-tests
	@OUT=$(OUT) BIN=$(BIN) tests/run.sh e2e

# Unit tests and fuzz doors run under sanitizers: what is only a little wrong should fail here.  The programs
# are those that users run.
check: test-packages
	+@$(SUBMAKE) FLAVOUR=asan units doors $(PROTO_SOURCES:%.c=$(BUILD)/asan/%)
	+@$(SUBMAKE) product node-tests $(WEB_MODULES)
	@OUT=$(BUILD)/asan BIN=$(BIN) tests/run.sh unit fuzz-replay protocol e2e

test-packages:
	@config/packages/install.sh run build test

NODE_TEST_DIRS := $(patsubst %/package-lock.json,%,$(wildcard tests/e2e/package-lock.json tests/protocol/package-lock.json))
node-tests: $(NODE_TEST_DIRS:%=%/node_modules/.stamp)

# A benchmark is tests/bench/NAME.mjs, which starts programs, or tests/bench/bench_NAME.c, which is one.
bench: product $(BUILD)/bench/weak_relay
	+@$(SUBMAKE) FLAVOUR=$(PRODUCT) $(patsubst %.c,$(BUILD)/$(PRODUCT)/%,$(BENCH_SOURCES))
	@mkdir -p $(BUILD)/bench
	@BIN=$(BIN) OUT=$(BUILD)/bench BENCH_BIN=$(BUILD)/$(PRODUCT)/tests/bench node tests/bench/lib/all.mjs
bench-table:
	@BIN=$(BIN) OUT=$(BUILD)/bench node tests/bench/lib/goals.mjs
bench-%: product
	@mkdir -p $(BUILD)/bench
	+@if [ -e tests/bench/$*.mjs ]; then BIN=$(BIN) OUT=$(BUILD)/bench node tests/bench/$*.mjs; \
	else $(SUBMAKE) FLAVOUR=$(PRODUCT) $(BUILD)/$(PRODUCT)/tests/bench/bench_$* \
	    && BIN=$(BIN) OUT=$(BUILD)/bench node tests/bench/lib/micro.mjs $* $(BUILD)/$(PRODUCT)/tests/bench/bench_$*; fi

# What benchmarks need beside the product.
bench-weak: $(BUILD)/bench/weak_relay
$(BUILD)/bench/weak_relay: tests/bench/weak_relay.c
	@mkdir -p $(@D)
	$(CC) -std=c17 -O2 -Wall -Wextra -Wshadow -Wconversion -Werror -o $@ $<

.PHONY: gallery
gallery: $(OUT)/tests/gallery/gallery
	@mkdir -p docs/pictures
	@$< docs/pictures config/roster/quang-ninh-2019.csv

fuzz:
	+@$(SUBMAKE) FLAVOUR=fuzz doors
	@SECONDS_EACH=$(SECONDS) DOOR=$(DOOR) OUT=$(BUILD)/fuzz tests/fuzz.sh

lint:
	@tests/lint.sh
format:
	@git ls-files '*.c' '*.h' | xargs -r clang-format -i
