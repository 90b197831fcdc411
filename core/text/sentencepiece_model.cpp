#include "core/text/sentencepiece_model.hpp"

#include <algorithm>
#include <queue>

#include "core/error.hpp"
#include "core/text/token_model.hpp"
#include "core/text/unicode.hpp"

namespace trellis::text {
namespace {

/// How much less probable than the least piece an unknown character is.
constexpr float kUnknownPenalty = 10;

// Of valid UTF-8.
std::size_t character_size(std::string_view text) {
  const auto byte = static_cast<unsigned char>(text.front());
  return std::min<std::size_t>(byte < 0x80   ? 1
                               : byte < 0xE0 ? 2
                               : byte < 0xF0 ? 3
                                             : 4,
                               text.size());
}

bool is_sought(PieceType type) {
  return type == PieceType::normal || type == PieceType::user_defined || type == PieceType::unused;
}

std::uint32_t place(std::size_t at) {
  return static_cast<std::uint32_t>(at);
}

}  // namespace

SentencePieceModel::SentencePieceModel(SentencePieceSpecification specification)
    : specification_(std::move(specification)) {
  std::vector<Trie::Entry> sought;
  std::vector<Trie::Entry> user_defined;
  std::vector<std::string> names;
  bool any = false;
  for (std::size_t i = 0; i < specification_.pieces.size(); ++i) {
    const SentencePiece& piece = specification_.pieces[i];
    const auto id = static_cast<std::int32_t>(i);
    ids_.emplace(piece.text, id);
    if (piece.type == PieceType::unknown) unknown_ = id;
    if (piece.type == PieceType::normal) {
      least_score_ = any ? std::min(least_score_, piece.score) : piece.score;
      greatest_score_ = any ? std::max(greatest_score_, piece.score) : piece.score;
      any = true;
    }
    if (is_sought(piece.type)) sought.emplace_back(piece.text, id);
    if (piece.type == PieceType::user_defined) user_defined.emplace_back(piece.text, id);
    names.push_back(piece.type == PieceType::byte ? piece.text : std::string());
  }
  pieces_ = Trie(std::move(sought));
  user_defined_ = Trie(std::move(user_defined));
  byte_pieces_ = find_byte_tokens(names);
  if (specification_.byte_fallback && byte_pieces_.empty())
    throw Error(
        Fault::bad_data,
        "tokenizer: its SentencePiece model falls back to bytes, but has no pieces for them");
}

std::optional<std::int32_t> SentencePieceModel::find(std::string_view text) const {
  const auto found = ids_.find(text);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

std::size_t SentencePieceModel::user_defined_length(std::string_view text) const {
  std::size_t longest = 0;
  user_defined_.each_prefix(text, [&](std::size_t length, std::int32_t) { longest = length; });
  return longest;
}

SentencePieceModel::Prefix SentencePieceModel::rewrite_prefix(std::string_view text) const {
  if (const std::size_t length = user_defined_length(text); length > 0)
    return {text.substr(0, length), length};
  if (const auto match = specification_.rules.longest(text))
    return {match->replacement, match->length};
  const std::size_t length = character_size(text);
  return {text.substr(0, length), length};
}

RewrittenText SentencePieceModel::rewrite(std::string_view text) const {
  const SentencePieceSpecification& rules = specification_;
  RewrittenText out;
  std::size_t at = 0;
  const auto put = [&](std::string_view bytes) {
    out.text += bytes;
    out.origin.insert(out.origin.end(), bytes.size(), place(at));
  };
  const std::string_view space = rules.mark_spaces ? kSpaceMark : std::string_view(" ");
  while (rules.remove_extra_spaces && at < text.size()) {
    const Prefix prefix = rewrite_prefix(text.substr(at));
    if (prefix.text != " ") break;
    at += prefix.length;
  }
  if (at == text.size()) {
    out.origin.push_back(place(at));
    return out;
  }
  if (rules.add_space && !rules.space_as_suffix) put(space);
  bool after_space = rules.remove_extra_spaces;
  while (at < text.size()) {
    const Prefix prefix = rewrite_prefix(text.substr(at));
    std::string_view rewritten = prefix.text;
    while (after_space && rewritten.starts_with(' ')) rewritten.remove_prefix(1);
    for (std::size_t i = 0; i < rewritten.size(); ++i)
      put(rewritten[i] == ' ' ? space : rewritten.substr(i, 1));
    if (!rewritten.empty()) after_space = rewritten.ends_with(' ');
    if (!rules.remove_extra_spaces) after_space = false;
    at += prefix.length;
  }
  while (rules.remove_extra_spaces && out.text.ends_with(space)) {
    const std::size_t rest = out.text.size() - space.size();
    at = out.origin[rest];
    out.text.erase(rest);
    out.origin.resize(rest);
  }
  if (rules.add_space && rules.space_as_suffix) put(space);
  out.origin.push_back(place(at));
  return out;
}

std::vector<Segment> SentencePieceModel::segment_unigram(std::string_view text) const {
  struct Node {
    float score = 0;
    std::int32_t piece = 0;
    std::int32_t begin = -1;  // of the last piece of the best path that ends here; -1: none
  };
  std::vector<Node> nodes(text.size() + 1);
  for (std::size_t begin = 0; begin < text.size();) {
    const float so_far = nodes[begin].score;
    const std::size_t character = character_size(text.substr(begin));
    bool single = false;
    const auto offer = [&](std::size_t length, std::int32_t piece, float score) {
      Node& node = nodes[begin + length];
      if (node.begin >= 0 && !(so_far + score > node.score)) return;
      node = {so_far + score, piece, static_cast<std::int32_t>(begin)};
    };
    pieces_.each_prefix(text.substr(begin), [&](std::size_t length, std::int32_t id) {
      const SentencePiece& piece = specification_.pieces[static_cast<std::size_t>(id)];
      if (piece.type == PieceType::unused) return;
      // User-defined pieces have no score of their own: of a byte the best that there is.
      const bool defined = piece.type == PieceType::user_defined;
      const double weight = static_cast<float>(length) * greatest_score_ - 0.1;
      offer(length, id, defined ? static_cast<float>(weight) : piece.score);
      single |= length == character;
    });
    if (!single) offer(character, unknown_, least_score_ - kUnknownPenalty);
    begin += character;
  }
  std::vector<Segment> path;
  for (std::size_t end = text.size(); end > 0;) {
    const auto begin = static_cast<std::size_t>(nodes[end].begin);
    path.push_back({place(begin), place(end), nodes[end].piece});
    end = begin;
  }
  std::reverse(path.begin(), path.end());
  return path;
}

// Byte-pair encoding of one text: neighbours become one, those first that make the piece of the
// best score, of equal ones the leftmost.
class SentencePieceModel::Merging {
 public:
  Merging(const SentencePieceModel& model, std::string_view text) : model_(model), text_(text) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t defined = model.user_defined_length(text.substr(at));
      const std::size_t size = defined > 0 ? defined : character_size(text.substr(at));
      const auto index = static_cast<std::int32_t>(symbols_.size());
      symbols_.push_back({place(at), place(at + size), index - 1, index + 1, defined > 0});
      at += size;
    }
    if (!symbols_.empty()) symbols_.back().next = -1;
  }

  std::vector<Segment> run() {
    for (std::size_t i = 1; i < symbols_.size(); ++i)
      propose(static_cast<std::int32_t>(i) - 1, static_cast<std::int32_t>(i));
    while (!proposals_.empty()) {
      const Proposal best = proposals_.top();
      proposals_.pop();
      Symbol& left = at(best.left);
      Symbol& right = at(best.right);
      const bool stale = left.begin == left.end || right.begin == right.end ||
                         left.end != right.begin || right.end - left.begin != best.size;
      if (stale) continue;
      left.end = right.end;
      left.next = right.next;
      if (right.next >= 0) at(right.next).previous = best.left;
      right.end = right.begin;
      propose(left.previous, best.left);
      propose(best.left, left.next);
    }
    for (std::int32_t i = symbols_.empty() ? -1 : 0; i >= 0; i = at(i).next)
      put(at(i).begin, at(i).end);
    return std::move(segments_);
  }

 private:
  struct Symbol {
    std::uint32_t begin;
    std::uint32_t end;  // at its begin once it has become part of its left neighbour
    std::int32_t previous;
    std::int32_t next;  // -1: none
    bool whole;         // user-defined
  };
  struct Proposal {
    float score;
    std::int32_t left;
    std::int32_t right;
    std::uint32_t size;  // bytes of both, when it was made
    bool operator<(const Proposal& other) const {
      return score < other.score || (score == other.score && left > other.left);
    }
  };

  Symbol& at(std::int32_t index) { return symbols_[static_cast<std::size_t>(index)]; }

  std::string_view view(std::uint32_t begin, std::uint32_t end) const {
    return text_.substr(begin, end - begin);
  }

  std::optional<std::int32_t> sought(std::string_view text) const {
    const auto found = model_.find(text);
    return found && is_sought(model_.type_of(*found)) ? found : std::nullopt;
  }

  void propose(std::int32_t left, std::int32_t right) {
    if (left < 0 || right < 0 || at(left).whole || at(right).whole) return;
    const std::string_view both = view(at(left).begin, at(right).end);
    const auto piece = sought(both);
    if (!piece) return;
    const float score = model_.specification_.pieces[static_cast<std::size_t>(*piece)].score;
    proposals_.push({score, left, right, place(both.size())});
    if (model_.type_of(*piece) == PieceType::unused) cuts_[both] = at(right).begin - at(left).begin;
  }

  // Pieces that may be passed through but not used fall apart again into what made them.
  void put(std::uint32_t begin, std::uint32_t end) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> open = {{begin, end}};
    while (!open.empty()) {
      const auto [from, to] = open.back();
      open.pop_back();
      const std::string_view text = view(from, to);
      const auto piece = model_.find(text);
      const auto cut = cuts_.find(text);
      if (piece && model_.type_of(*piece) == PieceType::unused && cut != cuts_.end()) {
        open.emplace_back(from + cut->second, to);
        open.emplace_back(from, from + cut->second);
      } else {
        segments_.push_back({from, to, piece.value_or(model_.unknown_)});
      }
    }
  }

  const SentencePieceModel& model_;
  std::string_view text_;
  std::vector<Symbol> symbols_;
  std::priority_queue<Proposal> proposals_;
  std::unordered_map<std::string_view, std::uint32_t> cuts_;  // unused piece: bytes of its left
  std::vector<Segment> segments_;
};

std::vector<Segment> SentencePieceModel::segment(std::string_view text) const {
  return specification_.bpe ? Merging(*this, text).run() : segment_unigram(text);
}

}  // namespace trellis::text
