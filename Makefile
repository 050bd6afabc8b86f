# paimon_fdw: build, install, demo and tests.
#
#   make demo          everything, from nothing to a psql line to type
#   make test          everything that must pass, on a fresh machine too
#   make && make install   where the dependencies are there (make deps)
#
# The storage module (storage/) is linked into paimon_fdw.so. Its only C++
# file becomes paimon_arrow.so, which is opened on first use and finds the
# Arrow libraries beside itself, so an installed extension needs nothing of
# this tree.

MODULE_big = paimon_fdw
EXTENSION = paimon_fdw
DATA = $(wildcard extension/*.sql)
STORAGE_DIR := storage
include storage/storage.mk

SRC_SOURCES := $(wildcard src/*.c src/*/*.c)
OBJS = $(SRC_SOURCES:.c=.o) $(STORAGE_SOURCES:.c=.o)
EXTRA_CLEAN = paimon_arrow.so build/lib

REGRESS = options ddl import types nested scan pushdown plan ordered partition insert \
	update_delete on_conflict copy transaction outbox trigger encoding dynamic_bucket \
	compaction time_travel merge_engine system_tables changes binlog \
	deletion_vector privileges errors write_worker delta_read row_lock
REGRESS_OPTS = --temp-config=$(CURDIR)/test/quiet.conf \
	--temp-instance=$(CURDIR)/tmp_check --no-locale --encoding=UTF8
ISOLATION = $(basename $(notdir $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --temp-config=$(CURDIR)/test/quiet.conf --temp-instance=$(CURDIR)/tmp_iso --inputdir=test/isolation \
	--outputdir=test/isolation

# Storage is tuned for speed; its loops vectorise only from -O3 on.
PG_CFLAGS = -std=gnu11 -Wno-declaration-after-statement -Wno-vla
SHLIB_LINK = $(STORAGE_LIBS) -Wl,--version-script=src/exports.map

# Goals that must work before PostgreSQL is installed.
PLAIN_GOALS := deps demo test check-storage fuzz lint format clean-build
ifneq ($(filter-out $(PLAIN_GOALS),$(or $(MAKECMDGOALS),all)),)

include tools/arrow.mk

# What is missing is named at once, with the command that gets it. Cleaning
# needs PostgreSQL's makefiles only.
PG_CONFIG ?= pg_config
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
missing := $(if $(PGXS),,[PostgreSQL with server headers: $(PG_CONFIG)])
ifneq ($(filter-out clean uninstall,$(or $(MAKECMDGOALS),all)),)
missing += $(foreach tool,$(firstword $(CC)) $(firstword $(CXX)),\
	$(if $(shell command -v $(tool) 2>/dev/null),,[$(tool)]))
missing += $(shell ! command -v $(firstword $(CC)) >/dev/null || \
	for h in cjson/cJSON.h roaring/roaring.h zstd.h lz4.h snappy-c.h zlib.h; do \
	echo "\#include <$$h>" | $(CC) $(CPPFLAGS) -E -x c - >/dev/null 2>&1 || echo "[$$h]"; done)
missing += $(if $(ARROW_FILES)$(ARROW_SYSTEM),,[Arrow C++])
endif
ifneq ($(strip $(missing)),)
packages := $(shell tools/deps.sh list)
$(error missing: $(strip $(missing)). Run "make deps"$(if $(packages), (it does apt-get install $(packages))))
endif

# Otherwise clang makes bitcode of the shim and fails on Arrow's headers.
override with_llvm := no
include $(PGXS)

# gcc cannot see that an out parameter is set wherever no error came back;
# the stand-alone build, with sanitizers, checks that.
$(STORAGE_SOURCES:.c=.o): CFLAGS += -O3 -Wno-maybe-uninitialized \
	-Wno-suggest-attribute=format

all: paimon_arrow.so
install: install-arrow
uninstall: uninstall-arrow

# Rebuild what a changed header touches: all, as there are few and small.
HEADERS := $(wildcard src/*/*.h storage/*/*.h)
$(OBJS): $(HEADERS)
endif

.DEFAULT_GOAL := all

deps:
	@tools/deps.sh

demo:
	@tools/demo.sh

test:
	@tools/test.sh

# The storage module alone: no PostgreSQL on the include path.
check-storage: build/lib/paimon_arrow.so
	PMN_ARROW_PATH='$(CURDIR)/build/lib/paimon_arrow.so' \
	PMN_FIXTURES='$(CURDIR)/test/golden' \
	$(MAKE) -C storage check

build/lib/paimon_arrow.so: storage/format/format_arrow_shim.cpp $(wildcard storage/format/*.h storage/format/*.inc storage/include/*.h storage/base/*.h)
	$(MAKE) -f tools/arrow.mk build-lib

# make fuzz T=codec_json SECONDS=600; all targets without T.
fuzz: build/lib/paimon_arrow.so
	PMN_ARROW_PATH='$(CURDIR)/build/lib/paimon_arrow.so' \
	$(MAKE) -C storage fuzz T=$(T) SECONDS=$(or $(SECONDS),600)

lint:
	@tools/lint.sh

format:
	@tools/format.sh

clean-build:
	rm -rf build/storage build/lib build/test build/demo

.PHONY: deps demo test check-storage fuzz lint format clean-build
