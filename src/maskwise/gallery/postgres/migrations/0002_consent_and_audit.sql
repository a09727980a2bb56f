-- Format 2: what people agreed to, how long they are kept, the log of who did what, and thresholds.
-- What the columns mean, and how the hash is made, stands in docs/gallery-format.md.

ALTER TABLE subject ADD COLUMN consent bytea;
ALTER TABLE subject ADD COLUMN expires_at text COLLATE "C";
ALTER TABLE subject ALTER COLUMN consent SET STATISTICS 0;
ALTER TABLE subject ALTER COLUMN expires_at SET STATISTICS 0;

-- Whole references go out in this order, some at a time.
CREATE INDEX reference_in_order ON reference (subject_id, id);

-- One row at most: the thresholds of its own, as a file's lie beside it (docs/calibration.md).
CREATE TABLE calibration (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    content text NOT NULL
);

CREATE TABLE audit (
    seq bigint PRIMARY KEY,
    at text COLLATE "C" NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text,
    details text NOT NULL,
    prev_hash text NOT NULL CHECK (length(prev_hash) = 64),
    hash text NOT NULL UNIQUE CHECK (length(hash) = 64)
);
CREATE INDEX audit_subject ON audit (subject);

CREATE FUNCTION audit_follows() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit) OR NEW.prev_hash <> coalesce(
        (SELECT hash FROM audit ORDER BY seq DESC LIMIT 1), repeat('0', 64)
    ) THEN
        RAISE EXCEPTION 'the audit log is append-only: this entry does not follow';
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: entries are never changed or deleted';
END
$$;

CREATE TRIGGER audit_appended BEFORE INSERT ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_follows();
CREATE TRIGGER audit_updated BEFORE UPDATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();
CREATE TRIGGER audit_deleted BEFORE DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();
