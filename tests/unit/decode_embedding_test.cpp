/// Vectors of a text's tokens: one a token, in its context, whatever the batch.
#include "core/decode/embedding.hpp"
#include "tests/unit/decode_fixture.hpp"

namespace trellis::tests {
namespace {

using ::testing::ElementsAre;

std::string problem(plugin::Model& model) {
  try {
    decode::embed(model, std::vector<std::string>{"a"}, 1, {});
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    return error.what();
  }
  return "";
}

// The vector of the table's model is the number of tokens read, the start symbol included.
TEST(Embedding, HasAVectorForEachTokenOfTheText) {
  Table table(scrambled(2));
  const std::vector<std::string> texts = {"ab", "", "b", "abba"};
  for (const std::size_t batch : {1U, 3U, 8U}) {
    const auto vectors = decode::embed(table.model, texts, batch, {});
    EXPECT_THAT(vectors, ElementsAre(ElementsAre(2, 3), ElementsAre(), ElementsAre(2),
                                     ElementsAre(2, 3, 4, 5)));
  }
  EXPECT_EQ(table.counts->live, 0U);
}

TEST(Embedding, IsCutAtTheContext) {
  auto settings = scrambled(2);
  settings.max_context = 3;
  Table table(settings);
  EXPECT_THAT(decode::embed(table.model, std::vector<std::string>{"abba"}, 1, {}),
              ElementsAre(ElementsAre(2, 3)));
}

TEST(Embedding, RefusesModelsWithoutVectors) {
  auto settings = scrambled(2);
  settings.hidden_size = 0;
  Table counting(settings);
  EXPECT_THAT(problem(counting.model), ::testing::HasSubstr("gives no vectors"));
  settings.hidden_size = 1;
  settings.encoder_decoder = true;
  Table reading(settings);
  EXPECT_THAT(problem(reading.model), ::testing::HasSubstr("to itself"));
}

TEST(Embedding, StopsWhenAsked) {
  Table table(scrambled(2));
  EXPECT_THROW(decode::embed(table.model, std::vector<std::string>{"a"}, 1, [] { return true; }),
               Error);
}

}  // namespace
}  // namespace trellis::tests
