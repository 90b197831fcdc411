"""Conversations of a model with itself: whole or absent, and the same bytes however they are made."""
import json

from trellis_runs import GREEDY, NGRAM, WAITING, RunCase, faulty, main

TURNS = 3
HEAD = f"""
[experiment]
name = "x"
timeout_seconds = 300
batch_size = 4
max_new_tokens = 4
[[task]]
plugin = "dialogue"
train = "train.jsonl"
test = "test.jsonl"
self_play = {TURNS}
metrics = ["repeated_turns", "distinct_1", "length"]
"""
SOUND = faulty("model", "mute", "never")
SAMPLE = '[[strategy]]\nplugin = "sample"\ntemperature = [0.7, 1.0]\n'


class TurnsTest(RunCase):
    def write_openings(self, count):
        with open(self.path / "test.jsonl", "w", encoding="utf-8") as out:
            for n in range(count):
                out.write(json.dumps({"turns": [f"one {n}", "two"]}) + "\n")

    def samples(self):
        return self.rows("SELECT example_index, output, finish, details FROM sample_view "
                         "ORDER BY strategy, example_index, sample_index")

    def test_every_way_of_making_them_gives_the_same_bits(self):
        self.write_openings(6)
        self.write_config(HEAD.replace("[[task]]", "samples = 3\n[[task]]", 1) + NGRAM + GREEDY +
                          SAMPLE)
        result = self.trellis("verify", "x.toml", "--db", "x.db", "--limit", "6")
        self.assert_ends(result, 0, "the same, bit for bit", f"{6 * (1 + 3 + 3)} samples a row")

    def test_a_sample_is_a_whole_conversation(self):
        self.write_openings(5)
        text = HEAD.replace("[[task]]", "samples = 2\n[[task]]", 1) + NGRAM + SAMPLE
        self.assert_ends(self.run_config(text), 0)
        said = set()
        for _, output, finish, details in self.samples():
            turns = json.loads(details)["turns"]
            self.assertEqual(len(turns), TURNS)
            self.assertEqual("\n".join(turn["output"] for turn in turns), output)
            self.assertEqual(turns[-1]["finish"], finish)
            said.update(turn["output"] for turn in turns)
        self.assertGreater(len(said), TURNS)
        counts = self.rows("SELECT details, count(*) FROM sample_view JOIN token_view USING "
                           "(strategy, example_index, sample_index) "
                           "GROUP BY strategy, example_index, sample_index")
        self.assertEqual(len(counts), 2 * 5 * 2)
        for details, tokens in counts:
            self.assertEqual(sum(turn["tokens"] for turn in json.loads(details)["turns"]), tokens)
        # What is stored is enough to score it anew, by the task and by the texts alone.
        self.assertEqual(self.rows("SELECT DISTINCT metric FROM leaderboard WHERE is_main"),
                         [("repeated_turns",)])
        before = self.tables(), self.samples()
        self.assert_ends(self.trellis("score", "x.db"), 0)
        self.assertEqual((self.tables(), self.samples()), before)
        self.assert_ends(self.trellis("score", "x.db", "--metric", "length", "--metric",
                                      "distinct_1"), 0)
        self.assertEqual((self.tables(), self.samples()), before)
        self.assert_ends(self.trellis("db", "check", "x.db"), 0)
        (trial,), = self.rows("SELECT DISTINCT trial FROM sample_view LIMIT 1")
        self.assert_ends(self.trellis("explain", "x.db", "--trial", trial, "--example", "0"), 2,
                         "is a conversation of 3 turns; only an output to one prompt")

    def test_a_turn_that_fails_costs_its_conversation_only(self):
        self.write_openings(3)
        # It strikes at the last of four tokens of the third conversation's second turn.
        text = (HEAD.replace("self_play = 3", "self_play = 2") + SOUND +
                faulty("strategy", "garbage", "advance", after=3 * 4 * 2 - 1))
        self.assert_ends(self.run_config(text), 1)
        self.assertEqual([row[0] for row in self.samples()], [0, 1])
        (example, message), = self.rows("SELECT example_id, message FROM failure_view")
        self.assertEqual(example, "test-3")
        self.assertRegex(message, "^turn 2: strategy advance: .*1073741824")
        whole = self.samples()
        # Another run makes what is missing.
        self.assert_ends(self.run_config(text), 0)
        self.assertEqual([row[0] for row in self.samples()], [0, 1, 2])
        self.assertEqual(self.samples()[:2], whole)

    def test_a_killed_run_is_continued_as_if_it_had_never_been(self):
        self.write_openings(80)  # 32 are made together, with 4 tokens in each of 3 turns
        text = HEAD + SOUND + WAITING.replace("after = 200", "after = 500")
        process = self.start_and_wait_in_the_middle(text)
        process.kill()
        process.wait()
        self.assertLess(len(self.stored()), 80)
        self.go()
        self.assert_ends(self.run_config(text), 0)
        interrupted = self.tables(), self.samples()
        (self.path / "x.db").unlink()
        self.assert_ends(self.run_config(text), 0)
        self.assertEqual((self.tables(), self.samples()), interrupted)


if __name__ == "__main__":
    main()
