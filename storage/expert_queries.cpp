/// The part of Reader that reads how mixtures of experts use these.
#include "storage/reader_implementation.hpp"

namespace trellis::storage {
namespace {

/// One expert of a layer.
struct Cell {
  std::uint64_t layer = 0;
  std::uint64_t tokens = 0;
  std::uint64_t dropped = 0;
};

Cell cell_at(const Query& query) {
  return {query.count_at(0), query.count_at(1), query.count_at(2)};
}

/// From cells by layer and expert.
std::vector<ExpertCounts> layers_of(const std::vector<Cell>& cells) {
  std::vector<ExpertCounts> layers;
  for (const auto& cell : cells) {
    if (layers.empty() || layers.back().layer != cell.layer) layers.push_back({cell.layer, {}, {}});
    layers.back().tokens.push_back(cell.tokens);
    layers.back().dropped.push_back(cell.dropped);
  }
  return layers;
}

}  // namespace

std::vector<ExpertCounts> Reader::expert_counts(const std::string& trial) {
  return layers_of(rows_of(
      implementation_->connection,
      "SELECT json_extract(layers.value, '$.layer') AS layer, sum(experts.value), 0 "
      "FROM samples, json_each(samples.expert_use) AS layers, "
      "json_each(layers.value, '$.tokens') AS experts "
      "WHERE samples.trial = ? GROUP BY layer, experts.key ORDER BY layer, experts.key",
      [&](Query& query) { query.integer(implementation_->trial_key(trial)); }, cell_at));
}

std::vector<ExpertCounts> Reader::training_expert_counts(const std::string& model) {
  return layers_of(rows_of(
      implementation_->connection,
      "SELECT layer, sum(tokens), total(dropped) FROM expert_curve_view "
      "WHERE model_id = ? AND split = 'train' GROUP BY layer, expert ORDER BY layer, expert",
      [&](Query& query) { query.text(model); }, cell_at));
}

std::vector<ExpertCounts> Reader::validation_expert_counts(const std::string& model) {
  return layers_of(rows_of(
      implementation_->connection,
      "SELECT layer, tokens, dropped FROM expert_curve_view WHERE model_id = ?1 AND "
      "split = 'valid' AND step = (SELECT max(step) FROM training_points JOIN training_runs "
      "USING (run) WHERE model = ?1 AND split = 'valid') ORDER BY layer, expert",
      [&](Query& query) { query.text(model); }, cell_at));
}

}  // namespace trellis::storage
