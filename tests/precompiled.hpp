/// What most tests read, precompiled once for all of them. No file relies on it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/precompiled.hpp"
