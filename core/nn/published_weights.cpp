#include "core/nn/published_weights.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <malloc.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/error.hpp"
#include "core/nn/tensor_names.hpp"
#include "core/nn/weights.hpp"

namespace trellis::nn {
namespace {

using formats::Checkpoint;
using formats::ElementType;
using formats::StoredTensor;
using kernels::PackedWeights;
using kernels::WeightStorage;

// A parameter with the tensors that make it.
struct Match {
  const Parameter* parameter = nullptr;
  std::vector<const StoredTensor*> tensors;
  Change change = Change::none;
};

class Matcher {
 public:
  Matcher(const Parameters& parameters, const Checkpoint& checkpoint, const PublishedNames& names)
      : checkpoint_(checkpoint), names_(names) {
    const auto prefixed = [&](const auto& entry) { return entry.first.starts_with(names.prefix); };
    bare_ = !names.prefix.empty() && std::ranges::none_of(checkpoint.tensors, prefixed);
    for (const Parameter& parameter : parameters.all()) match(parameter);
    find_unknown();
    report();
  }

  std::vector<Match> take() { return std::move(matches_); }

 private:
  std::string stored_name(const std::string& pattern, const Numbers& numbers) const {
    std::string name = with_numbers(pattern, numbers);
    if (bare_ && name.starts_with(names_.prefix)) name.erase(0, names_.prefix.size());
    if (checkpoint_.tensors.contains(name)) return name;
    for (const auto& [ending, older] : names_.older) {
      if (!name.ends_with(ending)) continue;
      const std::string other = name.substr(0, name.size() - ending.size()) + older;
      if (checkpoint_.tensors.contains(other)) return other;
    }
    return name;
  }

  void match(const Parameter& parameter) {
    const auto [pattern, numbers] = pattern_of(parameter.name);
    const auto entry = std::ranges::find(names_.names, pattern, &PublishedName::parameter);
    if (entry == names_.names.end())
      throw Error(Fault::plugin, "no published tensor is named for the parameter " +
                                     parameter.name + ": the plugin's table lacks it");
    Match match{&parameter, {}, entry->change};
    bool complete = true;
    for (const std::string& tensor : entry->tensors) {
      const std::string name = stored_name(tensor, numbers);
      used_.insert(name);
      const auto found = checkpoint_.tensors.find(name);
      if (found == checkpoint_.tensors.end()) {
        missing_.push_back(name);
        complete = false;
      } else {
        match.tensors.push_back(&found->second);
      }
    }
    if (!complete) return;
    check_shapes(match);
    matches_.push_back(std::move(match));
  }

  // All extents but the first must be the parameter's, and the first ones add up to its first.
  void check_shapes(const Match& match) {
    const auto& wanted = match.parameter->shape;
    std::int64_t rows = 0;
    bool right = true;
    for (const StoredTensor* tensor : match.tensors) {
      std::vector<std::int64_t> shape = tensor->shape;
      if (match.change == Change::transpose && shape.size() == 2) std::swap(shape[0], shape[1]);
      while (shape.size() > wanted.size() && shape.front() == 1) shape.erase(shape.begin());
      right = right && shape.size() == wanted.size() &&
              std::equal(shape.begin() + 1, shape.end(), wanted.begin() + 1);
      if (right) rows += shape.front();
    }
    if (right && rows == wanted.front()) return;
    std::vector<std::string> found;
    for (const StoredTensor* tensor : match.tensors)
      found.push_back(tensor->name + " " + formats::shape_text(tensor->shape));
    std::vector<std::int64_t> published = wanted;
    if (match.change == Change::transpose) std::swap(published.front(), published.back());
    wrong_.push_back(fmt::format("{} where {} is needed", fmt::join(found, " and "),
                                 formats::shape_text(published)));
  }

  void find_unknown() {
    for (const auto& [name, tensor] : checkpoint_.tensors) {
      if (used_.contains(name)) continue;
      const std::string pattern = pattern_of(name).first;
      const auto is_ignored = [&](const std::string& ignored) {
        return pattern == ignored || (bare_ && names_.prefix + pattern == ignored);
      };
      if (std::ranges::none_of(names_.ignored, is_ignored)) unknown_.push_back(name);
    }
  }

  void report() const {
    std::vector<std::string> problems;
    if (!missing_.empty()) problems.push_back("missing: " + list_names(missing_));
    if (!wrong_.empty())
      problems.push_back(fmt::format("of another shape: {}", fmt::join(wrong_, ", ")));
    if (!unknown_.empty()) problems.push_back("not known: " + list_names(unknown_));
    if (problems.empty()) return;
    throw Error(Fault::bad_data,
                fmt::format("{}: its tensors are not those of the model that {} describes; {}",
                            checkpoint_.path.string(), checkpoint_.config_path.filename().string(),
                            fmt::join(problems, "; ")));
  }

  const Checkpoint& checkpoint_;
  const PublishedNames& names_;
  bool bare_ = false;
  std::vector<Match> matches_;
  std::set<std::string> used_;
  std::vector<std::string> missing_;
  std::vector<std::string> wrong_;
  std::vector<std::string> unknown_;
};

std::size_t rows_in(const StoredTensor& tensor) {
  return static_cast<std::size_t>(tensor.shape.front());
}

// The rows of tensors of one storage, as they are stored.
PackedWeights pack_stored(std::span<const StoredTensor* const> tensors, std::size_t inputs,
                          WeightStorage storage) {
  if (tensors.size() == 1 && tensors.front()->paired_heads == 0)
    return PackedWeights::from_stored(tensors.front()->bytes, rows_in(*tensors.front()), inputs,
                                      storage);
  std::vector<std::byte> rows;
  std::size_t outputs = 0;
  for (const StoredTensor* tensor : tensors) {
    for (std::size_t row = 0; row < rows_in(*tensor); ++row) {
      const auto bytes = formats::stored_row(*tensor, static_cast<std::int64_t>(row));
      rows.insert(rows.end(), bytes.begin(), bytes.end());
    }
    outputs += rows_in(*tensor);
  }
  return PackedWeights::from_stored(rows, outputs, inputs, storage);
}

// The values of a matrix // [rows, columns], in the order of a safetensors file.
std::vector<float> matrix_values(const StoredTensor& tensor) {
  std::vector<float> values(formats::element_count(tensor.shape));
  if (tensor.paired_heads == 0) {
    formats::copy_values(tensor, values);
    return values;
  }
  const std::size_t columns = values.size() / rows_in(tensor);
  StoredTensor row = tensor;
  row.paired_heads = 0;
  row.shape.front() = 1;
  for (std::size_t i = 0; i < rows_in(tensor); ++i) {
    row.bytes = formats::stored_row(tensor, static_cast<std::int64_t>(i));
    formats::copy_values(row, std::span(values).subspan(i * columns, columns));
  }
  return values;
}

std::vector<float> transposed(const std::vector<float>& values, std::size_t rows) {
  std::vector<float> result(values.size());
  const std::size_t columns = values.size() / rows;
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t column = 0; column < columns; ++column)
      result[column * rows + row] = values[row * columns + column];
  return result;
}

// What values that cannot be packed as they are stored are packed as.
WeightStorage storage_for(ElementType type) {
  switch (type) {
    case ElementType::bfloat16:
      return WeightStorage::bfloat16;
    case ElementType::float32:
    case ElementType::float64:
      return WeightStorage::float32;
    default:
      return WeightStorage::float16;
  }
}

PackedWeights pack_values(const StoredTensor& tensor, std::size_t inputs, Change change) {
  std::vector<float> values = matrix_values(tensor);
  if (change == Change::transpose) values = transposed(values, rows_in(tensor));
  const std::size_t outputs = inputs == 0 ? 0 : values.size() / inputs;
  return {values, outputs, inputs, storage_for(tensor.type)};
}

void load_matrix(const Match& match) {
  const auto inputs = static_cast<std::size_t>(match.parameter->shape.back());
  std::vector<PackedWeights> parts;
  const auto storage_of = [&](const StoredTensor* tensor) {
    return match.change == Change::none ? formats::same_storage(tensor->type) : std::nullopt;
  };
  const std::span<const StoredTensor* const> tensors = match.tensors;
  for (std::size_t i = 0; i < tensors.size();) {
    const auto storage = storage_of(tensors[i]);
    std::size_t end = i + 1;
    if (!storage) {
      parts.push_back(pack_values(*tensors[i], inputs, match.change));
    } else {
      while (end < tensors.size() && storage_of(tensors[end]) == storage) ++end;
      parts.push_back(pack_stored(tensors.subspan(i, end - i), inputs, *storage));
    }
    i = end;
  }
  match.parameter->matrix->adopt(std::move(parts));
}

void load_vector(const Match& match) {
  const std::span<float> all = values_of(match.parameter->tensor);
  std::size_t first = 0;
  for (const StoredTensor* tensor : match.tensors) {
    const std::span<float> out = all.subspan(first, formats::element_count(tensor->shape));
    formats::copy_values(*tensor, out);
    const float added = (match.change == Change::add_one ? 1.0F : 0.0F) - tensor->added;
    if (added != 0)
      for (float& value : out) value += added;
    first += out.size();
  }
}

}  // namespace

void load_published(Parameters& parameters, const Checkpoint& checkpoint,
                    const PublishedNames& names) {
  const at::NoGradGuard no_gradient;
#ifdef __GLIBC__
  malloc_trim(0);  // what was read before the weights need not be held beside them
#endif
  for (const Match& match : Matcher(parameters, checkpoint, names).take()) {
    try {
      if (match.parameter->matrix != nullptr) {
        load_matrix(match);
      } else {
        load_vector(match);
      }
    } catch (const Error& error) {
      throw Error(error.fault(), fmt::format("{}: {}: {}", checkpoint.path.string(),
                                             match.tensors.front()->name, error.what()));
    }
    for (const StoredTensor* tensor : match.tensors) formats::release(checkpoint, *tensor);
  }
  parameters.freeze();
}

}  // namespace trellis::nn
