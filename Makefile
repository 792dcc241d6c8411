# Điểm Cầu: everything is started from here.  "make help" lists the doors.
#
# One static library per layer (config, wire, policy, transport, media, meeting, signaling), sources picked
# by wildcard: a new file needs no edit here.  A layer is compiled with the flags of its own libraries only
# and linked highest first, so a call from a lower layer into a higher one does not even link.

FLAVOUR ?= debug
# What `make run`, the benchmarks, the protocol and the browser tests start.
PRODUCT ?= release
BUILD   ?= build
OUT     := $(BUILD)/$(FLAVOUR)
BIN     := $(BUILD)/$(PRODUCT)/bin
VERSION := 0.1.0

DATA        ?= ./var
HTTPS_PORT  ?= 8443
HTTP_PORT   ?= 8080
MEDIA_PORTS ?= 20000-20999
PREFIX      ?= /usr/local
DESTDIR     ?=

# Doors that a newcomer opens build with all cores, unless make was told a number of its own.
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
SUBMAKE  = $(MAKE) --no-print-directory $(PARALLEL)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

# ---- Flags ---------------------------------------------------------------------------------------------

WERROR   ?= -Werror
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes $(WERROR)

CFLAGS_debug   := -Og -g
CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection
# gcc's UBSan rewrites shifts before -Wconversion looks at them, and clang asks more than gcc does: the other
# flavours ask that question.
SANITIZED := -O1 -g -fno-omit-frame-pointer -Wno-conversion -Wno-sign-conversion
CFLAGS_asan    := $(SANITIZED) -fsanitize=address,undefined -fno-sanitize-recover=undefined
CFLAGS_tsan    := $(SANITIZED) -fsanitize=thread
CFLAGS_fuzz    := $(SANITIZED) -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
LDFLAGS_release := -Wl,-z,relro,-z,now,-z,noexecstack
LDFLAGS_asan    := -fsanitize=address,undefined
LDFLAGS_tsan    := -fsanitize=thread
LDFLAGS_fuzz    := -fsanitize=address,undefined
ifeq ($(FLAVOUR),fuzz)
CC := clang
endif

BASE_CFLAGS = -std=c17 $(WARNINGS) -fPIE -pthread $(CFLAGS_$(FLAVOUR)) -I. -D_GNU_SOURCE \
              -DDIEMCAU_VERSION='"$(VERSION)"' -DG_LOG_DOMAIN='"diemcau"' $(EXTRA_CFLAGS)
BASE_LDFLAGS = -pie -pthread $(LDFLAGS_$(FLAVOUR)) -Wl,--as-needed

# Headers of libraries are not ours to warn about: -I becomes -isystem.
cflags_of = $$(pkg-config --cflags $(1) | sed 's/-I/-isystem /g')
libs_of   = $$(pkg-config --libs $(1))

# ---- Layers --------------------------------------------------------------------------------------------

LAYERS := config wire policy transport media meeting signaling sim sandbox

SOURCES_config    := $(wildcard config/*.c)
SOURCES_wire      := $(wildcard bridge/wire/*.c)
SOURCES_policy    := $(wildcard bridge/policy/*.c)
SOURCES_transport := $(wildcard bridge/transport/*.c)
SOURCES_media     := $(wildcard bridge/media/*.c)
SOURCES_meeting   := $(wildcard bridge/meeting/*.c)
SOURCES_signaling := $(filter-out %/main.c,$(wildcard signaling/*.c signaling/*/*.c))
SOURCES_sandbox   := $(wildcard bridge/sandbox.c)
SOURCES_sim       := $(filter-out %/main.c,$(wildcard tests/load/*.c))

GLIB := glib-2.0 gio-2.0 gio-unix-2.0
GST  := gstreamer-1.0 gstreamer-base-1.0 gstreamer-app-1.0 gstreamer-video-1.0 gstreamer-audio-1.0
PACKAGES_config    := $(GLIB) jansson
PACKAGES_wire      := glib-2.0
PACKAGES_policy    := glib-2.0
PACKAGES_transport := $(GLIB) nice openssl
PACKAGES_media     := $(GLIB) $(GST) opus pangocairo
PACKAGES_meeting   := $(GLIB) jansson
PACKAGES_signaling := $(GLIB) jansson libwebsockets sqlite3 libsodium libqrencode openssl
PACKAGES_sim       := $(GLIB) jansson nice openssl opus vpx pangocairo libwebsockets
PACKAGES_bridge    := $(GLIB) $(GST) openssl
PACKAGES_sandbox   := glib-2.0 libseccomp
EXTRA_LIBS_media   := -lyuv -lm
EXTRA_LIBS_policy  := -lm
EXTRA_LIBS_sim     := -lyuv -lm

# The link set of a program or test: layers from the highest down.
LINK_config    := config
LINK_wire      := wire config
LINK_policy    := policy wire config
LINK_transport := transport policy wire config
LINK_media     := media transport policy wire config
LINK_meeting   := meeting media transport policy wire config
LINK_signaling := signaling config
LINK_sandbox   := sandbox meeting media transport policy wire config
LINK_sim       := sim transport policy wire config
LINK_everything := sim signaling meeting media transport policy wire config

objects   = $(patsubst %.c,$(OUT)/%.o,$(1))
archives  = $(foreach layer,$(1),$(OUT)/lib/lib$(layer).a)
packages  = $(sort $(foreach layer,$(1),$(PACKAGES_$(layer))))
link_libs = $(call libs_of,$(call packages,$(1))) $(foreach layer,$(1),$(EXTRA_LIBS_$(layer)))

# Objects, archives and programs are written aside and moved into place, so that two makes may share a tree.
define compile
@mkdir -p $(@D)
@echo "  CC    $<"
@$(CC) $(BASE_CFLAGS) $(call cflags_of,$(PACKAGES)) -MMD -MP -MF $(@:.o=.d) -MT $@ -c $< -o $@.$$$$ \
    && mv $@.$$$$ $@ || { rm -f $@.$$$$; exit 1; }
endef
# $(1) objects and archives, $(2) libraries
define link
@mkdir -p $(@D)
@echo "  LINK  $@"
@$(CC) $(BASE_LDFLAGS) -o $@.$$$$ $(1) $(2) && mv $@.$$$$ $@ || { rm -f $@.$$$$; exit 1; }
endef

define layer_rules
$(call objects,$(SOURCES_$(1))): PACKAGES := $(PACKAGES_$(1))
$(OUT)/lib/lib$(1).a: $(call objects,$(SOURCES_$(1)))
endef
$(foreach layer,$(LAYERS),$(eval $(call layer_rules,$(layer))))

$(OUT)/lib/lib%.a:
	@mkdir -p $(@D)
	@echo "  AR    $@"
	@ar qcsD $@.$$$$ $^ && mv $@.$$$$ $@

$(OUT)/%.o: %.c
	$(compile)

# ---- Programs ------------------------------------------------------------------------------------------

BRIDGE_MAIN := $(call objects,$(filter-out $(SOURCES_sandbox),$(wildcard bridge/*.c)))
$(BRIDGE_MAIN): PACKAGES := $(PACKAGES_bridge) jansson
$(OUT)/signaling/main.o: PACKAGES := $(PACKAGES_signaling)
$(OUT)/tests/load/main.o: PACKAGES := $(PACKAGES_sim)

$(OUT)/bin/diemcau: $(OUT)/signaling/main.o $(call archives,$(LINK_signaling))
	$(call link,$^,$(call link_libs,$(LINK_signaling)))

$(OUT)/bin/diemcau-bridge: $(BRIDGE_MAIN) $(call archives,$(LINK_sandbox))
	$(call link,$^,$(call link_libs,bridge $(LINK_sandbox)))

$(OUT)/bin/diemcau-sim: $(OUT)/tests/load/main.o $(call archives,$(LINK_sim))
	$(call link,$^,$(call link_libs,$(LINK_sim)))

# Only what has a main so far: the tree may be half a tree.
PROGRAMS := $(if $(wildcard signaling/main.c),diemcau) $(if $(wildcard bridge/main.c),diemcau-bridge) \
            $(if $(wildcard tests/load/main.c),diemcau-sim)

.PHONY: all programs product
all: programs pages
programs: $(addprefix $(OUT)/bin/,$(PROGRAMS))
	@:
product:
	+@$(SUBMAKE) FLAVOUR=$(PRODUCT) programs pages

include tests/tests.mk
include config/run.mk

.PHONY: help clean
help:
	@sed -n 's/^## //p' Makefile tests/tests.mk config/run.mk
clean:
	rm -rf $(BUILD)

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
