#include "gui/explanation.hpp"

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text/json.hpp"
#include "gui/command.hpp"

namespace trellis::gui {
namespace {

/// One head, [queries, keys].
AttentionMap map_of(const nlohmann::json& rows) {
  AttentionMap map;
  map.queries = rows.size();
  map.keys = rows.empty() ? 0 : rows[0].size();
  for (const auto& row : rows) {
    const auto values = row.get<std::vector<float>>();
    if (values.size() != map.keys) throw Error(Fault::bad_data, "explain: attention rows differ");
    map.weights.insert(map.weights.end(), values.begin(), values.end());
  }
  return map;
}

std::vector<std::string> texts_of(const nlohmann::json& tokens) {
  std::vector<std::string> texts;
  for (const auto& token : tokens) texts.push_back(token.at("text").get<std::string>());
  return texts;
}

/// What the strategy kept, cut and drew.
void add_choices(const nlohmann::json& json, Attention& attention) {
  if (!json.contains("tokens")) return;
  attention.noisy = json.at("noise").get<bool>();
  for (const auto& entry : json.at("tokens")) {
    TokenChoice choice{entry.at("kept").get<std::uint64_t>(), entry.at("mass").get<double>(), {}};
    for (const auto& token : entry.at("alternatives")) {
      const double after = token.at("after").get<double>();
      choice.alternatives.push_back({token.at("text").get<std::string>(),
                                     token.at("probability").get<double>(), after,
                                     token.at("noise").get<double>(), after > 0});
    }
    attention.choices.push_back(std::move(choice));
  }
}

SearchToken::Fate fate_of(const std::string& name) {
  if (name == "passed") return SearchToken::Fate::passed;
  if (name == "finished") return SearchToken::Fate::finished;
  if (name == "output") return SearchToken::Fate::output;
  return SearchToken::Fate::dropped;
}

/// What a search kept and dropped; null in the answer where it keeps one hypothesis.
void add_search(const nlohmann::json& json, Attention& attention) {
  if (!json.is_object()) return;
  attention.search_problem = json.value("problem", "");
  if (!json.contains("nodes")) return;
  for (const auto& node : json.at("nodes")) {
    SearchToken token;
    if (const auto& parent = node.at("parent"); !parent.is_null()) {
      token.parent = parent.get<std::size_t>();
      if (*token.parent >= attention.search.size()) {
        throw Error(Fault::bad_data, "explain: a search's token stands before its parent");
      }
    }
    token.text = node.at("text").get<std::string>();
    token.probability = node.at("probability").get<double>();
    token.score = node.at("score").is_number() ? node.at("score").get<double>() : 0;
    token.fate = fate_of(node.at("fate").get<std::string>());
    attention.search.push_back(std::move(token));
  }
}

}  // namespace

Attention attention_from(const nlohmann::json& json) {
  Attention attention;
  try {
    attention.source_tokens = texts_of(json.at("encoder"));
    attention.tokens = texts_of(json.at("decoder"));
    // What is fed is the prompt and all that is judged but its last.
    const auto judged = json.at("judged").size();
    if (judged == 0 || judged > attention.tokens.size() + 1) {
      throw Error(Fault::bad_data, "explain: judges other tokens than it was fed");
    }
    attention.prompt = attention.tokens.size() + 1 - judged;
    for (const auto& entry : json.at("attention")) {
      std::int32_t head = 0;
      for (const auto& weights : entry.at("weights")) {
        attention.maps.push_back(map_of(weights));
        attention.maps.back().kind = entry.at("kind").get<std::string>();
        attention.maps.back().layer = entry.at("layer").get<std::int32_t>();
        attention.maps.back().head = head++;
      }
    }
    if (json.contains("choices")) add_choices(json.at("choices"), attention);
    if (json.contains("search")) add_search(json.at("search"), attention);
    if (attention.maps.empty()) attention.problem = "This model shows no attention.";
  } catch (const nlohmann::json::exception& error) {
    throw Error(Fault::bad_data, std::string("explain: unexpected answer: ") + error.what());
  }
  return attention;
}

std::function<Attention(const Wish& wish, const std::function<bool()>& cancelled)> explain_with(
    std::filesystem::path program, std::filesystem::path database) {
  return [program = std::move(program), database = std::move(database)](
             const Wish& wish, const std::function<bool()>& cancelled) {
    Attention attention;
    try {
      std::vector<std::string> words = {program.string(), "explain", database.string(), "--json"};
      const auto pass = [&](const char* flag, std::string value) {
        words.emplace_back(flag);
        words.push_back(std::move(value));
      };
      if (!wish.experiment.empty()) pass("--experiment", wish.experiment);
      pass("--trial", wish.attention_of);
      pass("--example", std::to_string(wish.example_index));
      pass("--sample", std::to_string(wish.sample_index));
      const auto output = run_command(words, cancelled);
      if (output.exit_code == 0) return attention_from(parse_json(output.out));
      attention.problem =
          output.error.empty() ? "the model's process died" : std::string(last_line(output.error));
    } catch (const std::exception& error) {
      attention.problem = error.what();
    }
    return attention;
  };
}

}  // namespace trellis::gui
