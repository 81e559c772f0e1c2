# Thin names for what cargo does; `cargo xtask help` lists the rest.

# Where rustup puts cargo, for shells that do not have it on their path.
export PATH := $(PATH):$(HOME)/.cargo/bin

.PHONY: help run test tidy bless clean

help:
	@echo 'make run     build the server and start it on its defaults (CONFIG=FILE for others)'
	@echo 'make test    fetch what the tests need, then check everything'
	@echo 'make tidy    only the house rules, in a second or two'
	@echo 'make bless   print tables and documents anew'
	@echo 'make clean   remove what was built'

run:
	cargo run --release -p strowger -- serve $(if $(CONFIG),--config $(CONFIG))

test:
	scripts/bootstrap
	cargo xtask ci

tidy:
	cargo xtask tidy

bless:
	cargo xtask bless

clean:
	cargo clean
