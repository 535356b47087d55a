// The official JavaScript SDK and the life of a vector store: ISTHMUS_BASE_URL, ISTHMUS_KEY.
import assert from "node:assert/strict";
import test from "node:test";
import OpenAI, { toFile } from "openai";

const { ISTHMUS_BASE_URL: baseURL, ISTHMUS_KEY: apiKey } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 60_000 });
const texts = {
  "panama.txt": "The isthmus of Panama joins two continents; a canal crosses it.",
  "bosporus.md": "# Bosporus\n\nThe strait parts Europe from Asia.",
};

test("upload, store, batch, search with a filter, delete, gone", async () => {
  const store = await client.vectorStores.create({ name: "geography", metadata: { kind: "test" } });
  const files = await Promise.all(
    Object.entries(texts).map(([name, text]) => toFile(Buffer.from(text), name)),
  );
  const batch = await client.vectorStores.fileBatches.uploadAndPoll(store.id, { files }, { pollIntervalMs: 50 });
  assert.deepEqual([batch.status, batch.file_counts.completed], ["completed", 2]);

  const named = {};
  for await (const file of client.vectorStores.files.list(store.id, { limit: 1 })) {
    named[(await client.files.retrieve(file.id)).filename] = file.id;
  }
  assert.deepEqual(Object.keys(named).sort(), Object.keys(texts).sort());

  const panama = named["panama.txt"];
  const changed = await client.vectorStores.files.update(panama, {
    vector_store_id: store.id, attributes: { joins: true, km: 82 },
  });
  assert.deepEqual(changed.attributes, { joins: true, km: 82 });
  const search = { query: "canal", filters: { type: "gte", key: "km", value: 80 } };
  const found = await client.vectorStores.search(store.id, search);
  assert.deepEqual(found.data.map((hit) => hit.file_id), [panama]);
  assert.equal(found.data[0].content[0].text, texts["panama.txt"]);

  assert.equal(await (await client.files.content(panama)).text(), texts["panama.txt"]);
  assert.ok((await client.vectorStores.files.delete(panama, { vector_store_id: store.id })).deleted);
  assert.deepEqual((await client.vectorStores.search(store.id, search)).data, []);
  for (const id of Object.values(named)) assert.ok((await client.files.delete(id)).deleted);
  assert.ok((await client.vectorStores.delete(store.id)).deleted);
  await assert.rejects(client.vectorStores.retrieve(store.id), OpenAI.NotFoundError);
});

test("an upload in parts", async () => {
  const part = Buffer.from("An isthmus joins two lands. ");
  const upload = await client.uploads.create({
    bytes: part.length * 2, filename: "twice.txt", mime_type: "text/plain", purpose: "assistants",
  });
  const ids = [];
  for (const number of [0, 1]) {
    ids.push((await client.uploads.parts.create(upload.id, { data: await toFile(part, `part${number}`) })).id);
  }
  const whole = await client.uploads.complete(upload.id, { part_ids: ids });
  assert.equal(whole.file.bytes, part.length * 2);
  await client.files.delete(whole.file.id);
});

test("a moderation", async () => {
  const answer = await client.moderations.create({ input: "The isthmus is narrow." });
  assert.equal(answer.results[0].flagged, false);
});
