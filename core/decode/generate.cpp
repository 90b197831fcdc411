#include "core/decode/generate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "core/decode/sample.hpp"

namespace trellis::decode {
namespace {

class Generator {
 public:
  Generator(plugin::Model& model, const Arm& arm, std::span<const Prompt> prompts,
            const GenerateOptions& options, const GenerateEvents& events, const Clock& clock)
      : context_{model, arm, options, {}},
        prompts_(prompts),
        events_(events),
        clock_(clock),
        sample_count_(arm.strategy.needs().stochastic ? std::max(options.samples, 1U) : 1),
        batch_(model.facts().vocab_size,
               arm.strategy.needs().hidden ? model.facts().hidden_size : 0) {
    for (const auto& processor : arm.processors) context_.processors.push_back(&processor);
    std::stable_sort(context_.processors.begin(), context_.processors.end(),
                     [](const auto* a, const auto* b) { return a->rank() < b->rank(); });
  }

  GenerateTotals run() {
    const double begin = clock_();
    while (true) {
      if (events_.cancelled && events_.cancelled()) {
        throw Error(Fault::cancelled, "generation was cancelled");
      }
      admit();
      if (samples_.empty()) break;
      for (auto& sample : samples_) totals_.computed_tokens += sample->collect(batch_);
      if (!batch_.empty()) batch_.run(context_.model);
      keep_prompt_rows();
      advance_samples();
      report_progress();
    }
    totals_.seconds = clock_() - begin;
    return totals_;
  }

 private:
  // Fills free places with the samples that come next; reads a prompt with its first sample.
  void admit() {
    while (samples_.size() < std::max<std::size_t>(context_.options.max_batch, 1) &&
           next_prompt_ < prompts_.size()) {
      if (next_sample_ == 0) start_ = read_prompt(next_prompt_);
      const auto& prompt = prompts_[next_prompt_];
      if (start_) open_sample(sample_number(prompt, next_sample_));
      if (!start_ || ++next_sample_ == sample_total(prompt)) {
        ++next_prompt_;
        next_sample_ = 0;
        start_.reset();
      }
    }
  }

  void open_sample(std::uint32_t number) {
    try {
      samples_.push_back(std::make_unique<Sample>(context_, start_, number));
    } catch (const Error& error) {
      if (error.fault() == Fault::cancelled) throw;
      events_.on_failure({start_->index, number, error.what()});
    }
  }

  std::uint32_t sample_total(const Prompt& prompt) const {
    return prompt.samples.empty() ? sample_count_
                                  : static_cast<std::uint32_t>(prompt.samples.size());
  }

  static std::uint32_t sample_number(const Prompt& prompt, std::uint32_t place) {
    return prompt.samples.empty() ? place : prompt.samples[place];
  }

  // Null when the prompt cannot be generated from; its samples have then been reported as failed.
  std::shared_ptr<PromptStart> read_prompt(std::size_t index) {
    const Prompt& prompt = prompts_[index];
    const auto max_context = context_.model.facts().max_context;
    auto start = std::make_shared<PromptStart>();
    start->prompt = &prompt;
    start->index = index;
    start->started = clock_();
    try {
      start->tokens = context_.model.encode_prompt(prompt.source, prompt.prefix);
    } catch (const Error& error) {
      if (error.fault() == Fault::cancelled) throw;
      fail_prompt(index, error.what());
      return nullptr;
    }
    start->stops = StopStrings(prompt.stop);
    const std::size_t used = start->tokens.decoder.size();
    start->limit = prompt.max_new_tokens;
    if (max_context) {
      start->limit = std::min(start->limit, *max_context - std::min(*max_context, used));
    }
    if (start->limit == 0) {
      fail_prompt(index, prompt.max_new_tokens == 0
                             ? "max_new_tokens is 0: at least 1 is needed"
                             : fmt::format("the prompt has {} tokens and leaves no room in the "
                                           "model's context of {}",
                                           used, max_context.value_or(0)));
      return nullptr;
    }
    start->state = context_.model.open_state(start->tokens.encoder);
    batch_.add(start->state, start->tokens.decoder, 1, start->rows);
    totals_.prompt_tokens += used + start->tokens.encoder.size();
    fresh_.push_back(start);
    return start;
  }

  void fail_prompt(std::size_t index, const std::string& message) const {
    for (std::uint32_t place = 0; place < sample_total(prompts_[index]); ++place) {
      events_.on_failure({index, sample_number(prompts_[index], place), message});
    }
  }

  // The batch's rows live for one round, a prompt's for as long as samples start from it.
  void keep_prompt_rows() {
    const auto& facts = context_.model.facts();
    for (const auto& start : fresh_) {
      start->logits.assign(start->rows.logits, start->rows.logits + facts.vocab_size);
      if (start->rows.hidden != nullptr) {
        start->hidden.assign(start->rows.hidden, start->rows.hidden + facts.hidden_size);
      }
    }
    fresh_.clear();
  }

  void advance_samples() {
    for (auto& sample : samples_) {
      std::optional<Generation> result;
      try {
        if (!sample->advance()) continue;
        result = sample->take_result();
      } catch (const Error& error) {
        if (error.fault() == Fault::cancelled) throw;
        events_.on_failure({sample->start().index, sample->number(), error.what()});
      }
      if (result) {  // outside the try: what its receiver throws is no fault of the sample
        result->seconds = clock_() - sample->start().started;
        totals_.delivered_tokens += result->tokens.size();
        events_.on_generation(std::move(*result));
      }
      sample.reset();
    }
    std::erase(samples_, nullptr);
  }

  void report_progress() const {
    if (!events_.on_progress) return;
    std::uint64_t tokens = totals_.delivered_tokens;
    for (const auto& sample : samples_) tokens += sample->length();
    events_.on_progress(tokens);
  }

  SampleContext context_;
  std::span<const Prompt> prompts_;
  const GenerateEvents& events_;
  const Clock& clock_;
  std::uint32_t sample_count_;
  FeedBatch batch_;
  GenerateTotals totals_;
  std::size_t next_prompt_ = 0;
  std::uint32_t next_sample_ = 0;
  std::shared_ptr<PromptStart> start_;
  std::vector<std::shared_ptr<PromptStart>> fresh_;
  std::vector<std::unique_ptr<Sample>> samples_;
};

}  // namespace

std::string_view to_string(Finish finish) {
  switch (finish) {
    case Finish::eos:
      return "eos";
    case Finish::stop:
      return "stop";
    case Finish::length:
      return "length";
    case Finish::strategy:
      break;
  }
  return "strategy";
}

GenerateTotals generate(plugin::Model& model, const Arm& arm, std::span<const Prompt> prompts,
                        const GenerateOptions& options, const GenerateEvents& events,
                        const Clock& clock) {
  return Generator(model, arm, prompts, options, events, clock).run();
}

}  // namespace trellis::decode
