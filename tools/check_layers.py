#!/usr/bin/env python3
"""Compares every include of the engine with its module's declared dependencies and with the layers.

    tools/check_layers.py           fails when a module includes what it must not, or the picture is out of date
    tools/check_layers.py --write   draws the picture in ARCHITECTURE.md anew

CMake makes an undeclared include fail to compile, but passes dependencies on: here only direct ones count.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Lowest first. A module may include modules of lower layers only.
LAYERS = [
    ["base"],
    ["async", "metrics", "model", "tls", "wire"],
    ["store", "acme", "http", "rpc", "sandbox"],
    ["image", "scheduler"],
    ["runtime", "gateway"],
    ["calls"],
    ["control"],
    ["server"],
    ["cli"],
]
# Below everything: part of every module's vocabulary, never declared.
UNIVERSAL = {"base"}

LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
INCLUDE = re.compile(r'^#include "([a-z_]+)/', re.MULTILINE)
MODULE = re.compile(r"engine_module\((\w+)([^)]*)\)")
PICTURE = re.compile(r"(<!-- layers: drawn by tools/check_layers.py -->\n).*?(<!-- end -->)", re.DOTALL)


def folder_of(module: str) -> Path:
    return ROOT / "cli" if module == "cli" else ROOT / "engine" / module


def declared_dependencies(module: str) -> set[str]:
    found = MODULE.search((folder_of(module) / "CMakeLists.txt").read_text())
    if not found:
        return set()
    arguments = found.group(2).split()
    dependencies: set[str] = set()
    keyword = ""
    for word in arguments:
        if word.isupper() or word == "PUBLIC_LINK":
            keyword = word
        elif keyword == "DEPS":
            dependencies.add(word)
    return dependencies


def includes(module: str):
    """Every (file, included module) of a module."""
    for file in sorted(folder_of(module).glob("*.[ch]*")):
        if file.suffix in (".cc", ".h"):
            for target in INCLUDE.findall(file.read_text()):
                if target in LEVEL and target != module:
                    yield file.relative_to(ROOT), target


def problems() -> list[str]:
    found = []
    for module in LEVEL:
        declared = declared_dependencies(module)
        for dependency in sorted(declared):
            if dependency in LEVEL and LEVEL[dependency] >= LEVEL[module]:
                found.append(f"{module} depends on {dependency}, which is no lower layer")
        for file, target in includes(module):
            if target not in declared | UNIVERSAL:
                found.append(f"{file} includes {target}/, which isn't among the DEPS of {module}")
    folders = {folder.parent.name for folder in (ROOT / "engine").glob("*/CMakeLists.txt")}
    found += [f"engine/{name} has no layer in tools/check_layers.py" for name in sorted(folders - LEVEL.keys())]
    return found


def picture() -> str:
    lines = ["```"]
    for level in reversed(range(len(LAYERS))):
        for module in LAYERS[level]:
            uses = sorted(declared_dependencies(module) - UNIVERSAL)
            lines.append(f"{level}  {module:<10}{'uses ' + ', '.join(uses) if uses else ''}".rstrip())
    return "\n".join([*lines, "```"]) + "\n"


def main() -> int:
    found = problems()
    page = ROOT / "ARCHITECTURE.md"
    text = page.read_text()
    drawn = PICTURE.sub(lambda match: match.group(1) + picture() + match.group(2), text)
    if "--write" in sys.argv:
        page.write_text(drawn)
    elif drawn != text:
        found.append("the layers in ARCHITECTURE.md are out of date: run `make format`")
    for problem in found:
        print(f"check_layers: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
