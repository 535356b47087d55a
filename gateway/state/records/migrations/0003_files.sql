-- What the store of bytes has or may have: written down before the first byte is stored, until the last one is gone.
-- `due` is when the sweep has to look: the end of a writer's lease, or when a removal is tried again.
CREATE TABLE blobs (
    key TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    state TEXT NOT NULL,
    writer TEXT NOT NULL,
    due BIGINT
);
CREATE INDEX blobs_by_due ON blobs (due);
CREATE INDEX blobs_by_owner ON blobs (owner, state);
-- Files. One that is gone keeps its row for a while, so that a listing can go on after it; its name is forgotten at once.
-- `due` is when a file that is kept expires, when a removal is tried again, or when the row of one that is gone goes too.
CREATE TABLE files (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    filename TEXT NOT NULL,
    purpose TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    created BIGINT NOT NULL,
    state TEXT NOT NULL,
    due BIGINT,
    provider TEXT,
    provider_id TEXT
);
CREATE INDEX files_by_owner ON files (owner, created, id);
CREATE INDEX files_by_due ON files (due);
-- Uploads, and the parts that have arrived.
CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    filename TEXT NOT NULL,
    purpose TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    lasts BIGINT,
    state TEXT NOT NULL,
    file_id TEXT,
    due BIGINT NOT NULL
);
CREATE INDEX uploads_by_due ON uploads (due);
CREATE TABLE upload_parts (
    id TEXT PRIMARY KEY,
    upload_id TEXT NOT NULL REFERENCES uploads (id),
    bytes BIGINT NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX upload_parts_by_upload ON upload_parts (upload_id);
-- One row an owner: whoever counts what an owner has holds it, so that two don't count at the same time.
CREATE TABLE file_owners (owner TEXT PRIMARY KEY);
