"""A soak: thousands of calls with random cancels and kills, and what must be left afterwards."""
