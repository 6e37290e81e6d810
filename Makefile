# The README's commands. Each sets up what it needs in .venv; nothing else has to be installed by hand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find kernel src -type f -not -name '*.pyc') CMakeLists.txt pyproject.toml
PAGE := lab/dist/index.html
PAGE_SOURCES := $(shell find lab -type f -not -path '*/node_modules/*' -not -path 'lab/dist/*' -not -path 'lab/generated/*' \
  -not -path 'lab/public/*' -not -path 'lab/test-results/*')
# The page is built with Node.js 20.19 or later; without it everything else works.
NODE := $(shell node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null && command -v npm)
PAGE_WITH_NODE := $(if $(NODE),$(PAGE))

.DEFAULT_GOAL := help
.PHONY: help digits lab test test-lab bench check clean

help:
	@echo "make digits   train the 13,002-parameter network on all of MNIST, test it, save it   训练并测试手写数字网络"
	@echo "make lab      open the lab in the browser: draw, ask why, train, look inside         打开实验室：画、问、训练、看内部"
	@echo "make test     install what the tests need and run all of them                        运行全部测试"
	@echo "make bench    measure against JAX, PyTorch, scikit-learn and NumPy                   与其他库比较速度"
	@echo "make check    style and types only                                                   只查格式与类型"
	@echo "make clean    remove .venv and everything built                                      删除一切构建产物"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; call make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

# One stamp for each set of extras; built again only when a source changed.
$(VENV)/installed: $(SOURCES) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check .
	@touch $@

$(VENV)/installed-lab: $(SOURCES) $(PAGE) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check .
	@touch $@

$(VENV)/installed-test: $(SOURCES) $(PAGE_WITH_NODE) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '.[test]'
	@touch $@

$(VENV)/installed-bench: $(SOURCES) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '.[bench]'
	@touch $@

# The page: the kernel as WebAssembly, the packages of lab/package-lock.json, then Vite.
lab/generated/kernel.wasm: $(wildcard kernel/*) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'ziglang>=0.13,<0.17'
	@mkdir -p $(@D)
	$(BIN)/python kernel/build_wasm.py $@

lab/node_modules/.package-lock.json: lab/package-lock.json
	cd lab && npm ci --no-progress
	@touch $@

$(PAGE): $(PAGE_SOURCES) lab/generated/kernel.wasm lab/node_modules/.package-lock.json
	@test -n "$(NODE)" || { echo "The lab's page is built with Node.js 20.19 or later and npm; install them first."; exit 2; }
	cd lab && npm run --silent build

digits: $(VENV)/installed
	$(BIN)/tongtou train --out digits.safetensors

lab: $(VENV)/installed-lab
	$(BIN)/tongtou lab

test: check test-lab
	$(BIN)/python -m pytest -n auto --dist loadfile

# In a browser too, where there is one; LAB_TESTS=required fails where there is none.
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
test-lab: $(VENV)/installed-test
ifeq ($(and $(NODE),$(CHROMIUM)),)
	@echo "NOT RUN: the tests of the lab's page, which need Node.js 20.19 or later and Chromium   未运行：实验室页面的测试"
	@test "$(LAB_TESTS)" != required
else
	cd lab && npm run --silent check && npm run --silent test
	cd lab && CHROMIUM=$(CHROMIUM) TONGTOU=$(abspath $(BIN))/tongtou npm run --silent e2e
endif

check: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/installed-bench
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf lab/node_modules lab/dist lab/generated lab/test-results
