-- Vector stores. What is kept of an expired one, or of one that lives with a provider, is this row alone.
CREATE TABLE vector_stores (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    metadata TEXT NOT NULL,
    backend TEXT NOT NULL,
    model TEXT NOT NULL,
    dimensions BIGINT,
    days BIGINT,
    created BIGINT NOT NULL,
    active BIGINT NOT NULL,
    expired BIGINT NOT NULL,
    provider TEXT,
    provider_id TEXT
);
CREATE INDEX vector_stores_by_owner ON vector_stores (owner, created, id);
-- Files in them. A file that is taken in again has a new id; one with something to be done is due, and one that a
-- worker has in hand has its claim, which ends when the file is due.
CREATE TABLE vector_store_files (
    id TEXT PRIMARY KEY,
    store_id TEXT NOT NULL,
    file_id TEXT NOT NULL,
    batch_id TEXT,
    owner TEXT NOT NULL,
    caller TEXT NOT NULL,
    attributes TEXT NOT NULL,
    revision BIGINT NOT NULL,
    described BIGINT NOT NULL,
    chunk_tokens BIGINT NOT NULL,
    overlap_tokens BIGINT NOT NULL,
    status TEXT NOT NULL,
    error_code TEXT,
    error_message TEXT,
    usage_bytes BIGINT NOT NULL,
    chunks BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    due BIGINT,
    claim TEXT,
    created BIGINT NOT NULL
);
CREATE UNIQUE INDEX vector_store_files_by_store ON vector_store_files (store_id, file_id);
CREATE INDEX vector_store_files_by_creation ON vector_store_files (store_id, created, file_id);
CREATE INDEX vector_store_files_by_status ON vector_store_files (store_id, status, usage_bytes);
CREATE INDEX vector_store_files_by_batch ON vector_store_files (batch_id, status);
CREATE INDEX vector_store_files_by_file ON vector_store_files (file_id);
CREATE INDEX vector_store_files_by_claim ON vector_store_files (claim) WHERE claim IS NOT NULL;
CREATE INDEX vector_store_files_due ON vector_store_files (owner, due, claim) WHERE due IS NOT NULL;
CREATE TABLE vector_store_batches (
    id TEXT PRIMARY KEY,
    store_id TEXT NOT NULL,
    created BIGINT NOT NULL,
    cancelled BIGINT NOT NULL
);
CREATE INDEX vector_store_batches_by_store ON vector_store_batches (store_id);
-- What is to be removed from a backend and from the blobs: a file that was taken out, or, without a file, a store.
CREATE TABLE vector_store_removals (
    id TEXT PRIMARY KEY,
    store_id TEXT NOT NULL,
    file_id TEXT,
    backend TEXT NOT NULL,
    tries BIGINT NOT NULL,
    due BIGINT NOT NULL,
    claim TEXT
);
CREATE INDEX vector_store_removals_by_store ON vector_store_removals (store_id, file_id);
CREATE INDEX vector_store_removals_due ON vector_store_removals (due);
