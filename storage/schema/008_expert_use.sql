-- Schema 8: how mixtures of experts use these, as JSON: [{"layer": n, "tokens": [n, one an expert]},
-- ...], with layers and experts counted from 0; null of other models. A token counts for each expert
-- that it went to.

-- Of all tokens that were read for a sample: its prompt and its output, whose last is read by nobody.
ALTER TABLE samples ADD COLUMN expert_use TEXT;

-- Of the tokens after which something is learned, of a validation or since the last point of
-- training; besides "dropped": [n, ...], how many of these an expert had no room for.
ALTER TABLE training_points ADD COLUMN expert_use TEXT;

-- One row an expert of a layer of a trial; the shares of a layer's experts sum to 1.
CREATE VIEW expert_view AS
WITH counts AS (
  SELECT samples.trial AS trial,
         json_extract(layers.value, '$.layer') AS layer,
         experts.key AS expert,
         sum(experts.value) AS tokens
  FROM samples, json_each(samples.expert_use) AS layers,
       json_each(layers.value, '$.tokens') AS experts
  GROUP BY samples.trial, layer, experts.key
)
SELECT experiments.name AS experiment,
       arms.task_label AS task,
       arms.model_label AS model,
       arms.strategy_label AS strategy,
       trials.seed AS seed,
       counts.layer AS layer,
       counts.expert AS expert,
       counts.tokens AS tokens,
       1.0 * counts.tokens / nullif(sum(counts.tokens) OVER layer_of_arm, 0) AS share,
       trials.id AS trial
FROM counts
JOIN trials ON trials.trial = counts.trial
JOIN experiment_trials AS arms ON arms.trial = trials.trial
JOIN experiments ON experiments.experiment = arms.experiment
WINDOW layer_of_arm AS (PARTITION BY arms.experiment, arms.position, counts.layer);

-- One row an expert of a layer at a point of a training curve.
CREATE VIEW expert_curve_view AS
SELECT models.label AS model,
       models.task_label AS task,
       training_points.split AS split,
       training_points.step AS step,
       json_extract(layers.value, '$.layer') AS layer,
       experts.key AS expert,
       experts.value AS tokens,
       json_extract(layers.value, '$.dropped[' || experts.key || ']') AS dropped,
       models.model AS model_id
FROM training_points
JOIN training_runs ON training_runs.run = training_points.run
JOIN models ON models.model = training_runs.model,
     json_each(training_points.expert_use) AS layers,
     json_each(layers.value, '$.tokens') AS experts;
