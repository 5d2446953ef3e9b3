"""What the cases have of the other tests' fixtures."""

from tests.frr.conftest import routers, wire

__all__ = ["routers", "wire"]
