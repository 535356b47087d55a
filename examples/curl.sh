#!/bin/sh
# Nothing but curl: a chat, a stream, an embedding, the models.
set -eu
base="${ISTHMUS_BASE_URL:-http://127.0.0.1:8000/v1}"
key="Authorization: Bearer ${ISTHMUS_KEY:-any}"
json="Content-Type: application/json"
model="${ISTHMUS_MODEL:-local/smollm2}"
messages='[{"role": "user", "content": "What is the capital of France?"}]'

curl -sS --fail-with-body "$base/chat/completions" -H "$key" -H "$json" \
  -d "{\"model\": \"$model\", \"messages\": $messages, \"max_tokens\": 40}"
echo
curl -sSN --fail-with-body "$base/chat/completions" -H "$key" -H "$json" \
  -d "{\"model\": \"$model\", \"messages\": $messages, \"max_tokens\": 10, \"stream\": true}"
curl -sS --fail-with-body "$base/embeddings" -H "$key" -H "$json" \
  -d "{\"model\": \"${ISTHMUS_EMBEDDING_MODEL:-local/minilm}\", \"input\": \"a cat\", \"encoding_format\": \"base64\"}"
echo
curl -sS --fail-with-body "$base/models" -H "$key"
echo
