#!/usr/bin/env python3
"""Turns the JSON of Google Benchmark into the table of tests/bench/README.md.

Usage: table.py [--into README.md] RESULTS.json ... Prints the table, or replaces what README.md has
between its two markers.
"""

import argparse
import json
import re
from pathlib import Path
from statistics import median

# What Google Benchmark writes beside the counters.
OWN_KEYS = {"name", "family_index", "per_family_instance_index", "run_name", "run_type",
            "repetitions", "repetition_index", "threads", "iterations", "real_time", "cpu_time",
            "time_unit", "label", "error_occurred", "error_message"}
BEGIN, END = "<!-- results: made by run.sh -->\n", "<!-- end of results -->\n"


def rows_of(document):
    """{(benchmark, unit): values of all repetitions}, in the order measured."""
    rows = {}
    for run in document["benchmarks"]:
        if run["run_type"] != "iteration":
            continue
        if run.get("error_occurred"):
            raise SystemExit(f"{run['name']}: {run['error_message']}")
        if LINEAR.match(run["name"]):
            continue
        name = re.sub(r"/(iterations:\d+|repeats:\d+|(real|manual|process)_time)", "", run["name"])
        name = name.replace("/", ", ").replace(":", " ")
        counters = {key: value for key, value in run.items() if key not in OWN_KEYS}
        for unit, value in (counters or {run["time_unit"]: run["real_time"]}).items():
            rows.setdefault((name, unit), []).append(value)
    return rows


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def machine(contexts):
    facts = {key: value for context in contexts for key, value in context.items()}
    blas = re.match(r"(OpenBLAS \S+)", facts.get("blas", ""))
    threads = "OpenMP" if "USE_OPENMP" in facts.get("blas", "") else "POSIX threads"
    parts = [f"{facts['processor']}, {facts['processors']} processors", facts["compiler"],
             f"LibTorch {facts['libtorch']}"]
    if blas:
        parts.append(f"{blas.group(1)} ({threads})")
    parts += [f"SQLite {facts['sqlite']}", f"commit {facts['commit']}"]
    return "; ".join(parts) + "."


def table(documents):
    lines = [machine([document["context"] for document in documents]), "",
             "| what | unit | median | lowest | highest |", "| --- | --- | ---: | ---: | ---: |"]
    for document in documents:
        for (name, unit), values in rows_of(document).items():
            figures = (median(values), min(values), max(values))
            lines.append(f"| {name} | {unit} | " + " | ".join(map(number, figures)) + " |")
    return "\n".join(lines) + "\n"


LINEAR = re.compile(r"linear (\d+)x(\d+) (\w+)/threads:(\d+)/rows:(\d+)")


def linear_table(document, counter, caption):
    """Linear layers, a column for each number of rows; nothing where there are none."""
    cells, rows_seen = {}, []
    for run in document["benchmarks"]:
        match = LINEAR.match(run["name"])
        if run["run_type"] != "iteration" or match is None or counter not in run:
            continue
        inputs, outputs, storage, threads, rows = match.groups()
        cells.setdefault((f"{inputs} x {outputs}", storage, threads), {})[int(rows)] = run[counter]
        if int(rows) not in rows_seen:
            rows_seen.append(int(rows))
    if not cells:
        return ""
    lines = ["", caption, "",
             "| linear | weights | threads | " + " | ".join(f"{rows} rows" for rows in rows_seen) +
             " |", "| --- | --- | ---: |" + " ---: |" * len(rows_seen)]
    for (shape, storage, threads), values in cells.items():
        figures = " | ".join(number(values[rows]) for rows in rows_seen)
        lines.append(f"| {shape} | {storage} | {threads} | {figures} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, metavar="README.md")
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULTS.json")
    arguments = parser.parse_args()
    documents = [json.loads(path.read_text()) for path in arguments.results]
    text = table(documents)
    for document in documents:
        text += linear_table(document, "share of the line",
                             "Share of what the machine could do: of its multiplications or of its "
                             "memory's bandwidth, whichever takes longer.")
        text += linear_table(document, "ratio to LibTorch", "Speed over LibTorch's.")
    if arguments.into is None:
        print(text, end="")
    else:
        page = arguments.into.read_text()
        before, rest = page.split(BEGIN)
        arguments.into.write_text(before + BEGIN + text + END + rest.split(END)[1])
