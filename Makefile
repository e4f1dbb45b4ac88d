# Convoy: `make help` lists the targets.
#
# One file, no recursion. Objects, libraries and tests of a variant lie in
# build/$(BUILD)/; the release programs in bin/. One static library a folder,
# by sorted wildcard; main.c of a program folder is linked into that program
# alone, so tests can link everything else.

BUILD ?= release
PREFIX ?= /usr/local
DESTDIR ?=
PYTHON ?= /usr/bin/python3
VERSION := 0.1.0

# For another machine: its compiler's prefix, and the folder its packages are in.
CROSS ?=
SYSROOT ?=
ifeq ($(BUILD),arm64)
CROSS := aarch64-linux-gnu-
SYSROOT := $(CURDIR)/build/arm64/root
endif
ifneq ($(CROSS),)
CC := $(CROSS)gcc $(SYSROOT:%=--sysroot=%)
AR := $(CROSS)ar
endif
MACHINE := $(firstword $(subst -, ,$(or $(CROSS),$(shell uname -m))))

CC ?= gcc
CFLAGS ?=
LDFLAGS ?=
Q := $(if $(V),,@)

# --- packages (Debian 12) ---------------------------------------------------

DEPS_BUILD := gcc make pkg-config libzmq3-dev libczmq-dev libmsgpack-dev \
    libconfig-dev libstb-dev libblis-dev libprotobuf-c-dev \
    protobuf-c-compiler libonnx-dev libzip-dev libjansson-dev libsodium-dev \
    libxxhash-dev
DEPS_TEST := libcmocka-dev python3 python3-numpy python3-zmq python3-msgpack
DEPS_LINT := clang-format clang-tidy cppcheck python3
DEPS_FUZZ := clang libclang-rt-14-dev
DEPS_ONNX := python3-onnx
DEPS_ZOO := $(DEPS_ONNX) python3-torch python3-torchvision
DEPS_ARM64 := gcc-aarch64-linux-gnu qemu-user
DEPS_ARM64_ROOT := libc6-dev $(filter-out libonnx-dev,\
    $(filter lib%-dev,$(DEPS_BUILD) $(DEPS_TEST)))

# --- flags ------------------------------------------------------------------
# Asked once, when the first recipe needs it: by then `deps` has installed it.
once = $(eval $(1) := $$(shell $(2)))$($(1))

PACKAGES := libczmq libzmq msgpack libconfig libzip jansson libsodium \
    libxxhash libprotobuf-c
MULTIARCH = $(call once,MULTIARCH,$(CC) -print-multiarch)
PKG_CONFIG = $(if $(SYSROOT),PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) \
    PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(MULTIARCH)/pkgconfig) pkg-config
PACKAGES_I = $(call once,PACKAGES_I,$(PKG_CONFIG) --cflags-only-I $(PACKAGES))
PACKAGES_L = $(call once,PACKAGES_L,$(PKG_CONFIG) --libs $(PACKAGES))
INCLUDES = -I. -Ibuild/gen -isystem $(SYSROOT)/usr/include/stb \
    -isystem $(SYSROOT)/usr/include/$(MULTIARCH) $(PACKAGES_I:-I%=-isystem %)
LIBS = $(PACKAGES_L) -lblis -lm -lpthread

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
    -Wold-style-definition -Wpointer-arith -Wundef -Wvla -Wwrite-strings \
    $(if $(DEVELOPER),-Werror)
HARDEN := -fstack-protector-strong -fPIE
HARDEN_LINK := -pie -Wl,-z,relro,-z,now -Wl,--as-needed

CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-clash-protection
CFLAGS_arm64 = $(CFLAGS_release)
CFLAGS_debug := -O0 -g3
CFLAGS_asan := -O1 -g -fno-omit-frame-pointer \
    -fsanitize=address,undefined -fno-sanitize-recover=undefined
CFLAGS_tsan := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
CFLAGS_coverage := -O0 -g --coverage
CFLAGS_fuzz := -O1 -g -fno-omit-frame-pointer \
    -fsanitize=fuzzer-no-link,address,undefined \
    -fno-sanitize-recover=undefined
LDFLAGS_asan := -fsanitize=address,undefined
LDFLAGS_tsan := -fsanitize=thread
LDFLAGS_coverage := --coverage
LDFLAGS_fuzz := -fsanitize=address,undefined
ifeq ($(BUILD),fuzz)
CC := clang
endif

# Products and sums melt into one operation in the kernels only: what a broker
# computes of a model, and so its digests, is the same on every machine.
FOLDER_FLAGS := -ffp-contract=off

COMPILE = $(CC) -std=gnu11 -D_GNU_SOURCE -DCONVOY_VERSION='"$(VERSION)"' \
    $(INCLUDES) $(WARNINGS) $(HARDEN) $(CFLAGS_$(BUILD)) $(CFLAGS) \
    $(FOLDER_FLAGS) -MMD -MP
LINK = $(CC) $(CFLAGS_$(BUILD)) $(CFLAGS) $(HARDEN_LINK) \
    $(LDFLAGS_$(BUILD)) $(LDFLAGS)

# --- sources ----------------------------------------------------------------

OUT := build/$(BUILD)
BIN := $(if $(filter release,$(BUILD)),bin,$(OUT)/bin)
PROGRAMS := broker worker client
FOLDERS := client broker worker worker/engine worker/kernel common/model common

sources = $(filter-out $(1)/main.c,$(sort $(wildcard $(1)/*.c)))
objects = $(patsubst %.c,$(OUT)/obj/%.o,$(1))
library = $(OUT)/lib/lib$(subst /,-,$(1)).a

# CPU levels: the builds of worker/kernel, of which worker/engine/level takes one.
KERNELS := $(call sources,worker/kernel)
LEVELS := baseline $(if $(filter x86_64,$(MACHINE)),avx2 avx512)
LEVEL_avx2 := -mavx2 -mfma -mtune=skylake
LEVEL_avx512 := -mavx512f -mavx512vl -mavx512dq -mavx512bw -mfma \
    -mprefer-vector-width=512 -mtune=icelake-server

ONNX_C := build/gen/onnx.pb-c.c
ONNX_O := $(OUT)/obj/onnx.pb-c.o
LIBRARIES := $(foreach f,$(FOLDERS),$(call library,$(f)))
ARCHIVES = -Wl,--start-group $(LIBRARIES) $(ONNX_O) -Wl,--end-group

UNIT := $(patsubst tests/unit/%.c,$(OUT)/tests/unit/%,\
    $(sort $(wildcard tests/unit/test_*.c)))
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,\
    $(sort $(wildcard tests/fuzz/fuzz_*.c)))
REPLAY := $(patsubst %,$(OUT)/tests/replay/%,$(FUZZERS))
SIM := $(if $(wildcard tests/sim/*.c),$(OUT)/tests/sim/sim)
SUPPORT := $(call library,tests/support)
BENCHES := $(patsubst bench/%.c,$(OUT)/bench/%,$(sort $(wildcard bench/*.c)))

# On a fresh machine the packages come before the first object.
NEEDS_DEPS := demo test check-asan check-tsan check-arm64 check-onnxruntime \
    check-onnx check-zoo check-plan check-memory bench bench-engine \
    calibrate fuzz lint
AFTER := $(if $(filter $(NEEDS_DEPS),$(MAKECMDGOALS)),deps)

.PHONY: help all deps $(NEEDS_DEPS) format install uninstall clean tests
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAMS:%=$(BIN)/%) ## build bin/broker, bin/worker, bin/client

help: ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | \
	    sed -E 's/^([a-z-]+):.*## */\1\t/' | \
	    awk -F'\t' '{ printf "  make %-18s %s\n", $$1, $$2 }'
	@echo "  variables: BUILD=release|debug|asan|tsan|coverage|fuzz|arm64  V=1"
	@echo "             DEVELOPER=1 (warnings are errors)  PREFIX  DESTDIR"
	@echo "             CC CFLAGS LDFLAGS  CROSS=TRIPLET- SYSROOT=DIR"

# --- dependencies -----------------------------------------------------------

define install_packages
	@missing=; for p in $(1); do \
	    dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null | \
	        grep -q '^installed' || missing="$$missing $$p"; done; \
	test -z "$$missing" && exit 0; \
	if ! command -v apt-get >/dev/null; then \
	    echo "make deps: no apt-get here; please install the like of:" \
	        "$$missing"; \
	    exit 0; fi; \
	sudo=; test "$$(id -u)" = 0 || sudo=sudo; \
	echo "installing$$missing"; \
	$$sudo apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq \
	    --no-install-recommends $$missing >/dev/null
endef

deps: ## install what build and test need (Debian's packages)
	$(call install_packages,$(DEPS_BUILD) $(DEPS_TEST))

# --- building ---------------------------------------------------------------

$(ONNX_C): | $(AFTER)
	@mkdir -p build/gen
	$(Q)protoc-c --c_out=build/gen -I/usr/include/onnx onnx.proto

$(ONNX_O): $(ONNX_C)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -Ibuild/gen $(HARDEN) $(CFLAGS_$(BUILD)) $(CFLAGS) \
	    -c $< -o $@

# Loops over elements gain from more unrolling and vectors than -O2 gives, and
# from comparisons and roots that need no flags kept; numbers stay the same.
$(LEVELS:%=$(OUT)/obj/%/worker/kernel/%.o) $(OUT)/obj/common/half.o: \
    CFLAGS_release += -O3 -fno-trapping-math -fno-math-errno

define compile
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC    $<")
	$(Q)$(COMPILE) -c $< -o $@
endef

$(OUT)/obj/%.o: %.c $(ONNX_C) | $(AFTER)
	$(compile)

# worker/kernel once per CPU level: the objects of a level become one in which
# only the table kernels_LEVEL is global, so that every level has the same names.
OBJCOPY = $(call once,OBJCOPY,$(CC) -print-prog-name=objcopy)
define level_rules
$(OUT)/obj/$(1)/%.o: private FOLDER_FLAGS := $(LEVEL_$(1)) \
    -DKERNELS_LEVEL=$(1) -ffp-contract=fast -fno-lto
$(OUT)/obj/$(1)/%.o: %.c | $(AFTER)
	$$(compile)

$(OUT)/obj/kernels-$(1).o: $(KERNELS:%.c=$(OUT)/obj/$(1)/%.o)
	$(Q)$$(CC) -r -nostdlib -o $$@ $$^
	$(Q)$$(OBJCOPY) --keep-global-symbol=kernels_$(1) $$@
endef
$(foreach l,$(LEVELS),$(eval $(call level_rules,$(l))))

# stb_image's ints overflow on hostile coefficients: make that defined. At the
# end of a damaged stream it shifts zeroes by 32 and more, which stay zeroes.
$(OUT)/obj/common/image_stb.o: private HARDEN += -fwrapv
$(OUT)/obj/common/image_stb.o: private CFLAGS_$(BUILD) += -fno-sanitize=shift

define library_rule
$(call library,$(1)): $(call objects,$(call sources,$(1)))
	@mkdir -p $$(@D) && rm -f $$@
	$(Q)$(AR) rcs $$@ $$^
endef
$(foreach f,$(filter-out worker/kernel,$(FOLDERS)) tests/support,\
    $(eval $(call library_rule,$(f))))

$(call library,worker/kernel): $(LEVELS:%=$(OUT)/obj/kernels-%.o)
	@mkdir -p $(@D) && rm -f $@
	$(Q)$(AR) rcs $@ $^

define program_rule
$(BIN)/$(1): $(OUT)/obj/$(1)/main.o $(LIBRARIES) $(ONNX_O)
	@mkdir -p $$(@D)
	$$(if $$(V),,@echo "  LINK  $$@")
	$(Q)$$(LINK) -o $$@ $$< $$(ARCHIVES) $$(LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rule,$(p))))

# --- tests ------------------------------------------------------------------

$(OUT)/tests/unit/%: $(OUT)/obj/tests/unit/%.o $(SUPPORT) $(LIBRARIES) $(ONNX_O)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $< $(SUPPORT) $(ARCHIVES) -lcmocka $(LIBS)

$(OUT)/tests/sim/sim: $(call objects,$(sort $(wildcard tests/sim/*.c))) \
    $(SUPPORT) $(LIBRARIES) $(ONNX_O)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $(filter-out $(ONNX_O),$(filter %.o,$^)) $(SUPPORT) \
	    $(ARCHIVES) $(LIBS)

$(OUT)/tests/replay/%: $(OUT)/obj/tests/fuzz/fuzz_%.o \
    $(OUT)/obj/tests/fuzz/replay.o $(SUPPORT) $(LIBRARIES) $(ONNX_O)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $(filter-out $(ONNX_O),$(filter %.o,$^)) $(SUPPORT) \
	    $(ARCHIVES) $(LIBS)

$(OUT)/tests/fuzz/%: $(OUT)/obj/tests/fuzz/fuzz_%.o $(SUPPORT) $(LIBRARIES) \
    $(ONNX_O)
	@mkdir -p $(@D)
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $< $(SUPPORT) $(ARCHIVES) $(LIBS)

tests: all $(UNIT) $(SIM) $(REPLAY)

test: deps tests ## unit, simulation, corpus replay and end-to-end tests
	$(Q)$(PYTHON) tests/run.py --build $(OUT) --bin $(BIN)

check-asan: deps ## the same under AddressSanitizer and UBSan
	$(Q)$(MAKE) --no-print-directory BUILD=asan test

check-tsan: deps ## the same under ThreadSanitizer
	$(Q)$(MAKE) --no-print-directory BUILD=tsan test

UNDER_ARM64 := qemu-aarch64 -L $(CURDIR)/build/arm64/root
check-arm64: deps ## compiled tests and the demo on aarch64, cross-built, under qemu
	$(call install_packages,$(DEPS_ARM64))
	$(Q)tests/arm64/root.sh build/arm64/root $(DEPS_ARM64_ROOT)
	$(Q)$(MAKE) --no-print-directory BUILD=arm64 tests
	$(Q)$(PYTHON) tests/run.py --build build/arm64 --bin build/arm64/bin \
	    --under '$(UNDER_ARM64)'
	$(Q)UNDER='$(UNDER_ARM64)' etc/demo.sh build/arm64/bin

# npm keeps onnxruntime-node's library inside the package: no script runs.
ORT := build/onnxruntime
$(ORT)/node_modules: tests/onnxruntime/package.json | $(AFTER)
	$(call install_packages,$(if $(shell command -v npm),,nodejs npm))
	@mkdir -p $(ORT) && cp $< $(ORT)/
	$(Q)cd $(ORT) && npm install --ignore-scripts --silent && touch node_modules

check-onnxruntime: deps all $(ORT)/node_modules ## exported parts give the same in ONNX Runtime
	$(Q)$(PYTHON) tests/onnxruntime/check.py $(ORT)

check-onnx: deps all $(ORT)/node_modules ## ONNX's own node tests, and every opset in ONNX Runtime
	$(call install_packages,$(DEPS_ONNX))
	$(Q)$(PYTHON) tests/onnx/runtime.py $(ORT)
	$(Q)$(PYTHON) tests/onnx/parts.py $(ORT)
	$(Q)$(PYTHON) tests/onnx/nodes.py

ZOO ?=
check-zoo: deps all $(ORT)/node_modules ## torchvision's networks against PyTorch [ZOO="resnet18 swin_t"]
	$(call install_packages,$(DEPS_ZOO))
	$(Q)$(PYTHON) tests/zoo/make_zoo.py build/zoo $(ZOO)
	$(Q)CONVOY_BIN=$(BIN) $(PYTHON) tests/zoo/check_zoo.py build/zoo $(ORT) \
	    $(ZOO)

check-plan: deps all ## resnet50 in four parts: no better cut among all there are
	$(call install_packages,$(DEPS_ZOO))
	$(Q)$(PYTHON) tests/zoo/make_zoo.py build/zoo resnet50
	$(Q)CONVOY_BIN=$(BIN) $(PYTHON) tests/zoo/check_plan.py build/zoo

check-memory: deps all ## what broker and workers of vgg16 hold, and how soon
	$(call install_packages,$(DEPS_ZOO))
	$(Q)$(PYTHON) tests/zoo/make_zoo.py build/zoo vgg16
	$(Q)CONVOY_BIN=$(BIN) $(PYTHON) tests/zoo/check_memory.py build/zoo

# Freed memory that the sanitizer keeps back counts as in use: 256 MiB of it,
# its default, would be half of the limit.
FUZZ_SECONDS ?= 600
fuzz: deps ## fuzz one reader: make fuzz FUZZ=proto [FUZZ_SECONDS=600]
	$(call install_packages,$(DEPS_FUZZ))
	@test -n "$(FUZZ)" || { echo "FUZZ is one of: $(FUZZERS)"; exit 64; }
	$(Q)$(MAKE) --no-print-directory BUILD=fuzz build/fuzz/tests/fuzz/$(FUZZ)
	@mkdir -p build/fuzz/corpus/$(FUZZ) tests/fuzz/corpus/$(FUZZ)
	$(Q)ASAN_OPTIONS="quarantine_size_mb=32:$$ASAN_OPTIONS" \
	    build/fuzz/tests/fuzz/$(FUZZ) -max_total_time=$(FUZZ_SECONDS) \
	    -timeout=5 -rss_limit_mb=512 -print_final_stats=1 \
	    -artifact_prefix=build/fuzz/ \
	    $(addprefix -dict=,$(wildcard tests/fuzz/$(FUZZ).dict)) \
	    build/fuzz/corpus/$(FUZZ) tests/fuzz/corpus/$(FUZZ)

# --- the rest ---------------------------------------------------------------

demo: deps all ## start a broker and two workers, classify a drawn cat
	$(Q)etc/demo.sh $(BIN)

$(OUT)/bench/%: $(OUT)/obj/bench/%.o $(SUPPORT) $(LIBRARIES) $(ONNX_O)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $< $(SUPPORT) $(ARCHIVES) $(LIBS)

bench: deps all ## the demo pipeline: requests a second, latencies
	$(Q)CONVOY_BIN=$(BIN) $(PYTHON) bench/fleet.py

calibrate: deps $(OUT)/bench/calibrate ## each way to convolve, and what the rule takes
	$(Q)$(OUT)/bench/calibrate

MODELS ?= vgg16 resnet18 resnet50 squeezenet1_1 googlenet mobilenet_v2 \
    efficientnet_b0 densenet121 shufflenet_v2_x1_0 mobilenet_v3_small \
    vit_b_16 convnext_tiny
ENGINE ?=
bench-engine: deps $(BENCHES) $(ORT)/node_modules ## beside ONNX Runtime and PyTorch [MODELS="resnet18 vgg16" ENGINE=--quick]
	$(call install_packages,$(DEPS_ZOO))
	$(Q)$(PYTHON) tests/zoo/make_zoo.py build/zoo $(MODELS)
	$(Q)$(PYTHON) bench/models.py build/bench emoji10 $(MODELS)
	$(Q)$(PYTHON) bench/engine.py --models emoji10 $(MODELS) $(ENGINE)

FORMATTED = $(shell git ls-files --cached --others --exclude-standard \
    '*.c' '*.h')
lint: deps ## format, include directions, compiler and analyser warnings
	$(call install_packages,$(DEPS_LINT))
	$(Q)clang-format --dry-run -Werror $(FORMATTED)
	$(Q)$(PYTHON) tests/lint/includes.py
	$(Q)$(PYTHON) tests/lint/plants.py
	$(Q)$(MAKE) --no-print-directory BUILD=debug DEVELOPER=1 tests
	$(Q)cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 \
	    --enable=warning,portability --suppress=missingIncludeSystem \
	    -I. -j2 broker worker client common

format: ## let clang-format write the sources
	$(call install_packages,clang-format)
	$(Q)clang-format -i $(FORMATTED)

INSTALL_BIN := $(DESTDIR)$(PREFIX)/lib/convoy/bin
install: all ## PREFIX/lib/convoy/bin and PREFIX/bin/convoy-*
	install -d $(INSTALL_BIN) $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(PROGRAMS:%=$(BIN)/%) $(INSTALL_BIN)
	for p in $(PROGRAMS); do \
	    ln -sf ../lib/convoy/bin/$$p $(DESTDIR)$(PREFIX)/bin/convoy-$$p; done

uninstall: ## remove what install put there
	for p in $(PROGRAMS); do \
	    rm -f $(INSTALL_BIN)/$$p $(DESTDIR)$(PREFIX)/bin/convoy-$$p; done
	for d in $(INSTALL_BIN) $(DESTDIR)$(PREFIX)/lib/convoy; do \
	    test ! -d $$d || rmdir --ignore-fail-on-non-empty $$d; done

clean: ## remove bin and build
	rm -rf bin build

-include $(shell find $(OUT)/obj -name '*.d' 2>/dev/null)
