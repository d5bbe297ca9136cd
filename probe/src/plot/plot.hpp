// SPDX-License-Identifier: GPL-2.0
/// \file
/// Pictures of recordings, which gnuplot draws.
#pragma once

#include "recording/recording.hpp"

#include <string>

namespace exitstat
{

enum class Picture { svg, png };

/// What gnuplot is told, so that it writes a picture of the session to its standard output: the
/// VM-Exits a second over time, by reason, and if there are histograms, how long they took. Without
/// the recorder's own. Throws std::runtime_error if no time has passed or nothing has happened.
std::string plot_script(const Session &session, Picture picture);

/// What a file of that name is. Throws std::invalid_argument if it does not end in .svg or .png.
Picture picture_named(const std::string &path);

/// Draw the session into a file, which is replaced if it is there, and as it was after an error.
/// Throws std::invalid_argument if the name does not end in .svg or .png, and std::runtime_error if
/// there is nothing to draw, no gnuplot, or anything goes wrong with it.
void plot(const Session &session, const std::string &path);

} // namespace exitstat
