-- Schema 7: what a task's test data has in common with its training data, as JSON: {"words": n,
-- "comparable": examples with n words in a row, "examples": [[id, share of its words], ...]}; null
-- where it was not looked for.
ALTER TABLE tasks ADD COLUMN overlap TEXT;
