#!/usr/bin/env python3
"""`trellis explain`: what it shows adds up, agrees with the database, and mistakes are one line."""
import json
import math
import pathlib
import unittest

from trellis_runs import GREEDY, HEAD, NGRAM, PLUGINS, RunCase, main

GPT = ('[[model]]\nplugin = "gpt"\nlayers = 2\nwidth = 16\nheads = 2\ninner = 16\nepochs = 1\n'
       'tokenizer = "character"\n')


class ExplainTest(RunCase):
    def explained(self, *arguments):
        result = self.trellis("explain", "x.db", "--json", *arguments)
        self.assert_ends(result, 0)
        return json.loads(result.stdout)

    def test_a_stored_sample_is_explained_as_it_was_generated(self):
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY), 0)
        (trial, example, finish), = self.rows(
            "SELECT trials.id, example_index, finish FROM samples JOIN trials "
            "ON trials.trial = samples.trial WHERE example_index = 3")
        told = self.explained("--trial", trial, "--example", str(example))
        stored = self.rows("SELECT token, log_probability, rank FROM token_view "
                           "WHERE example_index = 3 ORDER BY position")
        self.assertEqual([(row["id"], row["log_probability"], row["rank"])
                          for row in told["judged"]], stored)
        self.assertAlmostEqual(told["log_probability"], sum(row[1] for row in stored), places=9)
        text = self.trellis("explain", "x.db", "--trial", trial, "--example", str(example))
        self.assert_ends(text, 0, "log P(X) = sum over t of log P(x_t | x_<t)", "perplexity")

    @unittest.skipUnless(pathlib.Path(PLUGINS, "gpt.so").exists(), "built without LibTorch")
    def test_attention_is_causal_and_sums_to_one(self):
        self.assert_ends(self.run_config(HEAD + GPT + GREEDY), 0)
        told = self.explained("--source", "one", "eins")
        self.assertEqual([row["text"] for row in told["judged"]][:4], list("eins"))
        self.assertEqual(len(told["attention"]), 2)
        for layer in told["attention"]:
            self.assertEqual(len(layer["weights"]), 2)
            for head in layer["weights"]:
                self.assertEqual(len(head), len(told["decoder"]))
                for query, row in enumerate(head):
                    # Float32 weights of at most 16 tokens: a rounding error each.
                    self.assertAlmostEqual(math.fsum(row), 1, places=5)
                    self.assertEqual(row[query + 1:], [0] * (len(row) - query - 1))
        text = self.trellis("explain", "x.db", "--source", "one", "--attention", "--layer", "0",
                            "--head", "1", "eins")
        self.assert_ends(text, 0, "self attention, layer 0, head 1")
        for wrong, said in [(["--layer", "2"], "--layer 2: there is no such layer"),
                            (["--head", "2"], "--head 2: self attention has heads 0 to 1")]:
            self.assert_ends(self.trellis("explain", "x.db", "--attention", *wrong, "eins"), 2, said)

    @unittest.skipUnless(pathlib.Path(PLUGINS, "wudao.so").exists(), "built without LibTorch")
    def test_experts_are_shown_beside_attention(self):
        model = GPT.replace('"gpt"', '"wudao"') + 'experts = 3\ntop_k = 2\n'
        self.assert_ends(self.run_config(HEAD + model + GREEDY), 0)
        told = self.explained("--source", "one", "eins")
        experts, = [layer for layer in told["attention"] if layer["kind"] == "experts"]
        for row in experts["weights"][0]:
            self.assertEqual(sorted(weight > 0 for weight in row), [False, True, True])
            self.assertAlmostEqual(math.fsum(row), 1, places=5)
        self.assert_ends(self.trellis("explain", "x.db", "--source", "one", "--attention", "eins"),
                         0, "self attention, layer 1", "experts, layer 1")

    def test_mistakes_are_told(self):
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY), 0)
        for arguments, said in [
                (["--model", "ngran", "a"], "--model ngran: no such model; did you mean ngram?"),
                (["--trial", "nonsense"], "--trial nonsense: no such trial"),
                (["--weights", "nowhere", "a"], "nowhere: the weights of ngram are not there"),
                (["--no-end", ""], "there is no token to explain")]:
            result = self.trellis("explain", "x.db", *arguments)
            self.assert_ends(result, 2, said)
            self.assertEqual(len(result.stdout.splitlines()), 1, result.stdout)
        self.assert_ends(self.trellis("explain", "none.db", "a"), 2, "none.db")


if __name__ == "__main__":
    main()
