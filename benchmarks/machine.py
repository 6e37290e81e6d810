"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("tongtou", "numpy", "jax", "jaxlib", "torch", "scikit-learn", "scipy")
_FLAGS = ("avx2", "fma", "avx512f", "avx512vl", "avx512_bf16", "amx_tile", "hypervisor")


def processor() -> dict[str, Any]:
    """Name and the flags that matter, as the first processor states them."""
    fields: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    has = set(fields.get("flags", "").split())
    return {
        "processor": fields.get("model name", platform.processor()),
        "flags": [flag for flag in _FLAGS if flag in has],
    }


def compiler() -> str:
    """First line of what the system's C++ compiler says of itself."""
    found = shutil.which("g++") or shutil.which("clang++") or "c++"
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    return said.stdout.partition("\n")[0]


def versions() -> dict[str, str]:
    """Version of every library that takes part and is installed."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def describe() -> dict[str, Any]:
    """Everything a reader needs to judge the figures."""
    return {
        **processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "system": f"{platform.system()} {platform.release()}",
        "compiler": compiler(),
        "load_before": os.getloadavg()[0],
        "versions": versions(),
    }
