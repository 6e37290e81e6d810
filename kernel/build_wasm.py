"""Compile the kernel to WebAssembly: ``python kernel/build_wasm.py OUT.wasm``.

The clang comes with the PyPI package ziglang; the page and the tests use what this makes.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FLAGS = [
    *("-target", "wasm32-freestanding", "-msimd128", "-mbulk-memory"),
    *("-DKERNEL_ISA=wasm", "-DKERNEL_ONLY_FLOAT"),
    *("-std=c++20", "-O3", "-ffreestanding", "-nostdlib", "-fno-exceptions", "-fno-rtti"),
    *("-ffp-contract=off", "-fno-math-errno", "-fno-fast-math", "-Wall", "-Wextra"),
    *("-Wl,--no-entry", "-Wl,--strip-all"),
]


def build(out: Path) -> None:
    """Write the module to `out`; the compiler's words go to standard error."""
    sources = [str(HERE / name) for name in ("kernel.cpp", "bind_wasm.cpp")]
    command = [sys.executable, "-m", "ziglang", "c++", *FLAGS, *sources, "-o", str(out)]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build(Path(sys.argv[1]))
