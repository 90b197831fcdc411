-- Schema 1: tables and indices. Documented column by column in storage/README.md.
-- Ids in text are hashes of content and mean the same in every database; integer keys are local.

CREATE TABLE environments (
  environment INTEGER PRIMARY KEY,
  first_seen  TEXT NOT NULL,
  details     TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE experiments (
  experiment  INTEGER PRIMARY KEY,
  name        TEXT NOT NULL UNIQUE,
  created     TEXT NOT NULL,
  last_run    TEXT NOT NULL,
  run_count   INTEGER NOT NULL DEFAULT 1,
  config_path TEXT NOT NULL,
  config_text TEXT NOT NULL,
  seed        INTEGER NOT NULL,
  environment INTEGER NOT NULL REFERENCES environments
) STRICT;

CREATE TABLE models (
  model          TEXT PRIMARY KEY,
  label          TEXT NOT NULL,
  plugin         TEXT NOT NULL,
  plugin_version TEXT NOT NULL,
  settings       TEXT NOT NULL,
  task_label     TEXT NOT NULL,
  seed           INTEGER NOT NULL,
  ready          TEXT,
  parameters     INTEGER,
  weights_hash   TEXT,
  description    TEXT
) STRICT;

CREATE TABLE training_runs (
  run     INTEGER PRIMARY KEY,
  model   TEXT NOT NULL REFERENCES models ON DELETE CASCADE,
  started TEXT NOT NULL,
  ended   TEXT,
  status  TEXT NOT NULL DEFAULT 'running',
  seconds REAL
) STRICT;
CREATE INDEX training_runs_by_model ON training_runs (model);

CREATE TABLE training_points (
  run           INTEGER NOT NULL REFERENCES training_runs ON DELETE CASCADE,
  split         TEXT NOT NULL,
  step          INTEGER NOT NULL,
  tokens        INTEGER NOT NULL,
  seconds       REAL,
  loss          REAL,
  learning_rate REAL,
  gradient_norm REAL,
  PRIMARY KEY (run, split, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
  task           TEXT PRIMARY KEY,
  label          TEXT NOT NULL,
  plugin         TEXT NOT NULL,
  plugin_version TEXT NOT NULL,
  settings       TEXT NOT NULL,
  metrics        TEXT NOT NULL,
  data_hash      TEXT NOT NULL,
  test_examples  INTEGER NOT NULL
) STRICT;

CREATE TABLE trials (
  trial            INTEGER PRIMARY KEY,
  id               TEXT NOT NULL UNIQUE,
  model            TEXT NOT NULL REFERENCES models,
  task             TEXT NOT NULL REFERENCES tasks,
  strategy_label   TEXT NOT NULL,
  strategy_plugin  TEXT NOT NULL,
  strategy         TEXT NOT NULL,
  seed             INTEGER NOT NULL,
  expected_samples INTEGER NOT NULL,
  status           TEXT NOT NULL DEFAULT 'pending'
                   CHECK (status IN ('pending', 'running', 'done', 'failed')),
  started          TEXT,
  finished         TEXT,
  environment      INTEGER REFERENCES environments,
  prompt_tokens    INTEGER,
  delivered_tokens INTEGER,
  computed_tokens  INTEGER,
  seconds          REAL
) STRICT;
CREATE INDEX trials_by_model ON trials (model);
CREATE INDEX trials_by_task ON trials (task);

CREATE TABLE experiment_models (
  experiment INTEGER NOT NULL REFERENCES experiments ON DELETE CASCADE,
  position   INTEGER NOT NULL,
  model      TEXT NOT NULL REFERENCES models,
  label      TEXT NOT NULL,
  PRIMARY KEY (experiment, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX experiment_models_by_model ON experiment_models (model);

CREATE TABLE experiment_tasks (
  experiment INTEGER NOT NULL REFERENCES experiments ON DELETE CASCADE,
  position   INTEGER NOT NULL,
  task       TEXT NOT NULL REFERENCES tasks,
  label      TEXT NOT NULL,
  PRIMARY KEY (experiment, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX experiment_tasks_by_task ON experiment_tasks (task);

CREATE TABLE experiment_trials (
  experiment     INTEGER NOT NULL REFERENCES experiments ON DELETE CASCADE,
  position       INTEGER NOT NULL,
  trial          INTEGER NOT NULL REFERENCES trials,
  model_label    TEXT NOT NULL,
  task_label     TEXT NOT NULL,
  strategy_label TEXT NOT NULL,
  PRIMARY KEY (experiment, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX experiment_trials_by_trial ON experiment_trials (trial);

CREATE TABLE examples (
  example        INTEGER PRIMARY KEY,
  digest         BLOB NOT NULL UNIQUE,
  example_id     TEXT NOT NULL,
  source         TEXT NOT NULL,
  prefix         TEXT NOT NULL,
  reference_list TEXT NOT NULL,
  fields         TEXT
) STRICT;

CREATE TABLE samples (
  sample        INTEGER PRIMARY KEY,
  trial         INTEGER NOT NULL REFERENCES trials ON DELETE CASCADE,
  example_index INTEGER NOT NULL,
  sample_index  INTEGER NOT NULL,
  example       INTEGER NOT NULL REFERENCES examples,
  output        TEXT NOT NULL,
  finish        TEXT NOT NULL,
  score         REAL,
  seconds       REAL,
  token_count   INTEGER NOT NULL,
  details       TEXT,
  UNIQUE (trial, example_index, sample_index)
) STRICT;

CREATE TABLE tokens (
  sample          INTEGER NOT NULL REFERENCES samples ON DELETE CASCADE,
  position        INTEGER NOT NULL,
  token           INTEGER NOT NULL,
  text            TEXT NOT NULL,
  log_probability REAL,
  entropy         REAL,
  rank            INTEGER NOT NULL,
  alternatives    TEXT,
  PRIMARY KEY (sample, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE sample_metrics (
  sample     INTEGER NOT NULL REFERENCES samples ON DELETE CASCADE,
  metric     TEXT NOT NULL,
  value      REAL,
  statistics TEXT,
  PRIMARY KEY (sample, metric)
) STRICT, WITHOUT ROWID;

CREATE TABLE trial_metrics (
  trial  INTEGER NOT NULL REFERENCES trials ON DELETE CASCADE,
  metric TEXT NOT NULL,
  value  REAL,
  low    REAL,
  high   REAL,
  n      INTEGER NOT NULL,
  PRIMARY KEY (trial, metric)
) STRICT, WITHOUT ROWID;

CREATE TABLE failures (
  failure        INTEGER PRIMARY KEY,
  at             TEXT NOT NULL,
  experiment     INTEGER REFERENCES experiments ON DELETE SET NULL,
  trial          INTEGER REFERENCES trials ON DELETE CASCADE,
  model          TEXT REFERENCES models ON DELETE CASCADE,
  stage          TEXT NOT NULL,
  message        TEXT NOT NULL,
  signal         INTEGER,
  example_id     TEXT,
  standard_error TEXT NOT NULL
) STRICT;
CREATE INDEX failures_by_trial ON failures (trial);
CREATE INDEX failures_by_model ON failures (model);
