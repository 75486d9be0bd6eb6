"""CPU per request of the gateway hop, beside nginx as a proxy, in one run.

    python3 benchmarks/load/gateway_hop.py build/release/engine/gateway/gateway_hop [--rounds 5] [--seconds 8]

Needs wrk and nginx. The proxies run on CPU 0, load and upstreams on CPU 1, rounds interleaved A B B A. The main figure is
the CPU time of the proxy's threads (field 1 of schedstat) divided by the requests that it answered.
"""

import argparse
import pathlib
import re
import statistics
import subprocess
import tempfile
import time
import urllib.request

HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br",
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "Cookie": "session=0123456789abcdef0123456789abcdef; theme=dark",
    "Referer": "http://app.localhost/",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "same-origin",
}

NGINX = """
daemon off; master_process off; pid {dir}/{name}.pid; error_log {dir}/{name}.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {dir}/{name}-body; proxy_temp_path {dir}/{name}-proxy;
  fastcgi_temp_path {dir}/{name}-f; uwsgi_temp_path {dir}/{name}-u; scgi_temp_path {dir}/{name}-s;
  {body}
}}
"""
UPSTREAM = "server {{ listen unix:{dir}/upstream.sock; location / {{ default_type text/plain; return 200 hello; }} }}"
PROXY = (
    "upstream up {{ server unix:{dir}/upstream.sock; keepalive 256; keepalive_requests 1000000000; }} "
    "server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://up; proxy_http_version 1.1; "
    'proxy_set_header Connection ""; proxy_set_header Host $host; }} }}'
)


def pinned(cpu, *command, **kwargs):
    return subprocess.Popen(["taskset", "-c", str(cpu), *map(str, command)], **kwargs)


def nginx(directory, name, body, cpu):
    config = directory / f"{name}.conf"
    config.write_text(NGINX.format(dir=directory, name=name, body=body))
    return pinned(cpu, "nginx", "-c", config)


def hop(binary, cpu, *arguments):
    process = pinned(cpu, binary, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    return process


def wait_for(port):
    deadline = time.monotonic() + 10
    while True:
        try:
            request = urllib.request.Request(f"http://127.0.0.1:{port}/hello", headers={"Host": "app.localhost"})
            with urllib.request.urlopen(request, timeout=5) as response:
                assert response.read() == b"hello"
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def cpu_seconds(pid):
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def load(port, seconds, connections):
    headers = [part for name, value in HEADERS.items() for part in ("-H", f"{name}: {value}")]
    command = [
        "taskset",
        "-c",
        "1",
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "-H",
        "Host: app.localhost",
        *headers,
    ]
    output = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/hello"], capture_output=True, text=True, check=True
    ).stdout
    assert "Non-2xx" not in output and "Socket errors" not in output, output
    return int(re.search(r"(\d+) requests in", output)[1])


def measure(pid, port, seconds, connections):
    before = cpu_seconds(pid)
    requests = load(port, seconds, connections)
    return (cpu_seconds(pid) - before) / requests * 1e6, requests / seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--port", type=int, default=18431)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(temporary)
        socket = directory / "runner.sock"
        ours, theirs = options.port, options.port + 1
        processes = [hop(options.binary, 1, "runner", socket), hop(options.binary, 0, "gateway", socket, ours)]
        processes.append(nginx(directory, "upstream", UPSTREAM.format(dir=directory), 1))
        processes.append(nginx(directory, "proxy", PROXY.format(dir=directory, port=theirs), 0))
        try:
            wait_for(ours)
            wait_for(theirs)
            sides = {"gateway": (processes[1].pid, ours), "nginx": (processes[3].pid, theirs)}
            results = {name: [] for name in sides}
            for name, side in sides.items():
                measure(*side, 2, options.connections)
            for i in range(options.rounds):
                for name in sorted(sides, reverse=i % 2 == 1):
                    results[name].append(measure(*sides[name], options.seconds, options.connections))
            for name, rounds in results.items():
                costs = [cost for cost, _ in rounds]
                rates = [rate for _, rate in rounds]
                print(
                    f"{name:8} {statistics.median(costs):6.2f} us/request ({min(costs):.2f}..{max(costs):.2f}), "
                    f"{statistics.median(rates):8.0f} requests/s"
                )
            ratio = statistics.median(c for c, _ in results["gateway"]) / statistics.median(
                c for c, _ in results["nginx"]
            )
            print(f"ratio    {ratio:6.2f}")
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()


if __name__ == "__main__":
    main()
