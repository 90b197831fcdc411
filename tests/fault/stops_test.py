"""`trellis run` that is stopped, killed, or meets another one: the next run makes only what is
missing, and the tables are those of a run that nobody disturbed."""
import os
import signal
import time

from trellis_runs import GREEDY, HEAD, NGRAM, PATIENCE, WAITING, RunCase, faulty, main

CONFIG = (HEAD.replace("[[task]]", "samples = 2\n[[task]]") + NGRAM + WAITING + GREEDY +
          '[[strategy]]\nplugin = "beam"\n[[strategy]]\nplugin = "sample"\ntemperature = 2.0\n')


class StopsTest(RunCase):
    def tables_of_an_undisturbed_run(self):
        self.go()
        self.write_config(CONFIG)
        self.assert_ends(self.trellis("run", "x.toml", "--db", "whole.db"), 0)
        return self.tables("whole.db")

    def some_of_the_samples(self):
        """What is stored of a run that was stopped in the middle."""
        (expected,), = self.rows("SELECT sum(expected_samples) FROM progress_view")
        stored = self.stored()
        self.assertGreaterEqual(len(stored), 32)
        self.assertLess(len(stored), expected)
        return stored

    def assert_goes_on(self, before):
        """A second run keeps the samples `before` and ends like an undisturbed one."""
        expected = self.tables_of_an_undisturbed_run()
        self.assert_ends(self.run_config(CONFIG), 0, "4 trials: 0 done before, 4 done now, 0 failed")
        self.assertEqual(self.stored()[:len(before)], before)
        self.assertEqual(self.tables(), expected)
        self.assert_ends(self.trellis("db", "check", "x.db"), 0)
        self.assert_ends(self.run_config(CONFIG), 0, "4 trials: 4 done before, 0 done now, 0 failed")

    def test_after_kill_9_only_what_is_missing_is_made(self):
        process = self.start_and_wait_in_the_middle(CONFIG)
        process.kill()
        process.wait()
        self.assert_goes_on(self.some_of_the_samples())

    def test_ctrl_c_ends_with_130_and_the_next_run_goes_on(self):
        process = self.start_and_wait_in_the_middle(CONFIG)
        process.send_signal(signal.SIGINT)
        self.go()  # The plugin answers, so the worker comes to see that it should stop.
        self.assertEqual(process.wait(PATIENCE), 130)
        before = self.some_of_the_samples()
        (self.path / "go").unlink()
        self.assert_goes_on(before)

    def test_ctrl_c_ends_a_worker_that_does_not_answer(self):
        process = self.start_and_wait_in_the_middle(CONFIG)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), 130)
        self.assert_goes_on(self.stored())

    def test_a_second_run_on_the_same_database_is_refused(self):
        first = self.start_and_wait_in_the_middle(CONFIG)
        second = self.run_config(CONFIG)
        self.assert_ends(second, 1, f"x.db: another trellis (process {first.pid}) is writing to it")
        self.assertEqual(len(second.stdout.splitlines()), 1, second.stdout)
        self.assert_ends(self.trellis("compare", "x.db"), 0)  # Reading is always possible.
        self.go()
        self.assertEqual(first.wait(PATIENCE), 0)
        self.assertEqual(set(self.statuses().values()), {"done"})

    def test_a_run_that_was_paused_does_not_blame_its_workers(self):
        # As with Ctrl-Z, or while the host waits for a busy database.
        config = CONFIG.replace("timeout_seconds = 300", "timeout_seconds = 10")
        process = self.start_and_wait_in_the_middle(config)
        process.send_signal(signal.SIGSTOP)
        self.go()
        time.sleep(11)
        process.send_signal(signal.SIGCONT)
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual(set(self.statuses().values()), {"done"})

    def test_a_stop_while_data_is_checked(self):
        self.write("train", [(f"one {n}", f"eins {n}") for n in range(200000)])
        process = self.start(HEAD + faulty("model", "hang", "create") + GREEDY)
        self.wait_until(lambda: is_handled(process.pid, signal.SIGINT), process)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), 130)

    def test_a_stop_while_a_config_is_read(self):
        # A pipe that nobody fills stands for a config that takes long to read.
        for command in (["run", "x.toml", "--dry-run"], ["run", "x.toml"], ["validate", "x.toml"]):
            for number in (signal.SIGINT, signal.SIGTERM):
                with self.subTest(command, number=number):
                    (self.path / "x.toml").unlink(missing_ok=True)
                    os.mkfifo(self.path / "x.toml")
                    process = self.start_command(*command)
                    self.wait_until(lambda: is_handled(process.pid, number), process)
                    process.send_signal(number)
                    self.assertEqual(process.wait(PATIENCE), 130)

    def test_good_run_ends_with_0_and_a_second_does_nothing(self):
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY), 0)
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY), 0,
                         "1 trials: 1 done before, 0 done now, 0 failed")

    def test_scoring_again_changes_nothing(self):
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY), 0)
        before = self.tables()
        self.assert_ends(self.trellis("score", "x.db"), 0, "80 samples scored")
        self.assertEqual(self.tables(), before)


def is_handled(process, number):
    with open(f"/proc/{process}/status", encoding="utf-8") as status:
        for line in status:
            if line.startswith("SigCgt:"):
                return int(line.split()[1], 16) >> (number - 1) & 1 == 1
    return False


if __name__ == "__main__":
    main()
