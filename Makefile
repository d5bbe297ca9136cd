# SPDX-License-Identifier: GPL-2.0
# Every target is a script in scripts/, which has --help.

K ?= 6.12
ENGINE ?= auto
VENDOR ?= intel
PREFIX ?= /usr/local

# Tests are for all series and both vendors, unless one is named.
given_k = $(if $(filter command environment,$(firstword $(origin K))),$(K))

.PHONY: help
help: ## show this
	@echo 'make TARGET [K=$(K)] [ENGINE=$(ENGINE)] [VENDOR=$(VENDOR)]'
	@echo
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16 | sed 's/^/  /'
	@echo
	@echo '  K=       kernel series: $(patsubst patches/series-%,%,$(wildcard patches/series-*))'
	@echo '  ENGINE=  what the outer VM runs in: auto, kvm, bochs, tcg (amd)'
	@echo '  PREFIX=  where "make install" puts things (/usr/local), under DESTDIR='
	@echo '  VENDOR=  whose virtualization the outer KVM uses: intel (VMX) or amd (SVM)'

.PHONY: demo
demo: ## boot an inner VM under the patched KVM and show what exitstat says in it
	@scripts/run-demo -e $(ENGINE) -v $(VENDOR) $(K)

.PHONY: test
test: ## run all tests
	@scripts/run-tests -e $(ENGINE) $(if $(findstring command,$(origin VENDOR)),-v $(VENDOR)) $(given_k)

.PHONY: check
check: ## run the tests that need no virtual machine
	@scripts/run-tests --quick $(given_k)

.PHONY: faults
faults: ## seed mistakes into KVM, and see that the tests find them
	@scripts/run-tests --faults $(K)

.PHONY: lint
lint: ## check every script, program and patch, and that each patch builds
	@scripts/lint $(given_k)

.PHONY: outgoing
outgoing: ## write the series as mails, with a cover letter
	@scripts/series/make-outgoing $(K)

.PHONY: bench
bench: ## measure what a VM-Exit costs, and compare designs
	@scripts/bench/run-bench $(K)

.PHONY: regression
regression: ## run KVM's own selftests, unpatched and patched, and compare the verdicts
	@scripts/regression/run-regression -e $(ENGINE) $(if $(findstring command,$(origin VENDOR)),-v $(VENDOR)) $(K)

.PHONY: debug-test
debug-test: ## run the tests and a fuzzer on kernels with KASAN, UBSAN, lockdep, kmemleak and KCSAN
	@scripts/debug/run-debug-tests $(K)

.PHONY: shell
shell: ## a shell in the outer VM
	@scripts/build-image $(K)
	@scripts/vm/run-vm -s -e $(ENGINE) -v $(VENDOR) $(K)

.PHONY: kernel
kernel: ## build the patched kernel of the outer VM, and the inner VM's
	@scripts/build-kernel $(K) outer
	@scripts/build-kernel $(K) inner

.PHONY: probe
probe: ## build exitstat
	@scripts/build-probe $(K)

.PHONY: install
install: probe ## install exitstat, its manual and its C++ header in DESTDIR/PREFIX
	@DESTDIR=$(DESTDIR) cmake --install build/probe/$(K) --prefix $(PREFIX)

.PHONY: selftests
selftests: ## build the kselftests
	@scripts/build-selftests $(K)

.PHONY: image
image: ## pack the boot image
	@scripts/build-image $(K)

.PHONY: tree
tree: ## make build/linux-K, a git tree with the patches as commits
	@scripts/series/prepare-tree $(K)

.PHONY: export
export: ## write the commits of build/linux-K to patches/
	@scripts/series/export-patches $(K)

.PHONY: check-patches
check-patches: ## check that the series applies, exports to the same bytes and pleases checkpatch
	@scripts/series/check-patches $(K)

.PHONY: clean
clean: ## remove everything that was built
	rm -rf build
