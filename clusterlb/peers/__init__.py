"""The peer channel: the controllers of one cluster tell each other what only one of them can see."""
