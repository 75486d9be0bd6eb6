"""Sandboxes by the official SDK: a command in an image, its input and output, its end, and commands beside it."""

import json

import pytest

# Both kinds that the client tells apart.
KINDS = {"v1": "0", "v2": "1"}

START = """
import json, modal
app = modal.App.lookup("boxes", create_if_missing=True)
image = modal.Image.debian_slim().env({"FRUIT": "apple"})

def create(*command, **options):
    return modal.Sandbox.create(*command, app=app, image=image, **options)

def refusal(*command, **options):
    try:
        create(*command, **options)
    except Exception as why:
        return f"{type(why).__name__}: {why}"
    raise AssertionError(f"{options} was taken")

"""


@pytest.fixture(params=KINDS)
def boxes(daemon, request):
    """Runs code against sandboxes of one kind."""

    def run(code: str):
        done = daemon.python(START + code, MODAL_SANDBOX_V2=KINDS[request.param])
        assert done.status == 0, done.output + daemon.log()[-3000:]
        return done.output

    return run


def test_a_command_has_its_image_secrets_outputs_and_status(boxes):
    boxes("""
word = modal.Secret.from_dict({"WORD": "pear"})
code = "echo $FRUIT $WORD $EXTRA $MODAL_SANDBOX_ID; pwd; echo oops >&2; exit 7"
box = create("sh", "-c", code, secrets=[word], env={"EXTRA": "x"}, workdir="/etc")
box.wait()
assert box.stdout.read() == f"apple pear x {box.object_id}\\n/etc\\n"
assert box.stderr.read() == "oops\\n"
assert box.returncode == box.poll() == 7
again = modal.Sandbox.from_id(box.object_id)
assert again.returncode == 7 and again.stdout.read().startswith("apple")

killed = create("sh", "-c", "kill -9 $$")
killed.wait()
assert killed.returncode == 128 + 9
""")


def test_a_command_reads_its_input_until_its_end(boxes):
    boxes("""
box = create("sh", "-c", "while read line; do echo got $line; done; echo over")
box.stdin.write("one\\n")
box.stdin.drain()
lines = iter(box.stdout)
assert next(lines) == "got one\\n"
box.stdin.write(b"two\\n")
box.stdin.write_eof()
box.stdin.drain()
assert list(lines) == ["got two\\n", "over\\n"]
box.wait()
assert box.returncode == 0
""")


def test_commands_run_beside_it_and_end_with_it(boxes):
    boxes("""
box = create()  # the image's own command, which sleeps
assert box.poll() is None
done = box.exec("sh", "-c", "echo $FRUIT; cat; exit 3", env={"A": "b"})
done.stdin.write("plum")
done.stdin.write_eof()
done.stdin.drain()
assert done.stdout.read() == "apple\\nplum" and done.wait() == 3
box.exec("sh", "-c", "echo kept > /root/file").wait()
assert box.exec("cat", "/root/file").stdout.read() == "kept\\n"
long = box.exec("sleep", "1000")
assert box.terminate(wait=True) == 137
try:
    box.exec("true")
except (modal.exception.NotFoundError, modal.exception.ConflictError):
    pass
else:
    raise AssertionError("a command was started in a sandbox that has ended")
""")


def test_a_sandbox_ends_at_its_limits_or_with_its_app(boxes):
    boxes("""
late = create("sleep", "1000", timeout=1)
try:
    late.wait()
except modal.exception.SandboxTimeoutError:
    pass
else:
    raise AssertionError("no time limit")
assert late.returncode == 124

idle = create("sleep", "1000", idle_timeout=2)
idle.exec("sleep", "3").wait()
assert idle.poll() is None
idle.wait()
assert idle.returncode == 137

with modal.App("ends").run():
    pass
short = modal.App("short")
with short.run():
    box = modal.Sandbox.create("sleep", "1000", app=short, image=image)
box.wait(raise_on_termination=False)
assert box.returncode == 137
""")


def test_sandboxes_are_found_by_name_tag_and_app(boxes):
    boxes("""
box = create("sleep", "1000", name="boxy", tags={"colour": "red"})
assert "AlreadyExists" in refusal("true", name="boxy")
found = modal.Sandbox.from_name("boxes", "boxy")
assert found.object_id == box.object_id and found.get_tags() == {"colour": "red"}
other = create("sleep", "1000")
assert [b.object_id for b in modal.Sandbox.list(app_id=app.app_id)] == [other.object_id, box.object_id]
assert [b.object_id for b in modal.Sandbox.list(app_id=app.app_id, tags={"colour": "red"})] == [box.object_id]
other.set_tags({"colour": "red"})
assert len(list(modal.Sandbox.list(tags={"colour": "red"}))) == 2
for each in (box, other):
    each.terminate()
assert list(modal.Sandbox.list(app_id=app.app_id)) == []
""")


def test_much_output_reaches_a_reader_whole_and_stops_nobody_without_one(boxes):
    boxes("""
read = create("sh", "-c", "head -c 6000000 /dev/zero | tr '\\\\0' x; echo end")
text = read.stdout.read()
assert len(text) == 6_000_004 and text.endswith("xend\\n")
read.wait()

unread = create("sh", "-c", "head -c 6000000 /dev/zero | tr '\\\\0' x; echo end")
unread.wait()
kept = unread.stdout.read()
assert 1_000_000 < len(kept) < 3_000_000 and kept.endswith("xend\\n")
""")


def test_volumes_are_shared_with_a_sandbox(boxes):
    boxes("""
volume = modal.Volume.from_name("shelf", create_if_missing=True)
write = create("sh", "-c", "echo hello > /shelf/greeting", volumes={"/shelf": volume})
write.wait()
assert write.returncode == 0
read = create("cat", "/shelf/greeting", volumes={"/shelf": volume})
read.wait()
assert read.stdout.read() == "hello\\n"

stays = create("sleep", "1000", volumes={"/shelf": volume})
create("sh", "-c", "echo anew > /shelf/greeting", volumes={"/shelf": volume}).wait()
assert stays.exec("cat", "/shelf/greeting").stdout.read() == "hello\\n"
stays.reload_volumes()
assert stays.exec("cat", "/shelf/greeting").stdout.read() == "anew\\n"
stays.terminate()
""")


def test_what_is_not_there_is_refused_by_name(boxes):
    told = boxes("""
print(json.dumps([
    refusal("no-such-program"),
    refusal("true", encrypted_ports=[80]),
    refusal("true", outbound_cidr_allowlist=["10.0.0.0/8"]),
    refusal("true", pty=True),
    refusal("true", readiness_probe=modal.sandbox.Probe.with_tcp(80)) if hasattr(modal.sandbox, "Probe") else "readiness_probe",
    refusal("true", custom_domain="example.com"),
    refusal("true", volumes={"/etc": modal.Volume.from_name("shelf", create_if_missing=True)}),
]))
try:
    modal.Sandbox.from_id("sb-" + "a" * 22)
except modal.exception.NotFoundError as why:
    assert "earlier run" in str(why), why
""")
    words = ["no-such-program", "encrypted_ports=", "allowlist", "pty=", "readiness_probe", "custom_domain", "/etc"]
    for word, refusal in zip(words, json.loads(told.strip().splitlines()[-1]), strict=True):
        assert word in refusal, refusal


def test_its_output_is_in_the_apps_log_and_its_container_is_listed(daemon, boxes):
    boxes("""
box = create("sh", "-c", "echo said in a sandbox; sleep 1000")
assert next(iter(box.stdout)) == "said in a sandbox\\n"
""")
    (row,) = [each for each in daemon.containers() if each["function"] == "(sandbox)"]
    log = daemon.bimodal("app", "logs", "boxes").output
    assert "said in a sandbox" in log
    done = daemon.bimodal("container", "exec", "--no-pty", row["task_id"], "--", "sh", "-c", "echo $FRUIT")
    assert done.output.strip() == "apple", done.output
    daemon.bimodal("container", "stop", "-y", row["task_id"])
    daemon.bimodal("app", "stop", "-y", "boxes")


def test_the_number_of_sandboxes_has_a_bound_and_none_survives_the_daemon(fresh_daemon):
    daemon = fresh_daemon({"BIMODAL_MAX_SANDBOXES": "1"})
    done = daemon.python(START + "create('sleep', '1000'); print(refusal('sleep', '1000'))")
    assert "limits.max_sandboxes" in done.output, done.output
    daemon.kill()
    daemon.start()
    done = daemon.python(START + "print(list(modal.Sandbox.list(app_id=app.app_id)))")
    assert done.output.strip() == "[]", done.output
