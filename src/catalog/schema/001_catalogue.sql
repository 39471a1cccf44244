-- SPDX-License-Identifier: MIT
-- The catalogue as first released. docs/internals/catalog.md explains every table; a released file of this folder never changes.
-- Times of our own are seconds since 1970 (UTC); times that a hub tells are kept as it wrote them.

CREATE TABLE hubs (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE,
    title         TEXT,                 -- ModelHubName and ModelHubURL of the last export
    url           TEXT,
    shown_listing INTEGER,              -- whose order and membership exports show
    listed_at     INTEGER               -- when that listing was finished; NULL: never
) STRICT;

CREATE TABLE runs (
    id          INTEGER PRIMARY KEY,
    command     TEXT    NOT NULL,
    version     TEXT    NOT NULL,
    host        TEXT    NOT NULL,
    pid         INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER,                -- NULL: under way, or killed
    exit_status INTEGER
) STRICT;

CREATE TABLE listings (
    id          INTEGER PRIMARY KEY,
    hub_id      INTEGER NOT NULL REFERENCES hubs,
    params      TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('open', 'finished', 'dropped', 'named')),
    token       TEXT,                   -- where the hub goes on after the last checkpoint
    count       INTEGER NOT NULL DEFAULT 0,
    started_at  INTEGER NOT NULL,
    saved_at    INTEGER,
    finished_at INTEGER
) STRICT;
CREATE INDEX listings_by_hub ON listings (hub_id, state);

-- Values that many models share.
CREATE TABLE sources        (id INTEGER PRIMARY KEY, url  TEXT NOT NULL UNIQUE) STRICT;
-- numbered: its records get a running "id" when it is written.
CREATE TABLE metadata_files (
    id       INTEGER PRIMARY KEY,
    path     TEXT    NOT NULL UNIQUE,
    numbered INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE licences       (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE tags           (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE authors        (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE papers         (id INTEGER PRIMARY KEY, doi  TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE datasets (
    id        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL,
    owner     TEXT NOT NULL,            -- '' where unknown, so that the constraint holds
    url       TEXT NOT NULL,
    owner_url TEXT NOT NULL,
    paper_doi TEXT NOT NULL,
    UNIQUE (name, url, owner, owner_url, paper_doi)
) STRICT;

CREATE TABLE repositories (
    id            INTEGER PRIMARY KEY,
    hub_id        INTEGER NOT NULL REFERENCES hubs,
    clone_url     TEXT    NOT NULL,
    author        TEXT    NOT NULL,     -- HUB/repos/AUTHOR/NAME
    name          TEXT    NOT NULL,
    folder        TEXT    NOT NULL,     -- author/name, case-folded: two that differ by case alone would be one folder elsewhere
    ref           TEXT,                 -- NULL: default branch
    selected      INTEGER NOT NULL DEFAULT 0,
    rank          INTEGER NOT NULL DEFAULT 4611686018427387904, -- by the last selection; this: not in it
    sha           TEXT,                 -- HEAD of the clone; NULL: not cloned
    branch        TEXT,
    bad_objects   INTEGER NOT NULL DEFAULT 0, -- git fsck finds historic defects
    git_bytes     INTEGER,
    large_objects INTEGER,
    large_bytes   INTEGER,
    first_seen    INTEGER NOT NULL,
    cloned_at     INTEGER,              -- first time
    checked_at    INTEGER,              -- last time it was brought up to date
    updated_at    INTEGER,              -- last time that changed something
    UNIQUE (hub_id, clone_url),
    UNIQUE (hub_id, folder)
) STRICT;
-- What a run works on, so that two runs at once do not disturb one another; dropped at its end.
CREATE TABLE selections (
    run_id  INTEGER NOT NULL,
    hub_id  INTEGER NOT NULL REFERENCES hubs,
    rank    INTEGER NOT NULL,
    repo_id INTEGER NOT NULL REFERENCES repositories,
    PRIMARY KEY (run_id, hub_id, rank)
) STRICT, WITHOUT ROWID;
CREATE INDEX repositories_by_rank ON repositories (hub_id, rank, id);

CREATE TABLE models (
    id               INTEGER PRIMARY KEY,
    hub_id           INTEGER NOT NULL REFERENCES hubs,
    key              TEXT    NOT NULL,  -- unique and stable within the hub
    object_id        TEXT,
    object_id_is_int INTEGER NOT NULL,
    name             TEXT    NOT NULL,
    owner            TEXT,
    url              TEXT,
    owner_url        TEXT,
    repo_id          INTEGER REFERENCES repositories,
    repo_path        TEXT,              -- its part of a repository shared by many
    not_clonable     TEXT,              -- why there is nothing to clone
    sha              TEXT,
    task             TEXT,
    architecture     TEXT,
    library          TEXT,
    licence_id       INTEGER REFERENCES licences,
    created_at       TEXT,
    last_modified    TEXT,
    access           INTEGER NOT NULL,  -- 0 open, 1 gated, 2 private, 3 disabled
    downloads        INTEGER,
    downloads_all    INTEGER,
    likes            INTEGER,
    used_storage     INTEGER,
    parameters       INTEGER,
    metadata_file_id INTEGER REFERENCES metadata_files,
    source_id        INTEGER REFERENCES sources,
    fetched_at       TEXT    NOT NULL,
    first_seen       INTEGER NOT NULL,
    last_seen        INTEGER NOT NULL,
    changed_at       INTEGER NOT NULL,  -- last time the hub told something else than before
    removed_at       INTEGER,           -- tombstone: a later finished listing had it no more
    named            INTEGER NOT NULL DEFAULT 0, -- fetched by name; no listing has placed it
    digest           BLOB    NOT NULL,  -- start of the SHA-256 of all facts: the same again writes nothing but times
    UNIQUE (hub_id, key)
) STRICT;
CREATE INDEX models_by_name ON models (hub_id, name);
CREATE INDEX models_by_repo ON models (repo_id) WHERE repo_id IS NOT NULL;
CREATE INDEX models_named ON models (hub_id) WHERE named;

CREATE TABLE listing_entries (
    listing_id INTEGER NOT NULL REFERENCES listings,
    position   INTEGER NOT NULL,        -- from 0, in the hub's own order; from 2^40, models fetched by name
    model_id   INTEGER NOT NULL REFERENCES models,
    PRIMARY KEY (listing_id, position)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX listing_entries_by_model ON listing_entries (listing_id, model_id);

-- data: the hub's own JSON, byte for byte; a zstd frame, or plain where that would not be smaller.
CREATE TABLE model_raw (
    model_id INTEGER PRIMARY KEY REFERENCES models,
    length   INTEGER NOT NULL,
    data     BLOB    NOT NULL
) STRICT;

-- list: JSON [{"path":..,"size":..,"sha256":..}], packed as model_raw.data: a model may have 100,000 files.
CREATE TABLE files (
    model_id INTEGER PRIMARY KEY REFERENCES models,
    count    INTEGER NOT NULL,
    bytes    INTEGER,                   -- NULL: the listing does not tell of all
    length   INTEGER NOT NULL,
    list     BLOB    NOT NULL
) STRICT;

-- Without REFERENCES: a dozen rows a model, and checking them took a fifth of the time of a listing.
CREATE TABLE model_tags (
    model_id INTEGER NOT NULL,
    tag_id   INTEGER NOT NULL,
    PRIMARY KEY (model_id, tag_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_authors (
    model_id  INTEGER NOT NULL REFERENCES models,
    ordinal   INTEGER NOT NULL,
    author_id INTEGER NOT NULL REFERENCES authors,
    PRIMARY KEY (model_id, ordinal)
) STRICT, WITHOUT ROWID;

-- source: 0 the hub said so, 1 the clone did.
CREATE TABLE model_datasets (
    model_id   INTEGER NOT NULL REFERENCES models,
    source     INTEGER NOT NULL,
    ordinal    INTEGER NOT NULL,
    dataset_id INTEGER NOT NULL REFERENCES datasets,
    PRIMARY KEY (model_id, source, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_papers (
    model_id INTEGER NOT NULL REFERENCES models,
    source   INTEGER NOT NULL,
    ordinal  INTEGER NOT NULL,
    paper_id INTEGER NOT NULL REFERENCES papers,
    PRIMARY KEY (model_id, source, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE base_models (
    model_id INTEGER NOT NULL REFERENCES models,
    ordinal  INTEGER NOT NULL,
    relation TEXT,                      -- finetune, adapter, quantized, merge; NULL: not said
    base     TEXT    NOT NULL,
    PRIMARY KEY (model_id, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX base_models_by_base ON base_models (base);

CREATE TABLE entry_points (
    model_id INTEGER NOT NULL REFERENCES models,
    ordinal  INTEGER NOT NULL,
    repo     TEXT,
    ref      TEXT,
    name     TEXT,
    code     TEXT,
    line     INTEGER NOT NULL,
    PRIMARY KEY (model_id, ordinal)
) STRICT, WITHOUT ROWID;

-- What a clone told of a model, kept apart from what the hub says.
CREATE TABLE clone_facts (
    model_id     INTEGER PRIMARY KEY REFERENCES models,
    sha          TEXT,
    task         TEXT,
    architecture TEXT,
    licence_id   INTEGER REFERENCES licences,
    read_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE large_objects (
    repo_id    INTEGER NOT NULL REFERENCES repositories,
    path       TEXT    NOT NULL,
    oid        TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    outcome    TEXT    NOT NULL,        -- present, fetched, elsewhere, lost, failed, skipped
    source_url TEXT,
    why        TEXT,
    seen_at    INTEGER NOT NULL,
    stale      INTEGER NOT NULL DEFAULT 0, -- between begin and end of a pass: not met in it yet
    PRIMARY KEY (repo_id, path, oid)
) STRICT, WITHOUT ROWID;
CREATE INDEX large_objects_by_oid ON large_objects (oid);

-- A file of the hub's own metadata or HTML; pending ones wait for the end of their listing.
CREATE TABLE documents (
    hub_id     INTEGER NOT NULL REFERENCES hubs,
    path       TEXT    NOT NULL,
    pending    INTEGER NOT NULL,        -- 0 shown, else the listing that wrote it
    length     INTEGER NOT NULL,
    data       BLOB    NOT NULL,
    source_url TEXT,
    fetched_at INTEGER NOT NULL,
    PRIMARY KEY (hub_id, path, pending)
) STRICT;

CREATE TABLE failures (
    id          INTEGER PRIMARY KEY,
    hub_id      INTEGER NOT NULL REFERENCES hubs,
    item        TEXT    NOT NULL,
    stage       TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    url         TEXT,
    http_status INTEGER,
    retryable   INTEGER NOT NULL,
    tries       INTEGER NOT NULL,
    first_time  TEXT    NOT NULL,
    time        TEXT    NOT NULL,
    UNIQUE (hub_id, item, stage)
) STRICT;

-- The models of every hub as exports show them. --filter sees this view and nothing else.
CREATE VIEW models_view AS
SELECT h.name AS hub,
       m.name AS name,
       m.owner AS owner,
       m.url AS url,
       m.key AS key,
       e.position AS position,
       coalesce(m.task, c.task) AS task,
       coalesce(m.architecture, c.architecture) AS architecture,
       m.library AS library,
       (SELECT l.name FROM licences l WHERE l.id = coalesce(m.licence_id, c.licence_id)) AS license,
       m.created_at AS created_at,
       m.last_modified AS last_modified,
       CASE m.access WHEN 0 THEN 'open' WHEN 1 THEN 'gated' WHEN 2 THEN 'private' ELSE 'disabled' END AS access,
       m.downloads AS downloads,
       m.downloads_all AS downloads_all,
       m.likes AS likes,
       m.used_storage AS used_storage,
       m.parameters AS parameters,
       coalesce(c.sha, m.sha) AS sha,
       (SELECT f.count FROM files f WHERE f.model_id = m.id) AS files,
       (SELECT json_group_array(t.name) FROM model_tags mt JOIN tags t ON t.id = mt.tag_id
         WHERE mt.model_id = m.id) AS tags,
       (SELECT json_group_array(d.name) FROM model_datasets md JOIN datasets d ON d.id = md.dataset_id
         WHERE md.model_id = m.id) AS datasets,
       (SELECT json_group_array(p.doi) FROM model_papers mp JOIN papers p ON p.id = mp.paper_id
         WHERE mp.model_id = m.id) AS papers,
       (SELECT json_group_array(b.base) FROM base_models b WHERE b.model_id = m.id) AS base_models,
       m.repo_id IS NOT NULL AS clonable,
       (SELECT r.clone_url FROM repositories r WHERE r.id = m.repo_id) AS clone_url,
       (SELECT r.sha IS NOT NULL FROM repositories r WHERE r.id = m.repo_id) AS cloned,
       strftime('%Y-%m-%dT%H:%M:%SZ', m.first_seen, 'unixepoch') AS first_seen,
       strftime('%Y-%m-%dT%H:%M:%SZ', m.last_seen, 'unixepoch') AS last_seen,
       m.fetched_at AS fetched_at,
       (SELECT s.url FROM sources s WHERE s.id = m.source_id) AS source_url,
       m.id AS model_id
  FROM hubs h
  JOIN listing_entries e ON e.listing_id = h.shown_listing
  JOIN models m ON m.id = e.model_id
  LEFT JOIN clone_facts c ON c.model_id = m.id;

-- Failures with the name of their hub.
CREATE VIEW failures_view AS
SELECT h.name AS hub, f.item AS id, f.stage, f.reason, f.http_status, f.time, f.first_time, f.tries,
       f.retryable, f.url, f.message
  FROM failures f JOIN hubs h ON h.id = f.hub_id;

-- Repositories with their folder below the data root.
CREATE VIEW repositories_view AS
SELECT h.name AS hub, h.name || '/repos/' || r.author || '/' || r.name AS path, r.clone_url, r.ref, r.sha,
       r.branch, r.selected, r.git_bytes, r.large_objects, r.large_bytes,
       strftime('%Y-%m-%dT%H:%M:%SZ', r.cloned_at, 'unixepoch') AS cloned_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', r.updated_at, 'unixepoch') AS updated_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', r.checked_at, 'unixepoch') AS checked_at,
       r.id AS repo_id
  FROM repositories r JOIN hubs h ON h.id = r.hub_id;
