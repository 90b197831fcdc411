#!/usr/bin/env python3
"""Models that begin at others, in `trellis run`: by label, id and path; trained in their order; and
what does not fit is one clear line."""
import json
import pathlib
import shutil
import unittest

from published_test import GOLDENS, tokenizer
from trellis_runs import GREEDY, HEAD, NGRAM, PLUGINS, RunCase, main

SMALL = "max_steps = 3\nbatch_tokens = 64\nwarmup_steps = 0\n"
GPT = ('[[model]]\nplugin = "gpt"\nlabel = "base"\nlayers = 1\nwidth = 16\nheads = 2\ninner = 16\n'
       'tokenizer = "character"\n' + SMALL)
TUNED = '[[model]]\nplugin = "gpt"\nlabel = "tuned"\ninit_from = "base"\n' + SMALL


@unittest.skipUnless(pathlib.Path(PLUGINS, "gpt.so").exists(), "built without LibTorch")
class TuningTest(RunCase):
    def model(self, label):
        """Id and description of a model of the database."""
        (identifier, description), = self.rows(
            f"SELECT model, description FROM models WHERE label = '{label}'")
        return identifier, json.loads(description)

    def test_before_and_after_in_one_config(self):
        lora = TUNED.replace("tuned", "lora") + "lora_rank = 2\n"
        self.assert_ends(self.run_config(HEAD + GPT + TUNED + lora + GREEDY, "--jobs", "2"), 0,
                         "3 done now")
        base, before = self.model("base")
        _, after = self.model("tuned")
        changes, changed = self.model("lora")
        self.assertEqual(before["parameters"], after["parameters"])
        self.assertEqual(before["parameters"], changed["parameters"])
        self.assertEqual(len({d["weights_hash"] for d in (before, after, changed)}), 3)
        # One matrix of 16 x 48, 16 x 16 and two of 16 x 16, with a rank of 2.
        self.assertEqual(changed["trained_parameters"], 2 * (64 + 32 + 32 + 32))
        # A second run finds all of it, and the same ids.
        self.assert_ends(self.run_config(HEAD + GPT + TUNED + lora + GREEDY), 0, "3 done before")
        # Changes find their base where both were moved to.
        shutil.move(self.path / "x.models", self.path / "moved")
        self.assert_ends(self.trellis("generate", "--model", f"moved/{changes}", "--source", "one"), 0)
        shutil.rmtree(self.path / "moved" / base)
        self.assert_ends(self.trellis("generate", "--model", f"moved/{changes}", "--source", "one"), 2,
                         "holds changes of the model at", "which is not there; put it back")

    def test_a_model_of_an_earlier_run_is_found_by_label_and_id(self):
        self.assert_ends(self.run_config(HEAD + GPT + GREEDY), 0)
        base, _ = self.model("base")
        self.assert_ends(self.run_config(HEAD + TUNED + GREEDY), 0)
        by_label, _ = self.model("tuned")
        by_id = TUNED.replace('"base"', f'"{base[:8]}"')
        self.assert_ends(self.run_config(HEAD + by_id + GREEDY), 0, "1 done before")
        # The path of a folder goes by the content of its weights.
        folder = TUNED.replace('"base"', f'"x.models/{base}"').replace('"tuned"', '"path"')
        self.assert_ends(self.run_config(HEAD + folder + GREEDY), 0, "1 done now")
        self.assertNotEqual(self.model("path")[0], by_label)
        self.assertEqual(self.model("path")[1]["weights_hash"], self.model("tuned")[1]["weights_hash"])

    def test_what_does_not_fit_is_told_at_its_place(self):
        self.assert_ends(self.run_config(HEAD + TUNED + GREEDY), 2,
                         'x.toml:14:1: init_from = "base": is neither a file or folder, nor the label')
        self.assert_ends(self.run_config(HEAD + TUNED + GPT + GREEDY), 2, "model above")
        self.assert_ends(self.run_config(HEAD + GPT + TUNED + "layers = 2\n" + GREEDY), 2,
                         "layers: is that of the model in init_from; leave it out")
        self.assert_ends(self.run_config(HEAD + TUNED.replace('"base"', '"./nowhere"') + GREEDY), 2,
                         '"./nowhere": there is no such file or folder')
        self.assert_ends(self.run_config(HEAD + GPT + "lora_rank = 2\n" + GREEDY), 1,
                         "lora_rank: changes need a model that they change")
        llama = TUNED.replace('"gpt"', '"llama"')
        self.assert_ends(self.run_config(HEAD + GPT + llama + GREEDY), 1,
                         'holds a model of the plugin "gpt", not of "llama"')
        frozen = TUNED + 'frozen = ["block.*"]\n'
        self.assert_ends(self.run_config(HEAD + GPT + frozen + GREEDY), 1,
                         'frozen: "block.*" is the name of nothing; there are: tokens.weight')

    @unittest.skipUnless(pathlib.Path(PLUGINS, "llama.so").exists(), "built without LibTorch")
    def test_a_published_model_is_tuned(self):
        model = self.path / "published"
        shutil.copytree(GOLDENS / "llama_gqa_tied", model)
        (model / "tokenizer.json").write_text(json.dumps(tokenizer()))
        llama = '[[model]]\nplugin = "llama"\n'
        before = llama + 'label = "before"\nweights = "published"\n'
        shape = llama + 'init_from = "published"\n' + SMALL
        config = (HEAD + before + shape + 'label = "whole"\n' + shape +
                  'label = "lora"\nlora_rank = 2\n' + GREEDY)
        self.assert_ends(self.run_config(config), 0, "3 done now")
        for label in ("whole", "lora"):
            identifier, _ = self.model(label)
            result = self.trellis("generate", "--model", f"x.models/{identifier}", "one",
                                  "--max-new-tokens", "4")
            self.assert_ends(result, 0)
        self.assert_ends(self.trellis("verify", "x.toml", "--db", "x.db", "--limit", "2"), 0,
                         "bit for bit")
        # Of another shape, and of another kind.
        settings = json.loads((model / "config.json").read_text())
        (model / "config.json").write_text(json.dumps({**settings, "intermediate_size": 97}))
        self.assert_ends(self.run_config(HEAD + shape + GREEDY), 1,
                         "of another shape: model.layers.0.mlp.gate_proj.weight [96, 48]")
        gpt = '[[model]]\nplugin = "gpt"\ninit_from = "published"\n' + SMALL
        self.assert_ends(self.run_config(HEAD + gpt + GREEDY), 1,
                         'holds a model of the type "llama", the plugin gpt reads gpt2')

    def test_a_model_without_its_weights_may_be_left_out(self):
        there = '[[model]]\nplugin = "gpt"\nlabel = "there"\noptional = true\nweights = "${NOWHERE}"\n'
        self.assert_ends(self.run_config(HEAD + NGRAM + there + GREEDY), 0,
                         "the environment variable NOWHERE is not set; the model there is left out",
                         "1 done now")
        self.assert_ends(self.run_config(HEAD + NGRAM + there.replace("true", "false") + GREEDY), 2,
                         "the environment variable NOWHERE is not set")

    def test_a_model_may_be_shown_its_task_in_its_own_way(self):
        shown = (NGRAM + 'label = "shown"\ntask_settings = {prompt = "{source} = {target}\\n", '
                         'shots = 2}\n')
        self.assert_ends(self.run_config(HEAD + NGRAM + shown + GREEDY), 0, "2 done now")
        prefixes = self.rows("SELECT DISTINCT e.prefix FROM samples s JOIN examples e USING (example) "
                             "WHERE s.example_index = 0 ORDER BY 1")
        self.assertEqual(prefixes, [("",), ("one two = eins zwei\nthree = drei\none 0 =",)])
        self.assert_ends(self.run_config(HEAD + NGRAM + "task_settings = {test = \"x\"}\n" + GREEDY), 2,
                         "test: unknown to task_settings")


if __name__ == "__main__":
    main()
