"""`trellis run` with plugins that misbehave: each costs its own trials, never the run."""
import json
import os
import shutil
import signal

from trellis_runs import (BROKEN, FAULTY, GREEDY, HEAD, NGRAM, PATIENCE, SANITIZERS, WAITING, RunCase,
                          faulty, main)


class PluginsTest(RunCase):
    def run_with_fault(self, fault, head=HEAD, **settings):
        """The message and signal of a failing strategy, after whose fall another one went on."""
        result = self.run_config(head + NGRAM + faulty("strategy", fault, "advance", **settings) +
                                 GREEDY)
        self.assert_ends(result, 1, "2 trials: 0 done before, 1 done now, 1 failed")
        self.assertEqual(self.statuses(), {fault: "failed", "greedy": "done"})
        return self.rows("SELECT message, signal, stage FROM failure_view")

    def test_a_segfault_costs_one_trial(self):
        (message, number, stage), = self.run_with_fault("segfault", after=200)
        self.assertEqual((number, stage), (signal.SIGSEGV, "generate"))
        self.assertIn("killed by signal 11", message)
        # What was stored before the crash is kept.
        self.assertEqual(len(self.stored()), 80 + 32)

    def test_an_exception_costs_one_trial(self):
        for message, number, _ in self.run_with_fault("throw"):
            self.assertIn("threw an exception across the ABI: thrown on purpose", message)
            self.assertIsNone(number)

    def test_garbage_tokens_cost_one_trial(self):
        for message, _, _ in self.run_with_fault("garbage"):
            self.assertIn("1073741824", message)

    def test_a_model_that_gives_no_numbers_fails_its_samples(self):
        result = self.run_config(HEAD + faulty("model", "garbage", "feed", after=2) + GREEDY)
        self.assert_ends(result, 1)
        for message, in self.rows("SELECT message FROM failure_view"):
            self.assertRegex(message, "(?i)nan|not a number")

    def test_a_hang_is_ended(self):
        (message, _, _), = self.run_with_fault(
            "hang", HEAD.replace("timeout_seconds = 300", "timeout_seconds = 15"))
        self.assertIn("no sign of life for 15 s", message)

    def test_whoever_asks_whether_to_stop_is_alive(self):
        result = self.run_config(HEAD.replace("timeout_seconds = 300", "timeout_seconds = 15") +
                                 faulty("model", "poll", "train") + GREEDY)
        self.assert_ends(result, 0, "1 trials: 0 done before, 1 done now, 0 failed")

    def test_a_flood_of_messages_is_ended_like_a_hang(self):
        (message, _, _), = self.run_with_fault(
            "flood", HEAD.replace("timeout_seconds = 300", "timeout_seconds = 15"))
        self.assertIn("no sign of life for 15 s", message)
        (kept,), = self.rows("SELECT standard_error FROM failure_view")
        self.assertIn("endless", kept)
        self.assertLess(len(kept), 20000)

    def test_closing_every_descriptor_costs_one_trial(self):
        (message, number, _), = self.run_with_fault("mute")
        self.assertEqual(number, signal.SIGKILL)
        self.assertIn("killed by signal 9", message)

    def test_eating_memory_costs_one_trial(self):
        # Under sanitizers there is no limit, so the plugin stops by itself.
        settings = {"megabytes": 64} if SANITIZERS else {}
        head = HEAD.replace('name = "x"', 'name = "x"\nmemory_gb = 0.7')
        for message, _, _ in self.run_with_fault("memory", head, **settings):
            self.assertIn("out of memory", message)

    def test_nonsense_on_every_descriptor_costs_one_trial(self):
        (message, _, _), = self.run_with_fault("chatter")
        self.assertIn("the worker sent a malformed event", message)
        (kept,), = self.rows("SELECT standard_error FROM failure_view")
        self.assertIn("certainly not", kept)

    def test_a_model_that_falls_while_it_trains_costs_its_trials(self):
        for fault, text in (("segfault", "killed by signal 11"), ("throw", "thrown on purpose")):
            with self.subTest(fault):
                result = self.run_config(HEAD + faulty("model", fault, "train") + NGRAM + GREEDY,
                                         "--seed", str(len(fault)))
                self.assert_ends(result, 1, "2 trials: 0 done before, 1 done now, 1 failed", text)

    def test_a_killed_worker_costs_one_trial(self):
        process = self.start_and_wait_in_the_middle(HEAD + NGRAM + WAITING + GREEDY)
        worker, = workers_of(process.pid)
        os.kill(worker, signal.SIGKILL)
        self.assertEqual(process.wait(PATIENCE), 1)
        self.assertEqual(self.statuses(), {"waiting": "failed", "greedy": "done"})
        (number,), = self.rows("SELECT signal FROM failure_view")
        self.assertEqual(number, signal.SIGKILL)
        before = self.stored()
        self.go()
        self.assert_ends(self.run_config(HEAD + NGRAM + WAITING + GREEDY), 0, "1 done before, 1 done")
        self.assertEqual([row for row in self.stored() if row in before], before)
        self.assertEqual(self.rows("SELECT count(*) FROM failure_view"), [(0,)])

    def test_a_plugin_of_another_abi_is_refused(self):
        (self.path / "plugins").mkdir()
        shutil.copy(f"{BROKEN}/other_major.so", self.path / "plugins")
        (self.path / "plugins/other_major.json").write_text(json.dumps({
            "manifest": 1, "abi": [2, 0], "library": "other_major.so",
            "size": os.path.getsize(f"{BROKEN}/other_major.so"),
            "offers": [{"id": "other_major", "kind": "strategy", "version": "1"}]}))
        config = HEAD + NGRAM + '[[strategy]]\nplugin = "other_major"\n'
        result = self.run_config(config, "--plugins", "plugins")
        self.assert_ends(result, 2, "x.toml:14:1: no strategy plugin \"other_major\"",
                         "built for plugin ABI 2.0", "rebuild the plugin")
        self.assertFalse((self.path / "x.db").exists())

    def test_every_faulty_plugin_passes_its_check(self):
        # Their faults are those that no check can see.
        self.assert_ends(self.trellis("plugins", "check"), 0)
        self.assertIn("fault_wait", self.trellis("plugins", "list").stdout)
        self.assertTrue(os.path.isdir(FAULTY))


def workers_of(process):
    """Process ids of its children that have become workers."""
    found = []
    for folder in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{folder}/stat", encoding="utf-8") as stat:
                parent = int(stat.read().rpartition(")")[2].split()[1])
            with open(f"/proc/{folder}/cmdline", encoding="utf-8") as command:
                is_worker = command.read().split("\0")[1:2] == ["worker"]
        except OSError:  # It has ended meanwhile.
            continue
        if parent == process and is_worker:
            found.append(int(folder))
    return found


if __name__ == "__main__":
    main()
