-- A file of the first schema version, as its program wrote it. Never changed: it stands for the
-- files that are out there.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: who may write, how often that changed hands, and the last turn of the queue.
CREATE TABLE engine (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    owner TEXT,
    until TEXT,
    epoch INTEGER NOT NULL,
    turn INTEGER NOT NULL
) STRICT;
INSERT INTO engine (one, epoch, turn) VALUES (1, 0, 0);

CREATE TABLE pairs (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    body TEXT NOT NULL
) STRICT;

-- Present, former and alias ids alike: each record has one pair.
CREATE TABLE records (
    side INTEGER NOT NULL,
    id TEXT NOT NULL,
    pair BLOB NOT NULL REFERENCES pairs (id),
    PRIMARY KEY (side, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX records_of_pair ON records (pair);

-- In order of entry: the pair that came first answers for its group.
CREATE TABLE memberships (
    seq INTEGER PRIMARY KEY,
    side INTEGER NOT NULL,
    id TEXT NOT NULL,
    pair BLOB NOT NULL REFERENCES pairs (id),
    UNIQUE (side, id, pair)
) STRICT;
CREATE INDEX memberships_of_pair ON memberships (pair);

CREATE TABLE cursors (
    side INTEGER PRIMARY KEY,
    cursor TEXT NOT NULL
) STRICT;

CREATE TABLE hints (
    side INTEGER NOT NULL,
    id TEXT NOT NULL,
    due_s INTEGER NOT NULL,
    due_ns INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (side, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX hints_by_due ON hints (due_s, due_ns, turn);

CREATE TABLE conflicts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE skips (
    side INTEGER NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (side, id)
) STRICT, WITHOUT ROWID;
INSERT INTO meta (key, value) VALUES ('scope', 'tenant-1/organization-1');
UPDATE engine SET owner = 'one', until = '2026-01-02T03:04:05+00:00', epoch = 3, turn = 4;
INSERT INTO pairs (id, body) VALUES
    (x'00000000000000000000000000000001', '{"id":"00000000-0000-0000-0000-000000000001","state":"active","left":{"id":"l1","former":[],"aliases":[],"group":null,"version":"v1","retired":[],"written":null,"as_of":null},"right":{"id":"r1","former":[],"aliases":[],"group":null,"version":"v1","retired":[],"written":null,"as_of":null},"base":{"name":{"left":{"text":"x"},"right":{"text":"x"}}},"holds":{},"intent":null,"park":{"cause":"refused","since":"2026-01-02T03:04:05Z","attempts":2,"retry_at":null,"left":"v1","right":null},"outcome":null,"shown":null}'),
    (x'00000000000000000000000000000002', '{"id":"00000000-0000-0000-0000-000000000002","state":{"stopped":{"why":"off"}},"left":{"id":"l2","former":[],"aliases":[],"group":null,"version":"v1","retired":[],"written":null,"as_of":null},"right":{"id":null,"former":[],"aliases":[],"group":null,"version":"v1","retired":[],"written":null,"as_of":null},"base":{},"holds":{},"intent":null,"park":null,"outcome":null,"shown":null}');
INSERT INTO records (side, id, pair) VALUES
    (0, 'l1', x'00000000000000000000000000000001'), (1, 'r1', x'00000000000000000000000000000001'), (0, 'l2', x'00000000000000000000000000000002');
INSERT INTO cursors (side, cursor) VALUES (0, 'page 7');
INSERT INTO hints (side, id, due_s, due_ns, turn, body) VALUES
    (0, 'l1', 1767323045, 500000000, 4, '{"side":"left","id":"l1","version":null,"gone":false,"due":"2026-01-02T03:04:05.5Z","attempts":1,"turn":4}');
INSERT INTO conflicts (body) VALUES ('{"pair":"00000000-0000-0000-0000-000000000001","field":"name","base":null,"left":{"text":"a"},"right":"null","kept":"left","value":{"text":"a"},"at":"2026-01-02T03:04:05Z"}');
INSERT INTO skips (side, id, body) VALUES (1, 's', '{"side":"right","id":"s","version":null,"cause":"names nothing","at":"2026-01-02T03:04:05Z"}');
PRAGMA application_id = 1668248428;
PRAGMA user_version = 1;
