"""`trellis verify`: what is the same is called so, and what is not is found and named."""
import shutil

from trellis_runs import GREEDY, HEAD, NGRAM, RunCase, faulty, main

SAMPLE = '[[strategy]]\nplugin = "sample"\ntemperature = [0.7, 1.0]\ntop_p = 0.9\n'
BEAM = '[[strategy]]\nplugin = "beam"\nnum_beams = 3\n'
VARIATIONS = ["batch 2", "batch 7", "batch 32", "batch 256", "2 threads", "4 threads",
              "shuffled order", "each strategy alone", "nothing shared", "interrupted and resumed"]


class VerifyTest(RunCase):
    def verify(self, text, *arguments):
        self.write_config(text)
        return self.trellis("verify", "x.toml", "--db", "x.db", *arguments)

    def cells(self, result):
        """The first column's words of the table, to the rest of its lines."""
        rows = [line.split("  ", 1) for line in result.stdout.splitlines() if "  " in line]
        return {first: rest.strip() for first, rest in rows}

    def test_a_sound_model_gives_the_same_bits_in_every_way(self):
        result = self.verify(HEAD.replace("[[task]]", "samples = 3\n[[task]]", 1) + NGRAM + GREEDY +
                             SAMPLE + BEAM, "--limit", "6")
        self.assert_ends(result, 0, "the same, bit for bit")
        cells = self.cells(result)
        for variation in VARIATIONS:
            self.assertEqual(cells[variation], "equal", result.stdout)
        # Greedy and beam give one sample, both temperatures three.
        self.assertIn(f"{6 * (1 + 3 + 3 + 1)} samples a row", result.stdout)

    def test_a_model_whose_bits_depend_on_the_batch_is_found_out(self):
        result = self.verify(HEAD + faulty("model", "waver", "feed") + NGRAM + GREEDY)
        self.assert_ends(result, 1, "not all is equal")
        self.assertRegex(result.stdout, r"\[1\] waver, batch 2: translation · greedy: example \S+, "
                                        r"sample 0: position 0: token 99 \"a\" has log-probability "
                                        r"-\S+ instead of -\S+")
        cells = self.cells(result)
        self.assertRegex(cells["batch 32"], r"differs \[\d+\] +equal")

    def test_a_model_that_fails_is_named_once(self):
        result = self.verify(HEAD + faulty("model", "segfault", "feed") + NGRAM + GREEDY)
        self.assert_ends(result, 1)
        self.assertEqual(result.stdout.count("killed by signal 11"), 1)
        self.assertRegex(self.cells(result)["batch 256"], r"failed \[1\] +equal")

    def test_a_model_that_gives_no_numbers_is_named(self):
        result = self.verify(HEAD + faulty("model", "garbage", "feed") + GREEDY)
        self.assert_ends(result, 1, "[1] garbage, batch 1: the model gave no usable logits")

    def test_models_of_a_run_are_taken_and_its_database_is_left_alone(self):
        text = HEAD + NGRAM + GREEDY
        self.assert_ends(self.run_config(text), 0)
        before = self.tables()
        self.assert_ends(self.verify(text), 0)
        self.assertEqual(self.tables(), before)
        shutil.rmtree(self.path / "x.models")
        self.assert_ends(self.verify(text), 0)
        self.assertTrue(any((self.path / "x.models").iterdir()))

    def test_vector_instructions_that_there_are_not_are_refused(self):
        self.environment["TRELLIS_VECTOR_TARGET"] = "avx1024"
        result = self.run_config(HEAD + NGRAM + GREEDY)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("TRELLIS_VECTOR_TARGET: vector target 'avx1024' is not among those of this "
                      "machine: ", result.stdout)

    def test_memory_is_a_size(self):
        for wrong in ("4X", "0", "-1G", "1.5G", "G", "99999999999999T"):
            result = self.run_config(HEAD + NGRAM + GREEDY, f"--memory={wrong}")
            self.assert_ends(result, 2, f"--memory {wrong}: must be a number of bytes above 0, with "
                                        "K, M, G or T behind it for powers of 1024, as in 4G")
            self.assertFalse((self.path / "x.db").exists())

    def test_results_do_not_depend_on_memory(self):
        text = HEAD.replace("[[task]]", "samples = 3\n[[task]]", 1) + NGRAM + SAMPLE + BEAM
        self.assert_ends(self.run_config(text, "--memory", "1K"), 0)
        little = self.tables()
        query = ("SELECT delivered_tokens, prompt_tokens_saved, peak_states, peak_state_bytes "
                 "FROM sweep_view")
        (*counts, states, memory), = self.rows(query)
        # Less than what one sample may need: one at a time, three beams and the prompt at most.
        self.assertLessEqual(states, 4)
        (self.path / "x.db").unlink()
        self.assert_ends(self.run_config(text, "--memory", "4G"), 0)
        self.assertEqual(self.tables(), little)
        (*counts_of_more, more_states, more_memory), = self.rows(query)
        self.assertEqual(counts_of_more, counts)
        self.assertGreater(more_states, states)
        self.assertEqual(more_memory * states, memory * more_states)


if __name__ == "__main__":
    main()
