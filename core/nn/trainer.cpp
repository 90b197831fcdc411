#include "core/nn/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.hpp"
#include "core/nn/weights.hpp"

namespace trellis::nn {
namespace {

std::vector<std::size_t> sizes_of(ParameterList parameters) {
  std::vector<std::size_t> sizes;
  for (const Parameter& parameter : parameters)
    sizes.push_back(static_cast<std::size_t>(parameter.tensor.numel()));
  return sizes;
}

void seed_dropout(std::uint64_t seed) {
  auto generator = at::globalContext().defaultGenerator(at::kCPU);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_current_seed(seed);
}

// Sets a network's dropout for a scope.
class DropoutInForce {
 public:
  DropoutInForce(Network& network, double probability) : network_(network) {
    network.dropout = probability;
  }
  DropoutInForce(const DropoutInForce&) = delete;
  DropoutInForce& operator=(const DropoutInForce&) = delete;
  ~DropoutInForce() { network_.dropout = 0; }

 private:
  Network& network_;
};

// Whether counts are of the same layers and experts.
bool are_alike(const std::vector<ExpertUse>& a, const std::vector<ExpertUse>& b) {
  return std::ranges::equal(a, b, [](const ExpertUse& x, const ExpertUse& y) {
    return x.layer == y.layer && x.tokens.size() == y.tokens.size() &&
           x.dropped.size() == y.dropped.size();
  });
}

// Where a run stands: with the weights and the optimizer's memory, all that a checkpoint holds.
struct Progress {
  std::uint64_t step = 0;
  std::uint64_t epoch = 0;
  std::uint64_t batch = 0;  // of the epoch
  std::uint64_t tokens = 0;
  double seconds = 0;
  double best_loss = std::numeric_limits<double>::max();
  std::uint64_t worse = 0;  // validations since the best
  double loss_sum = 0;      // over the updates since the last point
  std::uint64_t loss_count = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Progress, step, epoch, batch, tokens, seconds, best_loss, worse,
                                 loss_sum, loss_count)
};

class Run {
 public:
  Run(Network& network, const TrainingOptions& options, const TrainingJob& job,
      const TrainingWorld& world)
      : network_(network),
        options_(options),
        job_(job),
        world_(world),
        trained_(network.parameters.trained()),
        updater_(network, options.optimizer),
        batching_{options.batch_tokens, job.context, job.seed} {}

  TrainingEnd run();

 private:
  void plan();
  bool resume();
  void save();
  std::vector<Batch> next_batches();
  void update();
  bool report(bool valid, double loss);
  void average();
  bool validate();
  bool finished() const;
  double seconds() const { return progress_.seconds + world_.clock() - session_start_; }

  Network& network_;
  const TrainingOptions& options_;
  const TrainingJob& job_;
  const TrainingWorld& world_;
  std::vector<Parameter> trained_;
  Updater updater_;
  BatchOptions batching_;
  ScheduleOptions schedule_;
  Progress progress_;
  WeightArrays average_;  // of the weights; empty without ema_decay
  WeightArrays best_;
  std::vector<WindowBatch> epoch_;  // the batches of progress_.epoch
  std::uint64_t valid_every_ = 1;
  double session_start_ = 0;
  double rate_ = 0;
  double gradient_norm_ = 0;
};

void Run::plan() {
  const auto batches = plan_epoch(job_.train, batching_, 0).size();
  if (batches == 0)
    throw Error(Fault::usage, "the training data has no token to learn; check the task's files");
  const std::uint64_t updates = (batches + options_.accumulate - 1) / options_.accumulate;
  std::uint64_t total = options_.epochs * updates;
  if (options_.max_steps > 0) total = std::min(total, options_.max_steps);
  schedule_ = options_.schedule;
  schedule_.total = total;
  valid_every_ = options_.valid_every > 0 ? options_.valid_every : updates;
}

bool Run::resume() {
  if (!std::filesystem::exists(job_.checkpoint)) return false;
  const formats::SafetensorsFile file = formats::read_safetensors(job_.checkpoint);
  const auto found = file.metadata.find("training");
  const auto json = found == file.metadata.end()
                        ? nlohmann::json()
                        : nlohmann::json::parse(found->second, nullptr, false);
  try {
    if (json.at("fingerprint") != job_.fingerprint) return false;  // of another run: begin anew
    progress_ = json.at("progress").get<Progress>();
    updater_.optimizer.steps = json.at("optimizer_steps").get<std::uint64_t>();
    // Checkpoints of earlier versions have no counts.
    auto use = json.value("expert_use", network_.expert_use);
    if (are_alike(use, network_.expert_use)) network_.expert_use = std::move(use);
  } catch (const nlohmann::json::exception&) {
    throw Error(
        Fault::bad_data,
        job_.checkpoint.string() + ": its training state cannot be read; delete it to start anew");
  }
  load_weights(trained_, file, "weights/", job_.checkpoint);
  load_arrays(trained_, file, "first/", job_.checkpoint, updater_.optimizer.first);
  if (!updater_.optimizer.second.empty())
    load_arrays(trained_, file, "second/", job_.checkpoint, updater_.optimizer.second);
  if (options_.ema_decay > 0) load_arrays(trained_, file, "average/", job_.checkpoint, average_);
  if (json.value("has_best", false)) load_arrays(trained_, file, "best/", job_.checkpoint, best_);
  return true;
}

void Run::save() {
  Progress progress = progress_;
  progress.seconds = seconds();
  const nlohmann::json json = {{"fingerprint", job_.fingerprint},
                               {"progress", progress},
                               {"optimizer_steps", updater_.optimizer.steps},
                               {"has_best", !best_.empty()},
                               {"expert_use", network_.expert_use}};
  std::vector<formats::TensorToWrite> tensors = views(trained_, "weights/");
  for (const auto& [prefix, arrays] :
       {std::pair("first/", &updater_.optimizer.first),
        std::pair("second/", &updater_.optimizer.second), std::pair("average/", &average_),
        std::pair("best/", &best_)}) {
    auto more = views(trained_, prefix, *arrays);
    std::move(more.begin(), more.end(), std::back_inserter(tensors));
  }
  formats::write_safetensors(job_.checkpoint, tensors, {{"training", json.dump()}});
}

std::vector<Batch> Run::next_batches() {
  std::vector<Batch> batches;
  while (batches.size() < options_.accumulate) {
    if (progress_.batch >= epoch_.size()) {
      ++progress_.epoch;
      progress_.batch = 0;
      epoch_ = plan_epoch(job_.train, batching_, progress_.epoch);
      continue;
    }
    const Batch batch = to_tensors(make_batch(job_.train, epoch_[progress_.batch]));
    const std::uint64_t epoch_seed = mix_seed(job_.seed, 5, progress_.epoch);
    batches.push_back(network_.lesson(batch, mix_seed(epoch_seed, 6, progress_.batch++)));
    progress_.tokens += static_cast<std::uint64_t>(batches.back().target_count);
  }
  return batches;
}

void Run::update() {
  rate_ = learning_rate(schedule_, progress_.step);
  const std::vector<Batch> batches = next_batches();
  const DropoutInForce in_force(network_, options_.dropout);
  const auto outcome = updater_.update(batches, rate_, options_.label_smoothing, options_.clip_norm,
                                       mix_seed(job_.seed, 3, progress_.step));
  if (!std::isfinite(outcome.loss) || !std::isfinite(outcome.gradient_norm))
    throw Error(Fault::plugin,
                fmt::format("training diverged at update {}: the loss or its gradient is no longer "
                            "finite; lower learning_rate = {} or raise warmup_steps",
                            progress_.step + 1, options_.schedule.base));
  gradient_norm_ = outcome.gradient_norm;
  progress_.loss_sum += outcome.loss;
  ++progress_.loss_count;
  ++progress_.step;
}

// Returns false when the listener asks to stop.
bool Run::report(bool valid, double loss) {
  return job_.on_point({progress_.step, schedule_.total, progress_.tokens, seconds(), valid, loss,
                        rate_, gradient_norm_, network_.take_expert_use()});
}

void Run::average() {
  if (options_.ema_decay == 0) return;
  if (average_.empty()) average_ = copy_weights(trained_);
  // The first weights are worth nothing: at first the average forgets faster.
  const auto updates = static_cast<double>(progress_.step);
  const double decay = std::min(options_.ema_decay, (1 + updates) / (10 + updates));
  update_average(trained_, decay, average_);
}

bool Run::validate() {
  const std::vector<ExpertUse> of_training = network_.take_expert_use();
  if (!average_.empty()) swap_weights(trained_, average_);
  const double loss = evaluate(network_, job_.valid, batching_, world_.cancelled);
  if (loss < progress_.best_loss) {
    progress_.best_loss = loss;
    progress_.worse = 0;
    best_ = copy_weights(trained_);
  } else {
    ++progress_.worse;
  }
  if (!average_.empty()) swap_weights(trained_, average_);
  const bool goes_on = report(true, loss);
  network_.expert_use = of_training;
  return goes_on;
}

bool Run::finished() const {
  const bool converged = options_.patience > 0 && progress_.worse >= options_.patience;
  return progress_.step >= schedule_.total || converged;
}

TrainingEnd Run::run() {
  plan();
  session_start_ = world_.clock();
  network_.take_expert_use();
  resume();
  epoch_ = plan_epoch(job_.train, batching_, progress_.epoch);
  while (!finished()) {
    bool stop = world_.cancelled();
    if (!stop) {
      update();
      average();
      const bool last = progress_.step >= schedule_.total;
      if (last || progress_.step % options_.report_every == 0) {
        const double mean = progress_.loss_sum / static_cast<double>(progress_.loss_count);
        progress_.loss_sum = 0;
        progress_.loss_count = 0;
        stop = !report(false, mean);
      }
      if (!job_.valid.empty() && (last || progress_.step % valid_every_ == 0))
        stop = !validate() || stop;
    }
    if (stop || progress_.step % options_.checkpoint_every == 0) save();
    if (stop) return TrainingEnd::stopped;
  }
  const WeightArrays& kept = best_.empty() ? average_ : best_;
  if (!kept.empty()) set_weights(trained_, kept);
  return TrainingEnd::converged;
}

}  // namespace

Updater::Updater(Network& network, const OptimizerOptions& options)
    : optimizer(options, sizes_of(network.parameters.trained())),
      network_(network),
      trained_(network.parameters.trained()) {
  for (const Parameter& parameter : trained_) updates_.push_back({values_of(parameter.tensor), {}});
}

Updater::Outcome Updater::update(std::span<const Batch> batches, double rate,
                                 double label_smoothing, double clip_norm,
                                 std::uint64_t dropout_seed) {
  for (const Parameter& parameter : trained_)
    parameter.tensor.mutable_grad() = Tensor();  // backward() then hands its own over, uncopied
  Outcome outcome;
  const auto count = static_cast<double>(batches.size());
  for (std::size_t i = 0; i < batches.size(); ++i) {
    seed_dropout(mix_seed(dropout_seed, 4, i));
    Tensor loss = cross_entropy(network_, batches[i], label_smoothing);
    if (network_.auxiliary_loss.defined()) loss = loss + network_.auxiliary_loss;
    if (batches.size() > 1) loss = loss / count;
    loss.backward();
    outcome.loss += static_cast<double>(loss.item<float>());
  }
  for (std::size_t i = 0; i < updates_.size(); ++i) {
    const Tensor& tensor = trained_[i].tensor;
    updates_[i].gradient = {};
    if (!tensor.grad().defined()) continue;
    if (!tensor.grad().is_contiguous()) tensor.mutable_grad() = tensor.grad().contiguous();
    updates_[i].gradient = values_of(tensor.grad());
  }
  outcome.gradient_norm = gradient_norm(updates_);
  optimizer.step(updates_, rate, clip_factor(outcome.gradient_norm, clip_norm));
  return outcome;
}

double evaluate(Network& network, std::span<const Sequence> sequences, const BatchOptions& options,
                const std::function<bool()>& cancelled) {
  const at::NoGradGuard no_gradient;
  double sum = 0;
  std::int64_t count = 0;
  std::uint64_t number = 0;
  for (const WindowBatch& windows : plan_validation(sequences, options)) {
    cancelled();
    // The same lesson every time, so that losses compare.
    const Batch batch = network.lesson(to_tensors(make_batch(sequences, windows)),
                                       mix_seed(options.seed, 7, number++));
    const auto mean = static_cast<double>(cross_entropy(network, batch, 0.0).item<float>());
    sum += mean * static_cast<double>(batch.target_count);
    count += batch.target_count;
  }
  return count > 0 ? sum / static_cast<double>(count) : 0.0;
}

TrainingEnd train(Network& network, const TrainingOptions& options, const TrainingJob& job,
                  const TrainingWorld& world) {
  return Run(network, options, job, world).run();
}

}  // namespace trellis::nn
