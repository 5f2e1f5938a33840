"""What drives every alarm of the program: requests, runs of functions, and what happens on the control plane."""

from __future__ import annotations

from simulator.scenarios.drive import Drive
from simulator.scenarios.drives_of_data import OF_DATA
from simulator.scenarios.drives_of_serving import OF_SERVING
from simulator.scenarios.drives_of_traffic import OF_TRAFFIC

DRIVES: tuple[Drive, ...] = (*OF_SERVING, *OF_DATA, *OF_TRAFFIC)
"""Neighbours take about as long: two are played at the same time."""
