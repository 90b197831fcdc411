#include "plugins/models/rnn/readout.hpp"

namespace trellis::models {

Readout::Readout(nn::Parameters& parameters, std::int64_t in, std::int64_t vocab)
    : out(parameters, "out", in, vocab), size(in) {}

Readout::Readout(nn::Parameters& parameters, std::int64_t in, std::int64_t embedding,
                 const nn::Embedding& tied_to)
    : deep(parameters, "readout", in, embedding),
      out(tied_to.weight),
      tied(true),
      size(embedding) {}

nn::Tensor Readout::operator()(const nn::Tensor& x, double dropout) const {
  return tied ? nn::dropout(nn::tanh(deep(x)), dropout) : x;
}

}  // namespace trellis::models
