-- Schema 4: what the states of a sweep took in memory, and what it saved, by kind.

-- Most at one time, by the model's own figures; null where it gives none.
ALTER TABLE sweeps ADD COLUMN peak_state_bytes INTEGER;

DROP VIEW sweep_view;

-- `shared` is the part of the tokens that samples needed and somebody else had computed.
CREATE VIEW sweep_view AS
SELECT models.label AS model,
       tasks.label AS task,
       sweeps.finished AS finished,
       sweeps.trials AS trials,
       sweeps.samples AS samples,
       sweeps.delivered_tokens AS delivered_tokens,
       sweeps.prompt_tokens + sweeps.computed_tokens AS computed_tokens,
       sweeps.prompt_tokens_saved AS prompt_tokens_saved,
       sweeps.computed_tokens_saved AS computed_tokens_saved,
       1.0 * (sweeps.prompt_tokens_saved + sweeps.computed_tokens_saved)
         / nullif(sweeps.prompt_tokens + sweeps.prompt_tokens_saved
                  + sweeps.computed_tokens + sweeps.computed_tokens_saved, 0) AS shared,
       sweeps.peak_states AS peak_states,
       sweeps.peak_state_bytes AS peak_state_bytes,
       sweeps.seconds AS seconds
FROM sweeps
JOIN models ON models.model = sweeps.model
JOIN tasks ON tasks.task = sweeps.task;
