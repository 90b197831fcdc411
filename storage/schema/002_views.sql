-- Schema 2: views for people. They only read, so they may be queried while a run goes on.

-- Every metric of every trial; `place` is 1 for the best of its experiment, task and metric.
CREATE VIEW leaderboard AS
WITH declared AS (
  SELECT task,
         json_extract(entry.value, '$.name') AS metric,
         entry.key = 0 AS is_main,
         json_extract(entry.value, '$.higher_is_better') AS higher_is_better
  FROM tasks, json_each(tasks.metrics) AS entry
)
SELECT experiments.name AS experiment,
       arms.task_label AS task,
       arms.model_label AS model,
       arms.strategy_label AS strategy,
       trials.seed AS seed,
       trial_metrics.metric AS metric,
       coalesce(declared.is_main, 0) AS is_main,
       declared.higher_is_better AS higher_is_better,
       trial_metrics.value AS value,
       trial_metrics.low AS low,
       trial_metrics.high AS high,
       trial_metrics.n AS n,
       CASE WHEN trial_metrics.value IS NOT NULL AND declared.higher_is_better IS NOT NULL THEN
         rank() OVER (
           PARTITION BY arms.experiment, arms.task_label, trial_metrics.metric
           ORDER BY trial_metrics.value IS NULL,
                    CASE WHEN declared.higher_is_better THEN -trial_metrics.value
                         ELSE trial_metrics.value END)
       END AS place,
       trials.status AS status,
       trials.id AS trial
FROM experiment_trials AS arms
JOIN experiments ON experiments.experiment = arms.experiment
JOIN trials ON trials.trial = arms.trial
JOIN trial_metrics ON trial_metrics.trial = trials.trial
LEFT JOIN declared ON declared.task = trials.task AND declared.metric = trial_metrics.metric;

-- One row a sample, with everything a person reads.
CREATE VIEW sample_view AS
SELECT experiments.name AS experiment,
       arms.task_label AS task,
       arms.model_label AS model,
       arms.strategy_label AS strategy,
       trials.seed AS seed,
       samples.example_index AS example_index,
       samples.sample_index AS sample_index,
       examples.example_id AS example_id,
       examples.source AS source,
       examples.prefix AS prefix,
       samples.output AS output,
       json_extract(examples.reference_list, '$[0]') AS reference,
       examples.reference_list AS reference_list,
       examples.fields AS fields,
       samples.finish AS finish,
       samples.score AS score,
       samples.seconds AS seconds,
       samples.token_count AS token_count,
       samples.details AS details,
       trials.id AS trial,
       samples.sample AS sample
FROM samples
JOIN examples ON examples.example = samples.example
JOIN trials ON trials.trial = samples.trial
JOIN experiment_trials AS arms ON arms.trial = trials.trial
JOIN experiments ON experiments.experiment = arms.experiment;

-- One row a metric of a sample.
CREATE VIEW metric_view AS
SELECT experiments.name AS experiment,
       arms.task_label AS task,
       arms.model_label AS model,
       arms.strategy_label AS strategy,
       trials.seed AS seed,
       samples.example_index AS example_index,
       samples.sample_index AS sample_index,
       sample_metrics.metric AS metric,
       sample_metrics.value AS value,
       trials.id AS trial,
       samples.sample AS sample
FROM sample_metrics
JOIN samples ON samples.sample = sample_metrics.sample
JOIN trials ON trials.trial = samples.trial
JOIN experiment_trials AS arms ON arms.trial = trials.trial
JOIN experiments ON experiments.experiment = arms.experiment;

-- One row a generated token.
CREATE VIEW token_view AS
SELECT experiments.name AS experiment,
       arms.task_label AS task,
       arms.model_label AS model,
       arms.strategy_label AS strategy,
       trials.seed AS seed,
       samples.example_index AS example_index,
       samples.sample_index AS sample_index,
       tokens.position AS position,
       tokens.token AS token,
       tokens.text AS text,
       exp(tokens.log_probability) AS probability,
       tokens.log_probability AS log_probability,
       tokens.entropy AS entropy,
       tokens.rank AS rank,
       tokens.alternatives AS alternatives,
       trials.id AS trial,
       tokens.sample AS sample
FROM tokens
JOIN samples ON samples.sample = tokens.sample
JOIN trials ON trials.trial = samples.trial
JOIN experiment_trials AS arms ON arms.trial = trials.trial
JOIN experiments ON experiments.experiment = arms.experiment;

-- Loss over steps; what a resumed run computed again is there once.
CREATE VIEW curve_view AS
SELECT models.label AS model,
       models.task_label AS task,
       models.plugin AS plugin,
       training_points.split AS split,
       training_points.step AS step,
       training_points.tokens AS tokens,
       training_points.seconds AS seconds,
       training_points.loss AS loss,
       exp(training_points.loss) AS perplexity,
       training_points.learning_rate AS learning_rate,
       training_points.gradient_norm AS gradient_norm,
       training_points.run AS run,
       models.model AS model_id
FROM training_points
JOIN training_runs ON training_runs.run = training_points.run
JOIN models ON models.model = training_runs.model;

-- How far every arm of every experiment is.
CREATE VIEW progress_view AS
SELECT experiments.name AS experiment,
       arms.task_label AS task,
       arms.model_label AS model,
       arms.strategy_label AS strategy,
       trials.seed AS seed,
       trials.status AS status,
       (SELECT count(*) FROM samples WHERE samples.trial = trials.trial) AS stored_samples,
       trials.expected_samples AS expected_samples,
       (SELECT count(*) FROM failures WHERE failures.trial = trials.trial) AS failures,
       trials.started AS started,
       trials.finished AS finished,
       trials.seconds AS seconds,
       trials.delivered_tokens / nullif(trials.seconds, 0) AS tokens_per_second,
       trials.id AS trial
FROM experiment_trials AS arms
JOIN experiments ON experiments.experiment = arms.experiment
JOIN trials ON trials.trial = arms.trial;

-- What went wrong, newest last.
CREATE VIEW failure_view AS
SELECT failures.at AS at,
       experiments.name AS experiment,
       tasks.label AS task,
       coalesce(trial_models.label, models.label) AS model,
       trials.strategy_label AS strategy,
       failures.stage AS stage,
       failures.message AS message,
       failures.signal AS signal,
       failures.example_id AS example_id,
       failures.standard_error AS standard_error,
       trials.id AS trial
FROM failures
LEFT JOIN experiments ON experiments.experiment = failures.experiment
LEFT JOIN trials ON trials.trial = failures.trial
LEFT JOIN tasks ON tasks.task = trials.task
LEFT JOIN models AS trial_models ON trial_models.model = trials.model
LEFT JOIN models ON models.model = failures.model
ORDER BY failures.at, failures.failure;
