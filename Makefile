# Every target installs what it needs and works from a clean clone.
# Versions of tools stand here; those of crates in Cargo.toml.

CARGO_DENY := 0.20.2
GUESTS := access-log metrics sessions alerts totals fixture event hostile
GUEST_PACKAGES := $(GUESTS:%=-p guest-%)
GUEST_BUILD := --target wasm32-wasip2 --profile guest

VENV := target/venv
CLIENTS := target/clients
TOOLS := target/tools

.DEFAULT_GOAL := help
SECONDS := 600

# Tokio lets its lots be seeded only so; nothing that users run is built like this.
SIM := RUSTFLAGS="--cfg tokio_unstable" CARGO_TARGET_DIR=target/sim cargo
SIM_PACKAGE := --locked -p millstream-sim --features seeded

.PHONY: help build guests demo test sim worlds fuzz lint bench target fmt clippy doc deny audit

help: ## Show this.
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

build: ## Build the binary: target/release/millstream.
	cargo build --locked --release -p millstream

guests: target ## Build the bundled functions as components.
	cargo build --locked $(GUEST_BUILD) $(GUEST_PACKAGES)

demo: guests ## Run the whole path on an access log and report.
	cargo build --locked -p millstream
	target/debug/millstream demo

test: guests $(VENV)/ready $(CLIENTS)/venv/ready $(CLIENTS)/node/ready ## Run all tests.
	cargo build --locked --workspace --bins --tests
	nice target/debug/fuzz --seconds 60 & fuzz=$$!; \
	cargo test --locked --workspace; tested=$$?; \
	wait $$fuzz && exit $$tested
	$(SIM) test $(SIM_PACKAGE)

sim: ## Live thousands of simulated worlds, and find each bug that is planted in them.
	$(SIM) test $(SIM_PACKAGE)

worlds: ## Live the worlds from MILLSTREAM_SIM_SEED on, as many as MILLSTREAM_SIM_SEEDS.
	$(SIM) run $(SIM_PACKAGE)

fuzz: ## Read mutated inputs with every reader of what strangers send, for SECONDS.
	cargo run --locked -p fuzz -- --seconds $(SECONDS)

lint: fmt clippy deny doc ## Check format, lints, dependencies and documentation.

bench: guests ## Measure, as ratios in one run; figures go to target/bench.json.
	cargo build --locked --release -p millstream -p millstream-bench
	cargo build --locked --release -p millstream-log --example raw
	target/release/millstream-bench

fmt:
	cargo fmt --all --check

# The guests once more as what they are built for.
clippy: target
	cargo clippy --locked --workspace --all-targets -- -D warnings
	$(SIM) clippy $(SIM_PACKAGE) --all-targets -- -D warnings
	cargo clippy --locked --target wasm32-wasip2 $(GUEST_PACKAGES) -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet

# Advisories need the network, so they have a target of their own; licences, bans and sources do not.
deny: $(TOOLS)/bin/cargo-deny
	$(TOOLS)/bin/cargo-deny --locked check --hide-inclusion-graph bans licenses sources

audit: $(TOOLS)/bin/cargo-deny ## Look for known vulnerabilities in dependencies; needs the network.
	$(TOOLS)/bin/cargo-deny --locked check --hide-inclusion-graph advisories

# rust-toolchain.toml names the target too, but not every rustup installs by itself.
target:
	@rustup target list --installed 2>/dev/null | grep -qx wasm32-wasip2 || rustup target add wasm32-wasip2

$(TOOLS)/bin/cargo-deny: Makefile
	cargo install --quiet --debug --root $(TOOLS) --locked cargo-deny@$(CARGO_DENY)
	@touch $@

$(VENV)/ready: tests/requirements.txt
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --requirement $<
	@touch $@

$(CLIENTS)/venv/ready: tests/clients/python/requirements.txt
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --requirement $<
	@touch $@

$(CLIENTS)/node/ready: tests/clients/node/package-lock.json
	@command -v npm >/dev/null || { echo "the tests need Node.js 20 or newer, with npm" >&2; exit 1; }
	mkdir -p $(@D)
	cp $(<D)/package.json $< $(@D)
	npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --silent
	@touch $@
