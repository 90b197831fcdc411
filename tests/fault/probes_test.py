"""What is measured beside a task's own metrics: shares of groups of words, and what needs resources
that may not be there."""
from trellis_runs import GREEDY, HEAD, NGRAM, RunCase, main

WORDS = ('[[words]]\nname = "one"\nwords = ["Eins"]\n'
         '[[words]]\nname = "other"\nwords = ["zwei", "drei"]\n')
METEOR = """
[experiment]
name = "x"
[[task]]
plugin = "custom"
train = "train.jsonl"
test = "test.jsonl"
metrics = ["exact_match", "meteor"]
"""


class ProbesTest(RunCase):
    def shares(self):
        return dict(self.rows("SELECT metric, value FROM leaderboard WHERE metric LIKE 'share.%'"))

    def test_shares_of_words_are_of_outputs_references_and_training_data(self):
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY), 0)
        self.assertEqual(self.shares(), {})
        # Groups that are added later score what is stored.
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY + WORDS), 0, "1 done before")
        written = [word for output, in self.rows("SELECT output FROM sample_view")
                   for word in output.split() if word in ("eins", "zwei", "drei")]
        one = written.count("eins") / len(written)
        expected = {"share.one": one, "share.other": 1 - one,
                    # "eins" and a number in each reference; "eins zwei" and "drei" in training.
                    "share.one.references": 1, "share.other.references": 0,
                    "share.one.training": 1 / 3, "share.other.training": 2 / 3}
        shares = self.shares()
        self.assertEqual(set(shares), set(expected))
        for name, value in expected.items():
            self.assertAlmostEqual(shares[name], value, msg=name)
        # Scoring anew asks the task alone and keeps them, and nothing in the file contradicts them.
        self.assert_ends(self.trellis("score", "x.db"), 0)
        self.assertEqual(self.shares(), shares)
        self.assert_ends(self.trellis("db", "check", "x.db"), 0)

    def test_tables_show_what_says_more_of_a_model_only_when_asked(self):
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY + WORDS), 0)
        self.assertEqual(len(self.rows("SELECT * FROM leaderboard WHERE metric IN "
                                       "('calibration_error', 'exposure_gap')")), 2)
        table = self.trellis("compare", "x.db", "--format", "csv")
        self.assert_ends(table, 0, "bleu")
        for name in ("calibration_error", "exposure_gap", "share.one"):
            self.assertNotIn(name, table.stdout)
            asked = self.trellis("compare", "x.db", "--format", "csv", "--metric", name)
            self.assert_ends(asked, 0, name)

    def test_a_metric_without_its_resources_is_refused_before_anything_runs(self):
        self.environment["WNSEARCHDIR"] = "nowhere"
        result = self.run_config(METEOR + NGRAM + GREEDY)
        self.assert_ends(result, 2, "x.toml:8:1: task custom: metrics: meteor: nowhere/index.noun: "
                                    "cannot be opened; METEOR's synonyms are WordNet's")
        self.assertFalse((self.path / "x.db").exists())
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY), 0)
        self.assert_ends(self.trellis("score", "x.db", "--metric", "meteor"), 2,
                         "nowhere/index.noun: cannot be opened")

    def test_an_encoder_that_is_none_is_refused_in_one_line(self):
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY), 0)
        ((model,),) = self.rows("SELECT model FROM models")
        score = ("score", "x.db", "--metric", "bertscore")
        self.assert_ends(self.trellis(*score), 2, "--metric bertscore: needs --encoder")
        self.assert_ends(self.trellis("score", "x.db", "--metric", "mauve"), 2,
                         "--metric mauve: needs --encoder")
        self.assert_ends(self.trellis("score", "x.db", "--encoder", f"x.models/{model}"), 2,
                         "--encoder: is for --metric bertscore or mauve")
        self.assert_ends(self.trellis(*score, "--encoder", f"x.models/{model}"), 2,
                         "the model gives no vectors of its tokens")
        self.assert_ends(self.trellis(*score, "--encoder", "nowhere"), 2, "nowhere")

    def test_groups_of_words_that_cannot_be_counted_are_told_at_their_place(self):
        result = self.run_config(HEAD + NGRAM + GREEDY + WORDS.replace("drei", "EINS"))
        self.assert_ends(result, 2, 'x.toml:18:1: the group of words "other": "EINS" is given before')


if __name__ == "__main__":
    main()
