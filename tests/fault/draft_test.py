"""A model that is lent to a strategy: trained first, changing nothing, and refused in one line where
it cannot be one."""
import shutil

from trellis_runs import GREEDY, HEAD, RunCase, main

MODELS = ('[[model]]\nplugin = "ngram"\nlabel = "large"\norder = 5\n'
          '[[model]]\nplugin = "ngram"\nlabel = "small"\norder = 2\n')
SAMPLE = '[[strategy]]\nplugin = "sample"\nmodels = ["large"]\n'


def speculative(verification, draft="small", **settings):
    lines = ['[[strategy]]', 'plugin = "speculative"', f'label = "drafted {verification}"',
             f'draft = "{draft}"', f'verification = "{verification}"', 'models = ["large"]']
    return "\n".join(lines + [f"{key} = {value}" for key, value in settings.items()]) + "\n"


class DraftTest(RunCase):
    def setUp(self):
        super().setUp()
        self.head = HEAD.replace("max_new_tokens = 4", "max_new_tokens = 24\nlimit = 12")

    def outputs(self, strategy):
        return self.rows("SELECT example_index, position, token, log_probability FROM token_view "
                         f"WHERE model = 'large' AND strategy = '{strategy}' "
                         "ORDER BY example_index, position")

    def test_outputs_are_those_of_greedy_and_sample(self):
        config = (self.head + MODELS + GREEDY.replace("\n", '\nmodels = ["large"]\n', 1) + SAMPLE +
                  speculative("greedy") + speculative("coupled") + speculative("rejection"))
        self.assert_ends(self.run_config(config), 0)
        # No strategy is for the draft, which is trained all the same.
        self.assertEqual(self.rows("SELECT DISTINCT model FROM progress_view"), [("large",)])
        self.assertEqual(len(self.rows("SELECT * FROM models WHERE ready IS NOT NULL")), 2)
        self.assertEqual(self.outputs("greedy"), self.outputs("drafted greedy"))
        self.assertEqual(self.outputs("sample"), self.outputs("drafted coupled"))
        self.assertNotEqual(self.outputs("greedy"), self.outputs("sample"))
        shares = dict(self.rows("SELECT strategy, value FROM leaderboard "
                                "WHERE metric = 'draft_acceptance'"))
        self.assertEqual(set(shares), {"drafted greedy", "drafted coupled", "drafted rejection"})
        for share in shares.values():
            self.assertGreater(share, 0)
            self.assertLessEqual(share, 1)

    def test_another_draft_is_another_trial(self):
        config = self.head + MODELS + speculative("greedy")
        self.assert_ends(self.run_config(config), 0, "1 done now")
        self.assert_ends(self.run_config(config), 0, "1 done before, 0 done now")
        self.assert_ends(self.run_config(config.replace("order = 2", "order = 3")), 0, "1 done now")

    def test_a_draft_by_its_path(self):
        self.assert_ends(self.run_config(self.head + MODELS + GREEDY), 0)
        (folder,) = self.rows("SELECT model FROM models WHERE label = 'small'")[0]
        shutil.copytree(self.path / "x.models" / folder, self.path / "draft")
        self.assert_ends(self.run_config(self.head + MODELS + speculative("greedy", "draft")), 0)

    def test_what_is_no_draft_is_told_in_one_line(self):
        result = self.run_config(self.head + MODELS + speculative("greedy", "smal"))
        self.assert_ends(result, 2, 'x.toml:23:1: draft = "smal": is neither a file or folder, nor '
                                    'the label of a model here')
        result = self.run_config(self.head + MODELS + '[[strategy]]\nplugin = "speculative"\n')
        self.assert_ends(result, 2, "draft: must be given")
        result = self.run_config(self.head + MODELS +
                                 speculative("greedy").replace('["large"]', '["largo"]'))
        self.assert_ends(result, 2, 'models: no model "largo"; did you mean "large"?')

    def test_models_may_be_lent_to_each_other(self):
        config = (self.head + MODELS + speculative("greedy") +
                  speculative("coupled", "large").replace('models = ["large"]', 'models = "small"'))
        self.assert_ends(self.run_config(config), 0, "2 trials: 0 done before, 2 done now, 0 failed")

    def test_verify_trains_what_is_lent(self):
        self.write_config(self.head + MODELS + SAMPLE + speculative("rejection"))
        result = self.trellis("verify", "x.toml", "--limit", "2")
        self.assert_ends(result, 0, "tokens and log-probabilities are the same, bit for bit")
        self.assertIn("against batch 1, 1 thread  large\n", result.stdout)

    def test_generate_takes_a_draft_by_its_path(self):
        self.assert_ends(self.run_config(self.head + MODELS + GREEDY), 0)
        folders = dict(self.rows("SELECT label, model FROM models"))
        large, small = (f"x.models/{folders[label]}" for label in ("large", "small"))
        plain = self.trellis("generate", "--model", large, "one 5\t")
        drafted = self.trellis("generate", "--model", large, "--strategy", "speculative", "--set",
                               f"draft={small}", "--set", "verification=greedy", "--statistics",
                               "one 5\t")
        self.assert_ends(plain, 0)
        self.assert_ends(drafted, 0, " drafted tokens were kept")
        self.assertTrue(drafted.stdout.startswith(plain.stdout.rstrip("\n")), drafted.stdout)
        for draft, message in (("draft=nowhere", "nowhere"), ("num_tokens=2", "draft: must be given")):
            result = self.trellis("generate", "--model", large, "x", "--strategy", "speculative",
                                  "--set", draft)
            self.assert_ends(result, 2, message)

    def test_another_vocabulary_fails_the_trial_alone(self):
        bytes_model = MODELS.replace("order = 2", 'order = 2\ntokenizer = "byte"')
        result = self.run_config(self.head + bytes_model + GREEDY + speculative("coupled"))
        self.assert_ends(result, 1, "large × drafted coupled · translation: failed: the draft has "
                                    "a vocabulary of ")
        self.assertEqual(self.statuses()["greedy"], "done")

    def test_a_draft_that_cannot_be_read_fails_the_trial_alone(self):
        (self.path / "draft").mkdir()
        result = self.run_config(self.head + MODELS + GREEDY + speculative("coupled", "draft"))
        self.assert_ends(result, 1, "draft: is no model: give a folder")
        self.assertEqual(self.statuses()["greedy"], "done")


if __name__ == "__main__":
    main()
