#include "plugins/models/bert/bert.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"

namespace trellis::models {
namespace {

using nn::Init;
using nn::Tensor;
using Ids = std::vector<std::int64_t>;

// More tokens than this are not computed at once, whatever is fed, so that memory is bounded.
constexpr std::size_t kMostTokens = 4096;

struct BertState : nn::NetworkState {
  std::unique_ptr<nn::NetworkState> fork() const override {
    return std::make_unique<BertState>(*this);
  }
  std::shared_ptr<const std::vector<std::int32_t>> text;  // with a mask in its gap
  std::size_t gap = 0;                                    // where that is, once the mask was fed
};

// What may be fed: the mask, then a block.
void accept(const nn::Feed& feed, std::int64_t context) {
  auto& state = static_cast<BertState&>(*feed.state);
  if (state.length > 1 || (state.length == 0 && feed.tokens.size() != 1))
    throw Error(Fault::usage, "a text with a gap is fed its mask, then one whole block");
  if (state.length == 0) {
    const auto gap = std::ranges::find(*state.text, feed.tokens.front());
    if (gap == state.text->end())
      throw Error(Fault::usage, "the text has no mask where the output belongs");
    state.gap = static_cast<std::size_t>(gap - state.text->begin());
  }
  const std::size_t length = state.text->size() - 1 + feed.tokens.size();
  if (length > static_cast<std::size_t>(context))
    throw Error(Fault::usage, fmt::format("{} tokens exceed the model's context of {}: shorten the "
                                          "text or train with a larger context",
                                          length, context));
}

Tensor to_tensor(const Ids& ids) {
  return at::tensor(at::ArrayRef<std::int64_t>(ids), at::kLong);
}

// Whole texts one after another.
struct Texts {
  Ids ids;
  Ids places;
  Ids segments;
  Ids rows;  // of what was fed, among all
  std::vector<std::size_t> lengths;

  void add(const nn::Feed& feed, std::int64_t separator, std::int64_t segment_count) {
    const auto& state = static_cast<const BertState&>(*feed.state);
    const std::size_t first = ids.size();
    const auto& text = *state.text;
    const auto gap = text.begin() + static_cast<std::ptrdiff_t>(state.gap);
    ids.insert(ids.end(), text.begin(), gap);
    ids.insert(ids.end(), feed.tokens.begin(), feed.tokens.end());
    ids.insert(ids.end(), gap + 1, text.end());
    lengths.push_back(ids.size() - first);
    if (separator < 0 && text.size() > 1) separator = text.back();
    std::int64_t segment = 0;
    for (std::size_t place = 0; place < lengths.back(); ++place) {
      places.push_back(static_cast<std::int64_t>(place));
      segments.push_back(segment);
      if (ids[first + place] == separator) segment = std::min<std::int64_t>(1, segment_count - 1);
    }
    const std::size_t begin = state.length == 0 ? first : first + state.gap;
    for (std::size_t i = 0; i < feed.tokens.size(); ++i)
      rows.push_back(static_cast<std::int64_t>(begin + i));
  }
};

}  // namespace

Bert::Bert(const BertOptions& options, nn::FirstWeights first) : Network(first), options_(options) {
  const Init normal{Init::Kind::normal, 0.02};
  const auto norm = [&](const std::string& name) {
    return nn::LayerNorm(parameters, name, options.width, options.epsilon);
  };
  tokens_ = nn::Embedding(parameters, "tokens", options.vocab, options.width, normal);
  positions_ = nn::Embedding(parameters, "positions", options.context, options.width, normal);
  segments_ = nn::Embedding(parameters, "segments", options.segments, options.width, normal);
  embedding_norm_ = norm("embedding_norm");
  for (std::int64_t i = 0; i < options.layers; ++i) {
    const std::string name = "blocks." + std::to_string(i);
    Block block;
    block.attention = nn::SelfAttention(
        parameters, name + ".attention",
        {.width = options.width, .heads = options.heads, .init = normal, .out_init = normal});
    block.attention_norm = norm(name + ".attention_norm");
    block.feed_forward = nn::FeedForward(parameters, name + ".feed_forward", options.width,
                                         options.inner, nn::Activation::gelu_erf, normal, normal);
    block.feed_forward_norm = norm(name + ".feed_forward_norm");
    blocks_.push_back(std::move(block));
  }
  transform_ = nn::Linear(parameters, "transform", options.width, options.width, normal);
  transform_norm_ = norm("transform_norm");
  out_ = nn::Linear(tokens_.weight);
  out_.bias = parameters.add("out.bias", {options.vocab}, {});
}

Tensor Bert::embed(const Tensor& ids, const Tensor& places, const Tensor& segments) const {
  return nn::dropout(embedding_norm_(tokens_(ids) + positions_(places) + segments_(segments)),
                     dropout);
}

// attend(attention, x, layer) mixes the places of each text.
template <typename Attend>
Tensor Bert::encode(Tensor x, const Attend& attend) const {
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    x = block.attention_norm(x + nn::dropout(attend(block.attention, x, i), dropout));
    x = block.feed_forward_norm(x + nn::dropout(block.feed_forward(x, 0.0), dropout));
  }
  return x;
}

Tensor Bert::segments_of(const nn::Batch& batch) const {
  if (batch.segments.defined()) return batch.segments;
  const Tensor separator = options_.separator >= 0
                               ? at::full({1, 1}, options_.separator, at::kLong)
                               : batch.input.narrow(1, batch.input.size(1) - 1, 1);
  const Tensor separators = (batch.input == separator).to(at::kLong);
  return (separators.cumsum(1) - separators)
      .clamp_max(std::min<std::int64_t>(1, options_.segments - 1));
}

Tensor Bert::hidden(const nn::Batch& batch, std::vector<nn::AttentionMap>* maps) {
  const std::int64_t length = batch.input.size(1);
  Tensor mask;
  if (batch.source_lengths.defined())
    mask = nn::padding_mask(batch.source_lengths, length).unsqueeze(1).unsqueeze(1);
  const Tensor x = embed(batch.input, at::arange(length), segments_of(batch));
  return encode(x, [&](const nn::SelfAttention& attention, const Tensor& y, std::size_t layer) {
    Tensor map;
    const Tensor mixed = attention(y, mask, dropout, maps != nullptr ? &map : nullptr);
    if (maps != nullptr) maps->push_back({"self", static_cast<std::int32_t>(layer), map});
    return mixed;
  });
}

Tensor Bert::logits(const Tensor& hidden) {
  return out_(transform_norm_(nn::gelu(transform_(hidden))));
}

nn::Batch Bert::lesson(const nn::Batch& batch, std::uint64_t seed) const {
  const std::int64_t rows = batch.target.size(0);
  const Tensor counts = (batch.target != nn::kIgnoredTarget).sum(1);
  std::mt19937_64 engine(seed);
  std::vector<MaskedText> texts;
  std::int64_t length = 0;
  const auto row_of = [](const Tensor& ids, std::int64_t row, const Tensor& lengths) {
    const std::int64_t* first = ids.data_ptr<std::int64_t>() + row * ids.size(1);
    return std::span(first, static_cast<std::size_t>(lengths[row].item<std::int64_t>()));
  };
  for (std::int64_t row = 0; row < rows; ++row) {
    texts.push_back(mask_text(row_of(batch.source, row, batch.source_lengths),
                              row_of(batch.target, row, counts), options_.vocab, options_.masking,
                              engine));
    length = std::max(length, static_cast<std::int64_t>(texts.back().input.size()));
  }
  nn::Batch learned;
  learned.input = at::zeros({rows, length}, at::kLong);
  learned.target = at::full({rows, length}, nn::kIgnoredTarget, at::kLong);
  Ids lengths;
  for (std::int64_t row = 0; row < rows; ++row) {
    const MaskedText& text = texts[static_cast<std::size_t>(row)];
    std::ranges::copy(text.input, learned.input.data_ptr<std::int64_t>() + row * length);
    std::ranges::copy(text.target, learned.target.data_ptr<std::int64_t>() + row * length);
    lengths.push_back(static_cast<std::int64_t>(text.input.size()));
  }
  learned.source_lengths = to_tensor(lengths);
  learned.target_count = (learned.target != nn::kIgnoredTarget).sum().item<std::int64_t>();
  return learned;
}

std::unique_ptr<nn::NetworkState> Bert::open(std::span<const std::int32_t> source) {
  auto state = std::make_unique<BertState>();
  state->text = std::make_shared<const std::vector<std::int32_t>>(source.begin(), source.end());
  return state;
}

Tensor Bert::feed(std::span<const nn::Feed> feeds) {
  std::vector<Tensor> parts;
  std::size_t begin = 0;
  std::size_t tokens = 0;
  for (std::size_t i = 0; i < feeds.size(); ++i) {
    accept(feeds[i], options_.context);
    const auto& text = *static_cast<const BertState&>(*feeds[i].state).text;
    const std::size_t length = text.size() - 1 + feeds[i].tokens.size();
    if (tokens > 0 && tokens + length > kMostTokens) {
      parts.push_back(feed_some(feeds.subspan(begin, i - begin)));
      begin = i;
      tokens = 0;
    }
    tokens += length;
  }
  parts.push_back(feed_some(feeds.subspan(begin)));
  return parts.size() == 1 ? parts.front() : at::cat(parts);
}

Tensor Bert::feed_some(std::span<const nn::Feed> feeds) const {
  Texts texts;
  for (const nn::Feed& feed : feeds) texts.add(feed, options_.separator, options_.segments);
  // Keys and values of the layer at work; nothing is kept for later.
  std::vector<kernels::KvCache> caches(feeds.size(),
                                       nn::make_cache(1, blocks_.front().attention.shape));
  std::vector<nn::CachePart> parts;
  for (std::size_t i = 0; i < feeds.size(); ++i) {
    caches[i].extend(texts.lengths[i]);
    parts.push_back({&caches[i], texts.lengths[i]});
  }
  const Tensor x = embed(to_tensor(texts.ids), to_tensor(texts.places), to_tensor(texts.segments));
  const auto attend = [&](const nn::SelfAttention& attention, const Tensor& y, std::size_t) {
    return attention.both_ways(y, parts, 0);
  };
  return encode(x, attend).index_select(0, to_tensor(texts.rows));
}

}  // namespace trellis::models
