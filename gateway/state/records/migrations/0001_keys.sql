-- Keys that the admin API made, and when they last changed.
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    settings TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT,
    disabled BIGINT NOT NULL,
    deleted BIGINT,
    changed BIGINT NOT NULL
);
CREATE INDEX keys_by_creation ON keys (created, id);
CREATE INDEX keys_by_change ON keys (changed);
-- A key has one secret that does not end, and while it is rotated older ones that do. Only digests are kept.
CREATE TABLE key_secrets (
    digest TEXT PRIMARY KEY,
    key_id TEXT NOT NULL REFERENCES keys (id),
    hint TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT
);
CREATE INDEX key_secrets_by_key ON key_secrets (key_id);
-- One row that every change of a key adds one to: changes are told in the order in which they were committed.
CREATE TABLE key_changes (number BIGINT NOT NULL);
INSERT INTO key_changes (number) VALUES (0);
