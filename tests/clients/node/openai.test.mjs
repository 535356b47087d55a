// The official JavaScript SDK against a running gateway: ISTHMUS_BASE_URL, ISTHMUS_KEY, MODEL, EMBEDDING_MODEL.
import assert from "node:assert/strict";
import test from "node:test";
import OpenAI from "openai";

const { ISTHMUS_BASE_URL: baseURL, ISTHMUS_KEY: apiKey, MODEL: model, EMBEDDING_MODEL } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 60_000 });
const messages = [{ role: "user", content: "What is the capital of France?" }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "get_weather", description: "Weather", parameters } }];

test("a chat", async () => {
  const answer = await client.chat.completions.create({ model, messages, max_tokens: 12 });
  assert.ok(answer.choices[0].message.content);
  assert.ok(answer.usage.total_tokens > 0);
  assert.ok(answer._request_id);
});

test("a stream, with usage when asked", async () => {
  const stream = await client.chat.completions.create({
    model, messages, max_tokens: 12, stream: true, stream_options: { include_usage: true },
  });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.ok(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""));
  assert.ok(chunks.at(-1).usage.completion_tokens > 0);
});

test("a forced tool", async () => {
  const answer = await client.chat.completions.create({
    model, messages, tools, max_tokens: 60, tool_choice: { type: "function", function: { name: "get_weather" } },
  });
  const call = answer.choices[0].message.tool_calls[0];
  assert.equal(call.function.name, "get_weather");
  assert.deepEqual(Object.keys(JSON.parse(call.function.arguments)), ["city"]);
});

test("a completion", async () => {
  const answer = await client.completions.create({ model, prompt: "Once upon a time", max_tokens: 8 });
  assert.ok(answer.choices[0].text);
});

test("embeddings", async () => {
  const answer = await client.embeddings.create({ model: EMBEDDING_MODEL, input: ["a cat", "a dog"] });
  assert.equal(answer.data.length, 2);
  assert.ok(answer.data[0].embedding.length > 8);
});

test("models", async () => {
  const names = [];
  for await (const each of client.models.list()) names.push(each.id);
  assert.ok(names.includes(model));
  assert.equal((await client.models.retrieve(model)).id, model);
});

test("an unknown model is its NotFoundError", async () => {
  const wrong = client.chat.completions.create({ model: "nowhere/model", messages });
  await assert.rejects(wrong, (error) => error instanceof OpenAI.NotFoundError && error.code === "model_not_found");
});

test("a stream that is left early", async () => {
  const stream = await client.chat.completions.create({ model, messages, max_tokens: 200, stream: true });
  for await (const chunk of stream) {
    assert.ok(chunk.choices);
    break;
  }
  assert.ok((await client.chat.completions.create({ model, messages, max_tokens: 4 })).choices);
});
