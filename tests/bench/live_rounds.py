"""Rounds for a simulation, as a replay had them."""


def travel(report):
    """Seconds that a batch was on its way, order and answer together."""
    return report["runs"][0]["travel_seconds"]


def rounds_of(real, simulate):
    """Period and delay, in seconds, with which batches of a simulation are on their way for as long as
    those of the replay were. `simulate(period, delay)` gives the report of one. News waits for half a
    period as well, and orders for cores that are not free yet: that is what the simulation is for."""
    period = real["live"]["ended_seconds"] / real["live"]["rounds"]
    delay = max(travel(real) - period / 2, 0) / 2
    more = travel(simulate(period, delay)) - travel(real)
    return period, max(delay - more / 2, 0)
