-- Schema 5: what people say of outputs, and tags.
-- Samples are named by trial, example and index: a sample that is made again is the same text, since
-- a trial's id is the hash of all that can change it.

CREATE TABLE ratings (
  rater         TEXT NOT NULL CHECK (rater <> ''),
  criterion     TEXT NOT NULL CHECK (criterion <> ''),
  trial         INTEGER NOT NULL REFERENCES trials ON DELETE CASCADE,
  example_index INTEGER NOT NULL,
  sample_index  INTEGER NOT NULL,
  score         INTEGER NOT NULL CHECK (score BETWEEN 1 AND 5),
  at            TEXT NOT NULL,
  PRIMARY KEY (rater, criterion, trial, example_index, sample_index)
) STRICT, WITHOUT ROWID;
CREATE INDEX ratings_by_trial ON ratings (trial);

-- A pair is there once: the trial with the lesser id is the first.
CREATE TABLE preferences (
  rater         TEXT NOT NULL CHECK (rater <> ''),
  criterion     TEXT NOT NULL CHECK (criterion <> ''),
  first_trial   INTEGER NOT NULL REFERENCES trials ON DELETE CASCADE,
  second_trial  INTEGER NOT NULL REFERENCES trials ON DELETE CASCADE,
  example_index INTEGER NOT NULL,
  sample_index  INTEGER NOT NULL,
  preferred     TEXT NOT NULL CHECK (preferred IN ('first', 'tie', 'second')),
  at            TEXT NOT NULL,
  PRIMARY KEY (rater, criterion, first_trial, second_trial, example_index, sample_index)
) STRICT, WITHOUT ROWID;
CREATE INDEX preferences_by_first ON preferences (first_trial);
CREATE INDEX preferences_by_second ON preferences (second_trial);

CREATE TABLE experiment_tags (
  experiment INTEGER NOT NULL REFERENCES experiments ON DELETE CASCADE,
  tag        TEXT NOT NULL CHECK (tag <> ''),
  PRIMARY KEY (experiment, tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE trial_tags (
  trial INTEGER NOT NULL REFERENCES trials ON DELETE CASCADE,
  tag   TEXT NOT NULL CHECK (tag <> ''),
  PRIMARY KEY (trial, tag)
) STRICT, WITHOUT ROWID;

-- One row a score that somebody gave a sample.
CREATE VIEW rating_view AS
SELECT experiments.name AS experiment,
       arms.task_label AS task,
       arms.model_label AS model,
       arms.strategy_label AS strategy,
       trials.seed AS seed,
       ratings.example_index AS example_index,
       ratings.sample_index AS sample_index,
       ratings.criterion AS criterion,
       ratings.rater AS rater,
       ratings.score AS score,
       ratings.at AS at,
       trials.id AS trial
FROM ratings
JOIN trials ON trials.trial = ratings.trial
JOIN experiment_trials AS arms ON arms.trial = trials.trial
JOIN experiments ON experiments.experiment = arms.experiment;

-- One row a choice between the samples of two trials, neither of which was named to the rater.
CREATE VIEW preference_view AS
SELECT experiments.name AS experiment,
       first_arm.task_label AS task,
       first_arm.model_label AS first_model,
       first_arm.strategy_label AS first_strategy,
       second_arm.model_label AS second_model,
       second_arm.strategy_label AS second_strategy,
       preferences.example_index AS example_index,
       preferences.sample_index AS sample_index,
       preferences.criterion AS criterion,
       preferences.rater AS rater,
       preferences.preferred AS preferred,
       preferences.at AS at,
       first_trial.id AS first_trial,
       second_trial.id AS second_trial
FROM preferences
JOIN trials AS first_trial ON first_trial.trial = preferences.first_trial
JOIN trials AS second_trial ON second_trial.trial = preferences.second_trial
JOIN experiment_trials AS first_arm ON first_arm.trial = first_trial.trial
JOIN experiment_trials AS second_arm
  ON second_arm.trial = second_trial.trial AND second_arm.experiment = first_arm.experiment
JOIN experiments ON experiments.experiment = first_arm.experiment;

-- The tags of experiments (without a trial) and of trials.
CREATE VIEW tag_view AS
SELECT experiments.name AS experiment, NULL AS task, NULL AS model, NULL AS strategy, tag,
       NULL AS trial
FROM experiment_tags
JOIN experiments ON experiments.experiment = experiment_tags.experiment
UNION ALL
SELECT experiments.name, arms.task_label, arms.model_label, arms.strategy_label, tag, trials.id
FROM trial_tags
JOIN trials ON trials.trial = trial_tags.trial
JOIN experiment_trials AS arms ON arms.trial = trials.trial
JOIN experiments ON experiments.experiment = arms.experiment;
