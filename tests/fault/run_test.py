"""`trellis run` against plugins that misbehave, and against its own death. Arguments: the trellis
program, the folder of plugins, the folder of faulty plugins."""
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

TRELLIS, PLUGINS, FAULTY = sys.argv[1:4]

HEAD = """
[experiment]
name = "x"
timeout_seconds = 3
max_new_tokens = 4
[[task]]
plugin = "translation"
train = "train.jsonl"
test = "test.jsonl"
"""
NGRAM = '[[model]]\nplugin = "ngram"\n'
GREEDY = '[[strategy]]\nplugin = "greedy"\n'


def faulty(kind, fault, where):
    return f'[[{kind}]]\nplugin = "fault_{fault}"\nlabel = "{fault} {where}"\nat = "{where}"\n'


class RunTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        self.write("train", [("one two", "eins zwei"), ("three", "drei")] * 4)
        self.write("test", [(f"one {n}", f"eins {n}") for n in range(40)])

    def tearDown(self):
        self.folder.cleanup()

    def write(self, part, pairs):
        with open(self.path / f"{part}.jsonl", "w", encoding="utf-8") as out:
            for source, target in pairs:
                out.write(json.dumps({"source": source, "references": [target]}) + "\n")

    def command(self, *arguments):
        return [TRELLIS, "--plugins", PLUGINS, "--plugins", FAULTY, *arguments]

    def run_config(self, text, *arguments):
        (self.path / "x.toml").write_text(text, encoding="utf-8")
        return subprocess.run(
            self.command("run", "x.toml", "--db", "x.db", *arguments), cwd=self.path, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)

    def rows(self, query):
        with sqlite3.connect(self.path / "x.db") as database:
            return database.execute(query).fetchall()

    def test_good_run_ends_with_0_and_a_second_does_nothing(self):
        first = self.run_config(HEAD + NGRAM + GREEDY)
        self.assertEqual(first.returncode, 0, first.stdout)
        second = self.run_config(HEAD + NGRAM + GREEDY)
        self.assertIn("1 trials: 1 done before, 0 done now, 0 failed", second.stdout)

    def test_a_segfault_costs_one_trial(self):
        result = self.run_config(HEAD + NGRAM + faulty("strategy", "segfault", "advance") + GREEDY)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertEqual(self.rows("SELECT status FROM progress_view ORDER BY strategy"),
                         [("done",), ("failed",)])
        (signal_number,), = self.rows("SELECT signal FROM failure_view")
        self.assertEqual(signal_number, signal.SIGSEGV)

    def test_an_exception_costs_one_trial(self):
        result = self.run_config(HEAD + NGRAM + faulty("strategy", "throw", "advance") + GREEDY)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertEqual(self.rows("SELECT status FROM progress_view ORDER BY strategy"),
                         [("done",), ("failed",)])

    def test_a_hang_is_ended(self):
        result = self.run_config(HEAD + NGRAM + faulty("strategy", "hang", "advance") + GREEDY)
        self.assertEqual(result.returncode, 1, result.stdout)
        (message,), = self.rows("SELECT message FROM failure_view")
        self.assertIn("no sign of life for 3 s", message)

    def test_two_runs_at_once_are_refused(self):
        (self.path / "x.toml").write_text(
            HEAD + NGRAM + faulty("strategy", "hang", "advance"), encoding="utf-8")
        first = subprocess.Popen(self.command("run", "x.toml", "--db", "x.db"), cwd=self.path,
                                 stderr=subprocess.DEVNULL)
        time.sleep(1)
        second = self.run_config(HEAD + NGRAM + faulty("strategy", "hang", "advance"))
        self.assertEqual(second.returncode, 1, second.stdout)
        self.assertEqual(len(second.stdout.strip().splitlines()), 1, second.stdout)
        first.send_signal(signal.SIGINT)
        self.assertEqual(first.wait(20), 130)

    def test_after_kill_9_only_what_is_missing_is_made(self):
        config = HEAD + NGRAM + GREEDY + '[[strategy]]\nplugin = "beam"\n'
        whole = self.run_config(config)
        self.assertEqual(whole.returncode, 0, whole.stdout)
        query = ("SELECT strategy, metric, value, low, high, n FROM leaderboard "
                 "WHERE metric <> 'tokens_per_second' ORDER BY strategy, metric")
        expected = self.rows(query)
        os.remove(self.path / "x.db")
        for suffix in ("-wal", "-shm", ".lock"):
            (self.path / f"x.db{suffix}").unlink(missing_ok=True)
        killed = subprocess.Popen(self.command("run", "x.toml", "--db", "x.db"), cwd=self.path,
                                  stderr=subprocess.DEVNULL)
        time.sleep(0.15)
        killed.kill()
        killed.wait()
        again = self.run_config(config)
        self.assertEqual(again.returncode, 0, again.stdout)
        self.assertEqual(self.rows(query), expected)

    def test_contamination_is_reported(self):
        self.write("test", [("three", "drei"), ("four", "vier")])
        result = self.run_config(HEAD + NGRAM + GREEDY, "--dry-run")
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("contamination: task translation: 1 of 2 test examples", result.stdout)

    def test_bad_data_is_told_with_its_place(self):
        (self.path / "test.jsonl").write_text('{"source": "a", "references": ["b"]}\n{"source": 1}\n')
        result = self.run_config(HEAD + NGRAM + GREEDY)
        self.assertEqual(result.returncode, 2, result.stdout)
        self.assertIn("test.jsonl:2:1: \"source\" must be a text", result.stdout)
        self.assertFalse((self.path / "x.db").exists())

    def test_scoring_again_changes_nothing(self):
        self.run_config(HEAD + NGRAM + GREEDY)
        query = "SELECT metric, value, low, high FROM leaderboard ORDER BY metric"
        before = self.rows(query)
        result = subprocess.run(self.command("score", "x.db"), cwd=self.path, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertEqual(self.rows(query), before)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
