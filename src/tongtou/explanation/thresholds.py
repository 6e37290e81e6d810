"""Where health draws its lines; docs/explain.md gives the reason of each."""

from typing import Final

# What is looked at
N_INSIDE: Final = 2000
"""Examples whose activations are looked at."""
N_MEASURED: Final = 10_000
"""Examples of each set on which loss and answers are measured."""
N_BATCHES: Final = 32
"""Batches whose gradient is taken."""
N_COMPARED: Final = 500
"""Test rows whose neighbours among the training rows are sought."""

# Neurons
AT_REST: Final = 0.04
"""At rest: the slope is below this share of the function's largest. Sigmoid outside 0.01 … 0.99."""
CONSTANT: Final = 0.02
"""Dead: at rest for every example, and the activation varies by no more than this."""
DEAD: Final = (0.05, 0.2, 0.5)
"""Share of a hidden layer that is dead: note, warning, severe."""
RESTS_MOSTLY: Final = 0.95
"""A saturated neuron is at rest for this share of the examples."""
SATURATED: Final = (0.1, 0.25, 0.5)
"""Share of a hidden layer that is saturated: note, warning, severe."""

# Gradients and updates
VANISHING: Final = (1 / 200, 1 / 2000)
"""Gradient of a layer over that of the output layer, per parameter, at most: warning, severe."""
EXPLODING: Final = (30.0, 300.0)
"""The same, at least: warning, severe."""
SLOW_UPDATE: Final = 1e-3
"""An update below this share of the weights, in every layer, is a small one."""
SLOW_GAIN: Final = 0.02
"""Share of the loss that going on the same way further would take off: then small is too small."""
RIGHT_UPDATE: Final = 1e-2
"""The share of the weights that a suggested rate aims at."""
OVERSHOOT: Final = (0.25, 0.5)
"""Share of batches whose own loss the step makes larger: warning, severe."""

# The course and the outcome
LEARNT: Final = 0.05
"""Unexplained share below which the examples are learnt: no more is asked of the rate."""
MUCH_UNEXPLAINED: Final = 0.3
"""Unexplained share of the loss above which training has work left."""
NOTHING_LEARNT: Final = 0.9
"""Unexplained share above which nothing worth the name was learnt."""
ABOVE_CHANCE: Final = 0.05
"""How far mean recall must be above chance for anything to be learnt."""
FLAT: Final = 0.01
"""A plateau: the last third of the epochs took off less than this share of the loss."""
FLAT_EPOCHS: Final = 6
"""Epochs that a course must have to be judged."""
STILL_FALLING: Final = 0.03
"""Share of the loss that each of the last epochs takes off where it was too early to end."""
GOES_ON: Final = 0.01
"""Share of the loss that going on the same way would take off, where much is unexplained."""
OVERFIT_GAP: Final = (0.03, 0.1)
"""Held-out minus training error rate (numbers: unexplained share): warning, severe."""
OVERFIT_TIMES: Final = 1.5
"""Held-out error must be this many times the training error."""
OVERFIT_RISE: Final = 1.25
"""Held-out loss at the end over its least of earlier epochs, at least: warning."""
SURE: Final = 3.0
"""Standard errors that a difference must exceed."""

# Data
IMBALANCE: Final = 3.0
"""Examples of the largest class over those of the smallest, at least: note."""
ENOUGH: Final = 20
"""Held-out examples of the smallest class that its recall is judged by; fewer: training ones."""
NEGLECTED: Final = (0.8, 0.5)
"""Recall of the smallest class over the mean of the others, at most: warning, severe."""
LEAK: Final = (0.001, 0.01)
"""Share of test rows that stand in the training rows, at least: warning, severe; below, note."""
NEAR: Final = 0.2
"""Near duplicate: nearer than this share of the usual distance to the nearest training row."""
N_USUAL: Final = 2000
"""Training rows among which the usual distance is taken."""
NEAR_LEAK: Final = (0.005, 0.02, 0.1)
"""Share of the compared rows with a near duplicate, at least: note, warning, severe."""
BY_CHANCE: Final = 0.01
"""Rows that would meet by chance, by their columns alone: from this share on they prove nothing."""
CONTRADICTED: Final = (0.001, 0.01)
"""Share of training rows equal to one with another answer: note, warning."""
INPUT_SCALE: Final = (10.0, 100.0)
"""Root mean square of the largest input column: warning, severe."""
