/// From the database to the parts of a snapshot. Blocking; called by the worker thread and by
/// tests.
#pragma once

#include <functional>
#include <span>

#include "gui/snapshot.hpp"

namespace trellis::gui {

/// `experiment` empty or unknown: the one that ran last. An empty database gives an empty overview.
Overview read_overview(storage::Reader& reader, const std::string& experiment);

/// `before` lends trials that need not be read again (null: none). Where somebody has `committed`
/// since, what was added is read; all of it again where `overview` says that samples that were
/// there have other values or are gone.
PairedSamples read_samples(storage::Reader& reader, const std::vector<std::string>& trials,
                           const PairedSamples* before, const Overview& overview, bool committed);

SampleTokens read_tokens(storage::Reader& reader, const std::vector<std::string>& trials,
                         std::uint64_t example_index, std::uint32_t sample_index);

/// Of the experiment's trials; tags of all.
Annotations read_annotations(storage::Reader& reader, std::int64_t experiment);

/// Never throws for mistakes in the SQL: they are the answer's problem.
SqlAnswer read_sql(storage::Reader& reader, const std::string& sql,
                   const std::function<bool()>& cancelled = {});

/// Adds the characters of a text (valid UTF-8).
void add_characters(std::string_view text, CharacterSet& characters);
void add_characters(const Overview& overview, CharacterSet& characters);
void add_characters(const PairedSamples& samples, CharacterSet& characters);
void add_characters(const SampleTokens& tokens, CharacterSet& characters);
void add_characters(const Annotations& annotations, CharacterSet& characters);
void add_characters(const SqlAnswer& answer, CharacterSet& characters);

}  // namespace trellis::gui
