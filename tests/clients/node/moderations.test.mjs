// The official JavaScript SDK asks for moderations: ISTHMUS_BASE_URL, ISTHMUS_KEY.
import assert from "node:assert/strict";
import test from "node:test";
import OpenAI from "openai";

const { ISTHMUS_BASE_URL: baseURL, ISTHMUS_KEY: apiKey } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 60_000 });

test("texts, each with a result", async () => {
  const answer = await client.moderations.create({ input: ["The bakery opens at eight.", "I am going to kill you."] });
  assert.deepEqual(answer.results.map((result) => result.flagged), [false, true]);
  assert.equal(answer.results[1].categories["harassment/threatening"], true);
  assert.equal(Object.keys(answer.results[0].category_scores).length, 13);
});

test("an image that nobody sees is its BadRequestError", async () => {
  const input = [{ type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } }];
  const wrong = client.moderations.create({ input });
  await assert.rejects(wrong, (error) => error instanceof OpenAI.BadRequestError && error.code === "unsupported_content");
});
