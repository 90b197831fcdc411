#include "tests/bench/bare_models.hpp"

#include <torch/torch.h>

#include <cmath>
#include <limits>

namespace trellis::bench {
namespace {

namespace functional = torch::nn::functional;
using torch::Tensor;

struct LstmModule : torch::nn::Module {
  explicit LstmModule(const TrainingShape& shape)
      : embedding(shape.vocab, shape.width),
        lstm(torch::nn::LSTMOptions(shape.width, shape.width)
                 .num_layers(shape.layers)
                 .batch_first(true)
                 .dropout(shape.dropout)),
        out(shape.width, shape.vocab),
        dropout(shape.dropout) {
    register_module("embedding", embedding);
    register_module("lstm", lstm);
    register_module("out", out);
    register_module("dropout", dropout);
  }
  Tensor forward(const Tensor& ids) {
    return out(dropout(std::get<0>(lstm(dropout(embedding(ids))))));
  }
  torch::nn::Embedding embedding;
  torch::nn::LSTM lstm;
  torch::nn::Linear out;
  torch::nn::Dropout dropout;
};

struct BlockModule : torch::nn::Module {
  explicit BlockModule(const TrainingShape& shape)
      : heads(shape.heads),
        attention_norm(torch::nn::LayerNormOptions({shape.width})),
        feed_forward_norm(torch::nn::LayerNormOptions({shape.width})),
        query_key_value(shape.width, 3 * shape.width),
        mix(shape.width, shape.width),
        up(shape.width, 4 * shape.width),
        down(4 * shape.width, shape.width),
        dropout(shape.dropout) {
    register_module("attention_norm", attention_norm);
    register_module("feed_forward_norm", feed_forward_norm);
    register_module("query_key_value", query_key_value);
    register_module("mix", mix);
    register_module("up", up);
    register_module("down", down);
    register_module("dropout", dropout);
  }
  Tensor attend(const Tensor& x, const Tensor& mask) {
    const auto rows = x.size(0);
    const auto length = x.size(1);
    const auto size = x.size(2) / heads;
    const auto parts = query_key_value(x).chunk(3, -1);
    const auto split = [&](const Tensor& part) {
      return part.view({rows, length, heads, size}).transpose(1, 2);
    };
    auto scores = torch::matmul(split(parts[0]), split(parts[1]).transpose(-2, -1)) /
                  std::sqrt(static_cast<double>(size));
    scores = scores.masked_fill(mask, -std::numeric_limits<float>::infinity());
    const auto mixed = torch::matmul(dropout(torch::softmax(scores, -1)), split(parts[2]));
    return mix(mixed.transpose(1, 2).reshape({rows, length, x.size(2)}));
  }
  Tensor forward(const Tensor& x, const Tensor& mask) {
    const auto mixed = x + dropout(attend(attention_norm(x), mask));
    const auto inner = functional::gelu(up(feed_forward_norm(mixed)),
                                        functional::GELUFuncOptions().approximate("tanh"));
    return mixed + dropout(down(inner));
  }
  std::int64_t heads;
  torch::nn::LayerNorm attention_norm;
  torch::nn::LayerNorm feed_forward_norm;
  torch::nn::Linear query_key_value;
  torch::nn::Linear mix;
  torch::nn::Linear up;
  torch::nn::Linear down;
  torch::nn::Dropout dropout;
};

struct GptModule : torch::nn::Module {
  explicit GptModule(const TrainingShape& shape)
      : tokens(shape.vocab, shape.width),
        positions(shape.length, shape.width),
        final_norm(torch::nn::LayerNormOptions({shape.width})),
        dropout(shape.dropout) {
    register_module("tokens", tokens);
    register_module("positions", positions);
    register_module("final_norm", final_norm);
    register_module("dropout", dropout);
    for (std::int64_t i = 0; i < shape.layers; ++i)
      blocks.push_back(
          register_module("block" + std::to_string(i), std::make_shared<BlockModule>(shape)));
    const torch::NoGradGuard no_gradient;
    tokens->weight.normal_(0, 0.02);
    positions->weight.normal_(0, 0.02);
  }
  Tensor forward(const Tensor& ids) {
    const auto length = ids.size(1);
    const auto mask = torch::ones({length, length}, torch::kBool).triu(1);
    auto x = dropout(tokens(ids) + positions(torch::arange(length)));
    for (const auto& block : blocks) x = block->forward(x, mask);
    return functional::linear(final_norm(x), tokens->weight);
  }
  torch::nn::Embedding tokens;
  torch::nn::Embedding positions;
  torch::nn::LayerNorm final_norm;
  torch::nn::Dropout dropout;
  std::vector<std::shared_ptr<BlockModule>> blocks;
};

template <typename Module>
class Training final : public BareTraining {
 public:
  explicit Training(const TrainingShape& shape)
      : module_(shape),
        optimizer_(module_.parameters(),
                   torch::optim::AdamWOptions(shape.learning_rate).weight_decay(0.01)),
        clip_norm_(shape.clip_norm),
        input_(torch::randint(5, shape.vocab, {shape.rows, shape.length}, torch::kLong)),
        target_(torch::randint(5, shape.vocab, {shape.rows * shape.length}, torch::kLong)) {}

  float update() override {
    optimizer_.zero_grad();
    const auto loss = functional::cross_entropy(module_.forward(input_).flatten(0, 1), target_);
    loss.backward();
    torch::nn::utils::clip_grad_norm_(module_.parameters(), clip_norm_);
    optimizer_.step();
    return loss.template item<float>();
  }

 private:
  Module module_;
  torch::optim::AdamW optimizer_;
  double clip_norm_;
  Tensor input_;
  Tensor target_;
};

}  // namespace

std::unique_ptr<BareTraining> make_bare_lstm(const TrainingShape& shape) {
  return std::make_unique<Training<LstmModule>>(shape);
}

std::unique_ptr<BareTraining> make_bare_gpt(const TrainingShape& shape) {
  return std::make_unique<Training<GptModule>>(shape);
}

}  // namespace trellis::bench
