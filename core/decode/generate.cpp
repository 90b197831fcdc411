#include "core/decode/generate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include "core/decode/draft.hpp"
#include "core/decode/frontier.hpp"
#include "core/decode/memory_budget.hpp"
#include "core/decode/sample.hpp"
#include "core/kernels/thread_pool.hpp"

namespace trellis::decode {
namespace {

class Generator {
 public:
  Generator(plugin::Model& model, std::span<const Arm> arms, std::span<const Prompt> prompts,
            std::span<const SampleRequest> requests, const GenerateOptions& options,
            const GenerateEvents& events, const Clock& clock)
      : context_{model, options},
        prompts_(prompts),
        requests_(requests),
        events_(events),
        clock_(clock),
        state_memory_(share_of(options.state_memory, count_drafts(arms))),
        budget_(state_memory_, model.facts()),
        frontier_(model.facts().vocab_size, hidden_size(model, arms), need_prompt_hidden(arms)),
        threads_(std::max<std::size_t>(options.threads, 1)) {
    totals_.arms.resize(arms.size());
    for (const auto& arm : arms) {
      auto& context = arms_.emplace_back(arm);
      if (!arm.strategy.needs().draft) continue;
      if (arm.draft == nullptr) {
        throw Error(Fault::usage, "the strategy needs a draft model, and none is lent to it");
      }
      context.draft = add_draft(*arm.draft);
    }
  }

  GenerateTotals run() {
    const double begin = clock_();
    for (double round_began = begin;;) {
      if (events_.cancelled && events_.cancelled()) {
        throw Error(Fault::cancelled, "generation was cancelled");
      }
      admit();
      if (live_.empty()) break;
      compute();
      advance_samples();
      const double now = clock_();
      end_round(now - round_began);
      round_began = now;
      totals_.seconds = now - begin;
      report_progress();
    }
    return totals_;
  }

 private:
  struct Live {
    std::size_t request = 0;
    std::unique_ptr<Sample> sample;
    SampleSize size;
    SampleSize draft_size;
    Wanted wanted = {};  // in this round
    bool ready = false;  // all of it is there
  };

  // Memory is shared out evenly between the model and its drafts.
  static std::size_t count_drafts(std::span<const Arm> arms) {
    std::set<const plugin::Model*> drafts;
    for (const auto& arm : arms) {
      if (arm.draft != nullptr && arm.strategy.needs().draft) drafts.insert(arm.draft);
    }
    return drafts.size();
  }

  static std::uint64_t share_of(std::uint64_t memory, std::size_t drafts) {
    return memory == 0 ? 0 : std::max<std::uint64_t>(memory / (1 + drafts), 1);
  }

  // Arms that name one draft share it.
  std::size_t add_draft(plugin::Model& model) {
    std::size_t number = 0;
    while (number < drafts_.size() && drafts_[number].model != &model) ++number;
    if (number == drafts_.size()) drafts_.emplace_back(model, state_memory_);
    return number;
  }

  Draft* draft_of(std::size_t request) {
    const auto& number = arms_[requests_[request].arm].draft;
    return number ? &drafts_[*number] : nullptr;
  }

  static std::size_t hidden_size(const plugin::Model& model, std::span<const Arm> arms) {
    const bool needed = std::any_of(arms.begin(), arms.end(),
                                    [](const Arm& arm) { return arm.strategy.needs().hidden; });
    return needed || need_prompt_hidden(arms) ? model.facts().hidden_size : 0;
  }

  static bool need_prompt_hidden(std::span<const Arm> arms) {
    return std::any_of(arms.begin(), arms.end(),
                       [](const Arm& arm) { return arm.strategy.needs().prompt_hidden; });
  }

  std::size_t places() const { return std::max<std::size_t>(context_.options.max_batch, 1); }

  void tell(std::optional<std::size_t> arm) const {
    if (events_.on_arm) events_.on_arm(arm);
  }

  // Fills free places with the samples that come next, as far as memory allows.
  void admit() {
    while (live_.size() < places() && next_ < requests_.size() && open_sample(next_)) {
      ++next_;
      const bool more = next_ < requests_.size() &&
                        requests_[next_].prompt == requests_[next_ - 1].prompt &&
                        context_.options.share;
      if (!more) start_.reset();
    }
    if (start_ == nullptr || start_->root == nullptr) return;
    frontier_.hold(start_->root);
    for (std::size_t i = 0; i < drafts_.size(); ++i) {
      if (start_->drafts[i] && start_->drafts[i]->root != nullptr) {
        drafts_[i].frontier.keep_state(start_->drafts[i]->root);
      }
    }
  }

  // False: it has to wait.
  bool open_sample(std::size_t index) {
    const SampleRequest& request = requests_[index];
    try {
      tell(std::nullopt);
      if (start_ == nullptr) start_ = read_prompt(prompts_[request.prompt]);
      const SampleSize size{start_.get(),
                            start_->tokens.encoder.size() + start_->tokens.decoder.size(),
                            start_->limit, arms_[request.arm].strategy->needs().width};
      Draft* draft = draft_of(index);
      const auto draft_size = draft != nullptr ? draft_size_of(index) : SampleSize();
      const bool fits = budget_.fits(size) && (draft == nullptr || draft->budget.fits(draft_size));
      if (!live_.empty() && !fits) return false;
      if (start_->root == nullptr) {
        plant_root(*start_);
      } else {
        totals_.prompt_tokens_saved += size.prompt_tokens;
      }
      if (draft != nullptr) plant_draft(*draft, *draft_start(index));
      tell(request.arm);
      const auto& prompt = prompts_[request.prompt];
      const NoiseKey noise{request.seed, prompt.example, request.sample, request.stream,
                           prompt.turn};
      live_.push_back({index, std::make_unique<Sample>(context_, arms_[request.arm], start_, noise),
                       size, draft_size});
      budget_.add(size);
      if (draft != nullptr) draft->budget.add(draft_size);
    } catch (const Error& error) {
      if (error.fault() == Fault::cancelled) throw;
      events_.on_failure({index, error.what()});
    }
    return true;
  }

  // Throws Error when the prompt cannot be generated from.
  std::shared_ptr<PromptStart> read_prompt(const Prompt& prompt) const {
    const auto max_context = context_.model.facts().max_context;
    auto start = std::make_shared<PromptStart>();
    start->tokens = context_.model.encode_prompt(prompt.source, prompt.prefix);
    start->stops = StopStrings(prompt.stop);
    start->drafts.resize(drafts_.size());
    const std::size_t used = plugin::context_used(context_.model.facts(), start->tokens);
    start->limit = prompt.max_new_tokens;
    if (max_context) {
      start->limit = std::min(start->limit, *max_context - std::min(*max_context, used));
    }
    if (start->limit == 0) {
      throw Error(Fault::usage,
                  prompt.max_new_tokens == 0
                      ? "max_new_tokens is 0: at least 1 is needed"
                      : fmt::format("the prompt has {} tokens and leaves no room in the model's "
                                    "context of {}",
                                    used, max_context.value_or(0)));
    }
    return start;
  }

  // What the sample's draft makes of its prompt; read when the first sample asks.
  DraftStart* draft_start(std::size_t index) {
    const auto number = *arms_[requests_[index].arm].draft;
    auto& start = start_->drafts[number];
    if (!start) {
      const auto& prompt = prompts_[requests_[index].prompt];
      start =
          read_draft_prompt(*drafts_[number].model, prompt.source, prompt.prefix, start_->limit);
    }
    return &*start;
  }

  SampleSize draft_size_of(std::size_t index) {
    const DraftStart& start = *draft_start(index);
    return {start_.get(), start.prompt_tokens(), start.limit, 1};
  }

  static void plant_draft(const Draft& draft, DraftStart& start) {
    if (start.root != nullptr || start.limit == 0) return;
    start.root = TreeNode::root(start.tokens.decoder, draft.model->open_state(start.tokens.encoder),
                                start.tokens.encoder.size());
  }

  void plant_root(PromptStart& start) const {
    start.started = clock_();
    start.root =
        TreeNode::root(start.tokens.decoder, context_.model.open_state(start.tokens.encoder),
                       start.tokens.encoder.size());
  }

  void compute() {
    for (auto& live : live_) {
      live.wanted = {};
      Draft* draft = draft_of(live.request);
      live.sample->collect(frontier_, draft != nullptr ? &draft->frontier : nullptr, live.wanted);
    }
    tell(std::nullopt);
    const FeedLimits limits{places(), std::max<std::size_t>(context_.options.feed_tokens, 1)};
    share_out(frontier_.run(context_.model, limits));
    for (auto& draft : drafts_) draft.fed = draft.frontier.run(*draft.model, limits);
    for (auto& live : live_) {
      const Draft* draft = draft_of(live.request);
      for (const auto index : live.wanted.draft) {
        live.ready = live.ready && draft->fed[index].ready;
      }
    }
    judge_rows();
    note_states();
  }

  // Those of the model and its drafts together.
  void note_states() {
    const auto& facts = context_.model.facts();
    auto [states, bytes] = frontier_.state_use(facts);
    for (auto& draft : drafts_) {
      const auto use = draft.frontier.state_use(draft.model->facts());
      states += use.states;
      bytes += use.bytes;
    }
    totals_.peak_states = std::max(totals_.peak_states, states);
    if (facts.state_bytes) {
      totals_.peak_state_bytes = std::max(totals_.peak_state_bytes.value_or(0), bytes);
    }
  }

  // Before samples ask for it one by one, by all threads.
  void judge_rows() {
    const auto nodes = frontier_.computed();
    threads_.run(nodes.size(), 1, [&](std::size_t begin, std::size_t end) {
      for (const auto& node : nodes.subspan(begin, end - begin)) {
        node->judge(context_.model.facts().vocab_size, context_.options.top_alternatives);
      }
    });
  }

  // Every path is counted once, and a part of it for each arm whose samples wanted it.
  void share_out(const std::vector<FedPath>& fed) {
    std::vector<std::size_t> wanted_by(fed.size());
    for (const auto& live : live_) {
      for (const auto index : live.wanted.model) ++wanted_by[index];
    }
    std::vector<bool> counted(fed.size());
    for (auto& live : live_) {
      auto& arm = totals_.arms[requests_[live.request].arm];
      const auto encoder_tokens = live.sample->start().tokens.encoder.size();
      live.ready = true;
      for (const auto index : live.wanted.model) {
        const bool prompt = fed[index].prompt;
        const std::size_t tokens = fed[index].tokens + (fed[index].begins ? encoder_tokens : 0);
        live.ready = live.ready && fed[index].ready;
        const double part = static_cast<double>(tokens) / static_cast<double>(wanted_by[index]);
        (prompt ? arm.prompt_tokens : arm.computed_tokens) += part;
        if (counted[index]) continue;
        counted[index] = true;
        (prompt ? totals_.prompt_tokens : totals_.computed_tokens) += tokens;
        if (!prompt) totals_.computed_tokens_saved += tokens * (wanted_by[index] - 1);
      }
    }
  }

  void advance_samples() {
    for (auto& live : live_) {
      if (!live.ready) continue;
      std::optional<Generation> result;
      tell(requests_[live.request].arm);
      try {
        const bool over = live.sample->advance();
        if (events_.on_hypotheses) {
          events_.on_hypotheses(live.request, live.sample->hypotheses());
        }
        if (!over) continue;
        result = live.sample->take_result();
      } catch (const Error& error) {
        if (error.fault() == Fault::cancelled) throw;
        events_.on_failure({live.request, error.what()});
      }
      if (result) {  // outside the try: what its receiver throws is no fault of the sample
        result->request = live.request;
        result->seconds = clock_() - live.sample->start().started;
        totals_.delivered_tokens += result->tokens.size();
        totals_.arms[requests_[live.request].arm].delivered_tokens += result->tokens.size();
        events_.on_generation(std::move(*result));
      }
      live.sample.reset();
    }
  }

  // Shares out the time of a round by what was wanted in it, and lets go of what has ended.
  void end_round(double seconds) {
    std::size_t all = 0;
    for (const auto& live : live_) all += live.wanted.size();
    for (const auto& live : live_) {
      totals_.arms[requests_[live.request].arm].seconds +=
          seconds * static_cast<double>(live.wanted.size()) / static_cast<double>(all);
    }
    std::erase_if(live_, [&](const Live& live) {
      if (live.sample != nullptr) return false;
      budget_.remove(live.size);
      if (Draft* draft = draft_of(live.request)) draft->budget.remove(live.draft_size);
      return true;
    });
    frontier_.end_round();
    for (auto& draft : drafts_) draft.frontier.end_round();
  }

  void report_progress() const {
    if (events_.on_tokens) {
      for (const auto& live : live_) events_.on_tokens(live.request, live.sample->tokens());
    }
    if (!events_.on_progress) return;
    std::uint64_t tokens = totals_.delivered_tokens;
    for (const auto& live : live_) tokens += live.sample->tokens().size();
    events_.on_progress(tokens);
  }

  SampleContext context_;
  std::vector<ArmContext> arms_;
  std::span<const Prompt> prompts_;
  std::span<const SampleRequest> requests_;
  const GenerateEvents& events_;
  const Clock& clock_;
  std::uint64_t state_memory_;  // of the model, and of each draft; 0: no limit
  MemoryBudget budget_;
  Frontier frontier_;
  kernels::ThreadPool threads_;
  std::vector<Draft> drafts_;
  GenerateTotals totals_;
  std::size_t next_ = 0;                // request
  std::shared_ptr<PromptStart> start_;  // of the next request, where its prompt is known
  std::vector<Live> live_;
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

std::vector<SampleRequest> every_sample(std::span<const Arm> arms, std::size_t prompts,
                                        std::uint32_t samples, std::uint64_t seed) {
  std::vector<SampleRequest> requests;
  for (std::size_t prompt = 0; prompt < prompts; ++prompt) {
    for (std::size_t arm = 0; arm < arms.size(); ++arm) {
      const auto& processors = arms[arm].processors;
      const bool stochastic =
          arms[arm].strategy.needs().stochastic ||
          std::any_of(processors.begin(), processors.end(),
                      [](const auto& processor) { return processor.stochastic(); });
      const std::uint32_t count = stochastic ? samples : 1;
      for (std::uint32_t sample = 0; sample < count; ++sample) {
        requests.push_back({prompt, arm, sample, seed, 0});
      }
    }
  }
  return requests;
}

GenerateTotals generate(plugin::Model& model, std::span<const Arm> arms,
                        std::span<const Prompt> prompts, std::span<const SampleRequest> requests,
                        const GenerateOptions& options, const GenerateEvents& events,
                        const Clock& clock) {
  return Generator(model, arms, prompts, requests, options, events, clock).run();
}

}  // namespace trellis::decode
