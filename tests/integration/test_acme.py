"""Certificates from an ACME server, on first use and renewed, for names that apps own."""

import json
import socket
import ssl
import threading

import pytest
from support.apps import write
from support.pebble import Pebble
from support.waiting import eventually

BASE = "bm.test"
APP = """
import modal

app = modal.App("named")


@app.function()
@modal.fastapi_endpoint(custom_domains=["a.example.com", "b.example.com", "c.example.com", "*.wild.example.com"])
def hello():
    return "{answer}"
"""


@pytest.fixture
def ca():
    made: list[Pebble] = []

    def make(**settings: str) -> Pebble:
        made.append(Pebble(**settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


def shake_hands(ca: Pebble, name: str, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
    trusted = context or ssl.create_default_context(cafile=ca.root)
    return trusted.wrap_socket(socket.create_connection(("127.0.0.1", ca.https), timeout=30), server_hostname=name)


def names_of(ca: Pebble, name: str) -> list[str]:
    """For which names the certificate is that a caller of `name` is shown, and trusts."""
    with shake_hands(ca, name) as connection:
        return [value for _, value in connection.getpeercert()["subjectAltName"]]


def get(ca: Pebble, name: str, path: str = "/") -> str:
    with shake_hands(ca, name) as connection:
        connection.settimeout(120)
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n".encode())
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts).decode()


def domains(daemon) -> dict[str, dict]:
    return {each["name"]: each for each in json.loads(daemon.bimodal("domain", "list", "--json").output)}


def test_names_that_apps_own_get_certificates_on_first_use(fresh_daemon, scripts, ca):
    """By HTTP-01, then TLS-ALPN-01, then DNS-01, over restarts; a fifth of requests have a bad nonce."""
    ca = ca(PEBBLE_WFE_NONCEREJECT="20")
    settings = {**ca.settings, "BIMODAL_BASE_DOMAIN": BASE, "BIMODAL_PUBLIC_ADDRESS": "127.0.0.1"}
    daemon = fresh_daemon({**settings, "BIMODAL_ACME_CHALLENGES": "http-01"})
    (url,) = daemon.deploy(write(scripts, APP.format(answer="named")))
    ordinary = url.removeprefix("https://").partition(":")[0]
    assert url == f"https://{ordinary}:{ca.https}" and ordinary.endswith(BASE)

    assert "Issued certificate" not in ca.log(), "nothing before the first use"
    for name in (ordinary, "a.example.com"):
        assert names_of(ca, name) == [name]
    assert '"named"' in get(ca, "a.example.com")
    for stranger in ("other.example.com", f"unknown.{BASE}", "x.a.example.com", "x.wild.example.com"):
        with pytest.raises(ssl.SSLError):
            names_of(ca, stranger)

    rows = domains(daemon)
    assert rows["a.example.com"]["certificate"]["state"] == "valid" and rows["a.example.com"]["custom"]
    assert rows["b.example.com"]["certificate"] is None
    resolver = ("--resolver", f"127.0.0.1:{ca.dns}")
    good = daemon.bimodal("domain", "check", "a.example.com", *resolver)
    assert good.status == 0 and "certificate: valid until" in good.output, good.output
    ca.say_address("b.example.com", "198.51.100.9")
    bad = daemon.bimodal("domain", "check", "b.example.com", *resolver)
    assert bad.status == 1 and "b.example.com. A 127.0.0.1" in bad.output and "198.51.100.9" in bad.output, bad.output
    needs_hook = daemon.bimodal("domain", "check", "x.wild.example.com", *resolver)
    assert needs_hook.status == 1 and "acme.dns_hook" in needs_hook.output, needs_hook.output

    daemon.stop()
    daemon.environment["BIMODAL_ACME_CHALLENGES"] = "tls-alpn-01"
    daemon.start()
    assert names_of(ca, "a.example.com") == ["a.example.com"], "kept over the restart"
    ca.say_address("c.example.com", "127.0.0.1")
    assert names_of(ca, "c.example.com") == ["c.example.com"]

    daemon.stop()
    del daemon.environment["BIMODAL_ACME_CHALLENGES"]
    daemon.environment["BIMODAL_ACME_DNS_HOOK"] = str(ca.write_hook())
    daemon.start()
    for label in ("x", "y"):
        assert names_of(ca, f"{label}.wild.example.com") == ["*.wild.example.com"]
    assert '"named"' in get(ca, "x.wild.example.com")
    calls = [call.split()[:2] for call in ca.hook_calls]
    assert calls == [[word, "_acme-challenge.wild.example.com"] for word in ("present", "cleanup")]

    log = ca.log()
    assert log.count("Issued certificate") == 4
    for stranger in ("other.example.com", "unknown.", "x.a.example.com", "localhost"):
        assert stranger not in log, "never asked for what nobody owns"
    for file in (daemon.home / "certificates").iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
    assert (daemon.home / "keys" / "acme" / "account.pem").stat().st_mode & 0o777 == 0o600


def test_certificates_are_renewed_under_load_without_a_failed_request(fresh_daemon, scripts, ca):
    ca = ca()
    daemon = fresh_daemon({**ca.settings, "BIMODAL_ACME_VALIDITY": "18s", "BIMODAL_BASE_DOMAIN": BASE})
    daemon.deploy(write(scripts, APP.format(answer="renewed")))
    assert '"renewed"' in get(ca, "a.example.com")
    serials: set[str] = set()
    failures: list[str] = []
    done = threading.Event()

    def call() -> None:
        context = ssl.create_default_context(cafile=ca.root)
        context.options |= ssl.OP_NO_TICKET  # a certificate is shown each time
        while not done.is_set():
            try:
                with shake_hands(ca, "a.example.com", context) as connection:
                    serials.add(connection.getpeercert()["serialNumber"])
                    connection.sendall(b"GET / HTTP/1.1\r\nhost: a.example.com\r\nconnection: close\r\n\r\n")
                    answer = connection.recv(65536)
                if b" 200 OK" not in answer:
                    failures.append(repr(answer))
            except OSError as why:
                failures.append(str(why))

    callers = [threading.Thread(target=call) for _ in range(2)]
    for caller in callers:
        caller.start()
    try:
        eventually(lambda: len(serials) >= 2 or failures, 60, "a renewal")
    finally:
        done.set()
        for caller in callers:
            caller.join()
    assert not failures


def test_an_order_that_a_kill_cut_off_begins_anew_by_itself(fresh_daemon, scripts, ca):
    ca = ca()
    may_go_on = ca.folder / "go"
    settings = {**ca.settings, "BIMODAL_ACME_DNS_HOOK": str(ca.write_hook(may_go_on)), "BIMODAL_BASE_DOMAIN": BASE}
    daemon = fresh_daemon(settings)
    (url,) = daemon.deploy(write(scripts, APP.format(answer="killed")))
    ordinary = url.removeprefix("https://").partition(":")[0]
    with socket.create_connection(("127.0.0.1", ca.https), timeout=30) as waiting:
        hello = ssl.create_default_context(cafile=ca.root)
        into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        with pytest.raises(ssl.SSLWantReadError):
            hello.wrap_bio(into, out, server_hostname=ordinary).do_handshake()
        waiting.sendall(out.read())
        eventually(lambda: ca.hook_calls, 30, "the hook's call")
        daemon.kill()
    may_go_on.touch()
    daemon.start()
    eventually(lambda: "Issued certificate" in ca.log(), 30, "a certificate that nobody asked for again")
    assert names_of(ca, ordinary) == [f"*.{BASE}"], "one for all ordinary names, where DNS can be answered"
    assert names_of(ca, f"api.{BASE}") == [f"*.{BASE}"]


def test_settings_that_dont_go_together_are_refused_by_name(fresh_daemon):
    daemon = fresh_daemon({"BIMODAL_ACME": "true"}, start=False)
    for settings, word in (
        ({}, "--acme-agree-terms"),
        ({"BIMODAL_ACME_AGREE_TERMS": "true", "BIMODAL_ACME_DIRECTORY": "http://ca.test"}, "acme.directory"),
        ({"BIMODAL_ACME_AGREE_TERMS": "true", "BIMODAL_ACME_CHALLENGES": "dns-01"}, "acme.dns_hook"),
        ({"BIMODAL_ACME_AGREE_TERMS": "true", "BIMODAL_ACME_CHALLENGES": "dns-02"}, "tls-alpn-01"),
        ({"BIMODAL_ACME_AGREE_TERMS": "true", "BIMODAL_ACME_DNS_HOOK": "/nowhere"}, "acme.dns_hook"),
        ({"BIMODAL_ACME_AGREE_TERMS": "true", "BIMODAL_ACME_CA_FILE": "/nowhere"}, "acme.ca_file"),
    ):
        refused = daemon.bimodal("up", **settings)
        assert refused.status != 0 and word in refused.output, refused.output
