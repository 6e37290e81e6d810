# The README's commands. Each sets up what it needs in .venv; nothing else has to be installed by hand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find kernel src -type f -not -name '*.pyc') CMakeLists.txt pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help digits test bench check clean

help:
	@echo "make digits   train the 13,002-parameter network on all of MNIST, test it, save it   训练并测试手写数字网络"
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

$(VENV)/installed-test: $(SOURCES) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '.[test]'
	@touch $@

$(VENV)/installed-bench: $(SOURCES) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '.[bench]'
	@touch $@

digits: $(VENV)/installed
	$(BIN)/tongtou train --out digits.safetensors

test: check
	$(BIN)/python -m pytest

check: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/installed-bench
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
