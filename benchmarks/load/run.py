"""`make bench-quick`: warm requests per second and CPU per request of the whole path, beside its peers in one run.

The rules stand in benchmarks/README.md. Writes benchmarks/results/<date>-<name>.json and .md.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import pathlib
import platform
import statistics
import subprocess

import measure
import peers

RESULTS = pathlib.Path(__file__).parent.parent / "results"


def interleaved(names: list[str], rounds: int) -> list[str]:
    """A B C C B A A B C …: every peer sees the same drift of the machine."""
    order: list[str] = []
    for index in range(rounds):
        order += names if index % 2 == 0 else names[::-1]
    return order


def measure_all(openers: dict, options) -> dict[str, dict]:
    samples: dict[str, list[measure.Sample]] = {name: [] for name in openers}
    commands, bodies = {}, {}
    for name in interleaved(list(openers), options.rounds):
        with openers[name]() as target:
            commands[name] = target.command
            body = peers.fetch(target.url, target.host)[1]
            if bodies.setdefault("expected", body) != body:
                raise RuntimeError(f"{name} answers {body!r}, others {bodies['expected']!r}")
            measure.load(target.url, target.host, target.root_pids, options.warmup, options.connections)
            sample = measure.load(target.url, target.host, target.root_pids, options.seconds, options.connections)
            samples[name].append(sample)
            print(
                f"  {name:16} {sample.cpu_us:8.1f} us/request {sample.per_second:9.0f}/s"
                f"  generator {sample.generator_busy:4.0%}",
                flush=True,
            )
    return {name: summary(found, commands[name]) for name, found in samples.items()}


def summary(found: list[measure.Sample], command: str) -> dict:
    cpu = [sample.cpu_us for sample in found]
    rate = [sample.per_second for sample in found]
    return {
        "command": command,
        "cpu_us": {"median": statistics.median(cpu), "min": min(cpu), "max": max(cpu)},
        "per_second": {"median": statistics.median(rate), "min": min(rate), "max": max(rate)},
        "generator_busy_max": max(sample.generator_busy for sample in found),
    }


def table(workload: str, rows: dict[str, dict]) -> str:
    base = rows["bimodal"]["cpu_us"]["median"]
    lines = [
        f"## {workload}",
        "",
        "| server | CPU per request, us (min-max) | requests/s (min-max) | generator busy | bimodal / this |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, row in rows.items():
        cpu, rate = row["cpu_us"], row["per_second"]
        void = " (rate void)" if row["generator_busy_max"] > 0.85 else ""
        lines.append(
            f"| {name} | {cpu['median']:.1f} ({cpu['min']:.1f}-{cpu['max']:.1f}) | {rate['median']:.0f} "
            f"({rate['min']:.0f}-{rate['max']:.0f}){void} | {row['generator_busy_max']:.0%} | {base / cpu['median']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def machine() -> dict:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown",
    )
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip()
    versions = {
        name: importlib.metadata.version(name) for name in ("uvicorn", "uvloop", "httptools", "fastapi", "starlette")
    }
    return {"cpu": model, "kernel": platform.release(), "python": platform.python_version(), "nginx": nginx, **versions}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default="build/release/apps/bimodal/bimodal")
    parser.add_argument("--layers", help="directory of built image layers to reuse")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--warmup", type=float, default=2)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--name", default="first-figure")
    options = parser.parse_args()
    bimodal = peers.Bimodal(options.binary, options.layers)
    workloads = {
        "raw ASGI, 13 bytes": ("raw_asgi", bimodal.raw),
        "FastAPI, async def": ("fastapi_hello", bimodal.fastapi),
    }
    results, text = {"machine": machine(), "options": vars(options), "workloads": {}}, "# Warm requests\n\n"
    for workload, (app, own) in workloads.items():
        print(workload, flush=True)
        openers = {
            "bimodal": own,
            "uvicorn": lambda: peers.uvicorn(app),
            "nginx + uvicorn": lambda: peers.nginx_uvicorn(app),
        }
        results["workloads"][workload] = measure_all(openers, options)
        text += table(workload, results["workloads"][workload]) + "\n"
    text += "Machine: " + ", ".join(f"{key} {value}" for key, value in results["machine"].items()) + "\n"
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / f"{datetime.date.today().isoformat()}-{options.name}"
    stem.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
    stem.with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
