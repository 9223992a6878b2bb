"""What every test shares: hypothesis without wall-clock deadlines and with the same examples on every run."""

from hypothesis import settings

settings.register_profile("nutloop", deadline=None, derandomize=True, database=None)
settings.load_profile("nutloop")
