"""`trellis run` with files that are not as they should be: one clear line, the right exit code,
nothing half written."""
import os
import pathlib
import resource
import sqlite3
import unittest

from trellis_runs import GREEDY, HEAD, NGRAM, PLUGINS, RunCase, main

GOOD_LINE = b'{"source": "a", "references": ["b"]}\n'


class DataTest(RunCase):
    def assert_refused(self, config, *texts):
        result = self.run_config(config)
        self.assert_ends(result, 2, *texts)
        self.assertEqual(len(result.stdout.splitlines()), 1, result.stdout)
        self.assertFalse((self.path / "x.db").exists())

    def test_bad_data_is_told_with_its_place(self):
        cases = {
            "empty": (b"", "test.jsonl: holds no example"),
            "blank": (b"\n\n", "test.jsonl: holds no example"),
            "wrong type": (GOOD_LINE + b'{"source": 1}', 'test.jsonl:2:1: "source" must be a text'),
            "missing key": (b'{"source": "a"}', 'test.jsonl:1:1: the key "reference" is missing'),
            "no object": (b"[1]\n", "test.jsonl:1:1: expected one JSON object a line"),
            "cut off": (GOOD_LINE + b'{"source": "a"', "test.jsonl:2:15: malformed JSON"),
            "invalid UTF-8": (b'{"source": "a\xff"}', "test.jsonl:1:14: invalid UTF-8 (byte 0xFF)"),
            "half a surrogate": (b'{"source": "\\ud800"}', "test.jsonl:1:19: malformed JSON"),
            "too long": (b'{"source": "' + b"x" * (1 << 20) + b'"}', "test.jsonl:1:1: line longer"),
            "too deep": (b'{"x": ' + b"[" * 100000 + b"]" * 100000 + b"}",
                         "test.jsonl:1:1: JSON nested deeper than 256 levels"),
            "same id": (b'{"id": 7, "source": "a", "references": ["b"]}\n' * 2,
                        'test.jsonl:2:1: the id "7" is that of line 1 already'),
        }
        for name, (content, text) in cases.items():
            with self.subTest(name):
                (self.path / "test.jsonl").write_bytes(content)
                self.assert_refused(HEAD + NGRAM + GREEDY, f"x.toml:7:1: task: {self.path}/", text)

    def test_a_line_of_almost_a_megabyte_is_read(self):
        self.write("test", [("word " * 200000, "b"), ("a", "b")])
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY), 0)

    def test_bad_configs_are_told_with_their_place(self):
        self.assert_refused(HEAD + NGRAM + GREEDY.replace("greedy", "gredy"),
                            'x.toml:14:1: no strategy plugin "gredy"; did you mean "greedy"?')
        self.assert_refused(HEAD.replace("test.jsonl", "none.jsonl") + NGRAM + GREEDY,
                            'x.toml:10:1: "none.jsonl": there is no such file or folder')
        (self.path / "x.toml").write_bytes(b'[experiment]\nname = "\xff"\n')
        self.assert_ends(self.trellis("run", "x.toml"), 2, "x.toml:2:9: invalid UTF-8")
        self.assert_ends(self.trellis("run", "absent.toml"), 2, "absent.toml: cannot be opened")
        self.assert_ends(self.trellis("run"), 2)

    def test_a_prompt_with_an_unknown_field_is_told_with_its_place(self):
        self.write("test", [("a", "b")])
        prompt = HEAD + 'prompt = "{sourc}: {target}"\n' + NGRAM + GREEDY
        line = 1 + prompt[:prompt.index("prompt =")].count("\n")
        self.assert_refused(prompt, f"x.toml:{line}:", 'prompt = "{sourc}: {target}": character 1: '
                            'no field "sourc"; there are: source, id, target')
        where = HEAD + 'where = ["kind=x"]\n' + NGRAM + GREEDY
        self.assert_refused(where, f"x.toml:{line}:", "where: no test example has kind=x")

    def test_contamination_is_reported(self):
        self.write("test", [("three", "drei"), ("four", "vier")])
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY, "--dry-run"), 0,
                         "x.toml:7:1: contamination: task translation: 1 of 2 test examples")

    def test_a_run_of_words_in_common_is_contamination_and_stored(self):
        line = "We saw the old mill by the river, and nobody had lived there for years."
        self.write("train", [(f"Before: {line.upper()} After.", "eins"), ("two", "zwei")])
        self.write("test", [(line[3:], "eins"), ("six", "sechs"), (line.replace("river", "x"), "y")])
        # "saw" to "years" are 14 words, two runs of 13; with "x" the longest run has 7.
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY), 0,
                         "x.toml:7:1: contamination: task translation: 1 of the 2 test examples with "
                         "13 words in a row share so many with its training or validation data, "
                         "test-1 the most (93 % of its words)")
        self.assertEqual(self.rows("SELECT json_extract(overlap, '$.words'), "
                                   "json_extract(overlap, '$.comparable'), "
                                   "json_extract(overlap, '$.examples[0][0]') FROM tasks"),
                         [(13, 2, "test-1")])
        result = self.run_config(HEAD + NGRAM + GREEDY, "--set", "experiment.contamination_words=7")
        self.assert_ends(result, 0, "2 of the 2 test examples with 7 words in a row")
        result = self.run_config(HEAD + NGRAM + GREEDY, "--set", "experiment.contamination_words=0")
        self.assertNotIn("contamination", result.stdout)

    def test_a_test_text_inside_the_training_text_is_contamination(self):
        words = [f"word{n}" for n in range(400)]
        (self.path / "train.txt").write_text(" ".join(words), encoding="utf-8")
        (self.path / "test.txt").write_text(" ".join(words[100:120] + ["other"] * 20))
        task = HEAD.replace("translation", "continuation").replace(".jsonl", ".txt")
        task += "prefix_characters = 40\ntarget_characters = 60\n"
        self.assert_ends(self.run_config(task + NGRAM + GREEDY, "--dry-run"), 0,
                         "contamination: task continuation: 2 of 4 test examples")


class DatabaseTest(RunCase):
    def test_a_full_disk_stops_the_run_and_the_next_goes_on(self):
        config = HEAD + NGRAM + GREEDY
        self.assert_ends(self.run_config(config), 0)
        expected = self.tables()
        stops = 0
        for kilobytes in range(40, 10000, 90):
            for file in self.path.glob("x.db*"):
                file.unlink()
            result = self.run_config(config, preexec_fn=lambda: limit_files(kilobytes << 10),
                                     restore_signals=False)
            if result.returncode == 0:
                break
            stops += 1
            self.assert_ends(result, 1, "x.db: ")
            self.assertNotIn("internal error", result.stdout)
            self.assert_ends(self.run_config(config), 0)
            self.assertEqual(self.tables(), expected)
        self.assertGreater(stops, 3)

    def test_a_read_only_folder_is_named(self):
        # Nobody may make files there, not even root.
        self.write_config(HEAD + NGRAM + GREEDY)
        result = self.trellis("run", "x.toml", "--db", "/sys/x.db")
        self.assert_ends(result, 1, "/sys/x.db: cannot write in /sys", "name another database")
        self.assertEqual(len(result.stdout.splitlines()), 1, result.stdout)

    def test_reports_and_exports_that_cannot_be_written_say_why(self):
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY), 0)
        for command in ("report",), ("db", "export"):
            with self.subTest(command):
                # Nobody may make files there, not even root; others find a file in the way.
                for file, reason in (("/sys/x.out", "denied"), ("x.toml/x.out", "Not a directory")):
                    result = self.trellis(*command, "x.db", "-o", file)
                    self.assert_ends(result, 1, f"{file}: cannot be written: ", reason,
                                     "; name another file with --output")
                    self.assertEqual(len(result.stdout.splitlines()), 1, result.stdout)

    @unittest.skipIf(os.geteuid() == 0, "root may write to read-only files")
    def test_a_read_only_database_is_named(self):
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY), 0)
        (self.path / "x.db").chmod(0o444)
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY), 1, "x.db: is read-only")

    def test_stored_outputs_are_scored_by_other_metrics(self):
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY), 0)
        self.assert_ends(self.trellis("score", "x.db", "--metric", "blue"), 2,
                         '--metric blue: no metric of texts has this name; did you mean "bleu"?')
        before = self.trellis("compare", "x.db", "--metric", "bleu").stdout
        self.assert_ends(self.trellis("score", "x.db", "--metric", "ter", "--metric", "zipf"), 0,
                         "scored by ter, zipf")
        self.assert_ends(self.trellis("compare", "x.db", "--metric", "ter", "--metric", "zipf"), 0,
                         "ter", "zipf")
        self.assertEqual(self.trellis("compare", "x.db", "--metric", "bleu").stdout, before)

    def test_a_newer_schema_is_refused(self):
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY), 0)
        connection = sqlite3.connect(self.path / "x.db")
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        for command in (["run", "x.toml", "--db"], ["compare"], ["report"], ["score"],
                        ["db", "check"], ["db", "export"]):
            with self.subTest(command):
                result = self.trellis(*command, "x.db")
                self.assert_ends(result, 1, "x.db: has schema 99, newer than this trellis knows")
                self.assertEqual(len(result.stdout.splitlines()), 1, result.stdout)


class CheckpointTest(RunCase):
    def model_folder(self):
        folder, = (self.path / "x.models").iterdir()
        return folder

    def test_damaged_weights_of_a_run_are_named_and_can_be_made_anew(self):
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY), 0)
        folder = self.model_folder()
        counts, = folder.glob("counts-*")
        os.truncate(counts, 30)
        config = HEAD + NGRAM + GREEDY + '[[strategy]]\nplugin = "beam"\n'
        self.assert_ends(self.run_config(config), 1, f"{counts}: truncated",
                         f"to train it anew, delete {folder}", "1 done before, 0 done now, 1 failed")
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        self.assert_ends(self.run_config(config), 0, "1 done before, 1 done now, 0 failed")

    def test_damaged_weights_of_a_config_are_named(self):
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY), 0)
        self.model_folder().rename(self.path / "w")
        config = HEAD + NGRAM + 'weights = "w"\n' + GREEDY
        self.assert_ends(self.run_config(config), 0)
        counts, = (self.path / "w").glob("counts-*")
        os.truncate(counts, os.path.getsize(counts) - 1)
        self.assert_ends(self.run_config(config), 1, f"{counts}: truncated")
        (self.path / "w/model.json").write_text("{")
        self.assert_ends(self.run_config(config), 1, "w/model.json:1:")

    @unittest.skipUnless(pathlib.Path(PLUGINS, "rnn.so").exists(), "built without LibTorch")
    def test_a_damaged_training_checkpoint_is_named(self):
        rnn = '[[model]]\nplugin = "rnn"\nhidden = 8\nembedding = 8\nepochs = 1\n'
        self.assert_ends(self.run_config(HEAD + rnn + GREEDY), 0)
        folder = self.model_folder()
        weights, = folder.glob("weights-*")
        (folder / "training.safetensors").write_bytes(weights.read_bytes()[:500])
        weights.unlink()
        (folder / "model.json").unlink()
        for file in self.path.glob("x.db*"):
            file.unlink()
        result = self.run_config(HEAD + rnn + GREEDY)
        self.assert_ends(result, 1, "training.safetensors: not a whole safetensors file", "delete it")
        (folder / "training.safetensors").unlink()
        self.assert_ends(self.run_config(HEAD + rnn + GREEDY), 0)


def limit_files(size):
    """Writing beyond it fails, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


if __name__ == "__main__":
    main()
