#include "tests/bench/network_model.hpp"

#include <sstream>

#include "experiments/environment.hpp"
#include "trellis/sdk/model.hpp"

namespace trellis::bench {
namespace {

struct State final : sdk::State {
  std::unique_ptr<nn::NetworkState> network;
};

std::unique_ptr<sdk::State> make_state(std::unique_ptr<nn::NetworkState> network) {
  auto state = std::make_unique<State>();
  state->network = std::move(network);
  return state;
}

class NetworkModel final : public sdk::Model {
 public:
  NetworkModel(std::unique_ptr<nn::Network> network, std::size_t vocab, std::size_t context)
      : network_(std::move(network)), vocab_(vocab), context_(context) {
    network_->parameters.freeze();
    at::set_num_threads(experiments::processor_count());  // as a plugin does by its host's wish
  }

  sdk::Json describe() const override {
    const nn::StateCost cost = network_->state_cost();
    return {{"vocab_size", vocab_},
            {"hidden_size", network_->hidden_size()},
            {"parameters", network_->parameters.count()},
            {"max_context", context_},
            {"bos", 0},
            {"eos", sdk::Json::array()},
            {"encoder_decoder", false},
            {"weights_hash", ""},
            {"state_bytes", {{"per_state", cost.per_state}, {"per_token", cost.per_token}}},
            {"tokenizer", {{"kind", "numbers"}}},
            {"specification", sdk::Json::object()}};
  }
  sdk::PromptTokens encode_prompt(std::string_view, std::string_view prefix) const override {
    return {{}, encode(prefix)};
  }
  std::vector<std::int32_t> encode(std::string_view text) const override {
    std::istringstream numbers{std::string(text)};
    return {std::istream_iterator<std::int32_t>(numbers), {}};
  }
  std::string decode(std::span<const std::int32_t> tokens) const override {
    std::string text;
    for (const std::int32_t token : tokens) text += token_text(token);
    return text;
  }
  std::string token_text(std::int32_t token) const override { return std::to_string(token) + " "; }

  std::unique_ptr<sdk::State> open_state(std::span<const std::int32_t>) override {
    const c10::InferenceMode inference;
    return make_state(network_->open({}));
  }
  std::unique_ptr<sdk::State> fork_state(const sdk::State& state) override {
    return make_state(static_cast<const State&>(state).network->fork());
  }
  void feed(std::span<trellis_feed_item> items) override {
    const c10::InferenceMode inference;
    std::vector<nn::FeedRequest> requests;
    for (const auto& item : items)
      requests.push_back({sdk::state_of<State>(item).network.get(),
                          {item.tokens, item.token_count},
                          item.logits,
                          item.hidden,
                          item.row_count});
    nn::feed_rows(*network_, requests);
  }

 private:
  std::unique_ptr<nn::Network> network_;
  std::size_t vocab_;
  std::size_t context_;
};

}  // namespace

plugin::Model make_network_model(std::unique_ptr<nn::Network> network, std::size_t vocab,
                                 std::size_t context) {
  return plugin::Model(
      sdk::detail::wrap(std::make_unique<NetworkModel>(std::move(network), vocab, context)));
}

}  // namespace trellis::bench
