# SPDX-License-Identifier: Apache-2.0
#
# naru: one Makefile for everything, without recursion.
#
#   make               narud, naru-proxy, naructl and the BPF programs, into build/
#   sudo make demo     set-up, build, then a cluster in network namespaces (KEEP=1: leave it running)
#   sudo make check    set-up, lint and every test; ends in "N passed, N failed, N skipped"
#   sudo make check-slow   the same plus long fuzzing, thread sanitizer and slow tests
#   sudo make conformance  Gateway API's own suite, one of the slow tests; RECORD=1 keeps its report
#   sudo make bench    cost per packet, end to end beside nftables rules
#   make tests         every test program, without running it
#   make fuzz          run each fuzz target for FUZZ_SECONDS (default 60)
#   make cluster-bins  the programs of a real Kubernetes, once, into NARU_CACHE
#   make verify        what the verifier makes of each program; RECORD=1 records it
#   make lint          format, clang-tidy, cppcheck, shellcheck and our own checks
#   make fmt           let clang-format rewrite the tree
#   make install       narud, naru-proxy and naructl into $(DESTDIR)$(PREFIX)
#   make clean         remove build/
#
# Variables: O=DIR (default build), SAN=address,undefined or SAN=thread (own directories below O),
# V=1 shows commands, CC, CFLAGS, PREFIX, DESTDIR.
#
# A new file needs no change here: sources are found by their place in the tree.

VERSION := 0.1.0

O ?= build
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
CLANG ?= clang
BPFTOOL ?= /usr/sbin/bpftool
LLVM_STRIP ?= llvm-strip
PYTHON := /usr/bin/python3
CFLAGS ?= -O2 -g
ifeq ($(origin CC),default)
CC := gcc
endif

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

# Quiet by default: $(call say,VERB,FILE) is the whole output of a recipe.
ifeq ($(V),1)
Q :=
say := :
else
Q := @
say = printf '  %-7s %s\n' '$(1)' '$(2)'
endif

# ---- sources ----------------------------------------------------------------------------------

# Each file of user/ itself is the main of a program, linked with all that lies below.
MAINS := narud naru-proxy
LIB_SRC := $(wildcard user/*/*.c)
NARUCTL_SRC := $(wildcard tools/naructl/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c tests/unit/*/test_*.c tests/unit/*/*/test_*.c)
BPFTEST_SRC := $(wildcard tests/bpf/test_*.c)
# What is neither a test nor a BPF program is linked into every test beside it, and into the
# benchmark, which runs packets the same way.
BPFTEST_LIB := $(filter-out $(BPFTEST_SRC) %.bpf.c,$(wildcard tests/bpf/*.c))
BENCH_SRC := $(wildcard tests/bench/bench_*.c)
BENCH_LIB := $(filter-out $(BENCH_SRC) %.bpf.c,$(wildcard tests/bench/*.c))
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
BPF_DIRS := bpf tests/bpf tests/bench tests/harness
HARNESS_SRC := $(filter-out %.bpf.c,$(wildcard tests/harness/*.c))
BPF_SRC := $(wildcard $(BPF_DIRS:%=%/*.bpf.c))

BPF_OBJ := $(foreach s,$(BPF_SRC),$(O)/bpf/$(notdir $(s:.c=.o)))
SKEL := $(BPF_OBJ:$(O)/bpf/%.bpf.o=$(O)/gen/%.skel.h)

# ---- flags ------------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
# Not -isystem for gen: -MMD would leave the skeletons out.
CPPFLAGS_ALL := -D_GNU_SOURCE -Iinclude -Iuser -Ibpf -I$(O)/gen $(CPPFLAGS)
CFLAGS_ALL := -std=gnu11 $(WARN) $(CFLAGS)
MULTIARCH := $(shell $(CC) -print-multiarch)
# Entry points of BPF programs have no caller in C, hence no prototype.
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -std=gnu11 $(WARN) -Wno-missing-prototypes \
	      -Iinclude -Ibpf -I/usr/include/$(MULTIARCH)
LIBS := -luv -lmnl -ljson-c -lyaml -lbpf -lelf -lz -lnghttp2 -lcap-ng -lseccomp -lssl -lcrypto -lpcre2-8 -lxxhash -pthread
LDFLAGS_ALL := -Wl,--as-needed $(LDFLAGS)

# A variant is a build of all C files with flags and a directory of its own.
dir_plain := $(O)
cc_plain := $(CC)
dir_san := $(O)/san
cc_san := $(CC)
san_san := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
dir_tsan := $(O)/tsan
cc_tsan := $(CC)
san_tsan := -fsanitize=thread
dir_fuzz := $(O)/fuzz
cc_fuzz := $(CLANG)
san_fuzz := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
	    -fno-omit-frame-pointer

ifeq ($(SAN),)
VARIANT := plain
else ifeq ($(SAN),address,undefined)
VARIANT := san
else ifeq ($(SAN),thread)
VARIANT := tsan
else
$(error SAN is address,undefined or thread)
endif
B := $(dir_$(VARIANT))

# ---- targets ----------------------------------------------------------------------------------

.PHONY: all tests unit bpf-tests harness bench-programs fuzz-programs verify demo demo-run check check-run \
	check-slow check-slow-run conformance conformance-run cluster-bins cluster-bins-all bench \
	bench-run lint fmt fuzz \
	install clean help FORCE

programs = $(MAINS:%=$(1)/%) $(if $(NARUCTL_SRC),$(1)/naructl)
unit_programs = $(UNIT_SRC:%.c=$(1)/%)
bpf_programs = $(BPFTEST_SRC:%.c=$(1)/%)
harness_programs = $(HARNESS_SRC:tests/harness/%.c=$(1)/harness/%)
everything = $(foreach f,programs unit_programs bpf_programs harness_programs,$(call $(f),$(1)))
BENCH_PROGRAMS := $(BENCH_SRC:tests/bench/%.c=$(O)/bench/%)
FUZZ_PROGRAMS := $(FUZZ_SRC:tests/fuzz/%.c=$(O)/fuzz/%)

all: $(call programs,$(B)) $(SKEL)
unit: $(call unit_programs,$(B))
bpf-tests: $(call bpf_programs,$(B)) $(SKEL)
harness: $(call harness_programs,$(B)) $(O)/bpf/xdp_pass.bpf.o
bench-programs: $(BENCH_PROGRAMS) all harness
fuzz-programs: $(FUZZ_PROGRAMS)
tests: $(call everything,$(B)) $(SKEL)

help:
	@sed -n '3,/^$$/s/^# \{0,1\}//p' Makefile

# ---- C ----------------------------------------------------------------------------------------

# $(call link,VARIANT,MORE): objects before archives, whatever the order of the rules.
define link
@mkdir -p $(@D)
@$(call say,LINK,$@)
$(Q)$(cc_$(1)) $(CFLAGS) $(san_$(1)) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(2) $(LIBS)
endef

# The archive is also rebuilt when a source file has gone.
define VARIANT_RULES
$(1)/obj/%.o: %.c Makefile
	@mkdir -p $$(@D)
	@$$(call say,CC,$$@)
	$$(Q)$(cc_$(2)) $$(CPPFLAGS_ALL) $$(DEFINES) $$(CFLAGS_ALL) $(san_$(2)) -MMD -MP -c -o $$@ $$<

$(1)/members: FORCE
	@mkdir -p $$(@D)
	@echo '$(LIB_SRC)' | cmp -s - $$@ || echo '$(LIB_SRC)' >$$@

$(1)/libnaru.a: $(LIB_SRC:%.c=$(1)/obj/%.o) $(1)/members
	@$$(call say,AR,$$@)
	@rm -f $$@
	$$(Q)ar rcs $$@ $$(filter %.o,$$^)

$(MAINS:%=$(1)/%): $(1)/%: $(1)/obj/user/%.o
$(1)/naructl: $(NARUCTL_SRC:%.c=$(1)/obj/%.o)
$(MAINS:%=$(1)/%) $(1)/naructl: $(1)/libnaru.a
	$$(call link,$(2))

$(1)/tests/unit/%: $(1)/obj/tests/unit/%.o $(1)/libnaru.a
	$$(call link,$(2),-lcmocka)

$(1)/tests/bpf/%: $(1)/obj/tests/bpf/%.o $(BPFTEST_LIB:%.c=$(1)/obj/%.o) $(1)/libnaru.a
	$$(call link,$(2),-lcmocka)

$(1)/bench/%: $(1)/obj/tests/bench/%.o $(BENCH_LIB:%.c=$(1)/obj/%.o) $(BPFTEST_LIB:%.c=$(1)/obj/%.o) \
		$(1)/libnaru.a
	$$(call link,$(2),-lcmocka)

$(1)/harness/%: $(1)/obj/tests/harness/%.o
	$$(call link,$(2))

# Skeletons must exist before a first build of their users; later the dependency files know.
$(patsubst %.c,$(1)/obj/%.o,$(wildcard user/dataplane/*.c tests/unit/dataplane/*.c tests/bpf/*.c \
	tests/bench/*.c)): | $(SKEL)

$(1)/obj/user/narud.o $(1)/obj/user/naru-proxy.o $(1)/obj/user/daemon/options.o \
	$(1)/obj/tools/naructl/naructl.o $(1)/obj/tools/naructl/bundle.o: \
	private DEFINES := -DNARU_VERSION='"$(VERSION)"'

-include $(patsubst %.c,$(1)/obj/%.d,$(wildcard user/*.c user/*/*.c tools/naructl/*.c \
	tests/bpf/*.c tests/bench/*.c tests/fuzz/*.c tests/harness/*.c) $(UNIT_SRC))
endef

$(foreach v,plain san tsan fuzz,$(eval $(call VARIANT_RULES,$(dir_$(v)),$(v))))

$(O)/fuzz/fuzz_%: $(O)/fuzz/obj/tests/fuzz/fuzz_%.o $(O)/fuzz/libnaru.a
	$(call link,fuzz,-fsanitize=fuzzer)

# ---- BPF --------------------------------------------------------------------------------------

# DWARF goes (BTF stays), or it would be carried along in every skeleton.
define BPF_RULES
$(O)/bpf/%.bpf.o: $(1)/%.bpf.c Makefile
	@mkdir -p $$(@D)
	@$$(call say,BPF,$$@)
	$$(Q)$$(CLANG) $$(BPF_CFLAGS) -MMD -MP -MT $$@ -MF $$(@:.o=.d) -c -o $$@.tmp $$<
	$$(Q)$$(LLVM_STRIP) -g $$@.tmp && mv $$@.tmp $$@
endef
$(foreach d,bpf tests/bpf tests/bench tests/harness,$(eval $(call BPF_RULES,$(d))))

$(O)/gen/%.skel.h: $(O)/bpf/%.bpf.o
	@mkdir -p $(@D)
	@$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf >$@.tmp && mv $@.tmp $@

-include $(BPF_OBJ:.o=.d)

# ---- running ----------------------------------------------------------------------------------

# On a fresh machine the set-up comes before anything that make itself may look at, so the real
# work is a second run of this file. What sudo has built belongs to the user afterwards.
again = $(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$$(nproc)) $(1)

demo check check-slow conformance bench:
	@[ "$$(id -u)" = 0 ] || { echo "make $@ needs root: sudo make $@" >&2; exit 1; }
	@tools/dev/setup $@
	@+$(call again,$@-run); status=$$?; \
	[ -z "$$SUDO_UID" ] || chown -R "$$SUDO_UID:$$SUDO_GID" $(O); exit $$status

# Lint needs the objects (symbols) and skeletons.
lint_flags = CC='$(CC)' CLANG='$(CLANG)' NARU_CPPFLAGS='$(CPPFLAGS_ALL)' NARU_CFLAGS='$(CFLAGS_ALL)' \
	NARU_BPF_CFLAGS='$(BPF_CFLAGS)'

lint: tests bench-programs
	@$(lint_flags) tests/run 'tap:tools/dev/lint $(O)' 'tap:tools/dev/selftest'

# Half of the time of these tests is waiting. A file stays together: its tests share a rig.
SHARED_OUT = -n 2 --dist loadfile

# What sees how flows are kept runs with either body of bpf/lib/flow.h.
FLOW_TESTS := twins bypass eastwest flood frag icmp late limits pass ports redirect reject sctp seen stack \
	dataplane_flows
flow_programs = $(FLOW_TESTS:%=$(1)/tests/bpf/test_%)

# Order: what fails soonest first. The same unit tests run plain and under sanitizers.
CHECKS = 'tap:tools/dev/lint $(O)' 'tap:tools/dev/selftest' \
	$(addprefix cmocka:,$(call unit_programs,$(O)) $(call unit_programs,$(O)/san)) \
	$(addprefix tap:,$(wildcard tests/golden/run tests/golden/run.py tests/golden/run.sh)) \
	$(addprefix cmocka:,$(call bpf_programs,$(O))) \
	$(addprefix cmocka@hash:,$(call flow_programs,$(O))) \
	$(addprefix fuzz:10:,$(FUZZ_PROGRAMS)) \
	'pytest:$(SHARED_OUT) -m "not slow" tests/e2e'

CHECKS_SLOW = $(subst fuzz:10:,fuzz:600:,$(CHECKS)) \
	$(addprefix cmocka:,$(call unit_programs,$(O)/tsan) $(call bpf_programs,$(O)/san)) \
	'tap:tests/kernel/run $(O)' 'pytest:-m slow tests/e2e' 'pytest@$(O)/san:$(SHARED_OUT) tests/e2e'

# The programs of a real Kubernetes, outside the tree: built once for all checkouts.
cluster-bins cluster-bins-all:
	@tests/harness/cluster/build $(if $(findstring all,$@),all)

check-run: cluster-bins $(call everything,$(O)) $(SKEL) $(BENCH_PROGRAMS) $(FUZZ_PROGRAMS) \
	$(call unit_programs,$(O)/san)
	@NARU_BUILD=$(abspath $(O)) $(lint_flags) tests/run $(CHECKS)

check-slow-run: cluster-bins-all $(call everything,$(O)) $(SKEL) $(BENCH_PROGRAMS) $(FUZZ_PROGRAMS) \
	$(call everything,$(O)/san) $(call unit_programs,$(O)/tsan)
	@NARU_BUILD=$(abspath $(O)) NARU_SLOW=1 $(lint_flags) tests/run $(CHECKS_SLOW)

conformance-run: cluster-bins-all all harness
	@NARU_BUILD=$(abspath $(O)) $(if $(RECORD),NARU_RECORD=1) \
		tests/run 'pytest:tests/e2e/test_conformance.py'

# What the verifier makes of each program; RECORD=1 writes tests/bpf/verifier.txt anew.
verify: $(O)/tests/bpf/test_verify
	@[ "$$(id -u)" = 0 ] || { echo "make $@ needs root: sudo make $@" >&2; exit 1; }
	@$(if $(RECORD),NARU_RECORD=tests/bpf/verifier.txt) $<

fuzz: fuzz-programs
	@tests/run $(addprefix fuzz:$(FUZZ_SECONDS):,$(FUZZ_PROGRAMS))

demo-run: all harness
	@NARU_BUILD=$(abspath $(B)) KEEP=$(KEEP) tools/demo/run

bench-run: bench-programs
	@tests/harness/cluster/build bench
	@NARU_BUILD=$(abspath $(O)) tests/bench/run

# ---- housekeeping -----------------------------------------------------------------------------

C_FILES = $(shell find bpf include user tools tests -name '*.[ch]' -not -path '*/fixtures/*')

fmt:
	clang-format -i $(C_FILES)

install: all
	install -D -m 0755 $(B)/narud $(DESTDIR)$(PREFIX)/sbin/narud
	install -D -m 0755 $(B)/naru-proxy $(DESTDIR)$(PREFIX)/sbin/naru-proxy
	install -D -m 0755 $(B)/naructl $(DESTDIR)$(PREFIX)/bin/naructl

clean:
	rm -rf $(O)

FORCE:
