#!/usr/bin/env python3
"""The use of experts that a run stores: the model's own choices, whatever the batch, and drawn."""
import contextlib
import json
import pathlib
import shutil
import sqlite3
import unittest

from published_test import GOLDENS, tokenizer
from trellis_runs import GREEDY, HEAD, PLUGINS, RunCase, main

# Of two layers the second has experts.
WUDAO = ('[[model]]\nplugin = "wudao"\nlayers = 2\nwidth = 16\nheads = 2\ninner = 16\nepochs = 20\n'
         'experts = 3\ntop_k = 2\ncapacity_factor = 0.5\ntokenizer = "character"\n'
         'report_every = 2\n')
ARMS = GREEDY + '[[strategy]]\nplugin = "beam"\nnum_beams = 3\n'
USES = ("SELECT strategy_label, example_index, sample_index, expert_use FROM samples "
        "JOIN trials USING (trial) ORDER BY 1, 2, 3")


@unittest.skipUnless(pathlib.Path(PLUGINS, "wudao.so").exists(), "built without LibTorch")
class ExpertsTest(RunCase):
    def test_counts_are_the_models_own_choices(self):
        self.assert_ends(self.run_config(HEAD + WUDAO + ARMS), 0)
        uses = self.rows(USES)
        self.assertEqual(len(uses), 160)
        compared = 0
        for strategy, example, sample, use in uses[::10]:
            (trial, text), = self.rows(
                "SELECT trials.id, group_concat(tokens.text, '') FROM trials JOIN samples "
                f"USING (trial) JOIN tokens USING (sample) WHERE strategy_label = '{strategy}' "
                f"AND example_index = {example} AND sample_index = {sample}")
            result = self.trellis("explain", "x.db", "--json", "--trial", trial, "--example",
                                  str(example), "--sample", str(sample))
            self.assert_ends(result, 0)
            told = json.loads(result.stdout)
            if "".join(row["text"] for row in told["judged"]) != text:
                continue  # explained is the text, which special symbols have no part in
            compared += 1
            chosen, = [layer for layer in told["attention"] if layer["kind"] == "experts"]
            counts = [sum(row[expert] > 0 for row in chosen["weights"][0]) for expert in range(3)]
            self.assertEqual(json.loads(use), [{"layer": 1, "tokens": counts}])
        self.assertGreater(compared, 8)
        for number, query in [(6, "SELECT count(*) FROM expert_view"),
                              (1, "SELECT total(share) FROM expert_view WHERE strategy = 'greedy'")]:
            self.assertAlmostEqual(self.rows(query)[0][0], number)
        self.assert_ends(self.trellis("db", "check", "x.db"), 0)
        self.assert_ends(self.trellis("report", "x.db"), 0)
        page = (self.path / "x.html").read_text(encoding="utf-8")
        tokens, share = self.rows("SELECT tokens, share FROM expert_view WHERE expert = 1 AND "
                                  "strategy = 'greedy'")[0]
        self.assertIn(f"greedy, layer 1, expert 1: {tokens} tokens, {100 * share:.1f} %", page)

    def test_batch_and_jobs_change_nothing(self):
        self.assert_ends(self.run_config(HEAD + WUDAO + ARMS), 0)
        expected = self.rows(USES)
        for batch_size, jobs in [("1", "1"), ("64", "2")]:  # a job has its part of the processors
            with contextlib.closing(sqlite3.connect(self.path / "x.db")) as connection:
                connection.execute("PRAGMA foreign_keys = ON")  # tokens go with them
                connection.execute("DELETE FROM samples")
                connection.execute("UPDATE trials SET status = 'pending'")
                connection.commit()
            self.assert_ends(self.trellis("run", "x.toml", "--db", "x.db", "--set",
                                          f"experiment.batch_size={batch_size}", "--jobs", jobs), 0)
            self.assertEqual(self.rows(USES), expected)

    def test_training_counts_what_was_learned(self):
        self.write("valid", [("one", "eins")] * 3)
        config = HEAD.replace('test =', 'valid = "valid.jsonl"\ntest =') + WUDAO + GREEDY
        self.assert_ends(self.run_config(config), 0)
        learned = 0
        points = self.rows("SELECT split, step, tokens, expert_use FROM training_points "
                           "ORDER BY step, split")
        self.assertEqual({split for split, *_ in points}, {"train", "valid"})
        for split, _, tokens, use in points:
            layer, = json.loads(use)
            if split == "train":
                self.assertEqual(sum(layer["tokens"]), 2 * (tokens - learned))
                learned = tokens
            else:
                self.assertEqual(sum(layer["tokens"]), 2 * 3 * len("eins."))
                self.assertEqual(layer["dropped"], [0, 0, 0])

    def test_published_mixtures_are_counted(self):
        model = self.path / "published"
        shutil.copytree(GOLDENS / "mixtral", model)
        config = json.loads((model / "config.json").read_text())
        (model / "tokenizer.json").write_text(json.dumps(tokenizer()))
        arm = '[[model]]\nplugin = "wudao"\nweights = "published"\n'
        self.assert_ends(self.run_config(HEAD + arm + GREEDY, "--limit", "5"), 0)
        for use, in self.rows("SELECT expert_use FROM samples"):
            layers = json.loads(use)
            self.assertEqual([layer["layer"] for layer in layers],
                             list(range(config["num_hidden_layers"])))
            sums = {sum(layer["tokens"]) for layer in layers}
            self.assertEqual(len(sums), 1)  # every layer sees every token
            self.assertEqual(sums.pop() % config["num_experts_per_tok"], 0)


if __name__ == "__main__":
    main()
