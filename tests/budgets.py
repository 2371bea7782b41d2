"""Budgets of size: files of 250 lines and functions of 40, with hard limits at 400 and 60."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

SOURCES = ("iin_core", "tasks", "flows")
OTHERS = ("tests", "benchmarks", "docs")
FILE_BUDGET, FILE_LIMIT = 250, 400
FUNCTION_BUDGET, FUNCTION_LIMIT = 40, 60
OVER_BUDGET = 0.03
"""The share of functions and files that may lie between budget and limit."""


def function_lengths(tree: ast.AST) -> Iterator[tuple[str, int, int]]:
    """Name, line and length without docstring of every function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            yield node.name, node.lineno, length


def measure(folders: tuple[str, ...], root: Path) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Places and lengths of all files and of all functions."""
    files, functions = [], []
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            name = str(path.relative_to(root))
            files.append((name, text.count("\n")))
            functions += [(f"{name}:{line} {f}", n) for f, line, n in function_lengths(ast.parse(text))]
    return files, functions


def broken(root: Path) -> list[str]:
    """What breaks a limit, and whether too much lies above a budget."""
    faults = []
    for folders, strict in ((SOURCES, True), (OTHERS, False)):
        for measured, budget, limit in zip(
            measure(folders, root), (FILE_BUDGET, FUNCTION_BUDGET), (FILE_LIMIT, FUNCTION_LIMIT), strict=True
        ):
            faults += [
                f"{place}: {length} lines, the limit is {limit}"
                for place, length in measured
                if length > limit
            ]
            over = [place for place, length in measured if length > budget]
            if strict and len(over) > OVER_BUDGET * len(measured):
                faults.append(f"{len(over)} of {len(measured)} above {budget} lines: {', '.join(over)}")
    return faults


if __name__ == "__main__":
    found = broken(Path(__file__).parent.parent)
    print("\n".join(found) or "Budgets of size: kept.")
    sys.exit(bool(found))
