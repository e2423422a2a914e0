# What a newcomer runs: `make demo` and `make test`. Each first sees to it that the machine has what it needs.

CARGO ?= cargo
# In CI the committed Cargo.lock is what is built.
FLAGS ?= $(if $(CI),--locked)

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench bench-console bench-detections fuzz test-scale test-schedules test-peers test-conservation golden install clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r target text; do \
		printf '  make %-16s %s\n' "$$target" "$$text"; done

demo: ## Build, record a real session and show what it caught
	@sh scripts/setup.sh demo
	$(CARGO) run $(FLAGS) -- demo

test: ## Build and run all tests, and explore the schedules of the channel
	@sh scripts/setup.sh test
	$(CARGO) test $(FLAGS)
	$(CARGO) test $(FLAGS) --features shuttle --lib channel

lint: ## Check the format and the lints
	@sh scripts/setup.sh lint
	$(CARGO) fmt --check
	$(CARGO) clippy $(FLAGS) --all-targets -- -D warnings

bench: ## Measure, and write docs/performance.md
	@sh scripts/setup.sh test
	$(CARGO) bench $(FLAGS)

bench-console: ## Open and scroll a session of 1,000,000 events in a browser, and print how fast that is
	@sh scripts/setup.sh test
	@sh scripts/peers.sh
	CONSOLE_EVENTS=1000000 $(CARGO) test $(FLAGS) --test suite peers::console::a_session -- --nocapture

fuzz: ## Feed the readers of foreign files with changed inputs for a minute (FUZZ_SECONDS each)
	@sh scripts/setup.sh test
	$(CARGO) test $(FLAGS) --test fuzz -- --seconds $(or $(FUZZ_SECONDS),10)

test-scale: ## Run the tests that read gigabytes
	@sh scripts/setup.sh test
	$(CARGO) test $(FLAGS) --release --test scale -- --nocapture

bench-detections: ## Measure how well the rules recognise attacks and how quiet they are, into docs/performance.md
	@sh scripts/setup.sh test
	@sh scripts/benign.sh
	$(CARGO) bench $(FLAGS) -- quality

test-schedules: ## Explore the thread schedules of the channel
	@sh scripts/setup.sh build
	$(CARGO) test $(FLAGS) --features shuttle --lib channel

test-peers: ## Install third-party clients and collectors, and run the tests against them
	@sh scripts/setup.sh test
	@sh scripts/peers.sh
	$(CARGO) test $(FLAGS) --test suite peers:: -- --nocapture

test-conservation: ## Ten minutes of kills, stops, cuts and refusals between recorders and everybody who follows the journal
	@sh scripts/setup.sh test
	CONSERVATION_SECONDS=$${CONSERVATION_SECONDS:-600} $(CARGO) test $(FLAGS) --test suite conservation:: -- --nocapture

golden: ## Write the committed files anew that are made from the source (schemas, docs/metrics.md, golden files)
	UPDATE_GOLDEN=1 $(CARGO) test $(FLAGS) --test suite

install: ## Build with optimisation and copy the binary to cargo's folder of programs
	@sh scripts/setup.sh build
	$(CARGO) install $(FLAGS) --path .

clean: ## Remove what was built
	$(CARGO) clean
