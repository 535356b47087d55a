// The official JavaScript SDK: change `baseURL`, and nothing else. npm install openai
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: process.env.ISTHMUS_BASE_URL ?? "http://127.0.0.1:8000/v1",
  apiKey: process.env.ISTHMUS_KEY ?? "any",
});

const stream = await client.chat.completions.create({
  model: process.env.ISTHMUS_MODEL ?? "local/smollm2",
  messages: [{ role: "user", content: "What is the capital of France?" }],
  max_tokens: 40,
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? "");
console.log();
