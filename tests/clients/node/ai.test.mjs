// The AI SDK against a running gateway: ISTHMUS_BASE_URL, ISTHMUS_KEY, MODEL, EMBEDDING_MODEL.
import assert from "node:assert/strict";
import test from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embed, embedMany, generateObject, generateText, streamText, tool } from "ai";
import { z } from "zod";

const { ISTHMUS_BASE_URL: baseURL, ISTHMUS_KEY: apiKey, MODEL, EMBEDDING_MODEL } = process.env;
const isthmus = createOpenAICompatible({
  name: "isthmus", baseURL, apiKey, includeUsage: true, supportsStructuredOutputs: true,
});
const model = isthmus(MODEL);
const prompt = "What is the capital of France?";
const settings = { model, maxRetries: 0 };

test("generateText", async () => {
  const { text, usage } = await generateText({ ...settings, prompt, maxOutputTokens: 12 });
  assert.ok(text);
  assert.ok(usage.outputTokens > 0);
});

test("streamText", async () => {
  const result = streamText({ ...settings, prompt, maxOutputTokens: 12 });
  const pieces = [];
  for await (const piece of result.textStream) pieces.push(piece);
  assert.ok(pieces.length > 1);
  assert.ok((await result.usage).outputTokens > 0);
});

test("generateObject", async () => {
  const schema = z.object({ city: z.string() });
  const { object } = await generateObject({
    ...settings, prompt, schema, maxOutputTokens: 100, frequencyPenalty: 1, temperature: 0,
  });
  assert.equal(typeof object.city, "string");
});

test("a forced tool", async () => {
  const weather = tool({ description: "Weather", inputSchema: z.object({ city: z.string() }) });
  const { toolCalls } = await generateText({
    ...settings, prompt, tools: { weather }, toolChoice: { type: "tool", toolName: "weather" }, maxOutputTokens: 60,
  });
  assert.equal(toolCalls[0].toolName, "weather");
  assert.equal(typeof toolCalls[0].input.city, "string");
});

test("embed and embedMany", async () => {
  const embedder = isthmus.textEmbeddingModel(EMBEDDING_MODEL);
  const { embedding } = await embed({ model: embedder, value: "a cat" });
  assert.ok(embedding.length > 8);
  const { embeddings } = await embedMany({ model: embedder, values: ["a cat", "a dog"] });
  assert.equal(embeddings.length, 2);
});

test("an unknown model is its APICallError", async () => {
  const wrong = generateText({ model: isthmus("nowhere/model"), prompt, maxRetries: 0 });
  await assert.rejects(wrong, (error) => {
    assert.ok(APICallError.isInstance(error));
    assert.equal(error.statusCode, 404);
    assert.match(error.message, /does not exist/);
    return true;
  });
});
