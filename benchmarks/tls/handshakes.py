"""TLS handshakes per second and CPU time of each, beside nginx with the same certificate, in one run.

    python3 benchmarks/tls/handshakes.py build/release/bin/bimodal [--rounds 16] [--seconds 2]

Needs nginx and openssl. Both servers run on CPU 0 with one worker, the clients (openssl s_time) on CPU 1, rounds interleaved A B B A.
A round is full or resumed handshakes with one version of TLS. CPU time is that of the server's process
(field 1 of schedstat over its threads), divided by the handshakes that the client counted.
"""

import argparse
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from idle.processes import cpu_s  # noqa: E402

NGINX = """
daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;
  fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {dir}/a.pem; ssl_certificate_key {dir}/a.key;
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on; ssl_ecdh_curve X25519:P-256;
    location / {{ return 200 hello; }}
  }}
}}
"""
PORT = 18443


def certificate(folder: pathlib.Path) -> None:
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    words += ["-keyout", folder / "a.key", "-out", folder / "a.pem", "-days", "2", "-subj", "/CN=bench"]
    subprocess.run([*words, "-addext", "subjectAltName=DNS:bench.test"], check=True, capture_output=True)


def measure(port: int, pid: int, version: str, kind: str, seconds: int) -> tuple[float, float]:
    """Handshakes per second of real time, and CPU microseconds of the server for each."""
    before = cpu_s([pid])
    words = ["taskset", "-c", "1", "openssl", "s_time", "-connect", f"127.0.0.1:{port}", f"-{kind}", f"-{version}"]
    began = time.monotonic()
    out = subprocess.run([*words, "-time", str(seconds)], capture_output=True, text=True).stdout
    took = time.monotonic() - began
    found = re.findall(r"(\d+) connections in \d+ real seconds", out)
    if not found:
        sys.exit(f"openssl s_time said nothing: {out[-300:]}")
    count = int(found[-1])
    return count / took, (cpu_s([pid]) - before) / count * 1e6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bm-tls-") as name:
        folder = pathlib.Path(name)
        certificate(folder)
        (folder / "nginx.conf").write_text(NGINX.format(dir=folder, port=PORT))
        nginx = subprocess.Popen(["taskset", "-c", "0", "nginx", "-c", folder / "nginx.conf"])
        home = folder / "home"
        words = [
            "taskset",
            "-c",
            "0",
            arguments.binary,
            "up",
            "--home",
            home,
            "--api",
            "127.0.0.1:0",
            "--web",
            "127.0.0.1:0",
        ]
        words += ["--admin", "off", "--gateway-loops", "1", "--https", f"127.0.0.1:{PORT + 1}"]
        subprocess.run([*words, "--tls-cert", folder / "a.pem", "--tls-key", folder / "a.key"], check=True)
        try:
            pid = int(re.search(r'"pid": (\d+)', (home / "daemon.json").read_text())[1])
            time.sleep(1)
            compare({"bimodal": (PORT + 1, pid), "nginx": (PORT, nginx.pid)}, arguments)
        finally:
            subprocess.run([arguments.binary, "down", "--home", home], check=False)
            nginx.terminate()
            nginx.wait()


def compare(servers: dict[str, tuple[int, int]], arguments) -> None:
    # s_time's -new with TLS 1.3 is a full handshake; it resumes with TLS 1.2 only.
    for version, kind in (("tls1_3", "new"), ("tls1_2", "new"), ("tls1_2", "reuse")):
        results: dict[str, list] = {name: [] for name in servers}
        for number in range(arguments.rounds):
            order = list(servers) if number % 2 == 0 else list(servers)[::-1]
            for name in order:
                results[name].append(measure(*servers[name], version, kind, arguments.seconds))
        for name in servers:
            rate, cost = (statistics.median(one[i] for one in results[name]) for i in (0, 1))
            print(f"{version} {kind:5}  {name:8} {rate:8.0f} handshakes/s {cost:8.1f} us CPU each")
        # The two of a round are neighbours in time: their ratio moves less than either.
        ratios = [sorted(a[i] / b[i] for a, b in zip(results["bimodal"], results["nginx"])) for i in (0, 1)]
        words = [f"{statistics.median(one):.2f}x ({one[0]:.2f}-{one[-1]:.2f})" for one in ratios]
        print(f"{version} {kind:5}  rate {words[0]}, CPU {words[1]}", flush=True)


if __name__ == "__main__":
    main()
