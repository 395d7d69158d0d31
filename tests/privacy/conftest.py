"""The served product, for what it leaves behind."""

from tests.faults.conftest import make_served, prepared_served

__all__ = ["make_served", "prepared_served"]
