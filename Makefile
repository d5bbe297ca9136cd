# SPDX-License-Identifier: GPL-2.0
# Every target is a script in scripts/, which has --help.

K ?= 6.12
ENGINE ?= auto
VENDOR ?= auto
PREFIX ?= /usr/local

# Tests are for all series and both vendors, unless one is named.
named_k = $(if $(filter command environment,$(firstword $(origin K))),$(K))
named_vendor = $(if $(filter-out auto,$(VENDOR)),-v $(VENDOR))

.PHONY: help
help: ## show this
	@echo 'make TARGET [K=$(K)] [ENGINE=$(ENGINE)] [VENDOR=$(VENDOR)]'
	@echo
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16 | sed 's/^/  /'
	@echo
	@echo '  K=       kernel series: $(patsubst patches/series-%,%,$(wildcard patches/series-*))'
	@echo '  ENGINE=  what the outer VM runs in: auto, kvm, bochs, tcg (amd)'
	@echo '  PREFIX=  where "make install" puts things (/usr/local), under DESTDIR='
	@echo '  VENDOR=  whose virtualization the outer KVM uses: intel (VMX), amd (SVM), auto'
	@echo '  T=       for "make try": a file of selftests/kvm/x86_64, without .c, or kunit'

.PHONY: demo
demo: ## boot an inner VM under the patched KVM and show what exitstat says in it
	@scripts/run-demo -e $(ENGINE) -v $(VENDOR) $(K)

.PHONY: test
test: ## run all tests
	@scripts/run-tests -e $(ENGINE) $(named_vendor) $(named_k)

.PHONY: check
check: ## run the tests that need no virtual machine
	@scripts/run-tests --quick $(named_k)

.PHONY: try
try: ## build what has changed and run one selftest: make try T=exit_stats_leaf_test
	@scripts/try -e $(ENGINE) -v $(VENDOR) '$(T)' $(K)

.PHONY: test-nested
test-nested: ## run it with ENGINE=kvm, in a machine whose KVM nests, which is a virtual one
	@scripts/machines/test-nested $(K)

.PHONY: test-debian-13
test-debian-13: ## run the demo and the quick tests on Debian 13, which it installs in build/ (as root)
	@scripts/machines/test-debian 13

.PHONY: faults
faults: ## seed mistakes into KVM, and see that the tests find them
	@scripts/faults/run-faults $(K)

.PHONY: lint
lint: ## check every script, program and patch, and that each patch builds
	@scripts/lint $(named_k)

.PHONY: outgoing
outgoing: ## write the series as mails, with a cover letter
	@scripts/series/make-outgoing $(named_k)

.PHONY: bench
bench: ## measure what a VM-Exit costs, and compare designs
	@scripts/bench/run-bench $(K)

.PHONY: regression
regression: ## run KVM's own selftests, unpatched and patched, and compare the verdicts
	@scripts/regression/run-regression -e $(ENGINE) $(named_vendor) $(K)

.PHONY: debug-test
debug-test: ## run the tests and a fuzzer on kernels with KASAN, UBSAN, lockdep, kmemleak and KCSAN
	@scripts/debug/run-debug-tests $(K)

.PHONY: pictures
pictures: ## draw the README's pictures, of what exitstat sees in an inner VM
	@scripts/make-pictures -e $(ENGINE) -v $(VENDOR) $(K)

.PHONY: shell
shell: ## a shell in the outer VM
	@scripts/build-image $(K) tests
	@scripts/vm/run-vm -s -e $(ENGINE) -v $(VENDOR) $(K)

.PHONY: kernel
kernel: ## build the patched kernel
	@scripts/build-kernel $(K) outer

.PHONY: probe
probe: ## build exitstat
	@scripts/build-probe

.PHONY: install
install: probe ## install exitstat, its manual and its C++ header in DESTDIR/PREFIX
	@DESTDIR=$(DESTDIR) cmake --install build/probe --prefix $(PREFIX)

.PHONY: deb
deb: ## build Debian packages of exitstat and of KVM's modules (DKMS)
	@scripts/install/build-packages

.PHONY: test-modules
test-modules: ## try the modules on Debian 13's own kernel, which it installs in build/ (as root)
	@scripts/install/test-modules 13

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
