# make help says what there is to make. Go, make and git are enough to begin
# with: the linter and the workbooks' validator are installed into ./bin,
# PostgreSQL's programs, LibreOffice and npm by the system's package manager where
# that is allowed.

GOLANGCI_VERSION := 2.15.0

# Go, also where PATH does not name its folder.
GO := $(shell command -v go || ls -d /usr/local/go/bin/go /usr/lib/go/bin/go /usr/lib/golang/bin/go \
	/opt/homebrew/bin/go /usr/local/bin/go /snap/bin/go "$$HOME"/sdk/go*/bin/go 2>/dev/null | head -n 1)
ifeq ($(GO),)
  ifneq ($(filter-out help clean,$(or $(MAKECMDGOALS),help)),)
    $(error no go command found: install Go 1.26 or later, see https://go.dev/dl)
  endif
endif

export GO
export PATH := $(dir $(GO)):$(PATH)
# A checkout may belong to another user, where git refuses to tell its state;
# a module cache that can be written can be deleted.
export GOFLAGS := $(strip $(GOFLAGS) -buildvcs=false -modcacherw)

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LINT := $(CURDIR)/bin/golangci-lint

.DEFAULT_GOAL := help
.PHONY: help build demo test accuracy lint bench fmt clean postgres cc office ooxml golangci-lint

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "%-15s %s\n", $$1, $$2 }'

build: ## build ./bin/tieout
	@$(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/tieout ./cmd/tieout

demo: postgres build ## build it and show it: a whole run on sample data, reports in ./out
	@./bin/tieout demo

test: postgres cc office ooxml ## run all tests with the race detector
	@$(GO) test -race -timeout 40m ./...

lint: golangci-lint ## check the code
	@$(LINT) run ./...

accuracy: postgres ## count found against planted differences in 100,000 payments
	@$(GO) test -run Planted -count 1 -v -timeout 60m ./internal/bench -payments 100000

# SIZES="100000" keeps it short
SIZES := 100000,1000000
bench: postgres ## measure the pipeline and the reports beside what is possible
	@$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 120m ./internal/bench -sizes $(SIZES)

fmt: golangci-lint ## format the code
	@$(LINT) fmt ./...

clean: ## remove ./bin; databases and reports stay
	@rm -rf bin

postgres cc office ooxml:
	@.ci/need $@

golangci-lint:
	@$(LINT) version 2>/dev/null | grep -qF "version $(GOLANGCI_VERSION) built with $$($(GO) env GOVERSION) " \
		|| GOBIN=$(CURDIR)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(GOLANGCI_VERSION)
