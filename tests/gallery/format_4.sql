PRAGMA application_id = 1297307463;
PRAGMA user_version = 4;
BEGIN TRANSACTION;
CREATE TABLE audit (
            seq INTEGER PRIMARY KEY NOT NULL,
            at TEXT NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            subject TEXT,
            details TEXT NOT NULL,
            prev_hash TEXT NOT NULL CHECK (length(prev_hash) = 64),
            hash TEXT NOT NULL UNIQUE CHECK (length(hash) = 64)
        );
INSERT INTO "audit" VALUES(1,'2026-11-27T13:35:50.591+00:00','tester','begin',NULL,'{"gallery":"de4c3b825df74460b23f656bd1a1ba1b","last_subject":2,"people":2,"references":3,"templates":4}','0000000000000000000000000000000000000000000000000000000000000000','eafe5e7d2169b1d0bfbcb14091e1b2f0bc3a1bc60c3d49e48bf18cafd9e284ab');
INSERT INTO "audit" VALUES(2,'2026-11-27T13:35:50.593+00:00','tester','consent','84431edf104b47618ae713a97793a9bd','{"consent":true,"expires_at":"2030-01-31T00:00:00.000+00:00"}','eafe5e7d2169b1d0bfbcb14091e1b2f0bc3a1bc60c3d49e48bf18cafd9e284ab','c57c45bf69ceeaae7cc8af68b3561984659c9a65ca09bff8297dd2c68932c0a5');
INSERT INTO "audit" VALUES(3,'2026-11-27T13:35:50.594+00:00','tester','retention',NULL,'{"days":3650,"was":null}','c57c45bf69ceeaae7cc8af68b3561984659c9a65ca09bff8297dd2c68932c0a5','01241eaeb6193645dfe4595637447cf5172a56c5c96d1367397122ba3ac0cebd');
CREATE TABLE encoder (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            dim INTEGER NOT NULL CHECK (dim > 0),
            created_at TEXT NOT NULL
        , space TEXT NOT NULL DEFAULT '');
INSERT INTO "encoder" VALUES(1,'encoder-a/0123',16,'2026-11-27T00:32:22.735+00:00','space-1');
CREATE TABLE kept_face (
            reference_id INTEGER PRIMARY KEY NOT NULL
                REFERENCES reference (id) ON DELETE CASCADE,
            face BLOB NOT NULL CHECK (typeof(face) = 'blob')
        );
INSERT INTO "kept_face" VALUES(2,X'6E6F74207265616C6C7920612066616365');
CREATE TABLE reference (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 32),
            subject_id INTEGER NOT NULL REFERENCES subject (id) ON DELETE CASCADE,
            source BLOB NOT NULL CHECK (typeof(source) = 'blob'),
            photo_sha256 TEXT NOT NULL CHECK (length(photo_sha256) = 64),
            box TEXT,
            ipd_px REAL,
            detector TEXT NOT NULL,
            masks TEXT NOT NULL,
            created_at TEXT NOT NULL,
            UNIQUE (subject_id, photo_sha256)
        );
INSERT INTO "reference" VALUES(1,'2fb12eb711b047fa89383e0fb81a2e1e',1,X'2F70686F746F732F616E6E2F312E6A7067','082fd9f90250f8c824c0a1cf8a859e921ee779262eb3c4f74eec45dcc505f29a','[1.5,-2.0,30.0,40.25]',21.5,'detector/1','["n95"]','2026-11-27T00:32:22.735+00:00');
INSERT INTO "reference" VALUES(2,'aea398f911c742a39a505e52504f3357',1,X'636166EDB3A92E6A7067','c588637f3b9832f528f7db8d5ab03eb818e7975c7bf17b2b66cd9ab6b19f6738','[1.5,-2.0,30.0,40.25]',21.5,'detector/1','[]','2026-11-27T00:32:22.736+00:00');
INSERT INTO "reference" VALUES(3,'e88d5ffbec974bfbbd0477473afaa7c6',2,X'622E6A7067','7a11ab94584454526cb0479a2e3b96aa5e1c9659290fd7d4cb5dbd28dce7d318','[1.5,-2.0,30.0,40.25]',21.5,'detector/1','[]','2026-11-27T00:32:22.760+00:00');
CREATE TABLE setting (
            key TEXT PRIMARY KEY NOT NULL,
            value NOT NULL
        ) WITHOUT ROWID;
INSERT INTO "setting" VALUES('removals',0);
INSERT INTO "setting" VALUES('retention_days',3650);
CREATE TABLE subject (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 32),
            name BLOB NOT NULL UNIQUE CHECK (typeof(name) = 'blob'),
            created_at TEXT NOT NULL
        , consent BLOB CHECK (consent IS NULL OR typeof(consent) = 'blob'), expires_at TEXT);
INSERT INTO "subject" VALUES(1,'6c88e4be0505458e8393287ac1ea9e46',X'416E6E204578C3A46D706C65','2026-11-27T00:32:22.735+00:00',NULL,NULL);
INSERT INTO "subject" VALUES(2,'84431edf104b47618ae713a97793a9bd',X'426F62','2026-11-27T00:32:22.759+00:00',X'666F726D2031322C206472617765722033','2030-01-31T00:00:00.000+00:00');
CREATE TABLE template (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            reference_id INTEGER NOT NULL REFERENCES reference (id) ON DELETE CASCADE,
            encoder_id INTEGER NOT NULL REFERENCES encoder (id),
            wear TEXT NOT NULL CHECK (wear IN ('none', 'virtual', 'real', 'unknown')),
            mask_type TEXT,
            mask_spec TEXT CHECK ((mask_spec IS NOT NULL) = (wear = 'virtual')),
            quality REAL,
            vector BLOB NOT NULL CHECK (typeof(vector) = 'blob'),
            created_at TEXT NOT NULL
        );
INSERT INTO "template" VALUES(1,1,1,'none',NULL,NULL,NULL,X'9A99193FCDCC4C3F0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000','2026-11-27T00:32:22.735+00:00');
INSERT INTO "template" VALUES(2,1,1,'virtual','n95','{"color":"#a0c8e0","coverage":0.5,"detail":"","pattern":"plain","seed":3,"type":"n95","version":2,"wear_style":"proper"}',NULL,X'BAA4913EF830C23E8E66613F00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000','2026-11-27T00:32:22.736+00:00');
INSERT INTO "template" VALUES(3,2,1,'real','cloth',NULL,NULL,X'0000000000000000000000000000803F000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000','2026-11-27T00:32:22.736+00:00');
INSERT INTO "template" VALUES(4,3,1,'unknown',NULL,NULL,NULL,X'000000000000000000000000000000000000803F0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000','2026-11-27T00:32:22.760+00:00');
CREATE INDEX template_reference ON template (reference_id);
CREATE TRIGGER template_removed AFTER DELETE ON template BEGIN
            UPDATE setting SET value = value + 1 WHERE key = 'removals';
        END;
CREATE TRIGGER template_changed AFTER UPDATE ON template BEGIN
            UPDATE setting SET value = value + 1 WHERE key = 'removals';
        END;
CREATE INDEX audit_subject ON audit (subject);
CREATE TRIGGER audit_appended BEFORE INSERT ON audit
        WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit)
            OR NEW.prev_hash <> coalesce(
                (SELECT hash FROM audit ORDER BY seq DESC LIMIT 1), printf('%064d', 0))
        BEGIN
            SELECT RAISE(ABORT, 'the audit log is append-only: this entry does not follow');
        END;
CREATE TRIGGER audit_updated BEFORE UPDATE ON audit BEGIN
            SELECT RAISE(ABORT, 'the audit log is append-only: entries are never changed');
        END;
CREATE TRIGGER audit_deleted BEFORE DELETE ON audit BEGIN
            SELECT RAISE(ABORT, 'the audit log is append-only: entries are never deleted');
        END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('encoder',1);
INSERT INTO "sqlite_sequence" VALUES('subject',2);
INSERT INTO "sqlite_sequence" VALUES('reference',3);
INSERT INTO "sqlite_sequence" VALUES('template',4);
COMMIT;
