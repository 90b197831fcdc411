"""What the fault tests share: a folder with data of its own and `trellis` run in it. Arguments of
every test: the trellis program, the folder of plugins, of faulty plugins, of broken plugins, and
what sanitizers the program has."""
import contextlib
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

TRELLIS, PLUGINS, FAULTY, BROKEN, SANITIZERS = (sys.argv[1:6] + [""] * 5)[:5]
PATIENCE = 500  # seconds after which what never happens is taken to have failed

# The long timeout keeps a slow machine from looking like a hanging plugin.
HEAD = """
[experiment]
name = "x"
timeout_seconds = 300
batch_size = 4
max_new_tokens = 4
[[task]]
plugin = "translation"
train = "train.jsonl"
test = "test.jsonl"
"""
NGRAM = '[[model]]\nplugin = "ngram"\n'
GREEDY = '[[strategy]]\nplugin = "greedy"\n'
# Waits after 50 of the 80 test examples, of which 32 have been stored, until the file "go" exists.
WAITING = ('[[strategy]]\nplugin = "fault_wait"\nlabel = "waiting"\nat = "advance"\nafter = 200\n'
           'until = "go"\n')


def faulty(kind, fault, where, **settings):
    lines = [f'[[{kind}]]', f'plugin = "fault_{fault}"', f'label = "{fault}"', f'at = "{where}"']
    return "\n".join(lines + [f"{key} = {value}" for key, value in settings.items()]) + "\n"


class RunCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        self.write("train", [("one two", "eins zwei"), ("three", "drei")] * 4)
        self.write("test", [(f"one {n}", f"eins {n}") for n in range(80)])
        # A plugin's crash must reach the host as it does without sanitizers.
        self.environment = {**os.environ, "ASAN_OPTIONS": "handle_segv=0",
                            "TSAN_OPTIONS": "handle_segv=0"}

    def tearDown(self):
        self.folder.cleanup()

    def write(self, part, pairs):
        with open(self.path / f"{part}.jsonl", "w", encoding="utf-8") as out:
            for source, target in pairs:
                out.write(json.dumps({"source": source, "references": [target]}) + "\n")

    def write_config(self, text):
        (self.path / "x.toml").write_text(text, encoding="utf-8")

    def trellis(self, *arguments, **options):
        """Runs to the end; stdout and stderr are one."""
        return subprocess.run(
            [TRELLIS, "--plugins", PLUGINS, "--plugins", FAULTY, *arguments], cwd=self.path,
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8", timeout=PATIENCE, **options)

    def run_config(self, text, *arguments, **options):
        self.write_config(text)
        return self.trellis("run", "x.toml", "--db", "x.db", *arguments, **options)

    def start(self, text):
        """Starts `trellis run` and returns at once."""
        self.write_config(text)
        return self.start_command("run", "x.toml", "--db", "x.db")

    def start_command(self, *arguments):
        """Starts `trellis` with other arguments."""
        process = subprocess.Popen(
            [TRELLIS, "--plugins", PLUGINS, "--plugins", FAULTY, *arguments], cwd=self.path,
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def start_and_wait_in_the_middle(self, text):
        """Returns once 32 samples are stored while others are on their way."""
        process = self.start(text)
        self.wait_until(lambda: len(self.stored()) >= 32, process)
        self.assertEqual(self.rows("SELECT status FROM progress_view WHERE strategy = 'waiting'"),
                         [("running",)])
        return process

    def go(self):
        (self.path / "go").touch()

    def wait_until(self, happened, process=None):
        end = time.monotonic() + PATIENCE
        while not happened():
            self.assertLess(time.monotonic(), end, "it never happened")
            if process is not None:
                self.assertIsNone(process.poll(), "trellis ended before it happened")
            time.sleep(0.02)

    def assert_ends(self, result, code, *texts):
        self.assertEqual(result.returncode, code, result.stdout)
        for text in texts:
            self.assertIn(text, result.stdout)

    def rows(self, query, database="x.db"):
        uri = f"file:{self.path / database}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=60)) as connection:
            return connection.execute(query).fetchall()

    def stored(self):
        """Samples that were made, with what no second making would give again."""
        try:
            return self.rows("SELECT sample, seconds FROM samples ORDER BY sample")
        except sqlite3.OperationalError:  # There is no database yet, or no table in it.
            return []

    def statuses(self):
        return dict(self.rows("SELECT strategy, status FROM progress_view"))

    def tables(self, database="x.db"):
        """All that must be the same however often a run was interrupted."""
        return [
            self.rows("SELECT strategy, metric, value, low, high, n FROM leaderboard "
                      "WHERE metric <> 'tokens_per_second' ORDER BY strategy, metric", database),
            self.rows("SELECT strategy, example_id, sample_index, output, finish FROM sample_view "
                      "ORDER BY strategy, example_index, sample_index", database),
            self.rows("SELECT strategy, example_index, sample_index, position, token, "
                      "log_probability, entropy, rank, alternatives FROM token_view "
                      "ORDER BY strategy, example_index, sample_index, position", database)]


def main():
    unittest.main(argv=sys.argv[:1])
