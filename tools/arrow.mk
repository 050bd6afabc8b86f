# Where Arrow C++ is, how the shim is built, and how both are installed.
# pkg-config first (arrow, parquet and arrow-orc must all be there), then a
# pyarrow wheel: PYARROW_DIR, build/arrow (what "make deps" unpacks), or the
# one python3 has. Wheel libraries are copied into $(pkglibdir)/paimon_fdw,
# where the shim's run path looks.
SHIM := storage/format/format_arrow_shim.cpp
ARROW_PKGS := 'arrow >= 21' parquet arrow-orc
ARROW_SYSTEM := $(shell pkg-config --exists $(ARROW_PKGS) 2>/dev/null && echo y)
ifeq ($(ARROW_SYSTEM),y)
ARROW_CPPFLAGS := $(shell pkg-config --cflags arrow parquet)
ARROW_LIBS := $(shell pkg-config --libs arrow parquet)
ARROW_FILES :=
else
ifndef PYARROW_DIR
PYARROW_DIR := $(or $(wildcard build/arrow/pyarrow),$(shell python3 -c 'import importlib.util as u, os; s = u.find_spec("pyarrow"); print(os.path.dirname(s.origin) if s else "")' 2>/dev/null))
endif
ARROW_FILES := $(strip $(foreach l,parquet arrow,$(firstword $(wildcard $(PYARROW_DIR)/lib$(l).so.*))))
ARROW_CPPFLAGS := -I$(PYARROW_DIR)/include
ARROW_LIBS := -L$(PYARROW_DIR) -Wl,-rpath,'$$ORIGIN/paimon_fdw' \
	$(foreach f,$(ARROW_FILES),-l:$(notdir $(f)))
endif

CXX ?= g++
SHIM_FLAGS := -std=c++20 -O2 -g1 -fPIC -shared -fvisibility=hidden -Wall -Wextra

define need_arrow
	@test -n "$(ARROW_FILES)$(ARROW_SYSTEM)" || \
	{ echo 'Arrow C++ is missing: run "make deps", or install arrow, parquet and arrow-orc for pkg-config, or set PYARROW_DIR' >&2; exit 1; }
endef

paimon_arrow.so: $(SHIM) $(wildcard storage/format/*.h storage/format/*.inc storage/include/*.h storage/base/*.h)
	$(need_arrow)
	$(CXX) $(SHIM_FLAGS) $(ARROW_CPPFLAGS) -o $@ $(SHIM) $(ARROW_LIBS)

# A folder like the installed one, for tests without an installation.
build-lib: paimon_arrow.so
	mkdir -p build/lib/paimon_fdw
	cp -f paimon_arrow.so build/lib/
	$(foreach f,$(ARROW_FILES),ln -sf $(abspath $(f)) build/lib/paimon_fdw/;)

install-arrow: paimon_arrow.so
	$(INSTALL) -d -m 755 '$(DESTDIR)$(pkglibdir)/paimon_fdw'
	$(INSTALL_SHLIB) paimon_arrow.so '$(DESTDIR)$(pkglibdir)/'
	$(foreach f,$(ARROW_FILES),$(INSTALL_SHLIB) $(f) '$(DESTDIR)$(pkglibdir)/paimon_fdw/';)
	$(foreach f,$(wildcard $(dir $(firstword $(ARROW_FILES)))../pyarrow-*.dist-info/licenses/*.txt),$(INSTALL_DATA) $(f) '$(DESTDIR)$(pkglibdir)/paimon_fdw/';)

uninstall-arrow:
	rm -f '$(DESTDIR)$(pkglibdir)/paimon_arrow.so'
	rm -rf '$(DESTDIR)$(pkglibdir)/paimon_fdw'

.PHONY: build-lib install-arrow uninstall-arrow
