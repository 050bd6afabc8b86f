# Sources of the storage module, found by wildcard so that two people who
# add files never meet here. Used by the PGXS build and the stand-alone one.
# STORAGE_DIR is the folder of this file.
STORAGE_DIRS := base codec fs type format meta index catalog lsm table
STORAGE_SOURCES := $(filter-out %_test.c %_fuzz.c, \
	$(foreach d,$(STORAGE_DIRS),$(wildcard $(STORAGE_DIR)/$(d)/*.c)))
STORAGE_TESTS := $(foreach d,$(STORAGE_DIRS),$(wildcard $(STORAGE_DIR)/$(d)/*_test.c))
STORAGE_FUZZERS := $(foreach d,$(STORAGE_DIRS),$(wildcard $(STORAGE_DIR)/$(d)/*_fuzz.c))
# Only the shim is C++; it becomes paimon_arrow.so, opened on first use.
STORAGE_SHIM := $(STORAGE_DIR)/format/format_arrow_shim.cpp
STORAGE_LIBS := -lcjson -lzstd -llz4 -lsnappy -lz -lroaring -ldl
