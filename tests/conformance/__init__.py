"""What clients and the gateway say to each other, held against OpenAI's own description of its API."""
