# Every target sets up what it needs, and says what it installs before it does.
.PHONY: help demo test test-packages test-image check simulate chaos bench packages
export CARGO_TERM_COLOR ?= auto

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 \t/p' $(MAKEFILE_LIST) | expand -t 20

demo: ## Three instances, an ensemble, a lost leader; KEEP=1 leaves the world up
	@dev/setup.sh
	@dev/build.sh --bin zk-bootstrap --example demo
	@target/debug/examples/demo

test: ## All tests
	@dev/setup.sh --all
	@dev/build.sh --tests
	cd dev/cloud && ../../target/dev/python/bin/python3 -B -m unittest -q
	cargo test --locked --no-fail-fast

test-image: ## The image: baked, booted, in trouble; Packer (root; ACT=words)
	@dev/setup.sh --all
	@dev/setup.sh --packages
	@dev/image/setup.sh
	@dev/build.sh --bin zk-bootstrap --test image
	@dev/packages.sh dev
	@dev/image/lint.sh
	@cargo test --quiet --locked --test image -- "$(ACT)"
	@dev/image/packer.sh

check: ## Format, lints, documentation
	cargo fmt --check
	cargo clippy --locked --all-targets --test image -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --lib

simulate: ## A hundred thousand histories on all cores (ZKB_HISTORIES=n, ZKB_SEED=n)
	CARGO_PROFILE_DEV_OPT_LEVEL=3 ZKB_HISTORIES=$${ZKB_HISTORIES:-100000} cargo test --locked --test simulation -- --nocapture

chaos: ## Real servers in trouble, and whether a client lost anything (ROUNDS=n, SEED=n, SCENARIO=words)
	@dev/setup.sh
	@dev/build.sh --test chaos
	@cargo test --quiet --locked --test chaos

packages: ## A .deb and an .rpm of the release build, in target/packages/release
	@dev/build.sh --release --bin zk-bootstrap
	@dev/packages.sh

test-packages: ## What is in the packages, and that both have the same
	@dev/setup.sh --packages
	@dev/build.sh --bin zk-bootstrap --test packages
	@dev/packages.sh dev
	cargo test --locked --test packages -- --ignored

bench: ## Ratios against ZooKeeper configured by hand (ROUNDS=n)
	@dev/setup.sh
	@dev/build.sh --release --bin zk-bootstrap
	@dev/build.sh --bin zk-bootstrap --example bench
	@target/debug/examples/bench
