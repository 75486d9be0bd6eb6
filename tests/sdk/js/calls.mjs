// Everything that the test wants of the JavaScript client, against the daemon of the environment.
import assert from "node:assert/strict";
import { ModalClient } from "modal";

const modal = new ModalClient();

const repeat = await modal.functions.fromName("answers", "repeat");
assert.equal(await repeat.remote(["plum"]), "plumplum");
assert.equal(await repeat.remote(["a"], { times: 3 }), "aaa");
const spawned = await repeat.spawn(["b"]);
assert.equal(await spawned.get(), "bb");

const fail = await modal.functions.fromName("answers", "fail");
await assert.rejects(fail.remote([]), /no such fruit/);
await assert.rejects(modal.functions.fromName("answers", "absent"), /absent/);

const counter = await modal.cls.fromName("answers", "Counter");
assert.equal(await (await counter.instance()).method("add").remote([1]), 11);
assert.equal(await (await counter.instance({ start: 5 })).method("add").remote([1]), 6);

const queue = await modal.queues.fromName("fruit-js", { createIfMissing: true });
await queue.put("pear");
await queue.putMany(["fig", 7]);
assert.equal(await queue.len(), 3);
assert.equal(await queue.get(), "pear");
assert.deepEqual(await queue.getMany(2), ["fig", 7]);

const secret = await modal.secrets.fromName("fruit-secret", { requiredKeys: ["FRUIT"] });
assert.match(secret.secretId, /^st-/);
await assert.rejects(modal.secrets.fromName("fruit-secret", { requiredKeys: ["STONE"] }), /STONE/);

const volume = await modal.volumes.fromName("fruit-volume", { createIfMissing: true });
assert.match(volume.volumeId, /^vo-/);

const app = await modal.apps.fromName("answers");
const image = await modal.images.fromId(process.env.IMAGE);
for (const create of ["create", "experimentalCreate"]) {
  const box = await modal.sandboxes[create](app, image, { command: ["sh", "-c", "read x; echo $x; exit 5"] });
  const beside = await box.exec(["sh", "-c", "cat; echo $FRUIT >&2; exit 3"]);
  await beside.stdin.writeText("pear");
  await beside.stdin.close();
  assert.equal(await beside.stdout.readText(), "pear");
  assert.equal(await beside.stderr.readText(), "apple\n");
  assert.equal(await beside.wait(), 3);
  assert.equal(await box.poll(), null);
  if (create === "experimentalCreate") {
    assert.equal(await box.terminate({ wait: true }), 137); // that kind has no input in this client
    continue;
  }
  await box.stdin.writeText("fig\n");
  assert.equal(await box.stdout.readText(), "fig\n");
  assert.equal(await box.wait(), 5);
}

modal.close();
console.log("all of it");
