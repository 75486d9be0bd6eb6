"""A comparison as a Markdown table."""

from __future__ import annotations

from load.rounds import AGAIN, Comparison, Series

HEAD = (
    "| server | CPU per request, us (min-max) | bimodal / this | requests/s | generator busy | p99 at the offered rate, us |",
    "| --- | --- | --- | --- | --- | --- |",
)


def table(comparison: Comparison) -> str:
    workload = comparison.workload
    lines = [f"## {workload.name}, {workload.connections} connections", "", *HEAD]
    base = comparison.ours.median("cpu_us")
    for name, series in comparison.series.items():
        lines.append(line(name, series, base))
    if comparison.noise is not None:
        lines += ["", f"Bimodal against Bimodal (`{AGAIN}`): {comparison.noise:.1%} apart; a claim needs twice that."]
    if workload.offered_per_s:
        lines += ["", f"Offered rate: {workload.offered_per_s:.0f}/s, counted from when a request was due."]
    return "\n".join(lines) + "\n"


def line(name: str, series: Series, base: float | None) -> str:
    if not series.full:
        return f"| {name} | void: {series.failure.splitlines()[0][:200].replace('|', '/')} | | | | |"
    cpu = series.cpu_us()
    median = series.median("cpu_us")
    rate = f"{series.median('per_second'):.0f}" + (" (void)" if series.is_rate_void else "")
    busy = max(sample.generator_busy for sample in series.full)
    p99 = series.median("p99_us", "paced")
    ratio = f"{base / median:.2f}" if base else ""
    late = f"{p99:.0f}" if p99 is not None else ""
    return f"| {name} | {median:.1f} ({min(cpu):.1f}-{max(cpu):.1f}) | {ratio} | {rate} | {busy:.0%} | {late} |"
