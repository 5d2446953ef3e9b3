"""clusterlb: the controller of an all-active Linux Virtual Server cluster."""

__version__ = "0.1.0"
