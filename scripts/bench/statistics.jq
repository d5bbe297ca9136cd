# SPDX-License-Identifier: GPL-2.0
# What an array of measurements tells of the median of all that could be made.

def median: sort | length as $n | if $n == 0 then null else (.[($n - 1) / 2 | floor] + .[$n / 2 | floor]) / 2 end;

# Each measurement is as likely to be below the true median as above it, whatever else is known of them. So the k-th
# smallest of n is above it as seldom as a coin that is tossed n times shows heads less than k times. This is the
# largest k for which that is one time out of 20 or less, or 0 if n are too few.
def rank($n):
    {k: 0, sum: 0, term: pow(0.5; $n)}
    | until(.sum + .term > 0.05; .sum += .term | .k += 1 | .term *= ($n - .k + 1) / .k)
    | .k;

# 19 times out of 20, the true median is no less than this, or no more. Not known if not all of them are numbers.
def bound(pick):
    rank(length) as $k
    | if $k == 0 or any(type != "number") then null else sort | pick end;
def at_least: rank(length) as $k | bound(.[$k - 1]);
def at_most: rank(length) as $k | bound(.[-$k]);
