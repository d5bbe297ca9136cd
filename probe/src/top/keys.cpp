// SPDX-License-Identifier: GPL-2.0
#include "top/keys.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

namespace exitstat
{

double TopState::limited(double seconds)
{
	return seconds > 0.1 ? std::min(seconds, 3600.0) : 0.1;
}

TopAction TopState::press(int key)
{
	static constexpr double steps[] = {0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300, 3600};
	static constexpr Sort columns[] = {Sort::name, Sort::exits, Sort::cycles, Sort::cost};

	message.clear();
	news.clear();
	if (key == TopKey::redraw)
		return TopAction::repaint;
	if (prompt) {
		type(key);
		return TopAction::none;
	}
	const std::size_t before = scroll;
	switch (key) {
	case TopKey::up:
		scroll -= scroll > 0;
		return TopAction::none;
	case TopKey::down:
		scroll++;
		return TopAction::none;
	case TopKey::page_up:
		scroll -= std::min(scroll, page);
		return TopAction::none;
	case TopKey::page_down:
		scroll += page;
		return TopAction::none;
	case TopKey::home:
		scroll = 0;
		return TopAction::none;
	case TopKey::end:
		scroll = SIZE_MAX / 2;
		return TopAction::none;
	default:
		scroll = 0;
	}
	if (help) {
		help = false;
		return TopAction::none;
	}

	const auto *column = std::ranges::find(columns, sort);
	switch (key) {
	case 'q':
	case 'Q':
		return TopAction::quit;
	case 'e':
		sort = Sort::exits;
		return TopAction::none;
	case 'c':
		sort = Sort::cycles;
		return TopAction::none;
	case 'a':
		sort = Sort::away;
		return TopAction::none;
	case 'x':
		sort = Sort::cost;
		return TopAction::none;
	case 'n':
		sort = Sort::name;
		return TopAction::none;
	case '#':
		sort = Sort::code;
		return TopAction::none;
	case '<':
	case TopKey::left:
		sort = column == std::end(columns) || column == columns ? columns[0] : column[-1];
		return TopAction::none;
	case '>':
	case TopKey::right:
		if (column == std::end(columns))
			sort = columns[0];
		else if (column + 1 != std::end(columns))
			sort = column[1];
		return TopAction::none;
	case 'v':
		if (!vm.empty()) {
			message = "On the host a virtual machine is shown as a whole.";
			return TopAction::none;
		}
		per_vcpu = !per_vcpu;
		paused = false;
		return TopAction::restart;
	case 'r':
		paused = false;
		return TopAction::restart;
	case 'h':
	case '?':
		help = true;
		return TopAction::none;
	}
	// All that follows leaves the rows in place.
	scroll = before;
	switch (key) {
	case 'p':
	case ' ':
		paused = !paused;
		return paused ? TopAction::none : TopAction::resume;
	case '+':
	case '=': {
		const auto *step = std::ranges::upper_bound(steps, seconds);
		seconds = step == std::end(steps) ? seconds : *step;
		return TopAction::none;
	}
	case '-':
	case '_': {
		const auto *step = std::ranges::lower_bound(steps, seconds);
		seconds = step == steps ? seconds : step[-1];
		return TopAction::none;
	}
	case 't':
		cycles = !cycles;
		return TopAction::none;
	case 'd':
	case 's':
		prompt.emplace();
		return TopAction::none;
	}
	return TopAction::none;
}

/// A key for the prompt.
void TopState::type(int key)
{
	switch (key) {
	case TopKey::escape:
		prompt.reset();
		return;
	case TopKey::backspace:
		if (!prompt->empty())
			prompt->pop_back();
		return;
	case TopKey::enter: {
		double value = 0;
		const char *end = prompt->data() + prompt->size();
		const auto [at, error] = std::from_chars(prompt->data(), end, value);
		if (error == std::errc() && at == end && value >= 0.1 && value <= 3600)
			seconds = value;
		else if (!prompt->empty())
			message = "An interval is from 0.1 to 3600 seconds, not " + *prompt;
		prompt.reset();
		return;
	}
	}
	if (((key >= '0' && key <= '9') || key == '.') && prompt->size() < 8)
		*prompt += char(key);
}

} // namespace exitstat
