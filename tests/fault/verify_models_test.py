"""Every architecture with trained weights gives the same bits in every way that `trellis verify`
tries: greedy, beam and sampling."""
from trellis_runs import HEAD, RunCase, main

STRATEGIES = """
[[strategy]]
plugin = "greedy"
[[strategy]]
plugin = "beam"
num_beams = 3
[[strategy]]
plugin = "sample"
temperature = [0.7, 1.0]
top_p = 0.9
"""
TRAINING = "vocab_size = 300\nmax_steps = 20\nwarmup_steps = 2\n"


class VerifyModelsTest(RunCase):
    def config(self, model):
        head = HEAD.replace("[[task]]", "samples = 2\n[[task]]", 1)
        head = head.replace("batch_size = 4", "batch_size = 32")
        head = head.replace("max_new_tokens = 4", "max_new_tokens = 12")
        return head + f"[[model]]\n{model}\n{TRAINING}" + STRATEGIES

    def assert_verified(self, model):
        self.write_config(self.config(model))
        self.assert_ends(self.trellis("verify", "x.toml", "--limit", "5"), 0,
                         "the same, bit for bit")

    def test_recurrent_language_models(self):
        self.assert_verified('plugin = "rnn"\ncell = ["rnn", "lstm", "gru"]\n'
                             'architecture = "language_model"\nhidden = 48\nlayers = 2')

    def test_recurrent_encoder_decoders(self):
        self.assert_verified('plugin = "rnn"\ncell = ["lstm", "gru"]\n'
                             'architecture = "encoder_decoder"\nhidden = 48\nlayers = 1')

    def test_transformer(self):
        self.assert_verified('plugin = "transformer"\nwidth = 48\nencoder_layers = 1\ndecoder_layers = 2\nheads = 4')

    def test_gpt(self):
        self.assert_verified('plugin = "gpt"\nwidth = 48\nlayers = 2\nheads = 4')


    def test_bert(self):
        masked = '[[strategy]]\nplugin = "mask_predict"\n[[strategy]]\nplugin = "gibbs"\n'
        config = self.config('plugin = "bert"\nwidth = 48\nlayers = 2\nheads = 4')
        self.write_config(config.replace(STRATEGIES, masked))
        self.assert_ends(self.trellis("verify", "x.toml", "--limit", "5"), 0,
                         "the same, bit for bit")

    def test_memory_limits_what_is_alive_and_changes_nothing(self):
        config = self.config('plugin = "gpt"\nwidth = 48\nlayers = 2\nheads = 4')
        query = "SELECT peak_state_bytes, delivered_tokens FROM sweep_view"
        self.assert_ends(self.run_config(config, "--limit", "10", "--jobs", "1"), 0)
        expected = self.tables()
        (free, delivered), = self.rows(query)
        (self.path / "x.db").unlink()
        result = self.run_config(config, "--limit", "10", "--jobs", "1", "--memory", "100K")
        self.assert_ends(result, 0)
        self.assertEqual(self.tables(), expected)
        self.assertEqual(self.rows("SELECT delivered_tokens FROM sweep_view"), [(delivered,)])
        (bound, _), = self.rows(query)
        self.assertGreater(free, 100 * 1024)
        self.assertLessEqual(bound, 100 * 1024)


if __name__ == "__main__":
    main()
