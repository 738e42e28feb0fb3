"""Floors under probabilities before their logarithm is taken.

A probability of 0 is one that was rounded to 0 by the type that held it. It is replaced by a number
at the limit of that type, so that the logarithm is finite.
"""

# Target stores hold float16, whose smallest positive number is 2**-24.
STORED_FLOOR = 6e-8
# Training computes in float32 and a device may flush numbers below 2**-126 to 0.
TRAINED_FLOOR = 2.0**-126
# Metrics rank in float64 what a model gave as float32. The floor is below the smallest positive
# float32 (2**-149), so a class of probability 0 stays behind all others.
RANKED_FLOOR = 1e-45
