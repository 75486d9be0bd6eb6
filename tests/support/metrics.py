"""The daemon's /metrics, read strictly."""

import httpx
from prometheus_client.parser import text_string_to_metric_families


class Metrics:
    """One scrape: `value()` is one sample, 0 when it isn't there."""

    def __init__(self, text: str):
        check_form(text)
        self.text = text
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self._samples = {}
        for family in self.families.values():
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in self._samples, f"{key} stands there twice"
                self._samples[key] = sample.value

    def value(self, name: str, **labels: str) -> float:
        return self._samples.get((name, frozenset(labels.items())), 0)

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples of that name that have these labels, and maybe others."""
        wanted = labels.items()
        return sum(value for (each, has), value in self._samples.items() if each == name and wanted <= set(has))

    def names(self) -> set[str]:
        """As the HELP lines say them."""
        return {line.split(" ")[2] for line in self.text.splitlines() if line.startswith("# HELP ")}


def scrape(daemon) -> Metrics:
    answer = httpx.get(f"http://{daemon.info['admin']}/metrics", trust_env=False, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Metrics(answer.text)


def check_form(text: str) -> None:
    """What the format demands and the parser lets pass: each family once, HELP and TYPE before its samples, counters named
    _total, histograms cumulative and complete."""
    assert text.endswith("\n")
    kinds: dict[str, str] = {}
    family, buckets = "", []
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            assert family not in kinds, f"{family} comes twice"
            kinds[family] = ""
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == family and not kinds[family], line
            kinds[family] = kind
            assert kind in ("counter", "gauge", "histogram") and (kind == "counter") == name.endswith("_total"), line
        else:
            name, value = line.partition("{")[0].split(" ")[0], float(line.rpartition(" ")[2])
            suffixes = ("_bucket", "_sum", "_count") if kinds[family] == "histogram" else ("",)
            assert name in {family + suffix for suffix in suffixes}, line
            if name.endswith("_bucket") and kinds[family] == "histogram":
                assert not buckets or value >= buckets[-1], line
                buckets = [] if 'le="+Inf"' in line else [*buckets, value]
    assert not buckets
