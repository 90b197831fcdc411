/// Recurrent cells: hand-derived values, their definition to the bit in every target, and closeness
/// to the exact values.
#include "core/kernels/activation.hpp"
#include "core/kernels/recurrent_cell.hpp"
#include "tests/unit/kernels_fixture.hpp"

namespace trellis::tests {
namespace {

constexpr double kUnit = 0x1p-24;

// One step of a cell with `gates` gates; a row's state is its hidden row, then its cell row.
struct Step {
  std::size_t rows = 1;
  std::size_t size = 1;
  std::size_t gates = 1;
  std::vector<float> from_input;   // [rows, gates * size]
  std::vector<float> from_hidden;  // [rows, gates * size]
  std::vector<float> hidden;       // [rows, size]
  std::vector<float> cell;         // [rows, size]

  kernels::ConstRows x() const { return {from_input.data(), rows, gates * size}; }
  kernels::ConstRows h() const { return {from_hidden.data(), rows, gates * size}; }
  kernels::Rows hidden_rows() { return {hidden.data(), rows, size}; }
  kernels::Rows cell_rows() { return {cell.data(), rows, size}; }

  // Input i of gate `gate` of row r.
  std::size_t place(std::size_t r, std::size_t gate, std::size_t i) const {
    return (r * gates + gate) * size + i;
  }
};

Step make_step(std::size_t rows, std::size_t size, std::size_t gates, float factor) {
  const std::size_t count = rows * size * gates;
  Step step = {rows,
               size,
               gates,
               numbers(count, 1),
               numbers(count, 2),
               numbers(rows * size, 3),
               numbers(rows * size, 4)};
  for (float& x : step.from_input) x *= factor;
  return step;
}

float tanh_of(float x) {
  kernels::apply(kernels::Function::tanh, {&x, 1}, {&x, 1});
  return x;
}

float logistic_of(float x) {
  kernels::apply(kernels::Function::logistic, {&x, 1}, {&x, 1});
  return x;
}

void run_rnn(Step& step) {
  kernels::rnn_cell(step.x(), step.h(), step.size, step.hidden_rows());
}

void run_lstm(Step& step) {
  kernels::lstm_cell(step.x(), step.h(), step.size, step.cell_rows(), step.hidden_rows());
}

void run_gru(Step& step) {
  const kernels::Rows hidden = step.hidden_rows();
  kernels::gru_cell(step.x(), step.h(), step.size, {hidden.data, hidden.count, hidden.stride},
                    hidden);
}

// The definition of one element in floats: `expected` gets its new hidden and cell values.
void define_rnn(const Step& step, std::size_t r, std::size_t i, Step& expected) {
  const std::size_t at = step.place(r, 0, i);
  expected.hidden[at] = tanh_of(step.from_input[at] + step.from_hidden[at]);
}

void define_lstm(const Step& step, std::size_t r, std::size_t i, Step& expected) {
  const auto sum = [&](std::size_t gate) {
    return step.from_input[step.place(r, gate, i)] + step.from_hidden[step.place(r, gate, i)];
  };
  const std::size_t at = r * step.size + i;
  const float added = logistic_of(sum(0)) * tanh_of(sum(2));
  expected.cell[at] = std::fma(logistic_of(sum(1)), step.cell[at], added);
  expected.hidden[at] = logistic_of(sum(3)) * tanh_of(expected.cell[at]);
}

void define_gru(const Step& step, std::size_t r, std::size_t i, Step& expected) {
  const auto x = [&](std::size_t gate) { return step.from_input[step.place(r, gate, i)]; };
  const auto h = [&](std::size_t gate) { return step.from_hidden[step.place(r, gate, i)]; };
  const std::size_t at = r * step.size + i;
  const float candidate = tanh_of(std::fma(logistic_of(x(0) + h(0)), h(2), x(2)));
  expected.hidden[at] = std::fma(logistic_of(x(1) + h(1)), step.hidden[at] - candidate, candidate);
}

struct Cell {
  std::size_t gates;
  void (*run)(Step&);
  void (*define)(const Step&, std::size_t r, std::size_t i, Step& expected);
};

constexpr Cell kCells[] = {
    {1, run_rnn, define_rnn}, {4, run_lstm, define_lstm}, {3, run_gru, define_gru}};

TEST(RecurrentCells, HaveTheBitsOfTheirDefinitionInEveryRowAndTarget) {
  for (const Cell& cell : kCells) {
    for (const std::size_t size : {1U, 7U, 16U, 37U}) {
      SCOPED_TRACE(testing::Message() << cell.gates << " gates of " << size);
      const Step step = make_step(5, size, cell.gates, 4);
      Step expected = step;
      kernels::use_vector_target("scalar");
      for (std::size_t r = 0; r < step.rows; ++r) {
        for (std::size_t i = 0; i < size; ++i) cell.define(step, r, i, expected);
      }
      in_every_target([&] {
        if (!kernels::fused_multiply_add()) return;
        Step out = step;
        cell.run(out);
        expect_same_bits(out.hidden, expected.hidden);
        expect_same_bits(out.cell, expected.cell);
      });
    }
  }
}

double logistic(double x) {
  return 1 / (1 + std::exp(-x));
}

// As the sums of gates are rounded by definition, the reference begins with them. The logistic
// function is within 3 ulp, so 6 u of itself, and tanh within 4 u; the bounds then follow from the
// formulas (tanh magnifies no error, the logistic function is at most 1), with one u to spare for
// products of errors.
TEST(RecurrentCells, StayCloseToTheExactLstm) {
  Step step = make_step(3, 50, 4, 3);
  const Step before = step;
  run_lstm(step);
  for (std::size_t at = 0; at < step.hidden.size(); ++at) {
    const std::size_t r = at / step.size;
    const auto sum = [&](std::size_t gate) -> double {
      const std::size_t place = before.place(r, gate, at % step.size);
      return before.from_input[place] + before.from_hidden[place];
    };
    const double cell = logistic(sum(1)) * before.cell[at] + logistic(sum(0)) * std::tanh(sum(2));
    const double bound = 13 * kUnit * (std::abs(before.cell[at]) + 1);
    ASSERT_NEAR(step.cell[at], cell, bound);
    ASSERT_NEAR(step.hidden[at], logistic(sum(3)) * std::tanh(cell), bound + 11 * kUnit);
  }
}

TEST(RecurrentCells, StayCloseToTheExactGruAndRnn) {
  Step gru = make_step(3, 50, 3, 3);
  const Step before = gru;
  run_gru(gru);
  for (std::size_t at = 0; at < gru.hidden.size(); ++at) {
    const auto place = [&](std::size_t gate) {
      return before.place(at / gru.size, gate, at % gru.size);
    };
    const auto sum = [&](std::size_t gate) -> double {
      return before.from_input[place(gate)] + before.from_hidden[place(gate)];
    };
    const double x = before.from_input[place(2)];
    const double h = before.from_hidden[place(2)];
    const double candidate = std::tanh(x + logistic(sum(0)) * h);
    const double exact = candidate + logistic(sum(1)) * (before.hidden[at] - candidate);
    const double sizes = 1 + std::abs(x) + std::abs(h) + std::abs(before.hidden[at]);
    ASSERT_NEAR(gru.hidden[at], exact, 14 * kUnit * sizes);
  }
  Step rnn = make_step(3, 50, 1, 3);
  run_rnn(rnn);
  for (std::size_t at = 0; at < rnn.hidden.size(); ++at) {
    ASSERT_NEAR(rnn.hidden[at], std::tanh(double{rnn.from_input[at] + rnn.from_hidden[at]}),
                4 * kUnit);
  }
}

TEST(RecurrentCells, ComputeByHand) {
  in_every_target([] {
    // Gates at 0 open by half, gates at 100 and -100 entirely and not at all.
    Step lstm = {1, 2, 4, {0, -100, 0, 100, 0, 0, 0, 100}, std::vector<float>(8), {7, 7}, {3, 20}};
    run_lstm(lstm);
    EXPECT_THAT(lstm.cell, testing::ElementsAre(1.5F, 20));
    EXPECT_THAT(lstm.hidden, testing::ElementsAre(0.5F * tanh_of(1.5F), 1));
    Step gru = {1,         3, 3, {0, 0, 0, 0, 100, -200, 100, -100, 0}, std::vector<float>(9),
                {3, 5, 8}, {}};
    run_gru(gru);
    EXPECT_THAT(gru.hidden, testing::ElementsAre(2, 5, 0));
    Step rnn = {1, 2, 1, {100, -3}, {-200, 3}, {7, 7}, {}};
    run_rnn(rnn);
    EXPECT_THAT(rnn.hidden, testing::ElementsAre(-1, 0));
  });
}

TEST(RecurrentCells, KeepNaNInItsElement) {
  in_every_target([] {
    for (const Cell& cell : kCells) {
      for (std::size_t gate = 0; gate < cell.gates; ++gate) {
        Step step = make_step(2, 21, cell.gates, 1);
        step.from_hidden[step.place(1, gate, 4)] = NAN;
        cell.run(step);
        for (std::size_t at = 0; at < step.hidden.size(); ++at) {
          EXPECT_EQ(std::isnan(step.hidden[at]), at == 21 + 4);
        }
      }
    }
  });
}

}  // namespace
}  // namespace trellis::tests
