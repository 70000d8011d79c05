# SPDX-License-Identifier: Apache-2.0
#
# make lint: each step says in one line what it checks. Files that did not change since they
# last passed are not looked at again (stamps under build/lint).

LINT    := build/lint
LINT_C  := $(SOURCES) $(HEADERS) $(sort $(wildcard src/*/*.h) $(wildcard tests/*/*.[ch] tests/unit/*/*.[ch]))
LINT_SH := $(sort $(wildcard scripts/* .ci/* tests/in-namespace))
LINT_INCLUDES = -std=c17 $(DEFINES) -Iinclude $(pkg_cflags)

.PHONY: lint lint-steps
lint: deps-lint              ## formatting, clang-tidy, cppcheck, headers, layers, scripts
	@$(MAKE) --no-print-directory -j2 lint-steps
	@echo "lint: all is well"

lint-steps: lint-format lint-layers lint-text lint-shell lint-man lint-headers lint-cppcheck lint-tidy

.PHONY: lint-format lint-layers lint-text lint-shell lint-man lint-headers lint-cppcheck lint-tidy
lint-format: $(LINT)/format
	@echo "lint: formatting is clang-format's"
lint-layers:
	@tests/lint/layers
	@echo "lint: no include runs against the layers"
lint-text:
	@tests/lint/text
	@echo "lint: files are short, licensed and finished"
lint-shell:
	@for script in $(LINT_SH); do sh -n $$script || exit 1; done
	@echo "lint: shell scripts parse"
lint-man: $(MAN:%=$(LINT)/%.ok)
	@echo "lint: manual pages are well-formed"
lint-headers: $(HEADERS:%=$(LINT)/%.ok)
	@echo "lint: every header compiles alone"
lint-cppcheck: $(LINT)/cppcheck.ok
	@echo "lint: cppcheck finds nothing"
lint-tidy: $(SOURCES:%=$(LINT)/%.ok)
	@echo "lint: clang-tidy finds nothing"

$(LINT)/format: $(LINT_C) .clang-format
	@mkdir -p $(@D)
	@clang-format --dry-run --Werror $(LINT_C) && touch $@

$(LINT)/%.8.ok: %.8
	@mkdir -p $(@D)
	@mandoc -T lint -W warning $< && touch $@
$(LINT)/%.5.ok: %.5
	@mkdir -p $(@D)
	@mandoc -T lint -W warning $< && touch $@

$(LINT)/%.h.ok: %.h $(HEADERS)
	@mkdir -p $(@D)
	@echo '#include "$(<:include/%=%)"' | \
	    $(CC) $(LINT_INCLUDES) $(WARN) -Werror -fsyntax-only -x c - && touch $@

$(LINT)/%.c.ok: %.c .clang-tidy $(HEADERS)
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(LINT_INCLUDES) 2>$@.log || \
	    { cat $@.log; rm -f $@.log; exit 1; }; rm -f $@.log; touch $@

# cppcheck keeps what it learned in its build dir and looks again only at what changed.
$(LINT)/cppcheck.ok: $(SOURCES) $(HEADERS)
	@mkdir -p $(LINT)/cppcheck
	@cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
	    --suppress=missingIncludeSystem --error-exitcode=1 --cppcheck-build-dir=$(LINT)/cppcheck \
	    -D_GNU_SOURCE '-DFB_VERSION="0"' -Iinclude src && touch $@
