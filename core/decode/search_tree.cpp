#include "core/decode/search_tree.hpp"

#include <map>
#include <span>
#include <utility>

#include "core/error.hpp"

namespace trellis::decode {
namespace {

class TreeGrowth {
 public:
  void add(const SearchHypothesis& hypothesis) {
    std::optional<std::size_t> parent;
    for (const auto token : hypothesis.tokens.first(hypothesis.tokens.size() - 1)) {
      parent = place_of(parent, token);
      tree_.nodes[*parent].fate = SearchFate::passed;
    }
    const auto last = hypothesis.tokens.back();
    const bool known = places_.contains({parent, last});
    auto& node = tree_.nodes[place_of(parent, last)];
    if (!known || hypothesis.score > node.score) node.score = hypothesis.score;
    node.log_probability = hypothesis.log_probability;
    if (hypothesis.finished) node.fate = SearchFate::finished;
  }

  SearchTree take(std::vector<std::int32_t> output) {
    std::optional<std::size_t> place;
    for (const auto token : output) {
      const auto found = places_.find({place, token});
      if (found == places_.end()) return {};  // a text that was cut afterwards
      place = found->second;
    }
    if (place) tree_.nodes[*place].fate = SearchFate::output;
    tree_.output = std::move(output);
    return std::move(tree_);
  }

 private:
  std::size_t place_of(std::optional<std::size_t> parent, std::int32_t token) {
    const auto [found, added] = places_.emplace(std::pair(parent, token), tree_.nodes.size());
    if (added) tree_.nodes.push_back({parent, token});
    return found->second;
  }

  SearchTree tree_;
  std::map<std::pair<std::optional<std::size_t>, std::int32_t>, std::size_t> places_;
};

}  // namespace

SearchTree search_tree(plugin::Model& model, const Arm& arm, const Prompt& prompt,
                       const SampleRequest& request) {
  TreeGrowth growth;
  std::vector<std::int32_t> output;
  GenerateEvents events;
  events.on_hypotheses = [&](std::size_t, std::span<const SearchHypothesis> hypotheses) {
    for (const auto& hypothesis : hypotheses) growth.add(hypothesis);
  };
  events.on_generation = [&](const Generation& generation) {
    for (const auto& token : generation.tokens) output.push_back(token.token);
  };
  events.on_failure = [](const GenerateFailure& failure) {
    throw Error(Fault::plugin, failure.message);
  };
  auto alone = request;
  alone.prompt = alone.arm = 0;
  GenerateOptions options;
  options.top_alternatives = 0;
  generate(model, {&arm, 1}, {&prompt, 1}, {&alone, 1}, options, events, [] { return 0.0; });
  return growth.take(std::move(output));
}

}  // namespace trellis::decode
