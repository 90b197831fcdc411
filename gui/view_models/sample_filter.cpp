#include "gui/view_models/sample_filter.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "core/error.hpp"
#include "core/text/pattern.hpp"
#include "core/text/unicode.hpp"

namespace trellis::gui {
namespace {

using Test = std::function<bool(const PairedRow&)>;
using TextTest = std::function<bool(std::string_view)>;

const storage::SampleRow* sample_at(const PairedSamples& samples, const PairedRow& row,
                                    std::size_t trial) {
  if (trial >= samples.trials.size() || row.rows[trial] == no_sample) return nullptr;
  return &samples.trials[trial]->rows[static_cast<std::size_t>(row.rows[trial])];
}

bool same_outputs(const PairedSamples& samples, const PairedRow& row) {
  const auto* first = sample_at(samples, row, 0);
  for (std::size_t i = 1; i < samples.trials.size(); ++i) {
    const auto* other = sample_at(samples, row, i);
    if (first == nullptr || other == nullptr || other->output != first->output) return false;
  }
  return true;
}

/// Recursive descent over the filter's text, one test out.
class Parser {
 public:
  Parser(std::string_view text, const PairedSamples& samples, std::string metric)
      : text_(text), samples_(samples), metric_(std::move(metric)) {}

  Test whole() {
    auto test = alternatives(0);
    skip_space();
    if (at_ < text_.size()) refuse("')' closes nothing");
    return test;
  }

 private:
  static constexpr int deepest = 100;

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(Fault::usage, "filter:" + std::to_string(at_ + 1) + ": " + what);
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }

  bool at_end() {
    skip_space();
    return at_ == text_.size() || text_[at_] == ')';
  }

  static bool ends_word(char byte) {
    return byte == ' ' || byte == '\t' || byte == '(' || byte == ')';
  }

  bool take_word(std::string_view word) {
    skip_space();
    if (!text_.substr(at_).starts_with(word)) return false;
    const auto end = at_ + word.size();
    if (end < text_.size() && !ends_word(text_[end])) return false;
    at_ = end;
    return true;
  }

  Test alternatives(int depth) {
    if (depth > deepest) refuse("brackets are nested too deep");
    auto left = conjunction(depth);
    while (take_word("OR")) {
      auto right = conjunction(depth);
      left = [left, right](const PairedRow& row) { return left(row) || right(row); };
    }
    return left;
  }

  Test conjunction(int depth) {
    auto left = negation(depth);
    for (;;) {
      const auto before = at_;
      if (take_word("OR")) {
        at_ = before;
        return left;
      }
      const bool joined = take_word("AND");
      if (!joined && at_end()) return left;
      auto right = negation(depth);
      left = [left, right](const PairedRow& row) { return left(row) && right(row); };
    }
  }

  Test negation(int depth) {
    if (depth > deepest) refuse("NOT is nested too deep");
    if (take_word("NOT")) {
      auto test = negation(depth + 1);
      return [test](const PairedRow& row) { return !test(row); };
    }
    skip_space();
    if (at_ < text_.size() && text_[at_] == '(') {
      ++at_;
      auto test = alternatives(depth + 1);
      skip_space();
      if (at_ == text_.size() || text_[at_] != ')') refuse("')' is missing");
      ++at_;
      return test;
    }
    return term();
  }

  Test term() {
    if (at_end()) refuse("a condition is missing");
    if (text_[at_] == '"' || text_[at_] == '/') return in_field("", text_test());
    const auto begin = at_;
    while (at_ < text_.size() && !ends_word(text_[at_]) &&
           std::string_view(":<>=!").find(text_[at_]) == std::string_view::npos) {
      ++at_;
    }
    const auto name = text_.substr(begin, at_ - begin);
    if (at_ == text_.size() || ends_word(text_[at_])) return bare_word(name);
    if (text_[at_] == ':') {
      const bool known = is_field(name);
      if (!known) {
        at_ = begin;
        refuse("there is no field '" + std::string(name) +
               "'; fields: source, prefix, reference, output, finish, id");
      }
      ++at_;
      return in_field(name, text_test());
    }
    return comparison(std::string(name));
  }

  Test bare_word(std::string_view word) {
    const auto& samples = samples_;
    if (word == "same")
      return [&samples](const PairedRow& row) { return same_outputs(samples, row); };
    if (word == "different") {
      return [&samples](const PairedRow& row) { return !same_outputs(samples, row); };
    }
    return in_field("", containing(word));
  }

  static TextTest containing(std::string_view word) {
    return [wanted = text::to_lower(word)](std::string_view where) {
      return text::to_lower(where).find(wanted) != std::string::npos;
    };
  }

  /// A word, a "phrase" or a /regular expression/, from here on.
  TextTest text_test() {
    if (at_ == text_.size() || ends_word(text_[at_])) refuse("a text is missing after ':'");
    const char quote = text_[at_];
    if (quote != '"' && quote != '/') {
      const auto begin = at_;
      while (at_ < text_.size() && !ends_word(text_[at_])) ++at_;
      return containing(text_.substr(begin, at_ - begin));
    }
    std::string inside;
    const auto begin = at_++;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] == quote) ++at_;
      inside += text_[at_++];
    }
    if (at_ == text_.size()) {
      at_ = begin;
      refuse(std::string("a closing ") + quote + " is missing");
    }
    ++at_;
    return quote == '"' ? containing(inside) : matching(inside, begin);
  }

  TextTest matching(const std::string& expression, std::size_t begin) {
    try {
      return [pattern = text::Pattern(expression)](std::string_view where) {
        bool found = false;
        pattern.for_each_match(where, [&](std::string_view) { found = true; });
        return found;
      };
    } catch (const std::logic_error& error) {
      at_ = begin;
      refuse(error.what());
    }
  }

  static bool is_field(std::string_view name) {
    return name == "source" || name == "prefix" || name == "reference" || name == "output" ||
           name == "finish" || name == "id" || output_number(name);
  }

  /// "output2" is the second trial's.
  static std::optional<std::size_t> output_number(std::string_view name) {
    if (name.size() != 7 || !name.starts_with("output")) return std::nullopt;
    const auto number = static_cast<std::size_t>(name[6] - '1');
    return number < most_trials ? std::optional(number) : std::nullopt;
  }

  Test in_field(std::string_view name, TextTest test) const {
    const auto& samples = samples_;
    const auto only = output_number(name);
    const bool any = name.empty();
    const bool outputs = any || name == "output" || only;
    return [&samples, test = std::move(test), only, any, outputs,
            field = std::string(name)](const PairedRow& row) {
      const auto& example = samples.examples[row.example];
      if ((any || field == "source") && test(example.source)) return true;
      if (field == "prefix" && test(example.prefix)) return true;
      if (field == "id" && test(example.example_id)) return true;
      if (any || field == "reference") {
        if (std::ranges::any_of(example.references, test)) return true;
      }
      for (std::size_t i = 0; i < samples.trials.size(); ++i) {
        const auto* sample = sample_at(samples, row, i);
        if (sample == nullptr || (only && *only != i)) continue;
        if (outputs && test(sample->output)) return true;
        if (field == "finish" && test(sample->finish)) return true;
      }
      return false;
    };
  }

  bool has_metric(const std::string& name) const {
    return std::ranges::any_of(samples_.trials,
                               [&](const auto& trial) { return trial->metrics.contains(name); });
  }

  /// All values that a name stands for in a row; the test passes when any of them does.
  std::function<double(const PairedRow&, std::size_t)> number_named(std::string name,
                                                                    std::size_t begin) {
    const auto& samples = samples_;
    if (name == "difference") {
      return [&samples, metric = metric_](const PairedRow& row, std::size_t trial) {
        return trial == 0 ? difference_of(samples, row, metric) : no_value;
      };
    }
    if (name == "example" || name == "sample") {
      return [&samples, by_example = name == "example"](const PairedRow& row, std::size_t trial) {
        if (trial != 0) return no_value;
        return static_cast<double>(by_example ? samples.examples[row.example].example_index
                                              : row.sample_index);
      };
    }
    std::optional<std::size_t> only;
    if (!has_metric(name) && name != "length" && !name.empty()) {
      const auto number = static_cast<std::size_t>(name.back() - '1');
      const auto shorter = name.substr(0, name.size() - 1);
      if (number < most_trials && (has_metric(shorter) || shorter == "length")) {
        only = number;
        name = shorter;
      }
    }
    if (name == "length") {
      return [&samples, only](const PairedRow& row, std::size_t trial) {
        const auto* sample = sample_at(samples, row, trial);
        if (sample == nullptr || (only && *only != trial)) return no_value;
        return static_cast<double>(sample->token_count);
      };
    }
    if (!has_metric(name)) {
      at_ = begin;
      refuse("there is no metric '" + name + "' here");
    }
    return [&samples, only, name](const PairedRow& row, std::size_t trial) {
      return only && *only != trial ? no_value : metric_of(samples, row, trial, name);
    };
  }

  Test comparison(const std::string& name) {
    const auto begin = at_ - name.size();
    const char first = text_[at_++];
    const bool equal = at_ < text_.size() && text_[at_] == '=';
    if (equal) ++at_;
    if (first == '!' && !equal) refuse("'!' must be followed by '='");
    double limit = 0;
    const auto result = std::from_chars(text_.data() + at_, text_.data() + text_.size(), limit);
    if (result.ec != std::errc()) refuse("a number is missing");
    at_ = static_cast<std::size_t>(result.ptr - text_.data());
    if (at_ < text_.size() && !ends_word(text_[at_])) refuse("this is no number");
    const auto passes = [first, equal, limit](double value) {
      if (std::isnan(value)) return false;
      if (first == '<') return equal ? value <= limit : value < limit;
      if (first == '>') return equal ? value >= limit : value > limit;
      return first == '!' ? value != limit : value == limit;
    };
    const auto number = number_named(name, begin);
    const auto trials = std::max<std::size_t>(samples_.trials.size(), 1);
    return [number, passes, trials](const PairedRow& row) {
      for (std::size_t i = 0; i < trials; ++i) {
        if (passes(number(row, i))) return true;
      }
      return false;
    };
  }

  std::string_view text_;
  const PairedSamples& samples_;
  std::string metric_;
  std::size_t at_ = 0;
};

/// What a row is sorted by; not-a-number goes last either way.
double sort_key(const PairedSamples& samples, const PairedRow& row, const Wish& wish) {
  switch (wish.sort) {
    case SampleSort::value:
      return metric_of(samples, row, 0, wish.metric);
    case SampleSort::difference:
      return difference_of(samples, row, wish.metric);
    case SampleSort::length: {
      const auto* sample = sample_at(samples, row, 0);
      return sample != nullptr ? static_cast<double>(sample->token_count) : no_value;
    }
    default:
      return static_cast<double>(samples.examples[row.example].example_index);
  }
}

}  // namespace

double metric_of(const PairedSamples& samples, const PairedRow& row, std::size_t trial,
                 const std::string& metric) {
  if (trial >= samples.trials.size() || row.rows[trial] == no_sample) return no_value;
  const auto& metrics = samples.trials[trial]->metrics;
  const auto found = metrics.find(metric);
  return found != metrics.end() ? found->second[static_cast<std::size_t>(row.rows[trial])]
                                : no_value;
}

double difference_of(const PairedSamples& samples, const PairedRow& row,
                     const std::string& metric) {
  return metric_of(samples, row, 1, metric) - metric_of(samples, row, 0, metric);
}

std::function<bool(const PairedRow&)> compile_filter(std::string_view filter,
                                                     const PairedSamples& samples,
                                                     const std::string& metric) {
  if (text::strip(filter).empty()) return [](const PairedRow&) { return true; };
  return Parser(filter, samples, metric).whole();
}

SampleOrder order_of(std::shared_ptr<const PairedSamples> samples, const Wish& wish) {
  SampleOrder order{samples, wish.filter, wish.metric, wish.sort, wish.descending, {}, {}};
  const auto count = samples->rows.size();
  std::function<bool(const PairedRow&)> passes;
  try {
    passes = compile_filter(wish.filter, *samples, wish.metric);
  } catch (const Error& error) {
    order.problem = error.what();
    passes = [](const PairedRow&) { return true; };
  }
  for (std::uint32_t row = 0; row < count; ++row) {
    if (passes(samples->rows[row])) order.rows.push_back(row);
  }
  if (wish.sort == SampleSort::example && !wish.descending) return order;
  std::vector<double> keys(count);
  for (const auto row : order.rows) keys[row] = sort_key(*samples, samples->rows[row], wish);
  std::stable_sort(order.rows.begin(), order.rows.end(), [&](std::uint32_t a, std::uint32_t b) {
    if (std::isnan(keys[a]) || std::isnan(keys[b]))
      return !std::isnan(keys[a]) && std::isnan(keys[b]);
    return wish.descending ? keys[a] > keys[b] : keys[a] < keys[b];
  });
  return order;
}

}  // namespace trellis::gui
