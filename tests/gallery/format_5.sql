PRAGMA application_id = 1297307463;
PRAGMA user_version = 5;
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
INSERT INTO "audit" VALUES(4,'2026-11-27T14:24:36.315+00:00','tester','encrypt',NULL,'{"kept_faces":1,"key":"237e017d56ca43368ea9d1693ddf24c8","templates":4}','01241eaeb6193645dfe4595637447cf5172a56c5c96d1367397122ba3ac0cebd','c228f91c1bf7d6ddc9d968c617b6f49e9e1358b299b3245a4df92ffdf36fb4ca');
CREATE TABLE data_key (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 32),
            owner_key_id INTEGER NOT NULL REFERENCES owner_key (id),
            wrapped BLOB NOT NULL CHECK (typeof(wrapped) = 'blob'),
            sealed INTEGER NOT NULL DEFAULT 0,
            created_at TEXT NOT NULL
        );
INSERT INTO "data_key" VALUES(1,'237e017d56ca43368ea9d1693ddf24c8',1,X'B821F25061C7E003CC4D8DA442A4223524213B9206AF1C80DF47F6BC360B2B284EE8A0A034A71157AA640194EDF4EE3EF0CCFF234016DCEF8E967D05',5,'2026-11-27T14:24:36.314+00:00');
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
        , key_id INTEGER REFERENCES data_key (id));
INSERT INTO "kept_face" VALUES(2,X'D95F33A3AB99824832AF9AA825E86210D6734F143BBF5DD39357160CB3ACC2A3A652941E01AD7205D8610BBE30',1);
CREATE TABLE owner_key (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL CHECK (kind IN ('file', 'phrase')),
            fingerprint TEXT NOT NULL UNIQUE CHECK (length(fingerprint) = 16),
            salt BLOB CHECK ((salt IS NOT NULL) = (kind = 'phrase')),
            n INTEGER CHECK ((n IS NOT NULL) = (kind = 'phrase')),
            r INTEGER CHECK ((r IS NOT NULL) = (kind = 'phrase')),
            p INTEGER CHECK ((p IS NOT NULL) = (kind = 'phrase')),
            created_at TEXT NOT NULL
        );
INSERT INTO "owner_key" VALUES(1,'file','dd058f1245e4b2d3',NULL,NULL,NULL,NULL,'2026-11-27T14:24:36.303+00:00');
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
        , key_id INTEGER REFERENCES data_key (id));
INSERT INTO "template" VALUES(1,1,1,'none',NULL,NULL,NULL,X'2D4AD0DD1CCB497C5299C495DCC8B00886F247ED4A8C55A911945B111E706CE97F2C9B6D68711F600A612B220AF6BDAE1E3FCE5E68BD66E5F1A8EA1A9542290A68E088BC2CBBE4352E233136A512B82C1DB3EF4B29D826C14CBCC091','2026-11-27T00:32:22.735+00:00',1);
INSERT INTO "template" VALUES(2,1,1,'virtual','n95','{"color":"#a0c8e0","coverage":0.5,"detail":"","pattern":"plain","seed":3,"type":"n95","version":2,"wear_style":"proper"}',NULL,X'6D63C90F82D9B097D0A75A5C7477C1ECFB302E07B8DC5CDE2D29429DD9FF4A84F3A62663291D29C94A177DA68D152433A3FED4F0668EBF6BDA4FC09D88AD5602FC51C94749F5B9A6124C123AF0A18289C216D9B0399BFA8828CAA9CB','2026-11-27T00:32:22.736+00:00',1);
INSERT INTO "template" VALUES(3,2,1,'real','cloth',NULL,NULL,X'80489D2CE020E447983AB991EFF253FB59DA479E86E98515EFF9D52B6C1DF89322002B2D6E08D141E6319F5952574870C4C72A3B6DAD3390CD602AA5937C6A61061E386544BD5847D9F0C66C4997880AD2560E1E879A1F28996189F7','2026-11-27T00:32:22.736+00:00',1);
INSERT INTO "template" VALUES(4,3,1,'unknown',NULL,NULL,NULL,X'09CB013B3D74B4D2796B36032DF343C1AD79F69DE8D389E8A33405276C03FB482B59609818A7C14BD9D6E0CE607CC3F5BEE67E0139E2C9D77C89DDC6FF7800C43BFE79DEF7EF8991C64CC83F063DCEC79C6CAE89008034154A51DC58','2026-11-27T00:32:22.760+00:00',1);
CREATE INDEX template_reference ON template (reference_id);
CREATE INDEX audit_subject ON audit (subject);
CREATE TRIGGER template_removed AFTER DELETE ON template BEGIN
            UPDATE setting SET value = value + 1 WHERE key = 'removals';
        END;
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
CREATE TRIGGER template_changed AFTER UPDATE ON template
        WHEN OLD.key_id IS NEW.key_id BEGIN
            UPDATE setting SET value = value + 1 WHERE key = 'removals';
        END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('encoder',1);
INSERT INTO "sqlite_sequence" VALUES('subject',2);
INSERT INTO "sqlite_sequence" VALUES('reference',3);
INSERT INTO "sqlite_sequence" VALUES('template',4);
INSERT INTO "sqlite_sequence" VALUES('owner_key',1);
INSERT INTO "sqlite_sequence" VALUES('data_key',1);
COMMIT;
