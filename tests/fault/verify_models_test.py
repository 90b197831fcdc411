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
    def assert_verified(self, *models):
        head = HEAD.replace("[[task]]", "samples = 2\n[[task]]", 1)
        head = head.replace("max_new_tokens = 4", "max_new_tokens = 12")
        config = head + "".join(f"[[model]]\n{model}\n{TRAINING}" for model in models) + STRATEGIES
        self.write_config(config)
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


if __name__ == "__main__":
    main()
