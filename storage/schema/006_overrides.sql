-- Schema 6: what overrode an experiment's config when it ran last, so that it can be run again.

-- JSON: a list of KEY=VALUE as `trellis run --set` takes them.
ALTER TABLE experiments ADD COLUMN overrides TEXT NOT NULL DEFAULT '[]';
