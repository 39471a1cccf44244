-- SPDX-License-Identifier: MIT
-- What `--scan` read in the files of clones: which are checkpoints, what they hold, what unpickling them would do.

-- The last scan of a repository that was finished: of this commit, with so many large files at hand, by this version of ptm. The same
-- again is not scanned again.
CREATE TABLE weight_scans (
    repo_id    INTEGER PRIMARY KEY REFERENCES repositories,
    sha        TEXT    NOT NULL,
    objects    INTEGER NOT NULL,
    version    TEXT    NOT NULL,
    files      INTEGER NOT NULL,        -- looked at
    bytes      INTEGER NOT NULL,
    verdict    TEXT    NOT NULL,        -- the worst
    scanned_at INTEGER NOT NULL
) STRICT;

-- Checkpoints, and whatever else is not clean. Ordinary files that are clean have no row.
CREATE TABLE weight_files (
    repo_id    INTEGER NOT NULL REFERENCES repositories,
    path       TEXT    NOT NULL,
    oid        TEXT,                    -- SHA-256 of a large file; NULL: git keeps it itself
    bytes      INTEGER NOT NULL,
    format     TEXT    NOT NULL,        -- pytorch-zip, safetensors, .., or what the scan took it for
    tensors    INTEGER,                 -- NULL: the table could not be read, or there is none
    parameters INTEGER,
    dtypes     TEXT,                    -- JSON: {"float32": parameters, ..}
    verdict    TEXT    NOT NULL CHECK (verdict IN ('clean', 'suspicious', 'unreadable', 'dangerous')),
    findings   TEXT    NOT NULL,        -- JSON: [{"severity":..,"rule":..,"message":..,"global":..,"offset":..,"member":..}, ..]
    why        TEXT,                    -- why the table could not be read
    scanned_at INTEGER NOT NULL,
    stale      INTEGER NOT NULL DEFAULT 0, -- between begin and end of a scan: not met in it yet
    PRIMARY KEY (repo_id, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX weight_files_by_verdict ON weight_files (verdict) WHERE verdict <> 'clean';

CREATE VIEW weight_files_view AS
SELECT h.name AS hub, h.name || '/repos/' || r.author || '/' || r.name || '/' || w.path AS path, w.oid, w.bytes, w.format, w.tensors,
       w.parameters, w.dtypes, w.verdict, w.findings, w.why,
       strftime('%Y-%m-%dT%H:%M:%SZ', w.scanned_at, 'unixepoch') AS scanned_at, w.repo_id AS repo_id
  FROM weight_files w JOIN repositories r ON r.id = w.repo_id JOIN hubs h ON h.id = r.hub_id;
