// SPDX-License-Identifier: GPL-2.0
/// \file
/// What the live view makes of keys.
#include "top/readings.hpp"

#include <gtest/gtest.h>

#include <limits>

using namespace exitstat;

namespace
{

TEST(TopState, OrderByKeyAndByColumn)
{
	TopState state;
	for (const auto &[key, sort] : {std::pair('c', Sort::cycles),
					{'x', Sort::cost},
					{'a', Sort::away},
					{'n', Sort::name},
					{'#', Sort::code},
					{'e', Sort::exits}}) {
		EXPECT_EQ(state.press(key), TopAction::none);
		EXPECT_EQ(state.sort, sort) << key;
	}
	for (const Sort sort : {Sort::cycles, Sort::cost, Sort::cost}) {
		state.press('>');
		EXPECT_EQ(state.sort, sort);
	}
	for (const Sort sort : {Sort::cycles, Sort::exits, Sort::name, Sort::name}) {
		state.press(TopKey::left);
		EXPECT_EQ(state.sort, sort);
	}
	for (const int key : {int('<'), int('>'), int(TopKey::right)}) {
		state.sort = Sort::code;
		state.press(key);
		EXPECT_EQ(state.sort, Sort::name);
	}
}

TEST(TopState, WhatAsksForAReading)
{
	TopState state;
	EXPECT_EQ(state.press('v'), TopAction::restart);
	EXPECT_TRUE(state.per_vcpu);
	EXPECT_EQ(state.press('r'), TopAction::restart);
	EXPECT_EQ(state.press('p'), TopAction::none);
	EXPECT_TRUE(state.paused);
	EXPECT_EQ(state.press(' '), TopAction::resume);
	EXPECT_FALSE(state.paused);
	// There are no figures for another view in a pause.
	state.press('p');
	EXPECT_EQ(state.press('v'), TopAction::restart);
	EXPECT_FALSE(state.paused);
	EXPECT_EQ(state.press(TopKey::redraw), TopAction::repaint);
	EXPECT_EQ(state.press('t'), TopAction::none);
	EXPECT_TRUE(state.cycles);
	EXPECT_EQ(state.press('t'), TopAction::none);
	EXPECT_FALSE(state.cycles);
	EXPECT_EQ(state.press('z'), TopAction::none);
	EXPECT_EQ(state.press('q'), TopAction::quit);
}

TEST(TopState, Interval)
{
	TopState state;
	state.press('+');
	EXPECT_EQ(state.seconds, 2);
	state.press('-');
	state.press('-');
	EXPECT_EQ(state.seconds, 0.5);
	for (int i = 0; i < 30; i++)
		state.press('-');
	EXPECT_EQ(state.seconds, 0.1);
	for (int i = 0; i < 30; i++)
		state.press('+');
	EXPECT_EQ(state.seconds, 3600);
	state.seconds = 3; // as the command line may say
	state.press('-');
	EXPECT_EQ(state.seconds, 2);

	EXPECT_EQ(TopState::limited(0), 0.1);
	EXPECT_EQ(TopState::limited(-1), 0.1);
	EXPECT_EQ(TopState::limited(std::numeric_limits<double>::quiet_NaN()), 0.1);
	EXPECT_EQ(TopState::limited(2.5), 2.5);
	EXPECT_EQ(TopState::limited(std::numeric_limits<double>::infinity()), 3600);
}

TEST(TopState, IntervalThatIsTyped)
{
	TopState state;
	const auto type = [&](std::string_view keys) {
		for (const char key : keys)
			EXPECT_EQ(state.press(key), TopAction::none);
		EXPECT_TRUE(state.prompt);
	};
	type("dq2x.57"); // letters are no part of a number, nor keys now
	EXPECT_EQ(state.prompt, "2.57");
	state.press(TopKey::backspace);
	state.press(TopKey::enter);
	EXPECT_EQ(state.seconds, 2.5);
	EXPECT_FALSE(state.prompt);

	type("d7");
	state.press(TopKey::escape);
	EXPECT_EQ(state.seconds, 2.5);

	type("d");
	state.press(TopKey::enter);
	EXPECT_EQ(state.seconds, 2.5);
	EXPECT_EQ(state.message, "");

	for (const char *wrong : {"0", "1.2.3", "99999999", "."}) {
		type("d" + std::string(wrong));
		state.press(TopKey::enter);
		EXPECT_EQ(state.seconds, 2.5) << wrong;
		EXPECT_EQ(state.message,
			  "An interval is from 0.1 to 3600 seconds, not " + std::string(wrong));
	}
	state.press('e');
	EXPECT_EQ(state.message, "");
}

TEST(TopState, ScrollsAndGoesBackToTheTop)
{
	TopState state;
	state.page = 10;
	state.press(TopKey::down);
	state.press(TopKey::page_down);
	EXPECT_EQ(state.scroll, 11U);
	state.press(TopKey::up);
	EXPECT_EQ(state.scroll, 10U);
	state.press('p');
	state.press('+');
	EXPECT_EQ(state.scroll, 10U);
	state.press('c');
	EXPECT_EQ(state.scroll, 0U);
	state.press(TopKey::up);
	state.press(TopKey::page_up);
	EXPECT_EQ(state.scroll, 0U);
	state.press(TopKey::end);
	state.press(TopKey::down);
	const TopFrame frame = top_frame(busy_model(), state, vmx, false, {80, 5});
	EXPECT_EQ(frame.scroll, 1U); // 3 rows, 2 lines for them
	EXPECT_EQ(frame.page, 2U);
}

TEST(TopState, Help)
{
	TopState state;
	EXPECT_EQ(state.press('?'), TopAction::none);
	EXPECT_TRUE(state.help);
	state.press(TopKey::down);
	EXPECT_TRUE(state.help);
	EXPECT_EQ(state.press('q'), TopAction::none);
	EXPECT_FALSE(state.help);
	EXPECT_EQ(state.scroll, 0U);
}

} // namespace
