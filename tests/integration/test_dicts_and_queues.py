"""Dicts and queues by the official client: SDK and commands, outside and inside containers, several writers."""

import pytest
from support.apps import write

APP = """
import modal

app = modal.App("shared")
counters = modal.Dict.from_name("counters", create_if_missing=True)
jobs = modal.Queue.from_name("jobs", create_if_missing=True)


@app.function()
@modal.concurrent(max_inputs=4)
@modal.fastapi_endpoint()
async def work():
    job = await jobs.get.aio(timeout=30)
    await counters.put.aio(job, {"square": job * job})
    await jobs.put.aio(job * job, partition="done")
    async with modal.Dict.ephemeral() as scratch:
        await scratch.put.aio("job", job)
        return [job, await scratch.get.aio("job"), await counters.len.aio()]
"""


def ok(done):
    assert done.status == 0, done.output
    return done.output


def sdk(daemon, code):
    return ok(daemon.python("import modal, queue, threading, time\n" + code)).splitlines()


def test_a_container_shares_them_with_its_client(daemon, scripts):
    (url,) = daemon.deploy(write(scripts, APP, "shared"))
    sdk(daemon, "modal.Queue.from_name('jobs', create_if_missing=True).put_many([3, 4])")
    answers = [daemon.get(url).json() for _ in range(2)]
    assert answers == [[3, 3, 1], [4, 4, 2]]
    code = """
counters = modal.Dict.from_name("counters")
print(sorted(counters.items()), modal.Queue.from_name("jobs").get_many(5, partition="done"))
"""
    assert sdk(daemon, code) == ["[(3, {'square': 9}), (4, {'square': 16})] [9, 16]"]


def test_a_dict_is_a_dict(daemon):
    code = """
with modal.Dict.ephemeral() as d:
    d["a"], d[1] = 1, ["x"]
    d.update({"b": None}, c=3)
    assert d["a"] == 1 and d[1] == ["x"] and d.get("none", 5) == 5 and 1 in d and "z" not in d
    assert not d.put("a", 9, skip_if_exists=True) and d.put("d", 4, skip_if_exists=True)
    assert sorted(map(str, d.keys())) == ["1", "a", "b", "c", "d"] and len(list(d.values())) == d.len() == 5
    assert d.pop("a") == 1 and d.pop("a", "gone") == "gone"
    for wrong in (lambda: d["a"], lambda: d.pop("a")):
        try:
            wrong()
        except KeyError:
            print("KeyError")
    try:
        d["large"] = b"x" * (65 << 20)
    except modal.exception.RequestSizeError as why:
        print(why)
    d.clear()
    assert d.len() == 0
    assert modal.Dict.from_id(d.object_id).len() == 0
"""
    assert sdk(daemon, code) == ["KeyError", "KeyError", "Dict.put request is too large"]


def test_a_queue_is_a_queue(daemon):
    code = """
with modal.Queue.ephemeral() as q:
    q.put_many([1, 2, 3])
    q.put("p", partition="other", partition_ttl=60)
    assert list(q.iterate()) == [1, 2, 3] and q.len() == 3 and q.len(total=True) == 4
    assert q.get() == 1 and q.get_many(5) == [2, 3]
    assert q.get(block=False) is None
    started = time.monotonic()
    try:
        q.get(timeout=0.5)
    except queue.Empty:
        assert 0.4 < time.monotonic() - started < 10
        print("Empty")
    q.put_many([0] * 5000)
    for put in (lambda: q.put(1, block=False), lambda: q.put(1, timeout=0.5)):
        try:
            put()
        except queue.Full as why:
            print("Full:", why)
    try:
        q.put(b"x" * (2 << 20), partition="other")
    except modal.exception.RequestSizeError as why:
        print(why)
    q.clear()
    assert q.len() == 0 and q.len(total=True) == 1
    q.clear(all=True)
    assert q.len(total=True) == 0
"""
    empty, *full, large = sdk(daemon, code)
    assert empty == "Empty" and large == "Queue.put request is too large"
    assert len(full) == 2 and all("at most 5000 items" in line for line in full)


def test_no_item_is_lost_or_given_twice_between_many_writers_and_readers(daemon):
    code = """
with modal.Queue.ephemeral() as q, modal.Dict.ephemeral() as d:
    def write(me):
        for n in range(50):
            q.put((me, n))
        won = d.put("winner", me, skip_if_exists=True)
        d[me] = won
    got = []
    def read():
        while len(mine := q.get_many(7, timeout=20)) and None not in mine:
            got.extend(mine)
        got.extend(each for each in mine if each is not None)
        q.put_many([None] * sum(each is None for each in mine))
    writers = [threading.Thread(target=write, args=(me,)) for me in range(4)]
    readers = [threading.Thread(target=read) for _ in range(3)]
    [each.start() for each in writers + readers]
    [each.join() for each in writers]
    q.put(None)
    [each.join() for each in readers]
    for me in range(4):
        assert sorted(n for who, n in got if who == me) == list(range(50))
    assert sorted(d[me] for me in range(4)) == [False, False, False, True]
    print(len(got))
"""
    assert sdk(daemon, code) == ["200"]


def test_the_commands_show_and_change_them(daemon):
    def said(*words):
        return ok(daemon.bimodal(*words))

    said("dict", "create", "d1")
    said("queue", "create", "q1")
    sdk(daemon, "modal.Dict.from_name('d1').update({'k': 'v', 'k2': 'v2'}); q = modal.Queue.from_name('q1')\n"
        "q.put_many(['first', 'second']); q.put('third', partition='p')")  # fmt: skip
    assert '"d1"' in said("dict", "list", "--json") and '"total_size": 3' in said("queue", "list", "--json")
    assert said("dict", "get", "d1", "k").strip() == "v"
    items = said("dict", "items", "d1", "--json")
    assert '"k2"' in items and '"v2"' in items
    assert "first" in said("queue", "peek", "q1", "1") and said("queue", "len", "q1", "--total").strip() == "3"
    said("queue", "clear", "q1", "--yes")
    assert said("queue", "len", "q1", "--total").strip() == "1"
    said("dict", "clear", "d1", "--yes")
    for kind, name in (("dict", "d1"), ("queue", "q1")):
        said(kind, "delete", name, "--yes")
        gone = daemon.bimodal(kind, "delete", name, "--yes")
        assert gone.status != 0 and f"{kind.capitalize()} '{name}' not found in environment 'main'" in gone.output


@pytest.mark.parametrize("kind", ["Dict", "Queue"])
def test_a_wrong_use_raises_the_client_s_own_exception(daemon, kind):
    code = f"""
for wrong in (
    lambda: modal.{kind}.from_name("absent").len(),
    lambda: modal.{kind}.from_id("{"di" if kind == "Dict" else "qu"}-0123456789").len(),
    lambda: modal.{kind}.from_name("x", environment_name="nowhere", create_if_missing=True).len(),
    lambda: [modal.{kind}.objects.create("twice") for _ in range(2)],
):
    try:
        wrong()
    except modal.exception.Error as why:
        print(type(why).__name__, why)
modal.{kind}.objects.create("twice", allow_existing=True)
print([each.name for each in modal.{kind}.objects.list(max_objects=1)])
"""
    by_name, by_id, nowhere, twice, listed = sdk(daemon, code)
    assert by_name.startswith(f"NotFoundError {kind} 'absent' not found in environment 'main'; create_if_missing=True")
    assert by_id.startswith(f"NotFoundError {kind} ")
    assert nowhere.startswith("NotFoundError Environment 'nowhere' not found")
    assert twice == f"AlreadyExistsError {kind} 'twice' exists in environment 'main'"
    assert listed == "['twice']"
