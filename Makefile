# Every target does its own set-up and says what it installs.
.PHONY: check test
export CARGO_TERM_COLOR ?= auto

check:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --lib

test:
	cargo test --locked
