# mixpanel_sa_fdw: build, install and test with PGXS.  `make help` lists the
# targets.  An object file is listed here when its source is added: nothing is
# found by wildcard, so that a stray file is never linked.

EXTENSION = mixpanel_sa_fdw
EXTVERSION = 1.1
DISTVERSION = 1.1.0
MODULE_big = mixpanel_sa_fdw
PGFILEDESC = "mixpanel_sa_fdw - Mixpanel service accounts as tables"
DATA = sql/mixpanel_sa_fdw--1.0.sql \
	sql/mixpanel_sa_fdw--1.0--1.1.sql

# The pages are installed in one folder, see "documents" below.
PAGES := README.md CHANGELOG.md LICENSE MAINTAINER $(wildcard doc/*.md doc/*.svg)
DOCS = $(addprefix doc/installed/,$(notdir $(PAGES)))

OBJS = \
	mixpanel_sa_fdw.o \
	src/api/api.o \
	src/api/attrs.o \
	src/api/call.o \
	src/api/call_judge.o \
	src/api/call_me.o \
	src/api/envelope.o \
	src/api/record.o \
	src/api/words.o \
	src/base/budget.o \
	src/base/file.o \
	src/base/id_set.o \
	src/base/ids.o \
	src/base/mask.o \
	src/base/paging.o \
	src/base/rectangle.o \
	src/base/rfc3339.o \
	src/catalog/closest.o \
	src/catalog/declaration.o \
	src/catalog/integer.o \
	src/catalog/option.o \
	src/catalog/option_file.o \
	src/catalog/option_resolve.o \
	src/catalog/option_type.o \
	src/catalog/option_value.o \
	src/catalog/relation.o \
	src/catalog/relation_value.o \
	src/catalog/setting.o \
	src/fdw/analyze.o \
	src/fdw/check.o \
	src/fdw/explain.o \
	src/fdw/import.o \
	src/fdw/join_exec.o \
	src/fdw/join_plan.o \
	src/fdw/modify.o \
	src/fdw/modify_plan.o \
	src/fdw/modify_row.o \
	src/fdw/plan.o \
	src/fdw/plan_fields.o \
	src/fdw/plan_key.o \
	src/fdw/quota.o \
	src/fdw/scan.o \
	src/fdw/scan_async.o \
	src/fdw/scan_cache.o \
	src/fdw/scan_key.o \
	src/fdw/scan_repeat.o \
	src/fdw/stats.o \
	src/fdw/unfinished.o \
	src/fdw/upsert.o \
	src/http/attempt.o \
	src/http/authority.o \
	src/http/clock.o \
	src/http/descriptor.o \
	src/http/encoding.o \
	src/http/http.o \
	src/http/http_state.o \
	src/http/lane.o \
	src/http/list.o \
	src/http/outcome.o \
	src/http/paging.o \
	src/http/place.o \
	src/http/poller.o \
	src/http/redirect.o \
	src/http/request.o \
	src/http/retry.o \
	src/http/server.o \
	src/http/settings.o \
	src/http/tally.o \
	src/http/transfer.o \
	src/json/cursor.o \
	src/json/pages.o \
	src/json/stream.o \
	src/json/string.o \
	src/json/value.o \
	src/json/walk.o \
	src/remote/attempt.o \
	src/remote/error.o \
	src/remote/error_text.o \
	src/remote/fetch.o \
	src/remote/fetch_choice.o \
	src/remote/fetch_keep.o \
	src/remote/fetch_route.o \
	src/remote/fetch_state.o \
	src/remote/fetch_unlisted.o \
	src/remote/fetch_wait.o \
	src/remote/fetch_scope.o \
	src/remote/project.o \
	src/remote/quota.o \
	src/remote/routes.o \
	src/remote/session.o \
	src/remote/snapshot.o \
	src/remote/way.o \
	src/transaction/callback.o \
	src/transaction/changeset.o \
	src/transaction/creation.o \
	src/transaction/creation_list.o \
	src/transaction/creation_look.o \
	src/transaction/creation_row.o \
	src/transaction/creation_undo.o \
	src/transaction/flush.o \
	src/transaction/flush_culprit.o \
	src/transaction/flush_look.o \
	src/transaction/flush_plan.o \
	src/transaction/flush_replace.o \
	src/transaction/flush_report.o \
	src/transaction/flush_settle.o \
	src/transaction/flush_unit.o \
	src/transaction/flush_verify.o \
	src/transaction/journal.o \
	src/transaction/journal_commit.o \
	src/transaction/journal_left.o \
	src/transaction/journal_slot.o \
	src/transaction/journal_sync.o \
	src/transaction/overlay.o

# Files of sql/ with "--" in their name are install scripts; the others are
# pg_regress tests, each of which stands alone.
REGRESS = $(foreach f,$(sort $(wildcard sql/*.sql)),\
	$(if $(findstring --,$(f)),,$(f:sql/%.sql=%)))

EXTRA_CLEAN = build doc/installed test/unit/build test/fuzz/build \
	$(MODULE_big)-*.zip $(MODULE_big)-*.tar

# ---- libraries ----

PKG_CONFIG ?= pkg-config
LIBRARIES = libcurl >= 7.85 jansson >= 2.14

# These goals need neither the libraries nor, but for clean, the server.
BARE_GOALS = help clean distclean maintainer-clean indent check-style analyze \
	dist documents
GOALS := $(or $(MAKECMDGOALS),all)

ifneq ($(filter-out $(BARE_GOALS),$(GOALS)),)
ifneq ($(shell $(PKG_CONFIG) --exists '$(LIBRARIES)' && echo yes),yes)
$(error libcurl 7.85 and jansson 2.14 or later are needed, as $(PKG_CONFIG) \
knows them: on Debian, apt install pkg-config libcurl4-openssl-dev \
libjansson-dev)
endif
MP_CFLAGS := $(shell $(PKG_CONFIG) --cflags '$(LIBRARIES)')
SHLIB_LINK = $(shell $(PKG_CONFIG) --libs '$(LIBRARIES)')
endif

# ---- compiler ----

WARNINGS = -Wall -Wextra -Wshadow -Wpointer-arith -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wvla -Wformat=2 -Wundef -Wcast-qual -Wswitch-enum \
	-Wconversion -Wno-sign-conversion

# WERROR=1 makes a warning an error.
ifneq ($(filter-out 0 no,$(WERROR)),)
WARNINGS += -Werror
endif

# ---- PGXS ----

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

ifneq ($(wildcard $(PGXS)),)

# As system headers, so that our warnings are not raised in the server's.
PG_CPPFLAGS = -isystem $(shell $(PG_CONFIG) --includedir-server) \
	-Isrc $(MP_CFLAGS)

# assert() counts where the server's own assertions do: elsewhere a backend
# that aborts would take the cluster down with it.
ifeq ($(findstring --enable-cassert,$(shell $(PG_CONFIG) --configure)),)
PG_CPPFLAGS += -DNDEBUG
endif

PG_CFLAGS = $(WARNINGS)

# The tests' database holds text of several languages, whatever the cluster's
# locale.  Each test finds a simulator of the API beside it.
ENCODING = UTF8
NO_LOCALE = yes
REGRESS_OPTS = --launcher=test/with_simulator.sh

include $(PGXS)

installcheck: simulator

# A folder of our own: its README.md is not the only one.  PGXS installs a
# document without its folder, and removes it with.
docmoduledir = $(EXTENSION)
all: documents
uninstall: uninstall-docs
.PHONY: uninstall-docs
uninstall-docs:
	rm -f $(addprefix '$(DESTDIR)$(docdir)/$(docmoduledir)'/,\
	  $(notdir $(DOCS)))
	rmdir '$(DESTDIR)$(docdir)/$(docmoduledir)' 2>/dev/null || :

# A header is cheap to rebuild for, a stale object is dear to find.
HEADERS_ALL := $(wildcard src/*/*.h)
$(OBJS): $(HEADERS_ALL)
$(OBJS:.o=.bc): $(HEADERS_ALL)

else
ifneq ($(filter-out $(filter-out %clean,$(BARE_GOALS)),$(GOALS)),)
$(error $(PG_CONFIG) knows no PostgreSQL to build against: on Debian, apt \
install postgresql-server-dev-all, or set PG_CONFIG)
endif
.DEFAULT_GOAL := help
endif

# ---- documents ----

# Where all pages lie in one folder, links lead there; what is not installed is
# no link.
.PHONY: documents
documents: $(DOCS)

define installed_page
doc/installed/$(notdir $(1)): $(1)
	@mkdir -p $$(@D)
	@sed -E -e 's#\]\((\.\./|doc/)#](#g' \
	  -e 's#\[([^]]*)\]\((test/|CONTRIBUTING)[^)]*\)#\1#g' $(1) >$$@
endef
$(foreach page,$(PAGES),$(eval $(call installed_page,$(page))))

# ---- tests ----

.PHONY: simulator unit unit-sanitized coverage check-style analyze \
	check-symbols check-compilers indent dist help clean-tests

simulator:
	$(MAKE) -C test/simulator

unit:
	$(MAKE) -C test/unit

unit-sanitized:
	$(MAKE) -C test/unit SANITIZE=1

# In a private copy of the server's tree; neither built nor installed here.
coverage:
	test/variant.sh coverage

check-style:
	test/style/check-style

analyze:
	PG_CONFIG='$(PG_CONFIG)' test/style/analyze

check-symbols: all-lib
	test/style/symbols $(shlib)

# Each source under both compilers, warnings as errors; writes nothing.
COMPILERS = gcc clang
check-compilers:
	@failed=; for cc in $(COMPILERS); do \
	  for source in $(OBJS:.o=.c); do \
	    $$cc -std=gnu99 -O2 $(CPPFLAGS) $(WARNINGS) -Werror \
	      -fsyntax-only $$source || failed="$$failed $$cc:$$source"; \
	  done; \
	done; \
	if [ -n "$$failed" ]; then echo "warnings:$$failed"; exit 1; fi

indent:
	test/style/indent

clean: clean-tests
clean-tests:
	if [ -f test/simulator/Makefile ]; then \
	  $(MAKE) -C test/simulator clean; fi

# ---- release ----

# The archive that PGXN takes: what is committed, less export-ignore.
DISTDIR = .
dist:
	git archive --format zip --prefix=$(EXTENSION)-$(DISTVERSION)/ \
	  --output $(DISTDIR)/$(EXTENSION)-$(DISTVERSION).zip HEAD

# The contents of a container image, for a server in another one: see
# test/package/image_root.
IMAGE = $(EXTENSION)-$(DISTVERSION)-pg$(MAJORVERSION).tar
.PHONY: image
image: all
	rm -rf build/image
	$(MAKE) -s install DESTDIR='$(CURDIR)/build/image'
	PG_CONFIG='$(PG_CONFIG)' test/package/image_root \
	  '$(CURDIR)/build/image' '$(IMAGE)'
	rm -rf build/image

help:
	@echo 'make                    build for the server that PG_CONFIG names'
	@echo 'make install            install into it'
	@echo 'make uninstall          remove what was installed'
	@echo 'make installcheck       pg_regress on a running server (PGHOST, PGPORT)'
	@echo 'make simulator          build the simulator of the API'
	@echo 'make unit               build the unit tests'
	@echo 'make unit-sanitized     the same with ASan, UBSan and LSan'
	@echo 'make coverage           which lines and errors the tests reach'
	@echo 'make check-style        format, layers, sizes of functions and files'
	@echo 'make analyze            cppcheck, clang-tidy and gcc -fanalyzer'
	@echo 'make check-compilers    no warnings under gcc and clang'
	@echo 'make check-symbols      no call that the server would catch'
	@echo 'make indent             format the C sources in place'
	@echo 'make dist               archive for PGXN'
	@echo 'make image              contents of a container image, as a tar'
	@echo 'make clean              remove what was built'
	@echo
	@echo 'WERROR=1                warnings are errors'
	@echo 'with_llvm=no            build no bitcode (no clang needed)'
	@echo
	@echo 'test/demo.sh            a tour; installs what is missing'
	@echo 'test/check.sh           every test; installs what is missing'
	@echo 'test/matrix.sh          every test with PostgreSQL 15, 17, 18 and 19'
	@echo 'test/package.sh         the packages, built, installed and used'
