// The AI SDK. npm install ai @ai-sdk/openai-compatible
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText } from "ai";

const isthmus = createOpenAICompatible({
  name: "isthmus",
  baseURL: process.env.ISTHMUS_BASE_URL ?? "http://127.0.0.1:8000/v1",
  apiKey: process.env.ISTHMUS_KEY ?? "any",
});

const result = streamText({
  model: isthmus(process.env.ISTHMUS_MODEL ?? "local/smollm2"),
  prompt: "What is the capital of France?",
  maxOutputTokens: 40,
});
for await (const piece of result.textStream) process.stdout.write(piece);
console.log();
