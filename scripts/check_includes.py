#!/usr/bin/env python3
"""Checks that includes point one way: a folder may include only the folders in its row.

The table is the one in src/README.md. A folder that is not in the table, or an include from a
folder that its row does not name, is an error (exit code 1).
"""
import pathlib
import re
import sys

ALLOWED = {
    "src/core": [],
    "kernels": ["core"],
    "src/model": ["core", "kernels"],
    "src/npu_model": ["core"],
    "src/device": ["core", "kernels", "model"],
    "src/schedule": ["core"],
    "rl": ["core", "schedule", "npu_model"],
    "src/dataset": ["core"],
    "src/report": ["core", "schedule"],
    "mpi_runtime": ["core", "model", "device", "schedule", "dataset"],
    "jobs": ["core", "kernels", "model", "npu_model", "device", "schedule", "rl", "dataset",
             "mpi_runtime", "report"],
    "src/cli": ["core", "kernels", "mpi_runtime", "jobs"],
}
INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"', re.MULTILINE)


def main() -> int:
    root = pathlib.Path(__file__).resolve().parent.parent
    names = {folder.split("/")[-1]: folder for folder in ALLOWED}
    problems, files = [], 0
    for path in sorted(root.glob("src/*")):
        if path.is_dir() and f"src/{path.name}" not in ALLOWED:
            problems.append(f"{path.relative_to(root)}: a folder without a row in the table")
    for folder, allowed in ALLOWED.items():
        own = folder.split("/")[-1]
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            files += 1
            for include in INCLUDE.findall(path.read_text()):
                target = include.split("/")[0]
                if target not in names:
                    problems.append(f'{path.relative_to(root)}: "{include}": not from the root '
                                    "of a folder of the project")
                elif target != own and target not in allowed:
                    problems.append(f'{path.relative_to(root)}: "{include}": {folder} may use '
                                    f"only {', '.join(allowed) or 'nothing'}")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"include direction: {files} files, {len(problems)} problems")
    return 1 if problems or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
