"""Tongtou beside its peers on the same task: run `make bench`, read docs/benchmark.md."""
