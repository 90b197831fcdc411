-- Schema 3: what the trials of a model on a task cost together, since they share prefixes.

CREATE TABLE sweeps (
  model                 TEXT NOT NULL REFERENCES models ON DELETE CASCADE,
  task                  TEXT NOT NULL REFERENCES tasks,
  finished              TEXT NOT NULL,
  trials                INTEGER NOT NULL,
  samples               INTEGER NOT NULL,
  prompt_tokens         INTEGER NOT NULL,
  prompt_tokens_saved   INTEGER NOT NULL,
  delivered_tokens      INTEGER NOT NULL,
  computed_tokens       INTEGER NOT NULL,
  computed_tokens_saved INTEGER NOT NULL,
  peak_states           INTEGER NOT NULL,
  seconds               REAL NOT NULL,
  PRIMARY KEY (model, task, finished)
) STRICT, WITHOUT ROWID;

-- `shared` is the part of the tokens that samples needed and somebody else had computed.
CREATE VIEW sweep_view AS
SELECT models.label AS model,
       tasks.label AS task,
       sweeps.finished AS finished,
       sweeps.trials AS trials,
       sweeps.samples AS samples,
       sweeps.delivered_tokens AS delivered_tokens,
       sweeps.prompt_tokens + sweeps.computed_tokens AS computed_tokens,
       1.0 * (sweeps.prompt_tokens_saved + sweeps.computed_tokens_saved)
         / nullif(sweeps.prompt_tokens + sweeps.prompt_tokens_saved
                  + sweeps.computed_tokens + sweeps.computed_tokens_saved, 0) AS shared,
       sweeps.peak_states AS peak_states,
       sweeps.seconds AS seconds
FROM sweeps
JOIN models ON models.model = sweeps.model
JOIN tasks ON tasks.task = sweeps.task;
